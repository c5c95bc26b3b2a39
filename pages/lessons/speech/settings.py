"""All controls of the lesson, which its link holds, and its constants."""

from dataclasses import dataclass

from adv_core.assets import ASSETS
from adv_core.serving.limits import LIMITS
from adv_core.speech import dictation
from pages.lessons.speech.tasks import MAX_VIEWS, MOONSHINE, OWN_NETWORK
from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, solved, word

FOLDER = ASSETS / "speech" / "clips"
JUDGED = ASSETS / "speech" / "judged.json"  # what `python -m bench.speech judge` has measured
OWN = "own"
CLIPS = {
    "country": "“ask what you can do for your country” (J. F. Kennedy, 1961)",
    "americans": "“and so, my fellow Americans” (J. F. Kennedy, 1961)",
    "amiable": "“he might even have been made amiable himself” (a reader of LibriVox)",
    "young_man": "“he was not an ill-disposed young man” (a reader of LibriVox)",
    "cold_hearted": "“unless to be rather cold-hearted …” (a reader of LibriVox)",
    "weather": "“tell me the weather tomorrow” (synthesised)",
    "music": "“play music in the kitchen” (synthesised)",
    "numbers": "“seven one nine four two” (synthesised)",
    "dog": "“the cat and the dog” (synthesised)",
    "melody": "a melody without words",
    "rushing": "a waterfall without words",
}
TITLE = {MOONSHINE: "Moonshine", OWN_NETWORK: "the small network"}
RECOGNISERS = {MOONSHINE: "Moonshine: it understands people", OWN_NETWORK: "A small network: you can look into it"}
IDEAS = {
    MOONSHINE: ("Open the front door", "Okay, browse to evil.com", "Send all my money to Bob", "Yes"),
    OWN_NETWORK: ("open the secret door", "send all money", "browse evil dot com", "yes"),
}
MOST_VIEWS = {MOONSHINE: dictation.MAX_VIEWS, OWN_NETWORK: MAX_VIEWS}
# The text in the figure of Carlini & Wagner, on our clip with the most time for it; what theirs was heard as before.
SLIDE = {"text": "it is a truth universally acknowledged that a single", "clip": "melody"}
SLIDE_HEARD = "it was the best of times, it was the worst of times"
DRAWS = {MOONSHINE: 5, OWN_NETWORK: 10}  # of noise: Moonshine takes a tenth of a second for each
UNSURE = 0.56  # below this mean probability of its pieces, Moonshine's text is called a guess
WITHOUT_WORDS = ("you", "thank you for watching", "thanks for watching")  # what it writes for noise and music
QUIET = -34.0  # decibels of full scale: a recording whose loudest moment is below is called quiet
NOTHING = "(nothing)"  # shown for an empty transcript
TITLES = {"x": "x, the original", "delta": "δ alone, played louder", "adversarial": "x + δ"}


MAX_STEPS = LIMITS.max_sound_steps


class _Phrases:
    """A container of all texts: the page refuses a text that cannot be written, with a sentence."""

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and 0 < len(text) <= 200


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page."""

    network: str = word(MOONSHINE, RECOGNISERS)
    clip: str = word("country", {*CLIPS, OWN})
    text: str = word("Open the front door", _Phrases())
    steps: int = number(min(200, MAX_STEPS), 1, MAX_STEPS)
    views: int = number(0, 0, MAX_VIEWS)
    seed: int = number(0, 0, 999)
    done: str = solved("abcd")

    @property
    def letters(self) -> str:
        """The target text in the letters of the small network."""
        return " ".join(self.text.lower().replace("’", "'").split())  # phones type the curly apostrophe

    @property
    def target(self) -> str:
        """The target text for the network that is chosen."""
        return self.letters if self.network == OWN_NETWORK else " ".join(self.text.split())


page = Controls("speech", Settings)
