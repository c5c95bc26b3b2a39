"""The students' page: join a room, hand in pictures, see the board, answer questions."""

import html
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import to_png
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import RULES, Challenge, judge
from adv_core.serving.classroom.nicknames import MAX_LETTERS
from adv_core.serving.classroom.records import Member, Room
from adv_core.serving.classroom.store import CODE_LENGTH, LETTERS, Store
from adv_core.serving.limits import LIMITS
from pages.classroom.cookie import remember, remembered
from pages.classroom.countdown import countdown
from pages.classroom.rooms import (
    STYLE,
    base,
    board_of,
    draw_board,
    draw_question,
    draw_reveal,
    draw_votes,
    left,
    the_store,
)
from pages.lab import settings as lab
from pages.widgets.controls import Controls
from pages.widgets.glossary import prose
from pages.widgets.lesson import opening
from pages.widgets.query import PageSettings, limits, sequence, to_query
from pages.widgets.stage import save_button, show_picture

EVERY = 3.0  # seconds between two updates of the room; a hundred phones update at the same time
state = st.session_state


@dataclass(frozen=True)
class Settings(PageSettings):
    """The room's code. The student's token is in the session and in a cookie, not in the address: a student who shares
    the link invites others, and keeps the token."""

    code: str = sequence(LETTERS + LETTERS.lower(), CODE_LENGTH)


page = Controls("student", Settings)


# ------------------------------------------------------------------------------------------------------------ come in


def tokens() -> dict[str, str]:
    kept: dict[str, str] = state.setdefault("student_tokens", {})
    return kept


def token_of(code: str) -> str:
    """The token of that room in this session or browser; "" for none."""
    return tokens().get(code) or remembered(f"room_{code}")


def choose_room() -> None:
    """Ask for the room's code, which is on the projector."""
    with st.form("student_find"):
        typed = st.text_input("Code of the room", max_chars=12, placeholder="five letters", key="student_typed")
        if st.form_submit_button("Enter", type="primary"):
            code = "".join(letter for letter in typed.upper() if letter in LETTERS)[:CODE_LENGTH]
            try:
                the_store().room(code)
            except Refused as refusal:
                st.error(str(refusal))
                return
            page.set(code=code)
            st.rerun()


def join(store: Store, room: Room) -> None:
    with st.form("student_join"):
        nickname = st.text_input(
            "Your nickname",
            max_chars=MAX_LETTERS,
            help="Do not use your real name: everybody in the room sees it on the board.",
        )
        st.caption(
            "You need no account. The server keeps this nickname, your pictures and your votes, nothing else about "
            "you, and deletes them with the room."
        )
        if st.form_submit_button("Join", type="primary"):
            try:
                _, token = store.join(room.code, nickname)
            except Refused as refusal:
                st.error(str(refusal))
                return
            tokens()[room.code] = token
            board_of.clear(room.code)
            st.rerun()


# -------------------------------------------------------------------------------------------------------- the challenge


def lab_link(challenge: Challenge) -> str | None:
    """The link to the Attack Lab with this challenge's settings; None where the photograph is not a sample."""
    if not challenge.sample:
        return None
    pixels = challenge.rule == "pixels"
    aimed = challenge.target is not None
    most = limits(lab.Settings, "eps0" if pixels else "eps")[1]
    room_eps: dict[str, Any] = {"eps0" if pixels else "eps": int(min(challenge.most, most))}
    settings = lab.Settings(
        image=challenge.sample,
        model=challenge.classifier,
        attack="targeted" if aimed else "pgd",
        target=challenge.target if challenge.target is not None else lab.Settings.target,
        norm="l0" if pixels else "linf",
        **room_eps,
    )
    return f"{base()}?{urlencode(to_query(settings))}"


def show_challenge(challenge: Challenge) -> None:
    prose(f"**{challenge.task}** {RULES[challenge.rule].text}")
    with st.container(key="class_photo", width=300):
        show_picture(challenge.pixels, "The untouched picture of the challenge")


def show_tools(challenge: Challenge) -> None:
    link = lab_link(challenge)
    with st.container(horizontal=True):
        if link:
            st.link_button("Open it in the Attack Lab", link, icon=":material/science:", type="primary")
        save_button("Untouched picture (PNG)", to_png(challenge.pixels), "untouched.png", key="student_untouched")
    st.caption(
        "In the Attack Lab, *Save and share* saves the adversarial picture: hand in that file. You can use any other "
        "program that saves an RGB PNG with 8 bits per colour, "
        f"{challenge.width} × {challenge.height} pixels."
        + ("" if link else " To use the Attack Lab, upload the untouched picture there first.")
    )


def hand_in(store: Store, room: Room) -> None:
    with st.form("student_hand_in", clear_on_submit=True):
        file = st.file_uploader("Your picture (PNG)", type=["png"])
        if st.form_submit_button("Hand it in", type="primary", icon=":material/upload:"):
            if file is None:
                state.student_told = ("info", "Choose a PNG file first.")
            else:
                with st.spinner("Classifying your picture …"):
                    state.student_told = judged(store, room, file.getvalue())
    if told := state.get("student_told"):
        kind, text = told
        {"success": st.success, "warning": st.warning, "info": st.info}[kind](text)


def judged(store: Store, room: Room, png: bytes) -> tuple[str, str]:
    """Hand a picture in. Return the text of the result and its colour."""
    session = state.get("session", "")
    try:
        judgement = store.hand_in(room.code, token_of(room.code), png, partial(judge, session=session))
    except Refused as refusal:
        return "warning", str(refusal)
    finally:
        board_of.clear(room.code)
    return ("success" if judgement.accepted else "warning"), judgement.reason


# ------------------------------------------------------------------------------------------------------------- live


@st.fragment(run_every=EVERY)
def live(store: Store, room: Room, member: Member, challenge: Challenge, below: DeltaGenerator) -> None:
    """Show the parts that change with time: the newest question, here, and the board, in its slot further down."""
    try:
        now = store.room(room.code)
        if (now.closes_at, now.revealed, left(now) > 0) != state.get("student_drawn"):
            st.rerun()  # the time has changed, or is over: draw the whole page anew
        poll(store, now, member)
        board = board_of(room.code)
    except Refused as refusal:
        st.warning(str(refusal))
        return
    with below.container():
        st.subheader("The board", anchor=False)
        mine = board.of(member)
        if mine is not None:
            score = challenge.score_text(mine.score)
            st.markdown(f"Your best: **{score}**, place **{mine.rank}** of {len(board.entries)}.")
        else:
            st.markdown("None of your pictures counts yet.")
        draw_board(board, challenge, member)


def poll(store: Store, room: Room, member: Member) -> None:
    asked = store.latest_poll(room, member)
    if asked is None:
        return
    with st.container(border=True):
        draw_question(store, asked)
        if not asked.open:
            if asked.mine is not None:
                st.markdown(f"Your answer: **{asked.choices[asked.mine]}**.")
            draw_votes(asked)
            return
        chosen = st.radio(
            "Your answer",
            range(len(asked.choices)),
            index=asked.mine,
            format_func=lambda place: asked.choices[place],
            key=f"student_vote_{asked.id}",
            horizontal=True,
        )
        if chosen is not None and chosen != asked.mine:
            try:
                store.vote(room.code, token_of(room.code), asked.id, chosen)
            except Refused as refusal:
                st.warning(str(refusal))
                return
        later = "You can change your answer until the host closes the question."
        st.caption(later if chosen is not None else "Nobody sees who gave which answer.")


def leave() -> None:
    page.set(code="")
    state.pop("student_told", None)


def main() -> None:
    page.start()
    if page.value.code != page.value.code.upper():
        page.set(code=page.value.code.upper())
    store = the_store()
    st.html(STYLE)
    code = page.value.code
    room = None
    if code:
        try:
            room = store.room(code)
        except Refused as refusal:
            page.tell(str(refusal))
    if room is None:
        opening(page, "Join a room", "Enter the code of the room, which your lecturer shows on the projector.")
        page.into_address()
        choose_room()
        return
    page.into_address()
    challenge, member = store.challenge(room), store.member(code, token_of(code))
    if member is None:
        opening(page, f"Room {code}", "Choose a nickname to join the room.")
        join(store, room)
        show_challenge(challenge)
        return
    remember(f"room_{code}", token_of(code), LIMITS.room_hours)
    opening(page, f"Room {code}", "Hand in a picture that fools the network, and watch the board.")
    st.html(f"<div>Your nickname: <span class='class-name'>{html.escape(member.nickname)}</span></div>")
    state.student_drawn = (room.closes_at, room.revealed, left(room) > 0)
    countdown("student_clock", left(room))
    # A question comes first: further down, it is off the screen of a phone.
    newest = st.container()
    picture, doing = st.columns([2, 3], gap="large")
    with picture:
        show_challenge(challenge)
    with doing:
        if left(room) > 0:
            show_tools(challenge)
            hand_in(store, room)
        else:
            st.info(
                "The time is over: the room takes no more pictures." if not room.revealed else "This room is closed."
            )
        below = st.empty()
    with newest:
        live(store, room, member, challenge, below)
    if room.revealed:
        draw_reveal(store, room, challenge, board_of(code))
    st.button("Leave this room", on_click=leave, type="tertiary", key="student_leave")


main()
