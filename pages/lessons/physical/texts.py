"""The texts around the lesson's sections."""

from pages.lessons.physical.settings import STEPS, page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def passes(steps: int, views: int) -> Number:
    """A question for the cost of an attack over views."""
    return Number(
        f"In {steps} steps with {views} views each, how many times does a picture run through the network, forwards "
        "and backwards?",
        steps * views,
        0.5,
        f"{steps} · {views} = {steps * views}, {views} times as many as in the ordinary attack.",
        lambda given: "Each step draws new views, and each view is one pass: multiply the steps by the views.",
    )


def questions() -> list[Question]:
    return [
        Question("b", passes(STEPS, page.value.views), passes(100, 6)),
        Question(
            "a",
            Choice(
                "Why does the ordinary adversarial picture miss its target when it is turned by 10°?",
                (
                    (
                        "Each value of δ was made for its own pixel; turned, it lies on another.",
                        "The attack computed the gradient at one alignment only, so it promises nothing for others.",
                    ),
                    (
                        "Turning makes δ smaller, since interpolation averages most of it away.",
                        "Bilinear interpolation blurs δ a little, but most of it is still there.",
                    ),
                    (
                        "The network cannot classify turned photographs, with or without any δ.",
                        "It classifies the untouched photograph in the same view: see the line above the sliders.",
                    ),
                ),
            ),
            Choice(
                "You shift an ordinary adversarial picture by three pixels. Why may it miss its target?",
                (
                    (
                        "The values of δ then meet other weights than those they were made for.",
                        "The attack computed the gradient at one alignment only, so it promises nothing for others.",
                    ),
                    (
                        "The norm of δ becomes smaller than the ε of the attack in the shift.",
                        "A shift changes the places of the values and not their sizes.",
                    ),
                    (
                        "A photograph that is shifted by three pixels shows another class.",
                        "For people and for the network, the untouched photograph still shows the same.",
                    ),
                ),
            ),
        ),
        Question(
            "c",
            Choice(
                "What does each step average?",
                (
                    (
                        "The gradients of all its views, with respect to the same δ.",
                        "The gradient of an expectation is the expectation of the gradients.",
                    ),
                    (
                        "The pictures of all its views; their mean gives one gradient.",
                        "An average of turned pigs is a blur.",
                    ),
                    (
                        "The δ of many separate attacks, one for each of the views.",
                        "There is only one δ, which must work in all views.",
                    ),
                ),
            ),
            Choice(
                "A step has two views, with the gradients g₁ and g₂ of their losses. The loss of the second is larger. "
                "What does the step follow?",
                (
                    ("(g₁ + g₂)/2, the gradient of the mean loss.", "It raises the expectation, over both views."),
                    ("g₂ alone, that of the view with more loss.", "Then δ would be made for the second view only."),
                    ("g₁ alone, that of the view with less loss.", "Then δ would be made for the first view only."),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "The attack drew its angles from ±15°. What do you know about 40°?",
                (
                    (
                        "Nothing, before you have measured what happens there.",
                        "The attack optimised for the grey band only; success outside it is not guaranteed.",
                    ),
                    (
                        "It works there as well: it has learnt to be turned.",
                        "For some pictures only; look at the dog with ε = 8.",
                    ),
                    (
                        "It fails there: 40° is none of the angles it has drawn.",
                        "Not always: success in ±15° often continues outside. Look at the pig.",
                    ),
                ),
            ),
            Choice(
                "Another attack draws turns and scales, but never saves a view as JPEG. What do you know about a JPEG "
                "of its picture?",
                (
                    (
                        "Nothing: save the picture as JPEG, and measure it.",
                        "JPEG is no part of the expectation of this attack.",
                    ),
                    (
                        "It works: JPEG does less harm than a turn by 15°.",
                        "JPEG removes fine details, and δ may be one. A turn keeps most of them.",
                    ),
                    (
                        "It fails: JPEG removes all that nobody can see.",
                        "JPEG removes a part of δ. How much is left depends on the quality and on δ.",
                    ),
                ),
            ),
        ),
        Question(
            "e",
            Choice(
                "A defence turns each picture by a random angle before the network classifies it. Is that safe?",
                (
                    (
                        "Not from an attacker who knows of it, and averages over the angles.",
                        "That is this page's attack; the ordinary attack is stopped. See the lesson *Defences*.",
                    ),
                    (
                        "Yes: nobody can foresee the angle, so nobody can prepare a picture.",
                        "Nobody has to foresee it: the attack averages over all angles.",
                    ),
                    (
                        "No: it does not even stop an ordinary attack, which ignores all angles.",
                        "Look at the first curve: it is stopped.",
                    ),
                ),
            ),
            Choice(
                "A defence lets one of three networks answer, which it draws anew for each picture. Is that safe?",
                (
                    (
                        "Not from an attacker who averages the loss over all three.",
                        "The networks take the place of the views: the expectation is over them.",
                    ),
                    (
                        "Yes: an attack can be made for only one network at a time.",
                        "The mean of three losses has a gradient like any loss.",
                    ),
                    (
                        "Yes: a random choice has no gradient that one could follow.",
                        "The attack does not differentiate the choice. It averages over it.",
                    ),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "You turn, scale and light two adversarial pictures with the same ε and the same target. The ordinary one "
        "misses its target as soon as the view changes; the other one was made for many views, and still reaches it. "
        "Then you print both and test them with your camera."
    ),
    questions=questions,
    script=(
        "1. Open the link and press *Front view*: the network predicts wombat for both pictures. Now move *Turn* "
        "slowly.\n"
        "2. Ask: which setting stops the ordinary attack first? Then show the four curves.\n"
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
