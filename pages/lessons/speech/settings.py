"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.assets import ASSETS
from adv_core.serving.limits import LIMITS
from adv_core.speech.attack import STEPS
from pages.lessons.speech.tasks import MAX_VIEWS
from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, solved, word

FOLDER = ASSETS / "speech" / "clips"
OWN = "own"
CLIPS = {
    "weather": "“tell me the weather tomorrow”",
    "music": "“play music in the kitchen”",
    "numbers": "“seven one nine four two”",
    "dog": "“the cat and the dog”",
    "melody": "a melody without words",
    "rushing": "a waterfall without words",
}
IDEAS = ("open the secret door", "send all money", "browse evil dot com", "yes")
# The text in the figure of Carlini & Wagner, on our clip with the most time for it; what theirs was heard as before.
SLIDE = {"text": "it is a truth universally acknowledged that a single", "clip": "melody"}
SLIDE_HEARD = "it was the best of times, it was the worst of times"
NOTHING = "(nothing)"  # shown for an empty transcript
TITLES = {"x": "x, the original", "delta": "δ alone, played louder", "adversarial": "x + δ"}


MAX_STEPS = LIMITS.max_sound_steps


class _Phrases:
    """A container of all texts: the page refuses a text that cannot be spoken, with a sentence."""

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and 0 < len(text) <= 200


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page."""

    clip: str = word("weather", {*CLIPS, OWN})
    text: str = word("open the secret door", _Phrases())
    steps: int = number(min(STEPS, MAX_STEPS), 1, MAX_STEPS)
    views: int = number(0, 0, MAX_VIEWS)
    seed: int = number(0, 0, 999)
    done: str = solved("abcd")

    @property
    def target(self) -> str:
        return " ".join(self.text.lower().replace("’", "'").split())  # phones type the curly apostrophe


page = Controls("speech", Settings)
