"""Lesson on attacks on speech recognisers. They transcribe a clip as chosen words; the ear hears no difference."""

from pages.lessons.speech.formula import formula, the_networks
from pages.lessons.speech.inside import letters
from pages.lessons.speech.program import in_python
from pages.lessons.speech.recording import chosen, sidebar
from pages.lessons.speech.robustness import noise, transfer
from pages.lessons.speech.settings import MOST_VIEWS, page
from pages.lessons.speech.sounds import Run, three_sounds
from pages.lessons.speech.texts import TEXTS
from pages.widgets.lesson import Lesson

STYLE = """<style>
.st-key-speech_row [data-testid=stColumn] {min-height: 20rem}
.st-key-speech_row img {width: 100%; border-radius: .4rem}
.st-key-speech_heard {min-height: 12rem}
.st-key-speech_heard p.said {font-size: 1.35rem; line-height: 1.4; margin: 0}
.st-key-speech_letters {min-height: 12rem; overflow-x: auto}
.st-key-speech_transfer {min-height: 9rem}
.st-key-speech_noise {min-height: 25rem}
@media (max-width: 640px) {
    .st-key-speech_heard {min-height: 20rem}
    .st-key-speech_row [data-testid=stColumn] {min-height: 19rem}
}
</style>"""


def prepare() -> Run:
    """Correct what the chosen network does not allow."""
    most = MOST_VIEWS[page.value.network]
    if page.value.views > most:
        page.set(views=most)
    return Run(chosen())


SECTIONS = (three_sounds, letters, noise, transfer, formula, in_python, the_networks)
Lesson(page, TEXTS, SECTIONS, prepare, sidebar, style=STYLE).show()
