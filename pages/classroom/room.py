"""The students' page: join a room, hand in pictures, see the board, answer questions."""

import html
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import to_png
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import RULES, Challenge
from adv_core.serving.classroom.nicknames import MAX_LETTERS
from adv_core.serving.classroom.records import Member, Room
from adv_core.serving.classroom.store import CODE_LENGTH, LETTERS, Store
from adv_core.serving.limits import LIMITS
from pages.classroom.cookie import remember
from pages.classroom.countdown import countdown
from pages.classroom.handing_in import judged, open_lab, token_of, tokens
from pages.classroom.rooms import (
    STYLE,
    board_of,
    draw_board,
    draw_question,
    draw_reveal,
    draw_votes,
    left,
    tell_of_no_cookie,
    the_store,
)
from pages.contents import HOST
from pages.widgets.controls import Controls
from pages.widgets.glossary import prose
from pages.widgets.lesson import opening
from pages.widgets.query import PageSettings, sequence
from pages.widgets.stage import save_button, show_picture
from pages.widgets.verdict import tell

EVERY = 3.0  # seconds between two updates of the room; a hundred phones update at the same time
state = st.session_state


@dataclass(frozen=True)
class Settings(PageSettings):
    """The room's code. The student's token is in the session and in a cookie, not in the address: a student who shares
    the link invites others, and keeps the token."""

    code: str = sequence(LETTERS + LETTERS.lower(), CODE_LENGTH)


page = Controls("student", Settings)


# ------------------------------------------------------------------------------------------------------------ come in


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


def show_challenge(challenge: Challenge, with_picture: bool = True) -> None:
    prose(f"**{challenge.task}** {RULES[challenge.rule].text}")
    if not with_picture:
        return
    with st.container(key="class_photo", width=300):
        show_picture(challenge.pixels, "The untouched picture of the challenge")


def show_tools(code: str, challenge: Challenge) -> None:
    with st.container(horizontal=True):
        if st.button("Open it in the Attack Lab", type="primary", icon=":material/science:", key="student_lab"):
            open_lab(code, challenge)
        save_button("Untouched picture (PNG)", to_png(challenge.pixels), "untouched.png", key="student_untouched")
    st.markdown(
        f"In the Attack Lab, the button *Hand in to {code}* hands in the picture that you see there. You can also hand "
        "in a file of any other program that saves an RGB PNG with 8 bits per colour, "
        f"{challenge.width} × {challenge.height} pixels."
    )


def hand_in(store: Store, room: Room) -> None:
    with st.form("student_hand_in", clear_on_submit=True):
        file = st.file_uploader("Your picture (PNG)")
        if st.form_submit_button("Hand it in", type="primary", icon=":material/upload:"):
            if file is None:
                state.student_told = ("note", "Choose a PNG file first.")
            else:
                with st.spinner("Classifying your picture …"):
                    state.student_told = judged(store, room.code, file.getvalue())
    if told := state.get("student_told"):
        tell(None, *told)


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


def lead_of(room: Room) -> str:
    """Return the line below the title."""
    if room.revealed:
        return "The room is closed. These are the results."
    if left(room) <= 0:
        return "The time is over: the room takes no more pictures. The host will show the results."
    return "Hand in a picture that fools the network, and watch the board."


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
        st.page_link(HOST.file, label="For lecturers: host a room", icon=":material/co_present:")
        return
    page.into_address()
    challenge, member = store.challenge(room), store.member(code, token_of(code))
    if member is None:
        opening(page, f"Room {code}", "Choose a nickname to join the room.")
        join(store, room)
        show_challenge(challenge)
        return
    kept = remember(f"room_{code}", token_of(code), LIMITS.room_hours)
    opening(page, f"Room {code}", lead_of(room))
    if not kept:
        tell_of_no_cookie("You would have to join again, with another nickname.")
    st.html(f"<div>Your nickname: <span class='class-name'>{html.escape(member.nickname)}</span></div>")
    state.student_drawn = (room.closes_at, room.revealed, left(room) > 0)
    if not room.revealed:
        countdown("student_clock", left(room))
    # A question comes first: further down, it is off the screen of a phone.
    newest = st.container()
    if room.revealed:
        draw_reveal(store, room, challenge, board_of(code))
    picture, doing = st.columns([2, 3], gap="large")
    with picture:
        show_challenge(challenge, with_picture=not room.revealed)  # the results show it already
    with doing:
        if left(room) > 0:
            show_tools(code, challenge)
            hand_in(store, room)
        below = st.empty()
    with newest:
        live(store, room, member, challenge, below)
    st.button("Leave this room", on_click=leave, type="tertiary", key="student_leave")


main()
