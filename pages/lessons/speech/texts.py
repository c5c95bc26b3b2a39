"""The texts around the lesson's sections."""

from pages.lessons.speech.settings import page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    settings = page.value
    return [
        Choice(
            "a",
            "Why does the goal of the attack not say *when* each letter occurs?",
            (
                ("It always puts one letter in each frame.", "Most frames hold no letter at all: look at section 2."),
                (
                    "CTC sums over every way to place the letters, so the gradient finds the cheapest places itself.",
                    "Yes. Each placement is a path; the loss is −log of the sum of their probabilities.",
                ),
                ("It takes the times from the original clip.", "The original has other letters at other times."),
            ),
            1,
        ),
        Number(
            "b",
            "A clip lasts 2 seconds, with one prediction every 20 ms. How many letters can it hold at most, if no two "
            "neighbours are equal?",
            100,
            0.5,
            "Yes: 2 / 0.02 = 100. Each pair of equal neighbours needs one more frame, for a blank.",
            lambda given: "Two seconds hold 2 / 0.02 predictions.",
        ),
        Number(
            "c",
            "The clip's loudest moment has 16 384 levels; the largest change has 92. By how many decibels is the "
            "change quieter? (20 · log₁₀ of the ratio)",
            45,
            0.6,
            "Yes: 20 · log₁₀(16384 / 92) = 45 dB.",
            lambda given: "20 · log₁₀(16384 / 92): the ratio is about 178.",
        ),
        Choice(
            "d",
            "White noise 20 dB below the clip breaks the hidden words. What follows?"
            if settings.views == 0
            else "With noisy views in each step, the hidden words survive more noise. What is the price?",
            (
                (
                    "Noise is a defence.",
                    "Only against an attacker who does not know of it. Switch the noisy views on.",
                ),
                (
                    "An attacker who knows of the noise averages over it, and pays with a louder change.",
                    "Yes. *Physical attacks* shows the same for pictures.",
                ),
                ("The network is robust to noise.", "The clip's own words survive; the hidden words do not."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "You choose a sentence, and an attack adds a perturbation to a recording that you can hardly hear. A speech "
        "recogniser then writes your sentence, and you still hear the original one. Listen with headphones."
    ),
    questions=questions,
    script=lambda: (
        "1. Play the original and ask the room what it says. Play the third sound: it sounds the same. Then point to "
        "the transcript.\n"
        "2. Play the perturbation alone. It is amplified until it can be heard at all.\n"
        f"3. [The waterfall]({page.link(clip='rushing', present=True, done='')}): it holds no word, and the network "
        "still writes a command.\n"
        "4. The noise: the hidden words break first. Set four noisy views, and look again."
    ),
    pitfalls=(
        "- Laptop loudspeakers hide the change even better than ears do; headphones are a fairer test.\n"
        "- “Then play it through the room to my phone!” The phone has another network, and a room changes a sound by "
        "more than noise.\n"
        "- Our network knows 210 words and synthetic voices. It may transcribe a stranger's recording as nonsense; the "
        "attack works all the same."
    ),
    references=(
        (
            "Carlini & Wagner, *Audio adversarial examples: targeted attacks on speech-to-text*, 2018",
            "https://arxiv.org/abs/1801.01944",
        ),
        (
            "Graves, Fernández, Gomez & Schmidhuber, *Connectionist temporal classification*, ICML 2006",
            "https://dl.acm.org/doi/10.1145/1143844.1143891",
        ),
        ("Kriman et al., *QuartzNet*, ICASSP 2020", "https://arxiv.org/abs/1910.10261"),
        (
            "Qin et al., *Imperceptible, robust and targeted adversarial examples for speech*, ICML 2019",
            "https://arxiv.org/abs/1903.10346",
        ),
    ),
)
