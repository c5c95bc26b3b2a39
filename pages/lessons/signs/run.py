"""The values that the sections of the page share: the photograph, the box of its sign, what the network reads."""

from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from adv_core.images import Pixels, shrink
from adv_core.signs.classes import CLASSES, INDEX
from adv_core.signs.driving import SignBox
from pages.lessons.signs.settings import page
from pages.lessons.signs.tasks import Frame
from pages.widgets.photograph import OWN, needs_own, photograph

MOST_PIXELS = 640 * 640  # of the photograph
NO_SIGN = INDEX["no_sign"]
state = st.session_state


@dataclass
class Run:
    """The photograph and the results so far.

    Attributes:
        box: of the sign; label: what the network reads there. None as long as they are not known.
        squares: of the stickers; stuck: the photograph with them; grey: with plain grey ones.
        drives: of the three photographs (untouched, grey, stickers), frame by frame.
    """

    original: Pixels
    box: SignBox | None = None
    label: int | None = None
    squares: np.ndarray | None = None
    stuck: Pixels | None = None
    grey: Pixels | None = None
    drives: list[list[Frame]] = field(default_factory=list)

    @property
    def target(self) -> int:
        return INDEX[page.value.target]


def prepare() -> Run:
    """Open the photograph. A box that was drawn on another one is forgotten."""
    needs_own(page, page.kind().image)
    if page.value.image == OWN and state.get("signs own") is not state.own_image:
        state["signs own"] = state.own_image
        page.set(large=0.0)
    return Run(chosen(page.value.image))


def chosen(name: str) -> Pixels:
    """The photograph in its own shape, (H, W, 3) uint8; a large one is shrunk, once for each photograph."""
    known, key = state.get("signs photograph"), state.own_image if name == OWN else name
    if known is None or not (known[0] is key or known[0] == name):
        image = shrink(photograph(name), MOST_PIXELS).convert("RGB")
        known = state["signs photograph"] = key, np.asarray(image)
    pixels: Pixels = known[1]
    return pixels


def choose_image(image: str) -> None:
    """Choose a photograph; the network proposes the box anew."""
    page.set(image=image, large=0.0)


def boxed(pixels: Pixels) -> SignBox | None:
    """The box that the visitor has set, in pixels of the photograph; None where the network proposes one."""
    settings, (height, width) = page.value, pixels.shape[:2]
    if not settings.large:
        return None
    half = max(settings.large / 100 * width, 16) / 2
    across, down = settings.across / 100 * width, settings.down / 100 * height
    return SignBox(across - half, down - half, across + half, down + half)


def title(label: int) -> str:
    """The sign of that class, in the words of the page."""
    return CLASSES[label].title


def short(label: int) -> str:
    """The sign of that class in as few words as possible."""
    return CLASSES[label].title.removeprefix("Speed limit ")


def counted(drives: list[list[Frame]], which: int, label: int) -> int:
    """The number of frames in which the network reads that sign on one of the photographs."""
    return sum(int(frame.probabilities[which].argmax()) == label for frames in drives for frame in frames)


def around(pixels: Pixels, box: SignBox, reach: float = 0.62) -> Pixels:
    """The part of a picture (H, W, C) around the box, a square; what lies outside of the picture repeats its edge."""
    (across, down), size = box.middle, max(box.size)
    half = round(reach * size)
    rows = (np.arange(-half, half) + round(down)).clip(0, pixels.shape[0] - 1)
    columns = (np.arange(-half, half) + round(across)).clip(0, pixels.shape[1] - 1)
    return np.ascontiguousarray(pixels[rows[:, None], columns])
