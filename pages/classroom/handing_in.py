"""The way of a picture into a room: from the lab, which a room has opened, or as a file on the room's page."""

import hashlib
import html
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from adv_core.images import to_png
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import Challenge, judge
from adv_core.serving.classroom.records import Room
from adv_core.serving.classroom.store import Store, default_store
from adv_core.serving.engine.attack import Frame
from pages.classroom.cookie import remembered
from pages.classroom.rooms import board_of, left
from pages.contents import LAB, ROOM
from pages.lab import settings as lab
from pages.widgets.photograph import OWN
from pages.widgets.query import limits, to_query
from pages.widgets.verdict import Kind, note, tell

state = st.session_state
# The bar is drawn where the script is, and stands at the lower edge of the screen: on a phone, what is drawn below the
# pictures is far down the page.
STYLE = """<style>
:is([data-testid=stLayoutWrapper], [data-testid=stElementContainer]):has(> .st-key-hand_in) {order: 1;
  position: sticky; bottom: 0; z-index: 40; padding: .5rem 0; background: light-dark(#fdfdfb, #10161d);
  border-top: 1px solid light-dark(#c9d0d6, #3a4754)}
.st-key-hand_in {gap: .5rem}
.st-key-hand_in [data-testid=stAlertContainer] {padding: .5rem .75rem}
@media (max-width: 640px) {.st-key-hand_in .as {display: none}}
</style>"""


# ----------------------------------------------------------------------------------------------- who hands in, and what


def tokens() -> dict[str, str]:
    """The student's tokens in this session, by the room's code."""
    kept: dict[str, str] = state.setdefault("student_tokens", {})
    return kept


def token_of(code: str) -> str:
    """The token of that room in this session or browser; "" for none."""
    return tokens().get(code) or remembered(f"room_{code}")


def judged(store: Store, code: str, png: bytes) -> tuple[Kind, str]:
    """Hand a picture in. Return the kind of box for the result, and its text."""
    try:
        judgement = store.hand_in(code, token_of(code), png, partial(judge, session=state.get("session", "")))
    except Refused as refusal:
        return "note", str(refusal)
    finally:
        board_of.clear(code)
    kind: Kind = "fooled" if judgement.accepted else "note" if judgement.said is None else "held"
    return kind, judgement.reason


# -------------------------------------------------------------------------------------------------------------- the lab


def lab_settings(code: str, challenge: Challenge) -> lab.Settings:
    """Return the lab's settings for that challenge. A photograph that is no sample is the visitor's own one there."""
    pixels = challenge.rule == "pixels"
    aimed = challenge.target is not None
    most = limits(lab.Settings, "eps0" if pixels else "eps")[1]
    room_eps: dict[str, Any] = {"eps0" if pixels else "eps": int(min(challenge.most, most))}
    return lab.Settings(
        image=challenge.sample or OWN,
        model=challenge.classifier,
        attack="targeted" if aimed else "pgd",
        target=challenge.target if challenge.target is not None else lab.Settings.target,
        norm="l0" if pixels else "linf",
        room=code,
        **room_eps,
    )


def open_lab(code: str, challenge: Challenge) -> None:
    """Go to the lab, with this challenge's photograph and settings."""
    _bring_photograph(challenge)
    st.switch_page(LAB.file, query_params=to_query(lab_settings(code, challenge)))


def _bring_photograph(challenge: Challenge) -> None:
    if not challenge.sample:  # a link cannot hold it, the session can
        state.own_image = Image.fromarray(challenge.pixels)


def _use_challenge(code: str, challenge: Challenge) -> None:
    _bring_photograph(challenge)
    lab.page.set(image=challenge.sample or OWN, model=challenge.classifier, whole=False)


def hand_in_bar(code: str, original: np.ndarray, last: Frame) -> None:
    """Draw the bar "Hand in to CODE" of a lab that was opened from a room; nothing without a code.

    Args:
        original: the untouched picture in the lab, (H, W, 3) uint8.
        last: the end of the attack's run.
    """
    if not code:
        return
    assert last.pixels is not None
    st.html(STYLE)
    with st.container(key="hand_in"):
        try:
            store = default_store()
            room = store.room(code)
            _bar(store, room, store.challenge(room), original, last.pixels[0])
        except Refused as refusal:
            note(None, str(refusal))


def _bar(store: Store, room: Room, challenge: Challenge, original: np.ndarray, adversarial: np.ndarray) -> None:
    code, told = room.code, st.empty()
    member = store.member(code, token_of(code))
    closed = left(room) <= 0
    other = not np.array_equal(original, challenge.pixels)
    digest = hashlib.sha256(adversarial.tobytes()).hexdigest()
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = False
        if closed:
            note(told, f"The time is over: room {code} takes no more pictures.")
        elif member is None:
            note(told, f"Join room {code} to hand in pictures.")
        elif other:
            note(told, f"The challenge of room {code} is another photograph, or has another size.")
            arguments = (code, challenge)
            st.button("Take the room's photograph", on_click=_use_challenge, args=arguments, key="hand_in_photograph")
        else:
            pressed = st.button(f"Hand in to {code}", type="primary", icon=":material/upload:", key=f"hand_in_{code}")
        if member is not None:
            st.html(f"<span class='as'>as <b>{html.escape(member.nickname)}</b></span>", width="content")
        label = "Back to the room" if member is not None else f"Join room {code}"
        st.page_link(ROOM.file, label=label, icon=":material/groups:", query_params={"code": code})
    if pressed:
        with told, st.spinner("Classifying your picture …"):
            state.lab_told = code, digest, judged(store, code, to_png(adversarial))
    # The result belongs to one picture: it goes as soon as the lab shows another one.
    if (before := state.get("lab_told")) and before[:2] == (code, digest) and not other:
        tell(told, *before[2])
