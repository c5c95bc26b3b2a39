"""The parts that host and students share: the board, the best pictures, the votes of a poll."""

import html
import time
from urllib.parse import urlsplit

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import categories, info_of
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import Challenge
from adv_core.serving.classroom.records import Board, Entry, Member, Poll, Room
from adv_core.serving.classroom.store import BEST, Store, default_store
from pages.classroom.charts import minutes, votes_chart
from pages.widgets.lesson import vega_chart
from pages.widgets.stage import caption, percent, show_picture

STYLE = """<style>
.class-board {width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums}
.class-board th, .class-board td {text-align: left; padding: .35rem .6rem .35rem 0; vertical-align: top;
  border-bottom: 1px solid rgba(128, 128, 128, .3)}
.class-board th {font-weight: 600; opacity: .75; font-size: .85rem}
.class-board td:nth-child(2) {overflow-wrap: anywhere; font-weight: 600}
.class-board .me td {background: rgba(86, 180, 233, .22)}
.class-board .me td:first-child {border-left: 4px solid #0072B2; padding-left: .4rem}
.class-empty {opacity: .75; padding: .5rem 0}
.class-code {font-size: 3.2rem; font-weight: 800; letter-spacing: .12em; line-height: 1.15;
  font-family: ui-monospace, monospace}
.class-name {font-weight: 600; overflow-wrap: anywhere}
[class*=st-key-class_board] {min-height: 12rem}
[class*=st-key-class_best] img, [class*=st-key-class_photo] img {border-radius: .4rem; image-rendering: pixelated}
[class*=st-key-class_pair] [data-testid=stHorizontalBlock] {flex-wrap: nowrap; gap: .75rem}
[class*=st-key-class_pair] [data-testid=stColumn] {min-width: 0; flex: 1 1 0; width: auto}
[class*=st-key-class_pair] img {border-radius: .4rem; image-rendering: pixelated}
[class*=st-key-cookie_] {display: none}
@media (max-width: 640px) {
  .class-board .wide {display: none}
  .class-code {font-size: 2.4rem}
  .st-key-class_best [data-testid=stHorizontalBlock] {flex-wrap: wrap; gap: .75rem}
  .st-key-class_best [data-testid=stColumn] {min-width: calc(50% - .75rem); flex: 1 1 calc(50% - .75rem); width: auto}
}
</style>"""


def the_store() -> Store:
    """Return the store of all rooms; where the database fails, explain it on the page and end the page."""
    try:
        return default_store()
    except Refused as refusal:
        st.error(str(refusal), icon=":material/error:")
        st.stop()


@st.cache_data(ttl=1, max_entries=200, show_spinner=False)
def board_of(code: str) -> Board:
    """Return the board, which is computed at most once a second for all students together."""
    store = default_store()
    return store.board(store.room(code))


def base() -> str:
    """Return the address of the app, up to its last slash."""
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rsplit('/', 1)[0]}/" if parts.netloc else "/"


def is_loopback() -> bool:
    """Tell whether this page was opened at a loopback address, which other machines cannot reach."""
    return (urlsplit(st.context.url or "").hostname or "localhost") in ("localhost", "127.0.0.1", "::1")


def left(room: Room) -> float:
    """Return the seconds until the room closes."""
    return room.left(time.time())


def draw_board(board: Board, challenge: Challenge, me: Member | None = None, most: int = 12) -> None:
    """Draw the first lines of the board, and the member's own. All text from students is escaped."""
    with st.container(key=f"class_board{'_mine' if me else ''}"):
        if not board.entries:
            st.html("<div class='class-empty'>The board is empty. The first picture that counts takes place 1.</div>")
        else:
            mine = board.of(me) if me else None
            shown = board.entries[:most]
            rows = [_row(entry, challenge, entry == mine) for entry in shown]
            if mine is not None and mine not in shown:
                rows.append(_row(mine, challenge, True))
            head = "<th>#</th><th>nickname</th><th>score</th><th>prediction</th><th class='wide'>time</th>"
            st.html(f"<table class='class-board'><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>")
        st.caption(_crowd(board, most))


def _row(entry: Entry, challenge: Challenge, mine: bool) -> str:
    says = f"{categories()[entry.said.label]}, {percent(entry.said.probability)}"
    cells = [str(entry.rank), entry.nickname, challenge.score_text(entry.score), says]
    text = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f"<tr{' class=me' if mine else ''}>{text}<td class='wide'>{minutes(entry.at)}</td></tr>"


def _crowd(board: Board, most: int) -> str:
    students = "1 student" if board.members == 1 else f"{board.members} students"
    tries = "1 picture" if board.tries == 1 else f"{board.tries} pictures"
    more = f" {len(board.entries) - most} more on the board." if len(board.entries) > most else ""
    return f"{students} in the room, {tries} handed in.{more} With equal scores, the earlier picture ranks higher."


def draw_reveal(store: Store, room: Room, challenge: Challenge, board: Board) -> None:
    """Draw the solution, and the best pictures."""
    st.subheader("The results", anchor=False)
    names = categories()
    first = info_of(challenge.classifier).title
    lines = [f"{first} predicts **{names[challenge.label]}** for the untouched picture."]
    if challenge.hidden is not None and challenge.hidden_label is not None:
        second = info_of(challenge.hidden).title
        lines.append(f"The hidden second network was **{second}**. It predicts **{names[challenge.hidden_label]}**.")
    st.markdown(" ".join(lines))
    best = store.best_pictures(room)
    if not best:
        st.caption("No student has handed in a picture that counts.")
        return
    with st.container(key="class_best"):
        places = st.columns(1 + BEST, gap="medium")
        _tile(places[0], challenge.pixels, "the untouched picture", names[challenge.label], "The untouched picture")
        for entry, pixels, place in zip(board.entries, best, places[1:], strict=False):
            second = "" if entry.second is None else f" · {_second(challenge)}: {names[entry.second.label]}"
            told = f"{names[entry.said.label]}, {percent(entry.said.probability)}{second}"
            headline = f"{entry.rank}. {entry.nickname}, {challenge.score_text(entry.score)}"
            _tile(place, pixels, headline, told, f"The picture in place {entry.rank}; the network predicts {told}")


def _second(challenge: Challenge) -> str:
    return "as JPEG" if challenge.rule == "jpeg" else info_of(challenge.hidden or "").title


def _tile(slot: DeltaGenerator, pixels: np.ndarray, headline: str, line: str, alt: str) -> None:
    show_picture(pixels, alt, slot)
    caption(slot, headline, line)


@st.cache_data(max_entries=50, show_spinner=False)
def _pictures_of(poll_id: int, _store: Store, _poll: Poll) -> np.ndarray:
    return _store.poll_pictures(_poll)


def draw_question(store: Store, poll: Poll) -> None:
    """Draw the question of a poll, with its pictures."""
    st.markdown(f"**{poll.question}**")
    shown = _pictures_of(poll.id, store, poll)
    if poll.kind == "what":
        with st.container(key="class_photo_poll", width=300):
            show_picture(shown, "The picture in question")
        return
    half = shown.shape[1] // 2
    with st.container(key="class_pair", width=620):
        for column, side, pixels in zip(
            st.columns(2), ("left", "right"), (shown[:, :half], shown[:, half:]), strict=True
        ):
            show_picture(np.ascontiguousarray(pixels), f"The {side} picture", column)
            column.caption(side)


def draw_votes(poll: Poll) -> None:
    """Draw the histogram, and the right answer once it is known."""
    vega_chart(
        votes_chart(poll.choices, poll.counts, poll.answer),
        70 + 46 * len(poll.choices),
        "; ".join(f"{choice}: {count}" for choice, count in zip(poll.choices, poll.counts, strict=True)),
    )
    if poll.truth:
        st.success(poll.truth, icon=":material/lightbulb:")
