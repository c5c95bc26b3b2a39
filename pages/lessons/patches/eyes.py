"""The place of the glasses: by detection, mended by two clicks on the face."""

from functools import partial

import streamlit as st

from adv_core.faces.detector import Face
from pages.lessons.patches.charts import click_chart
from pages.lessons.patches.settings import AS_DETECTED, FARTHEST, page
from pages.lessons.patches.wearer import Wearer, head, head_box
from pages.widgets.stage import picture_uri

SIDE = 300  # of the picture to click on, in pixels
EYES = {"left": "Eye on the left", "right": "Eye on the right"}
state = st.session_state


def mend_eyes(wearer: Wearer) -> None:
    """Draw a picture to click the two pupils on, and sliders that do the same."""
    places = st.expander("Position of the glasses: click the two pupils", on_change="rerun", key="face_eyes_open")
    if not places.open:
        return
    height, width = wearer.pixels.shape[:2]
    left, top, side = head_box(wearer.face, height, width)
    points = [((u * width - left) / side, (v * height - top) / side) for u, v in wearer.eyes]
    with places:
        which = "right" if state.get("face second eye") else "left"
        st.caption(f"The pupils are guessed from the face's box. Your next click sets the **{EYES[which].lower()}**.")
        st.vega_lite_chart(
            click_chart(picture_uri(head(wearer.pixels, wearer.face)), points, SIDE),
            width="content",
            key="face_spot",
            on_select=partial(clicked, wearer.face, (left, top, side)),
            alt="The face: click to set the two pupils; the sliders below do the same",
        )
        for column, (key, name) in zip(st.columns(2, gap="medium"), EYES.items(), strict=True):
            with column:
                page.control(f"{key}_x", st.slider, f"{name}, to the right, in % of the face", -FARTHEST, FARTHEST)
                page.control(f"{key}_y", st.slider, f"{name}, down, in % of the face", -FARTHEST, FARTHEST)
        st.button("As detected", on_click=page.set, kwargs=AS_DETECTED, key="face_eyes_reset")


def clicked(face: Face, box: tuple[int, int, int]) -> None:
    """Set a pupil to the click: the first click sets the left one, the next one the right one."""
    spots = state.face_spot.selection.get("spot") or []
    if not spots:
        return
    left, top, side = box
    second = state.get("face second eye", False)
    x, y = face.eyes()[second]
    percent = (face.right - face.left) / 100
    moved = (left + spots[0]["u"] * side - x) / percent, (top + spots[0]["v"] * side - y) / percent
    across, down = (min(max(round(each), -FARTHEST), FARTHEST) for each in moved)
    page.set(**{f"{'right' if second else 'left'}_x": across, f"{'right' if second else 'left'}_y": down})
    state["face second eye"] = not second
