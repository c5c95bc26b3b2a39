"""The texts around the lesson's sections."""

from pages.lessons.physical.settings import STEPS, page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    views = page.value.views
    return [
        Choice(
            "a",
            "Why does the ordinary adversarial picture stop fooling the network when it is turned by 10°?",
            (
                ("Turning makes δ smaller.", "Bilinear interpolation blurs δ a little, but most of it is still there."),
                (
                    "Each value of δ was chosen for the pixel on which it lies; turned, it lies on other pixels.",
                    "Yes: the attack computed the gradient at one alignment only, so it promises nothing for others.",
                ),
                (
                    "The network cannot classify turned photographs.",
                    "It classifies the untouched photograph in the same view: see the line above the sliders.",
                ),
            ),
            1,
        ),
        Number(
            "b",
            f"In {STEPS} steps with {views} views each, how many times does a picture run through the network, "
            "forwards and backwards?",
            STEPS * views,
            0.5,
            f"Yes: {STEPS} · {views} = {STEPS * views}, {views} times as many as in the ordinary attack.",
            lambda given: "Each step draws new views, and each view is one pass: multiply the steps by the views.",
        ),
        Choice(
            "c",
            "What does each step average?",
            (
                ("The pictures: the gradient is computed at their average.", "An average of turned pigs is a blur."),
                ("The δ of many separate attacks.", "There is only one δ, which must work in all views."),
                (
                    "The gradients of the loss, one for each view, all with respect to the same δ.",
                    "Yes: the gradient of an expectation is the expectation of the gradients.",
                ),
            ),
            2,
        ),
        Choice(
            "d",
            "The attack drew its angles from ±15°. What do you know about 40°?",
            (
                ("The attack works there as well.", "For some pictures only; look at the dog with ε = 8."),
                ("The attack fails there.", "Not always: success in ±15° often continues outside. Look at the pig."),
                (
                    "Nothing, before you have measured it.",
                    "Yes. The attack optimised for the grey band only; success outside it is not guaranteed.",
                ),
            ),
            2,
        ),
        Choice(
            "e",
            "A defence turns each picture by a random angle before the network classifies it. Is that safe?",
            (
                ("Yes: nobody can foresee the angle.", "Nobody has to: the attack averages over all angles."),
                (
                    "It stops the ordinary attack only. An attacker who knows of it averages over the angles.",
                    "Yes, and that is this page's attack. See the lesson *Defences*.",
                ),
                ("No: not even the ordinary attack is stopped.", "Look at the first curve: it is stopped."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "You turn, scale and light two adversarial pictures with the same ε and the same target. The ordinary one "
        "stops fooling the network; the other one was made for many views and survives. Then you print both and test "
        "them with your camera."
    ),
    questions=questions,
    script=(
        "1. Open the link and press *Front view*: the network predicts wombat for both pictures. Now move *Turn* "
        "slowly.\n"
        "2. Ask: which setting stops the left picture first? Then show the four curves.\n"
        "3. Write E in front of L on the blackboard. “This is the only change.”\n"
        "4. Before the lecture: print both sheets, and pass them round with a phone."
    ),
    pitfalls=(
        "- “So a printed picture always works?” No: paper, ink and colour are not among these views. Test it before "
        "you promise it.\n"
        "- The dog needs ε = 16: to make an airliner of it, δ has to hide more. With a small ε and too many views, the "
        "result fools the network from no side.\n"
        "- Each view is rounded to 8 bits, and the network classifies it exactly as it is shown."
    ),
    references=(
        (
            "Athalye, Engstrom, Ilyas & Kwok, *Synthesizing robust adversarial examples*, ICML 2018",
            "https://arxiv.org/abs/1707.07397",
        ),
        (
            "Kurakin, Goodfellow & Bengio, *Adversarial examples in the physical world*, 2016",
            "https://arxiv.org/abs/1607.02533",
        ),
        (
            "Eykholt et al., *Robust physical-world attacks on deep learning visual classification*, CVPR 2018",
            "https://arxiv.org/abs/1707.08945",
        ),
        (
            "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 1",
            "https://adversarial-ml-tutorial.org/introduction/",
        ),
    ),
)
