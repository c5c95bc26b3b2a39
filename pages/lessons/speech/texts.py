"""The texts around the lesson's sections."""

from math import log10

from adv_core.speech.recogniser import needed_frames
from pages.lessons.speech.settings import page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def predictions(text: str) -> Number:
    """A question for the predictions that CTC needs for a sentence; it does not quote the visitor's sentence."""
    needed = needed_frames(text)
    doubled = needed - len(text)
    places = "1 place" if doubled == 1 else f"{doubled} places"
    return Number(
        f"The sentence that you have chosen has {len(text)} letters and spaces. At {places}, two equal ones stand side "
        "by side, and the small network's CTC needs a blank between them. How many predictions does the sentence need "
        "at least?",
        needed,
        0.5,
        f"One for each letter or space, and {doubled} for blanks: {len(text)} + {doubled} = {needed}.",
        lambda given: "Each letter or space needs one prediction, and so does each blank between two equal ones.",
    )


def decibels(loudest: int, change: int) -> Number:
    """A question for the loudness of a change."""
    ratio = loudest / change
    return Number(
        f"The clip's loudest moment has {loudest} levels; the largest change has {change}. By how many decibels is the "
        "change quieter? (20 · log₁₀ of the ratio)",
        20 * log10(ratio),
        0.6,
        f"20 · log₁₀({loudest} / {change}) = {20 * log10(ratio):.0f} dB.",
        lambda given: f"20 · log₁₀({loudest} / {change}): the ratio is about {ratio:.0f}.",
        unit="dB",
    )


def questions() -> list[Question]:
    return [
        Question(
            "b",
            predictions(page.value.letters),
            Number(
                "A clip lasts 2 seconds, with one prediction every 20 ms. How many letters can it hold at most, if no "
                "two neighbours are equal?",
                100,
                0.5,
                "2 / 0.02 = 100. Each pair of equal neighbours needs one more prediction, for a blank.",
                lambda given: "Two seconds hold 2 / 0.02 predictions.",
            ),
        ),
        Question("c", decibels(16384, 92), decibels(20000, 200)),
        Question(
            "a",
            Choice(
                "Why does the goal of the attack not say *when* each letter occurs?",
                (
                    (
                        "CTC sums over every way to place the letters, and the gradient finds the cheapest.",
                        "Each placement is a path; the loss is −log of the sum of their probabilities.",
                    ),
                    (
                        "CTC puts one letter into each frame of 20 ms, so that no choice of a time is left.",
                        "Most frames hold no letter at all: look at section 2.",
                    ),
                    (
                        "The attack takes all the times from the letters of the original clip, which it replaces.",
                        "The original has other letters at other times.",
                    ),
                ),
            ),
            Choice(
                "Which of these paths does CTC read as “to”? (– is the blank.)",
                (
                    ("t t – o", "Repetitions become one letter, and blanks vanish."),
                    ("t – t o", "The blank keeps the two letters apart: CTC reads “tto”."),
                    ("t o – o", "The blank keeps the two letters apart: CTC reads “too”."),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "White noise 20 dB below the clip breaks the hidden words of an attack without noisy views. What "
                "follows?",
                (
                    (
                        "One who knows of the noise averages over it, at the price of a louder change.",
                        "*Physical attacks* shows the same for pictures.",
                    ),
                    (
                        "Noise is a defence against hidden words, whatever the attack.",
                        "Only against an attacker who does not know of it. Switch the noisy views on.",
                    ),
                    (
                        "The network is robust to noise, since it no longer writes the hidden words.",
                        "The clip's own words survive; the hidden words do not.",
                    ),
                ),
            ),
            Choice(
                "With noisy views in each step, the hidden words survive more noise. What is the price?",
                (
                    (
                        "A louder change: it has to work in many noises.",
                        "Compare the decibels of both attacks in section 3.",
                    ),
                    (
                        "A longer clip: each view needs a time of its own.",
                        "The views are copies of the same clip. Its length stays.",
                    ),
                    (
                        "A shorter sentence: fewer letters fit into the noise.",
                        "The number of predictions does not depend on noise.",
                    ),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "You choose a sentence, and an attack adds a perturbation to a recording that you can hardly hear. Moonshine, "
        "a real speech recogniser that understands people, then writes your sentence, and you still hear the original "
        "one. Listen with headphones, or record yourself."
    ),
    questions=questions,
    script=lambda: (
        "1. Play the original and ask the room what it says. Play the third sound: it sounds the same. Then point to "
        "the transcript.\n"
        "2. Play the perturbation alone. It is amplified until it can be heard at all.\n"
        f"3. [The waterfall]({page.link(clip='rushing', present=True, done='')}): it holds no word, and the network "
        "still writes a command.\n"
        "4. Record a student's sentence, and let the room choose the target.\n"
        "5. The noise: the hidden words break first. Set two noisy views, and look again.\n"
        f"6. [The small network]({page.link(network='own', clip='weather', present=True, done='')}): one sees which "
        "letter it hears at which moment, and it is fooled within a second."
    ),
    pitfalls=(
        "- Laptop loudspeakers hide the change even better than ears do; headphones are a fairer test.\n"
        "- “Then play it through the room to my phone!” The phone has another network, and a room changes a sound by "
        "more than noise.\n"
        "- “Is Moonshine a toy?” No: it runs in products, on small devices. The large recognisers of phones are not "
        "tried here.\n"
        "- The small network knows 210 words and synthetic voices. It may transcribe a recording of a person as "
        "nonsense; the attack works all the same."
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
        (
            "Jeffries et al., *Moonshine: speech recognition for live transcription and voice commands*, 2024",
            "https://arxiv.org/abs/2410.15608",
        ),
        ("Kriman et al., *QuartzNet*, ICASSP 2020", "https://arxiv.org/abs/1910.10261"),
        (
            "Qin et al., *Imperceptible, robust and targeted adversarial examples for speech*, ICML 2019",
            "https://arxiv.org/abs/1903.10346",
        ),
    ),
)
