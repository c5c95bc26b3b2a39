"""The texts around the lesson's sections."""

from pages.lessons.physical.settings import STEPS, page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    views = page.value.views
    return [
        Choice(
            "a",
            "Why does the ordinary adversarial picture die when it is turned by 10°?",
            (
                ("Turning makes δ smaller.", "Bilinear turning blurs it a little, but most of it is still there."),
                (
                    "Each of its values was chosen for the pixel on which it lies; turned, it lies on other pixels.",
                    "Yes: the gradient was asked at one alignment only, and nothing else was promised.",
                ),
                (
                    "The network cannot read turned photographs.",
                    "It reads the untouched photograph in the very same view: see the line above the sliders.",
                ),
            ),
            1,
        ),
        Number(
            "b",
            f"{STEPS} steps with {views} views each: how many times does a picture run through the network, forwards "
            "and back?",
            STEPS * views,
            0.5,
            f"Yes: {STEPS} · {views} = {STEPS * views}, {views} times as many as the ordinary attack.",
            lambda given: "Each step draws new views, and each view is one pass: steps times views.",
        ),
        Choice(
            "c",
            "What is averaged in each step?",
            (
                ("The pictures: the gradient is taken at their average.", "An average of turned pigs is a blur."),
                ("The δ of many separate attacks.", "One δ only, which must do well in all views."),
                (
                    "The gradients of the loss, one for each view, all taken back to the same δ.",
                    "Yes: the gradient of an expectation is the expectation of the gradients.",
                ),
            ),
            2,
        ),
        Choice(
            "d",
            "The attack drew its angles from ±15°. What do you know about 40°?",
            (
                ("It works there as well.", "For some pictures; look at the dog with ε = 8."),
                ("It fails there.", "Not always: what does well in ±15° often carries on. Look at the pig."),
                (
                    "Nothing, before you have looked.",
                    "Yes. The grey band is what was asked for; all else is by-catch.",
                ),
            ),
            2,
        ),
        Choice(
            "e",
            "Somebody defends a network by turning each picture by a random angle first. Is that safe?",
            (
                ("Yes: nobody can foresee the angle.", "Nobody has to: the attack averages over all of them."),
                (
                    "It stops the ordinary attack only. An attacker who knows averages over the angles.",
                    "Yes, and that is this page's attack. See *Defences and adaptive attacks*.",
                ),
                ("No: not even the ordinary attack is stopped.", "Look at the first curve: it is."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "Turn the two pictures. Both are adversarial, with the same ε and the same target; only one was made to be "
        "looked at from many sides."
    ),
    questions=questions,
    script=(
        "1. Open the link, press *Straight on*: both are wombats. Now move *Turn*, slowly.\n"
        "2. Ask: which knob kills the left one first? Then show the four curves.\n"
        "3. Write E in front of L on the blackboard. “That is all that has changed.”\n"
        "4. Before the lecture: print both sheets, and pass them round with a phone."
    ),
    pitfalls=(
        "- “So a printed picture always works?” No: paper, ink and colour are not among these views. Try before you "
        "promise.\n"
        "- The dog needs ε = 16: turning it must hide more. A small ε with too many views gives a picture that is "
        "wrong from no side.\n"
        "- A view shown here is rounded to 8 bits, and judged as it is shown."
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
