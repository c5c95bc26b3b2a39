"""The questions of the lesson."""

from pages.lessons.patches.settings import page
from pages.lessons.patches.tasks import VIEWS
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
