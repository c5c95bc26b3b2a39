"""All controls of the page, which its link holds."""

from dataclasses import dataclass

from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, parts

SECTIONS = {
    "slides": "1 · Slides and figures",
    "definitions": "2 · Definitions",
    "symbols": "3 · Symbols",
    "references": "4 · References",
}


@dataclass(frozen=True)
class Settings(PageSettings):
    """Projector mode, and the parts that the link hides: those around the page, or whole sections."""

    hide: str = parts("navigation", "sidebar", *SECTIONS)


page = Controls("lecture", Settings)
