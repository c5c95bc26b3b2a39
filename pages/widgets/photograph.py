"""The choice of a photograph: one of sixteen samples, or the visitor's own."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from adv_core import datasets
from adv_core.classifiers import EVERYDAY, SHORTENED, categories
from adv_core.decoding import ImageError, open_image
from adv_core.images import fit
from pages.widgets.controls import Controls
from pages.widgets.secure import secure_toggle
from pages.widgets.stage import picture_uri

state = st.session_state


@st.cache_data(show_spinner=False)
def sample(name: str) -> Image.Image:
    """The sample photograph of that name."""
    return datasets.photograph(name)


@st.cache_data(show_spinner=False)
def samples(side: int) -> np.ndarray:
    """All samples at a network's input size, (N, side, side, 3) uint8."""
    return np.stack([np.asarray(fit(sample(name), side, side)) for name in PHOTOS])


@st.cache_data(show_spinner=False)
def thumbnail(name: str) -> str:
    """The sample, 96 pixels wide, as a data address."""
    return picture_uri(np.asarray(fit(sample(name), 96, 96)))


def photograph(name: str) -> Image.Image:
    """The sample of that name; for `OWN`, the visitor's own picture of this session."""
    return state.own_image if name == OWN else sample(name)


def chosen(page: Controls[Any], side: int) -> np.ndarray:
    """The photograph of the page's setting ``image`` at a network's input size, (side, side, 3) uint8."""
    return np.asarray(fit(photograph(page.value.image), side, side))


def photograph_sidebar(page: Controls[Any], seed: str = "", choose: Callable[..., None] | None = None) -> None:
    """Draw the sidebar of a lesson on a photograph: samples, upload and camera, and the seed of random draws.

    Args:
        seed: the label of the page's setting ``seed``; no control if empty.
        choose: see `gallery`.
    """
    default = page.kind().image
    needs_own(page, default)
    st.header("Photograph", divider="gray")
    gallery(page, choose)
    shown = "your own picture" if page.value.image == OWN else PHOTOS[page.value.image]
    st.caption(f"Current photograph: **{shown}**.")
    own_picture(page, default)
    if seed:
        st.header("Random numbers", divider="gray")
        page.control("seed", st.number_input, seed, 0, 999, step=1)


def needs_own(page: Controls[Any], default: str) -> None:
    """Replace a visitor's own picture, which a link cannot carry, by the default. Call it after `page.start`."""
    if page.value.image == OWN and "own_image" not in state:
        page.set(image=default)
        page.tell(
            "The link was made with an uploaded photograph. A link cannot hold one, so the page shows its default."
        )


def tell_of_own(page: Controls[Any]) -> None:
    """Tell below a link that it does not hold the visitor's own picture or recording."""
    own = [what for name, what in CANNOT_TRAVEL.items() if getattr(page.value, name, "") == OWN]
    if own:
        st.caption(f"Your own {own[0]} is not in this link. Whoever opens it sees the page's own example instead.")


def gallery(page: Controls[Any], choose: Callable[..., None] | None = None) -> None:
    """Draw a button that opens the samples; a choice sets the page's setting ``image``.

    Args:
        choose: called with ``image=...``; the page's own `Controls.set` if None.
    """
    choose = choose or page.set
    # The contents are computed only while it is open: sixteen pictures with buttons are too much for every rerun.
    popover = st.popover("Choose a photograph", width="stretch", on_change="rerun", key="gallery_open")
    if popover.open:
        with popover, st.container(key="gallery"):
            names = list(PHOTOS)
            for row in range(0, len(names), 4):
                for name, column in zip(names[row : row + 4], st.columns(4), strict=False):
                    column.image(thumbnail(name), width="stretch", alt=PHOTOS[name])
                    choice = {"image": name}
                    column.button(PHOTOS[name], key=f"photo_{name}", on_click=choose, kwargs=choice, width="stretch")


def own_picture(
    page: Controls[Any],
    default: str,
    note: str = "The photograph stays in memory and is never stored.",
) -> None:
    """Draw upload and camera. If a picture cannot be opened, the page says why, and the previous one stays.

    Args:
        note: on the storage of the picture. Streamlit tells the largest size by itself.
    """
    upload(page, default, "Or upload a photograph", "upload")
    st.caption(note)
    if secure_toggle("Use the camera", "camera_on", TAKE_PHOTO):
        # Not "camera", which is the key of a page's own state.
        st.camera_input("Take a picture", key="taken", on_change=_take, args=(page, "taken", default))
    if "own_image" in state and page.value.image != OWN:
        st.button("Back to your own picture", on_click=page.set, kwargs={"image": OWN}, width="stretch")


def upload(page: Controls[Any], default: str, label: str, key: str) -> None:
    """Draw an upload, and above it why the last file could not be opened.

    Args:
        key: of the widget; a page may have several.
    """
    if state.get("upload_error"):
        # Below the upload, it would be off the screen of a laptop.
        st.error(state.upload_error, icon=":material/broken_image:")
    # No `type`: for another file, Streamlit would say "text/plain files are not allowed", and nothing of what is.
    st.file_uploader(label, key=key, on_change=_take, args=(page, key, default))


def upload_button(page: Controls[Any], default: str) -> None:
    """Draw a button that opens an upload, for a page whose sidebar is folded away on a phone."""
    popover = st.popover("your own photo", on_change="rerun", key="own_open")
    if popover.open:
        with popover:
            upload(page, default, "A photograph of your own; it stays in memory", "upload_first")


def _take(page: Controls[Any], key: str, default: str) -> None:
    file = state.get(key)
    state.upload_error = None
    if file is None:
        if page.value.image == OWN:
            page.set(image=default)
            state.own_removed = True
        return
    replaced = state.pop("own_removed", False)  # Streamlit removes the previous file before it sends the next one
    try:
        state.own_image = open_image(file.getvalue())
        page.set(image=OWN)
        state.own_open = False
    except ImageError as error:
        state.upload_error = str(error)
        if replaced and page.value.image == default:
            page.set(image=OWN)


PHOTOS: dict[str, str] = {
    "german_shepherd": "German shepherd",
    "pig": "Pig",
    "giant_panda": "Giant panda",
    "tabby_cat": "Tabby cat",
    "koala": "Koala",
    "red_panda": "Red panda",
    "polar_bear": "Polar bear",
    "macaw": "Macaw",
    "hens": "Hens",
    "goldfish": "Goldfish",
    "honey_bee": "Honey bee",
    "lemon_citrus": "Lemons",
    "espresso": "Espresso",
    "castle": "Castle",
    "stop_sign_composite": "Stop sign",
    "portrait_astronaut": "Astronaut",
}
# The ImageNet classes of the photographs. There is no class for an astronaut.
TRUE_CLASSES: dict[str, int] = {
    "german_shepherd": 235,
    "pig": 341,
    "giant_panda": 388,
    "tabby_cat": 281,
    "koala": 105,
    "red_panda": 387,
    "polar_bear": 296,
    "macaw": 88,
    "hens": 8,
    "goldfish": 1,
    "honey_bee": 309,
    "lemon_citrus": 951,
    "espresso": 967,
    "castle": 483,
    "stop_sign_composite": 919,
}
OWN = "own"
TAKE_PHOTO = "On a phone, tap *Upload* and choose *Take photo*."
CANNOT_TRAVEL = {"image": "picture", "clip": "recording"}  # settings that can be `OWN`


def class_control(page: Controls[Any], setting: str, label: str, **options: Any) -> None:
    """Draw the choice of one of the 1000 classes, which can be searched by typing."""
    page.control(setting, st.selectbox, label, range(1000), format_func=categories().__getitem__, **options)


def class_named(name: str) -> tuple[int, str] | None:
    """The index of the class of that name; and which class that is, and which others have the name, if there are some.

    The name is that of ImageNet, the everyday name, or both, as in `class_control`. Underscores count as spaces. Where
    names differ in capitals alone, the one that is spelt as asked goes first.
    """
    asked = name.replace("_", " ")
    same = _labels().get(asked.casefold())
    if same is None:
        return None
    label = next((label for spelt, label in same if spelt == asked), same[0][1])
    others = {other: categories()[other] for _, other in same if other != label}
    if not others:
        return label, ""
    told = (f"class {number}, {other}, has the same name" for number, other in others.items())
    return label, f"class {label}, {categories()[label]}; {', and '.join(told)}"


@cache
def _labels() -> dict[str, list[tuple[str, int]]]:
    """The names of all classes without capitals -> the spellings of that name, and their classes, the likeliest first.

    A name of ImageNet goes before an equal everyday name.
    """
    whole = list(enumerate(categories()))
    original = [(label, name.removesuffix(f" ({EVERYDAY.get(label)})")) for label, name in whole]
    found: dict[str, list[tuple[str, int]]] = {}
    for label, name in [*original, *whole, *EVERYDAY.items(), *SHORTENED.items()]:
        found.setdefault(name.casefold(), []).append((name, label))
    return found
