"""The texts around the lesson's sections."""

from adv_core.defences.filters import VIEWS
from pages.lessons.defences.settings import page
from pages.widgets.lesson import Texts
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


TEXTS = Texts(
    lead=("Save it as JPEG, blur it, cut a window out: will the attack go away? Against whom?"),
    questions=questions,
    script=(
        "1. Open the link. “The attack is gone, thanks to JPEG. Who would ship this?” Then point to the fourth "
        "picture.\n"
        "2. Let the bars come in: blue is what a hopeful paper reports, orange is the answer to it.\n"
        "3. Set ε to 1: some defences do help a little. Set it to 4: they are gone.\n"
        "4. Ask who the attacker is. “Does not know” is a threat model too, but say so."
    ),
    pitfalls=(
        "- “Then combine all five!” The attacker combines them as well: they are one longer g.\n"
        "- A stronger defence (quality 10, σ = 4) withstands more, and reads worse: look at the grey bars.\n"
        "- Sixteen photographs: one is six per cent. And 10 steps are a weak attack; try 40."
    ),
    references=(
        (
            "Guo et al., *Countering adversarial images using input transformations*, ICLR 2018",
            "https://arxiv.org/abs/1711.00117",
        ),
        (
            "Dziugaite, Ghahramani & Roy, *A study of the effect of JPG compression on adversarial images*, 2016",
            "https://arxiv.org/abs/1608.00853",
        ),
        ("Xu, Evans & Qi, *Feature squeezing*, NDSS 2018", "https://arxiv.org/abs/1704.01155"),
        (
            "Xie et al., *Mitigating adversarial effects through randomization*, ICLR 2018",
            "https://arxiv.org/abs/1711.01991",
        ),
        (
            "Athalye, Carlini & Wagner, *Obfuscated gradients give a false sense of security*, ICML 2018",
            "https://arxiv.org/abs/1802.00420",
        ),
        ("Kolter & Madry, *Adversarial robustness: theory and practice*", "https://adversarial-ml-tutorial.org"),
    ),
)
