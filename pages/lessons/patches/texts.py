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
            "Why may the glasses change their pixels by 255 levels, when the pages before allowed 8?",
            (
                ("Because nobody looks at glasses.", "Everybody sees them. But they look harmless."),
                (
                    "Because Δ is another one: few pixels, without a limit each.",
                    "Yes. A threat model says what the attacker may do; an ε-ball is only one of them.",
                ),
                ("Because the network ignores large changes.", "Look at its answer."),
            ),
            1,
        ),
        Choice(
            "b",
            "The patch was trained on eight photographs and fools others. What has it learnt?",
            (
                ("The eight photographs by heart.", "Then the others would not fall."),
                (
                    "To be, for this network, a stronger sign of the class than anything that it covers.",
                    "Yes: it draws the network's attention, whatever stands beside it.",
                ),
                ("The eight places.", "Every step draws new ones."),
            ),
            1,
        ),
        Number(
            "c",
            f"How many pictures does the network look at during {settings.steps} steps of the patch's training?",
            settings.steps * VIEWS,
            0.5,
            f"Yes: {settings.steps} · {VIEWS} = {settings.steps * VIEWS}.",
            lambda given: f"Each step looks at {VIEWS} views.",
        ),
        Choice(
            "d",
            "What does the bar of the grey patch tell?",
            (
                ("How weak the network is.", "Only partly: something is covered."),
                (
                    "What of the success is mere covering. Without it, the other bars would promise too much.",
                    "Yes. A figure needs something to be compared with.",
                ),
                ("Nothing.", "It is the control of the experiment."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "Few pixels, but those as you like: a pair of glasses, a sticker, a patch that says the same wherever it lies."
    ),
    questions=questions,
    script=(
        "1. Open the link: a cat with glasses is a macaw. “What did I promise about ε on the first pages?”\n"
        "2. Choose the stop sign in the sidebar, and “anything else”.\n"
        "3. Turn on smooth and printable: it gets harder, and nearer to something that you could hold.\n"
        "4. The patch: paste it next to the pig, then over its face. Then show the grey bar."
    ),
    pitfalls=(
        "- These patches are made for one small network. Whether a printed one survives your camera is another "
        "question; the next page asks it.\n"
        "- Some classes make better patches than others: a monarch is a pattern, a toaster is a thing.\n"
        "- 32 places are few: one is three per cent."
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
