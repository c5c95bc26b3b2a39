"""The parts that host and students share: the board, the best pictures, the votes of a poll."""

import html
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import categories, info_of, list_classifiers
from adv_core.images import difference
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import Challenge, Prediction, look
from adv_core.serving.classroom.records import Board, Entry, Member, Poll, Room
from adv_core.serving.classroom.store import BEST, Store, default_store
from pages.classroom.charts import minutes, votes_chart
from pages.widgets.lesson import vega_chart
from pages.widgets.stage import percent, show_picture

DRAWN = 10  # times stronger than it is: the drawn δ of a winner
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
.class-code.small {font-size: 1.4rem}
.class-name {font-weight: 600; overflow-wrap: anywhere}
[class*=st-key-class_board] {min-height: 12rem}
[class*=st-key-class_place] img, [class*=st-key-class_photo] img {border-radius: .4rem; image-rendering: pixelated}
/* A winner: the picture, and below it 10 × δ beside the predictions; on a phone, both pictures side by side. */
.stVerticalBlock[class*=st-key-class_place] {display: grid; gap: .4rem .75rem; align-content: start;
  grid-template: "head head" "picture picture" "delta told" / 2fr 3fr}
[class*=st-key-class_place] > :nth-child(1) {grid-area: head}
[class*=st-key-class_place] > :nth-child(2) {grid-area: picture}
[class*=st-key-class_place] > :nth-child(3) {grid-area: delta}
[class*=st-key-class_place] > :nth-child(4) {grid-area: told}
[class*=st-key-class_place] > * {min-width: 0; width: auto !important}
[class*=st-key-class_place] img {width: 100%; max-height: 46vh; object-fit: contain; object-position: left}
.class-place {display: flex; align-items: baseline; gap: .5rem; font-size: 1.25rem; line-height: 1.2}
.class-place b {overflow-wrap: anywhere}
.class-place i {font-style: normal; font-weight: 800; border-radius: .3rem; padding: 0 .5rem; color: #16202a;
  background: #d8dee3}
.class-place .first {background: #E69F00}
.class-told {line-height: 1.3; overflow-wrap: anywhere}
.class-told span {display: block; opacity: .8; font-size: .85rem}
.class-told b {display: block; margin-bottom: .4rem}
.class-told .score {font-size: 1.25rem}
/* The presenter's button stands beside the title. */
@media (min-width: 641px) {.st-key-class_presenter {margin-top: -5.5rem; z-index: 1; pointer-events: none;
  margin-bottom: 2.5rem} .st-key-class_presenter button {pointer-events: auto}}
/* The button of a picture's full screen would lie on the picture in question. */
:is([class*=st-key-class_pair], .st-key-class_photo_poll, [class*=st-key-class_badge]) [data-testid=stElementToolbar]
  {display: none}
[class*=st-key-class_pair] [data-testid=stHorizontalBlock] {flex-wrap: nowrap; gap: .75rem}
[class*=st-key-class_pair] [data-testid=stColumn] {min-width: 0; flex: 1 1 0; width: auto}
[class*=st-key-class_pair] img {border-radius: .4rem; image-rendering: pixelated}
[class*=st-key-cookie_] {display: none}
@media (max-width: 640px) {
  .class-board .wide {display: none}
  .class-code {font-size: 2.4rem}
  .stVerticalBlock[class*=st-key-class_place] {grid-template: "head head" "picture delta" "told told" / 1fr 1fr}
  .class-told b {margin-bottom: .1rem}
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


@dataclass(frozen=True)
class Reach:
    """The app's address for other machines, and a remark for the host, "" where there is none."""

    base: str
    remark: str = ""


def reach() -> Reach:
    """Return the address at which phones reach the app.

    It is the address of this page. A host who has opened the page at a loopback address gets that of this machine in
    its network instead; nobody else is told it.
    """
    parts = urlsplit(st.context.url or "")
    # The name in the address is the browser's word, the other end of the connection is not.
    if parts.hostname not in (None, "localhost", "127.0.0.1", "::1") or st.context.ip_address is not None:
        return Reach(base())
    found = lan_address() if parts.hostname else None
    if found is None:
        return Reach(
            base(),
            "This link works on this machine only. Open this page by an address that other machines can reach.",
        )
    port = f":{parts.port}" if parts.port else ""
    remark = (
        f"You have opened this page at {parts.hostname}, which phones cannot reach. Code and link lead to this machine "
        "by its address in the network instead. They work for phones in the same network, if its firewall lets them."
    )
    if not listens_at(found):
        remark += (
            f" **At present the server listens on {parts.hostname} only.** Start it with `--server.address 0.0.0.0`; "
            "this room is still there afterwards."
        )
    return Reach(f"{parts.scheme}://{found}{port}{parts.path.rsplit('/', 1)[0]}/", remark)


def tell_of_no_cookie(loss: str) -> None:
    """Tell that the browser keeps no cookie of the room, what is lost then, and what to do."""
    st.warning(
        f"Your browser keeps no cookie of this page, so you lose your place in the room when you reload it. {loss} "
        "Allow cookies for this site. If the page is in a frame of another site, "
        f"[open it in a tab of its own]({st.context.url or ''}).",
        icon=":material/cookie_off:",
    )


def lan_address() -> str | None:
    """Return this machine's address in its network, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # An address for documentation (RFC 5737), which belongs to nobody. For UDP, to connect is only to choose
            # the way, and with it the address of this end.
            probe.connect(("192.0.2.1", 9))
        except OSError:  # no network
            return None
        found = ip_address(probe.getsockname()[0])
    return None if found.is_loopback or found.is_unspecified else str(found)


def listens_at(address: str) -> bool:
    """Tell whether Streamlit's server listens on that address."""
    return st.get_option("server.address") in (None, "", "0.0.0.0", "::", address)


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


def draw_reveal(store: Store, room: Room, challenge: Challenge, board: Board) -> DeltaGenerator:
    """Draw the winners, each with 10 × δ and the predictions; the solution beside them. Return the place below it."""
    names, first = categories(), info_of(challenge.classifier).title
    best = store.best_pictures(room)
    places = st.columns([3] * BEST + [2], gap="medium") if best else [st.container()]
    others = transfers(challenge, best)
    for entry, pixels, other, place in zip(board.entries, best, others, places, strict=False):
        second = other if entry.second is None else (_second(challenge), entry.second)
        with place, st.container(key=f"class_place_{entry.rank}"):
            _winner(challenge, entry, pixels, (first, entry.said), second)
    side = places[-1]
    if not best:
        side.markdown("No student has handed in a picture that counts.")
    with side, st.container(key="class_photo_untouched", width=220):
        show_picture(challenge.pixels, "The untouched picture")
    lines = [f"{first} predicts **{names[challenge.label]}** for the untouched picture."]
    if challenge.hidden is not None and challenge.hidden_label is not None:
        hidden = info_of(challenge.hidden).title
        lines.append(f"The hidden second network was **{hidden}**. It predicts **{names[challenge.hidden_label]}**.")
    if best:
        lines.append(f"The grey picture of each winner is δ, drawn {DRAWN} × stronger.")
    side.markdown(" ".join(lines))
    return side


def _winner(
    challenge: Challenge,
    entry: Entry,
    pixels: np.ndarray,
    first: tuple[str, Prediction],
    second: tuple[str, Prediction] | None,
) -> None:
    medal = f"<i{' class=first' if entry.rank == 1 else ''}>{entry.rank}</i>"
    st.html(f"<div class='class-place'>{medal}<b>{html.escape(entry.nickname)}</b></div>")
    told = f"{categories()[entry.said.label]}, {percent(entry.said.probability)}"
    show_picture(pixels, f"The picture in place {entry.rank}; the network predicts {told}")
    show_picture(difference(challenge.pixels, pixels, DRAWN), f"δ in place {entry.rank}, drawn {DRAWN} × stronger")
    lines = f"<b class='score'>{html.escape(challenge.score_text(entry.score))}</b>"
    lines += "".join(
        f"<span>{html.escape(name)}</span><b>{html.escape(categories()[said.label])}, {percent(said.probability)}</b>"
        for name, said in filter(None, (first, second))
    )
    st.html(f"<div class='class-told'>{lines}</div>")


def transfers(challenge: Challenge, pictures: Sequence[np.ndarray]) -> list[tuple[str, Prediction] | None]:
    """Return the predictions of another network, which was not attacked; None where a rule has its own second one."""
    names = [info.name for info in list_classifiers() if info.is_here and info.name != challenge.classifier]
    if challenge.rule in ("jpeg", "hidden") or not names or not pictures:
        return [None] * len(pictures)
    title = f"{info_of(names[0]).title}, not attacked"
    try:  # the engine remembers them: a class that sees the results at once has them computed once
        return [(title, look(names[0], pixels, session=st.session_state.get("session", ""))) for pixels in pictures]
    except (RuntimeError, TimeoutError):  # the engine is full: the winners are shown without
        return [None] * len(pictures)


def _second(challenge: Challenge) -> str:
    return "as JPEG" if challenge.rule == "jpeg" else info_of(challenge.hidden or "").title


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
