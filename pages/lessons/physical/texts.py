"""The questions of the lesson."""

from pages.lessons.physical.settings import STEPS, page
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
                    "Yes, and that is this page's attack. See the next lesson.",
                ),
                ("No: not even the ordinary attack is stopped.", "Look at the first curve: it is."),
            ),
            1,
        ),
    ]
