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
            "A paper attacks an undefended network and saves the adversarial pictures as JPEG. Most of them are then "
            "classified right again. What does this show?",
            (
                (
                    "JPEG makes the network robust.",
                    "No: this covers only attackers who do not know that the network uses JPEG.",
                ),
                (
                    "This attack does not survive JPEG. Nobody has attacked the defended network yet.",
                    "Yes. An evaluation has to attack the defended network.",
                ),
                ("Nothing at all.", "It shows something: JPEG helps against a fixed set of old pictures."),
            ),
            1,
        ),
        Choice(
            "b",
            "The gradient of rounding is zero almost everywhere. How does the adaptive attack find a direction?",
            (
                ("It leaves the rounding out completely.", "No: then it would be the attack without the defence."),
                (
                    "It rounds in the forward pass. In the backward pass it uses the gradient without rounding, which "
                    "has about the right direction.",
                    "Yes: this is the straight-through gradient. It is wrong for each single value, and right on "
                    "average.",
                ),
                (
                    "It finds none. So fewer bits are a good defence.",
                    "No: see the bars of the defence with fewer bits.",
                ),
            ),
            1,
        ),
        Number(
            "c",
            f"The adaptive attack on the random crop takes {steps} steps, with {VIEWS} crops in each. How many "
            "gradients does it compute for one photograph?",
            steps * VIEWS,
            0.5,
            f"Yes: {steps} · {VIEWS} = {steps * VIEWS}. Randomness makes an attack more expensive, not impossible.",
            lambda given: "Each step averages the gradients of all its crops.",
        ),
        Choice(
            "d",
            "At ε = 1/255 some defence keeps more predictions than no defence, even against the adaptive attack. What "
            "may you conclude?",
            (
                ("It is a robust defence.", "Only at this ε, against this attack, on sixteen photographs."),
                (
                    "At this small ε it makes *these* attacks harder. With more steps or a larger ε it keeps fewer.",
                    "Yes. Try 40 steps, or ε = 4. An attack that finds nothing proves nothing.",
                ),
                ("The attack has a bug.", "No: it works at a larger ε. The budget of 1/255 is just small."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "A filter before the network, such as JPEG, a blur or a random crop, may remove δ. On this page you attack "
        "defended networks in two ways: first without the defence, then with an adaptive attack, which goes through "
        "it. You compare five defences on sixteen photographs."
    ),
    questions=questions,
    script=(
        "1. Open the link. “JPEG has stopped the attack. Who would use this defence?” Then point to the fourth "
        "picture.\n"
        "2. Press *Run this* in section 2 before the lecture. Blue is what an optimistic paper reports. Orange is the "
        "adaptive attack.\n"
        "3. Set ε to 1 and run it again: some defences help a little. Set ε to 4: they no longer help.\n"
        "4. Ask who the attacker is. An attacker who does not know the defence is a threat model, too, but a paper "
        "has to say so."
    ),
    pitfalls=(
        "- “Then combine all five!” The attack goes through all five as well: together they are one longer g.\n"
        "- A stronger defence (quality 10, σ = 4) is more robust and less accurate. See the grey bars.\n"
        "- There are sixteen photographs, so one is six per cent. And 10 steps are a weak attack; try 40."
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
