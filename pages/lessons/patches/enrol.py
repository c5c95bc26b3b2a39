"""Enrolling: one or two photographs of the visitor, in memory only."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from adv_core.decoding import ImageError, open_image
from adv_core.images import Pixels, shrink
from pages.lessons.patches.settings import AS_DETECTED, page
from pages.widgets.secure import secure_toggle

MOST_PIXELS = 512 * 600  # of a photograph
TITLES: Mapping[str, str] = {"first": "First photograph: it gets the glasses", "second": "Second photograph, to judge"}
CAMERA = "On a phone, tap *Upload* and choose *Take photo*."
state = st.session_state


def own(which: str) -> Pixels | None:
    """The visitor's "first" or "second" photograph, (H, W, 3) uint8; None without one."""
    pixels: Pixels | None = state.get(f"face {which}")
    return pixels


def enrol() -> None:
    """Draw the places for two photographs, by upload or camera."""
    for column, (which, title) in zip(st.columns(2, gap="medium"), TITLES.items(), strict=True):
        with column:
            if which == "second" and own("first") is None:
                st.caption(
                    "A second photograph comes after the first one: of the same person, on another day or in another "
                    "light. The same glasses are put on it."
                )
                continue
            st.file_uploader(title, key=f"face_{which}_file", on_change=_take, args=(which, f"face_{which}_file"))
            if secure_toggle("Use the camera", f"face_{which}_camera", CAMERA):
                key = f"face_{which}_taken"
                st.camera_input("Look straight into the camera", key=key, on_change=_take, args=(which, key))
            if state.get(f"face {which} error"):
                st.error(state[f"face {which} error"], icon=":material/broken_image:")
            pixels = own(which)
            if pixels is not None:
                height, width = pixels.shape[:2]
                st.button(
                    f"Forget it ({width} × {height} pixels)", on_click=_forget, args=(which,), key=f"face_{which}_x"
                )
    if own("second") is not None:
        page.control("both", st.toggle, "paint the glasses for both photographs (twice the time)")
    st.caption(
        "Your photographs stay in memory and go with the session; no link holds them. Enrol yourself, or somebody who "
        "agrees."
    )


def _take(which: str, key: str) -> None:
    file = state.get(key)
    state[f"face {which} error"] = None
    if file is None:
        return  # what was there stays, until it is replaced or forgotten
    try:
        state[f"face {which}"] = np.asarray(shrink(open_image(file.getvalue()), MOST_PIXELS))
    except ImageError as error:
        state[f"face {which} error"] = str(error)
        return
    if which == "first":
        page.set(**AS_DETECTED)


def _forget(which: str) -> None:
    for each in ("first", "second") if which == "first" else ("second",):
        state.pop(f"face {each}", None)
    page.set(**AS_DETECTED)
