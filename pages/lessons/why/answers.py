"""Section 5: the map of the answers."""

import streamlit as st

from adv_core import relabelling, training_sizes
from pages.widgets.digits import share
from pages.widgets.glossary import prose
from pages.widgets.lesson import table

HEAD = ("answer", "it explains", "it does not explain")


def answers(read: float, most: int) -> list[tuple[str, str, str]]:
    """The rows of the map.

    Args:
        read: the share of untouched digits that a network reads after a training on wrong labels alone.
        most: the largest number of digits in the trainings of section 4.
    """
    return [
        (
            "**Rare pockets** (Szegedy et al. 2014)",
            "why the test error is low all the same",
            "why one step finds them, from nearly every picture and in other networks, too",
        ),
        (
            "**Many small steps add up**, [section 1](#dimension) (Goodfellow et al. 2015; Simon-Gabriel et al. 2019)",
            "why one signed step is enough, and why ε can be so small where each pixel says little",
            "why plain digits with more pixels are no easier to attack, and why some networks resist",
        ),
        (
            "**Any error, in high dimensions** (Gilmer et al. 2018; Fawzi et al. 2018)",
            "why even a small error lies near most points, for spheres and for smooth generative models",
            "why people, who also err, are not fooled; real pictures may be distributed in another way",
        ),
        (
            "**Gradients that make sense**, [section 2](#gradients) (Tsipras et al. 2019; Santurkar et al. 2019)",
            "what a robust network has to use: what people see",
            "why networks that are robust in L∞ do not draw on MNIST (Schott et al. 2019)",
        ),
        (
            "**Features, not bugs**, [section 3](#features) (Ilyas et al. 2019)",
            "why attacks transfer, and why a network is right to use what people do not see: from wrong labels alone, "
            f"one reads up to {share(read)} of the untouched digits",
            "which features these are, and why a small ε is enough; other perturbations teach nothing "
            "([Nakkiran 2019](https://distill.pub/2019/advex-bugs-discussion/response-5/))",
        ),
        (
            "**A price to pay**, [section 4](#price) (Tsipras et al. 2019; Zhang et al. 2019)",
            "why ordinary training does not avoid them: nobody asks for robustness, and it may cost accuracy",
            "how large the price is: in the plane it is one picture of ten, and on digits nearly none",
        ),
        (
            "**Too few data**, [section 4](#price) (Schmidt et al. 2018)",
            "why robust accuracy needs more digits than clean accuracy",
            f"why a gap is left with {most} digits, and how many photographs would be enough",
        ),
        (
            "**A dimpled manifold** (Shamir et al. 2021)",
            "why the border lies close to each picture, in directions that lead away from natural pictures",
            "attacks that stay among natural pictures, such as [turns and shifts](unrestricted)",
        ),
    ]


def show_answers(_: None) -> None:
    st.subheader("5 · A map of the answers", anchor="answers")
    prose(
        "No answer is the whole answer, and they do not exclude each other. Ask of each: what would it predict that "
        "the others do not?"
    )
    read = max(each["accuracy"] for each in relabelling.figures())
    table(HEAD, answers(read, max(each["digits"] for each in training_sizes.figures()["trainings"])))
