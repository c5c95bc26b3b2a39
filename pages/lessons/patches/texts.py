"""The texts around the lesson's sections."""

from pages.lessons.patches.settings import page
from pages.lessons.patches.tasks import VIEWS
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def pictures(steps: int, views: int, told: str) -> Number:
    """A question for the cost of a patch's training."""
    return Number(
        f"How many pictures does the network classify in {steps} steps of a patch's training{told}, with {views} views "
        "in each step?",
        steps * views,
        0.5,
        f"{steps} · {views} = {steps * views}.",
        lambda given: f"Each step uses {views} views.",
    )


def questions() -> list[Question]:
    return [
        Question("c", pictures(page.value.steps, VIEWS, ", as set in section 3"), pictures(150, 4, "")),
        Question(
            "a",
            Choice(
                "Why may the glasses change their pixels by up to 255 levels, where the L∞ ball of other lessons "
                "allows 8?",
                (
                    (
                        "Δ is another set: few pixels, and no limit for each.",
                        "A threat model says what the attacker may do; an ε-ball is only one of them.",
                    ),
                    (
                        "Nobody looks at glasses, so that no change is seen.",
                        "Everybody sees them, but they look harmless.",
                    ),
                    (
                        "The network ignores changes of more than 8 levels.",
                        "Look at its prediction.",
                    ),
                ),
            ),
            Choice(
                "A threat model allows any change of at most 50 pixels. What does it limit?",
                (
                    ("The number of changed pixels (L0).", "Each of the 50 pixels may change by any amount."),
                    ("The largest change of a pixel (L∞).", "Each of the 50 pixels may change by any amount."),
                    ("The sum of all the changes (L1).", "The sum may be as large as 50 pixels can make it."),
                ),
            ),
        ),
        Question(
            "b",
            Choice(
                "The patch was trained on eight photographs, and it works on others. What has it learnt?",
                (
                    (
                        "To be stronger evidence of its class than what it covers.",
                        "For this network, it dominates the prediction, whatever is beside it.",
                    ),
                    (
                        "The eight photographs by heart, and the class of each one.",
                        "Then it would not work on other photographs.",
                    ),
                    (
                        "The eight best places, one on each of the photographs.",
                        "Every step draws new places.",
                    ),
                ),
            ),
            Choice(
                "Why does each step of the patch's training draw new places, sizes and angles?",
                (
                    (
                        "So that the patch works wherever it is put later.",
                        "The training raises the mean over all of these views.",
                    ),
                    (
                        "So that the steps are faster than with fixed ones.",
                        "A step costs the same. More views make the training longer.",
                    ),
                    (
                        "So that the patch gets smaller from step to step.",
                        "The size is drawn at random, in the same range at every step.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "What does the bar of the grey patch show?",
                (
                    (
                        "How often covering alone changes the prediction.",
                        "Without this bar, the others would look too good. A number needs a baseline.",
                    ),
                    (
                        "How easily the network is fooled by any patch.",
                        "Only in part: a grey patch was not made to fool. It covers something.",
                    ),
                    (
                        "Nothing: a grey patch contains no attack at all.",
                        "It is the control of the experiment: it covers something.",
                    ),
                ),
            ),
            Choice(
                "A patch changes the prediction at 28 of 32 places, a grey one of the same size at 10. What is due to "
                "the pattern of the patch?",
                (
                    (
                        "The difference: about 18 of the 32 places.",
                        "At about 10 places, covering alone would have been enough.",
                    ),
                    (
                        "All 28: the patch was at each of these places.",
                        "Covering alone changes the prediction at about 10 of them.",
                    ),
                    (
                        "10 of the 32: as many as the grey patch changes.",
                        "Those 10 are due to covering, which needs no pattern.",
                    ),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "The attack may change only a few pixels, but each of them by any amount. You put painted glasses on a face, "
        "and a face recogniser takes it for somebody else. You put stickers on a stop sign, and you paste a patch that "
        "works on many photographs, wherever it lies."
    ),
    questions=questions,
    script=(
        "1. Open the link: the recogniser takes Eileen Collins, with painted glasses, for Grace Hopper. Plain dark "
        "glasses fool nobody. “What did the first lessons say about ε?”\n"
        "2. Choose “nobody known”: dodging is easier than impersonation. Then “you”: a volunteer enrols with the "
        "camera, and becomes somebody.\n"
        "3. Section 2: choose the stop sign in the sidebar, and “any other class”.\n"
        "4. Turn on smooth and printable: the attack gets harder, and closer to something that you could hold.\n"
        "5. The patch: paste it next to the pig, then over its face. Then show the grey bar."
    ),
    pitfalls=(
        "- Glasses that fool one recogniser need not fool another one. The attack knows all weights of this one.\n"
        "- These patches are made for one small network. This page does not test whether a printed one survives your "
        "camera; see *Physical attacks*.\n"
        "- Some classes make better patches than others: a monarch is a pattern, a toaster is an object.\n"
        "- 32 places are few: one place is three per cent."
    ),
    references=(
        (
            "Sharif, Bhagavatula, Bauer & Reiter, *Accessorize to a crime*, CCS 2016",
            "https://doi.org/10.1145/2976749.2978392",
        ),
        ("Brown, Mané, Roy, Abadi & Gilmer, *Adversarial patch*, 2017", "https://arxiv.org/abs/1712.09665"),
        (
            "Eykholt et al., *Robust physical-world attacks on deep learning visual classification*, CVPR 2018",
            "https://arxiv.org/abs/1707.08945",
        ),
    ),
)
