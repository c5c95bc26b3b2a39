"""The texts around the lesson's sections."""

from pages.lessons.patches.settings import page
from pages.lessons.patches.tasks import VIEWS
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    settings = page.value
    return [
        Choice(
            "a",
            "Why may the glasses change their pixels by up to 255 levels, where the L∞ ball of other lessons allows 8?",
            (
                ("Because nobody looks at glasses.", "Everybody sees them, but they look harmless."),
                (
                    "Because Δ is another set: few pixels, and no limit for each.",
                    "Yes. A threat model says what the attacker may do; an ε-ball is only one of them.",
                ),
                ("Because the network ignores large changes.", "Look at its prediction."),
            ),
            1,
        ),
        Choice(
            "b",
            "The patch was trained on eight photographs, and it works on others. What has it learnt?",
            (
                ("The eight photographs by heart.", "Then it would not work on other photographs."),
                (
                    "To be stronger evidence of its class than anything that it covers, for this network.",
                    "Yes: it dominates the prediction, whatever is beside it.",
                ),
                ("The eight places.", "Every step draws new places."),
            ),
            1,
        ),
        Number(
            "c",
            f"How many pictures does the network classify in {settings.steps} steps of the patch's training?",
            settings.steps * VIEWS,
            0.5,
            f"Yes: {settings.steps} · {VIEWS} = {settings.steps * VIEWS}.",
            lambda given: f"Each step uses {VIEWS} views.",
        ),
        Choice(
            "d",
            "What does the bar of the grey patch show?",
            (
                ("How weak the network is.", "Only in part: the grey patch covers something."),
                (
                    "How often covering alone changes the prediction. Without this bar, the others would look too "
                    "good.",
                    "Yes. A number needs a baseline.",
                ),
                ("Nothing.", "It is the control of the experiment."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "The attack may change only a few pixels, but each of them by any amount. You put adversarial glasses on a cat "
        "and stickers on a stop sign, and you paste a patch that works on many photographs, wherever it lies."
    ),
    questions=questions,
    script=(
        "1. Open the link: the network predicts macaw for a cat with glasses. “What did the first lessons say about "
        "ε?”\n"
        "2. Choose the stop sign in the sidebar, and “any other class”.\n"
        "3. Turn on smooth and printable: the attack gets harder, and closer to something that you could hold.\n"
        "4. The patch: paste it next to the pig, then over its face. Then show the grey bar."
    ),
    pitfalls=(
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
