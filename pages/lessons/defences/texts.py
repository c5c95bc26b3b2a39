"""The questions of the lesson."""

from adv_core.defences.filters import VIEWS
from pages.lessons.defences.settings import page
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    steps = page.value.steps
    return [
        Choice(
            "a",
            "A paper attacks a bare network, saves the pictures as JPEG, and finds that most are read correctly again. "
            "What has it shown?",
            (
                ("That JPEG makes the network robust.", "Against attackers who have not heard of it."),
                (
                    "That this attack did not survive JPEG. Nobody has attacked the defended network yet.",
                    "Yes. The attack has to be made on what is to be defended.",
                ),
                ("Nothing at all.", "Something: against a fixed set of old pictures it does help."),
            ),
            1,
        ),
        Choice(
            "b",
            "Rounding has a slope of zero almost everywhere. How does the attacker who knows get through?",
            (
                ("By leaving the rounding out altogether.", "Then it would be the attack that does not know."),
                (
                    "Forwards it rounds; backwards it takes the slope of not rounding, which points about the right "
                    "way.",
                    "Yes: straight-through. Wrong in each detail, and right on the average.",
                ),
                ("It cannot; that is why fewer bits work.", "Look at the bars of “fewer bits”."),
            ),
            1,
        ),
        Number(
            "c",
            f"{steps} steps against the random crop, {VIEWS} crops in each: how many gradients does it take for one "
            "photograph?",
            steps * VIEWS,
            0.5,
            f"Yes: {steps} · {VIEWS} = {steps * VIEWS}. Chance makes an attack dearer, not impossible.",
            lambda given: "Each step averages the gradients of all its crops.",
        ),
        Choice(
            "d",
            "At ε = 1/255 some defence keeps more answers than none, even against the attack that knows. What may you "
            "say?",
            (
                ("It is a robust defence.", "At this ε, against this attack, on sixteen photographs."),
                (
                    "With so small a room, it made *these* attacks harder: with more steps or ε the figure falls.",
                    "Yes. Try 40 steps, or ε = 4. What an attack does not find is no proof.",
                ),
                ("The attack has a bug.", "It works at larger ε. A small room is a small room."),
            ),
            1,
        ),
    ]
