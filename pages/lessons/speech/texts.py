"""The texts around the lesson's sections."""

from pages.lessons.speech.settings import page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    settings = page.value
    return [
        Choice(
            "a",
            "Why does the attack need the letters' *moments* nowhere in its goal?",
            (
                ("It always puts one letter in each frame.", "Most frames say nothing at all: look at the letters."),
                (
                    "CTC sums over every way to place the letters, so the gradient finds the cheapest places itself.",
                    "Yes. Each placing is a path; the loss is the logarithm of their sum.",
                ),
                ("They are taken from the original clip.", "The original has other letters at other moments."),
            ),
            1,
        ),
        Number(
            "b",
            "A clip of 2 seconds, one vote every 20 ms: how many letters can be said at most, if no two neighbours are "
            "equal?",
            100,
            0.5,
            "Yes: 2 / 0.02 = 100. Each pair of equal neighbours needs one moment of silence more.",
            lambda given: "Two seconds hold 2 / 0.02 votes.",
        ),
        Number(
            "c",
            "The loudest moment of the clip is 16 384 levels, the largest change 92. By how many decibels is the "
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
            else "With noisy views in each step the hidden words survive more noise. What is the price?",
            (
                ("Noise is a defence.", "Against an attacker who has not heard of it. Switch the noisy views on."),
                (
                    "An attacker who knows of the noise averages over it, and pays with a louder change.",
                    "Yes. It is the lesson of the camera once more.",
                ),
                ("The network is robust to noise.", "The clip's own words survive; the hidden ones do not."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=("One sentence for you, another one for the machine. Play all three with headphones."),
    questions=questions,
    script=lambda: (
        "1. Play the original, ask the room what it says. Play the third one: the same. Then point to the transcript.\n"
        "2. Play the change alone, as loud as it has to be made to be heard at all.\n"
        f"3. [The waterfall]({page.link(clip='rushing', present=True, done='')}): no word in it, and yet a command.\n"
        "4. The noise: the hidden words break first. Set four noisy views, and look again."
    ),
    pitfalls=(
        "- Laptop loudspeakers hide the change even better than ears do; headphones are fairer.\n"
        "- “Then play it through the room to my phone!” The phone has another network, and a room is more than noise.\n"
        "- Our network knows 210 words and synthetic voices. A stranger's recording may be written down as nonsense; "
        "the attack does not mind."
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
