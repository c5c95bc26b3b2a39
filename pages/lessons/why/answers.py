"""Section 5: the map of the answers."""

import streamlit as st

from pages.lessons.why.run import Run
from pages.widgets.glossary import prose
from pages.widgets.lesson import table

HEAD = ("answer", "it explains", "it does not explain", "here")
ANSWERS = (
    (
        "**Rare pockets** (Szegedy et al. 2014)",
        "why the test error is low all the same",
        "why one step finds them, from nearly every picture and in other networks, too",
        "[all lessons](course)",
    ),
    (
        "**Many small steps add up** (Goodfellow et al. 2015; Simon-Gabriel et al. 2019)",
        "why one signed step is enough, and why ε can be so small",
        "why plain digits with more pixels are no easier to attack, and why some networks resist",
        "section 1",
    ),
    (
        "**Every classifier with some error, in high dimensions** (Gilmer et al. 2018; Fawzi et al. 2018)",
        "why a small error leaves an error near most points, for spheres and for smooth generative models",
        "why people, who also err, are not fooled; real pictures may be distributed in another way",
        "section 1",
    ),
    (
        "**Gradients that people understand** (Tsipras et al. 2019; Santurkar et al. 2019)",
        "what a robust network has to use: what people see",
        "why networks that are robust in L∞ do not draw on MNIST",
        "section 2",
    ),
    (
        "**Features, not bugs** (Ilyas et al. 2019)",
        "why attacks transfer, and why small perturbations carry information about the class",
        "which features these are, and why people do not use them",
        "section 3",
    ),
    (
        "**A price to pay** (Tsipras et al. 2019; Zhang et al. 2019)",
        "why robust networks err more often on untouched pictures",
        "why people have both: robustness and few errors",
        "section 4",
    ),
    (
        "**Too few data** (Schmidt et al. 2018)",
        "why robust networks generalise worse, and why more data help",
        "how many are enough for photographs: nobody has reached it",
        "section 4",
    ),
    (
        "**A dimpled manifold** (Shamir et al. 2021)",
        "why the border lies so close to each picture, in directions that leave the set of natural pictures",
        "robust networks, and attacks that stay among natural pictures, such as [turns and shifts](unrestricted)",
        "not here",
    ),
)


def show_answers(_: Run) -> None:
    st.subheader("5 · A map of the answers", anchor="answers")
    prose(
        "No answer is the whole answer, and they do not exclude each other. Ask of each: what would it predict that "
        "the others do not?"
    )
    table(HEAD, ANSWERS)
