"""The result of a leaderboard: what broke each digit, as a grid to click on and as one example."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.norms import NORMS
from adv_core.serving.engine.digits import digits
from pages.lessons.evaluation.charts import grid_chart
from pages.lessons.evaluation.settings import (
    page,
)
from pages.lessons.evaluation.verdict_tasks import MOST, Scored
from pages.widgets.charts import PALETTE
from pages.widgets.digits import ink, signed
from pages.widgets.lesson import table
from pages.widgets.stage import PictureRow, percent, picture_uri
from pages.widgets.verdict import fooled, held, note

STANDS, CLEAN = "no attack: it stands", "without an attack"
state = st.session_state


@dataclass(frozen=True, eq=False)
class Board:
    """The attacks that have ended, the untouched digits first, and what follows for each of N digits."""

    scores: Sequence[Scored]

    @property
    def attacks(self) -> Sequence[Scored]:
        return self.scores[1:]

    @property
    def stands(self) -> np.ndarray:
        """(N,) bool, the digits that no attack has broken, and that are right without one."""
        return ~np.any([score.broke for score in self.scores], axis=0)

    @property
    def saved(self) -> np.ndarray:
        """(N,) bool, the digits that some attack has broken as a picture of 8 bits, or that are wrong as they are."""
        return np.any([score.saved for score in self.scores], axis=0)

    def first(self, place: int) -> Scored | None:
        """The first attack that broke that digit, or the untouched digits where it is wrong by itself."""
        return next((score for score in self.scores if score.broke[place]), None)

    def shown(self, place: int) -> Scored:
        """The attack whose picture is shown: the first one whose picture of 8 bits is misclassified, if any."""
        by = next((score for score in self.scores if score.saved[place]), None) or self.first(place)
        return by or self.scores[0]

    @property
    def example(self) -> int:
        """The digit that the link names, or the first one that an attack has broken."""
        if 0 <= page.value.example < len(self.stands):
            return page.value.example
        broken = ~self.stands & ~self.scores[0].broke
        return int(broken.argmax())


def _cells(board: Board) -> tuple[list[tuple[str, str, str]], dict[str, str]]:
    """The cells of the grid, and the colours of the frames that occur in it."""
    shades = {CLEAN: "#333333"} | dict(
        zip([score.title for score in board.attacks], (PALETTE[7], *PALETTE[:7]), strict=False)
    )
    labels = digits("test").labels
    cells = []
    for place in range(len(board.stands)):
        first, shown = board.first(place), board.shown(place)
        by = STANDS if first is None else first.title
        becomes = f" becomes {int(shown.says[place])}" if shown.saved[place] else ""
        url = picture_uri(ink(shown.pixels[place] / 255, 1))
        cells.append((url, by, f"number {place}: {int(labels[place])}{becomes}"))
    found = {by for _, by, _ in cells}
    return cells, {name: shade for name, shade in (shades | {STANDS: "#d5d9de"}).items() if name in found}


def _grid_alt(board: Board) -> str:
    _, colours = _cells(board)
    firsts = [board.first(place) for place in range(len(board.stands))]
    counts = {name: sum((STANDS if f is None else f.title) == name for f in firsts) for name in colours}
    return "The digits, by the attack that broke them first: " + ", ".join(f"{k}: {n}" for k, n in counts.items())


def draw_grid(board: Board, slot: DeltaGenerator) -> None:
    cells, colours = _cells(board)
    slot.vega_lite_chart(grid_chart(cells, colours, None, clicks=False), width="content", alt=_grid_alt(board))


def clickable(board: Board, slot: DeltaGenerator) -> None:
    cells, colours = _cells(board)
    slot.empty()
    st.vega_lite_chart(
        grid_chart(cells, colours, board.example, clicks=True),
        width="content",
        key="evaluation_cell",
        on_select=_clicked,
        alt=_grid_alt(board) + ". Click one; the number below does the same",
    )
    page.control("example", st.number_input, "Digit number (−1: the first broken one)", -1, MOST - 1, width=220)
    if page.value.example >= len(cells):
        st.caption(f"Digit {page.value.example} is not among these {len(cells)}: digit {board.example} is shown.")


def _clicked() -> None:
    """Show the digit that was clicked."""
    if chosen := state.evaluation_cell.selection.get("cell") or []:
        page.set(example=int(chosen[0]["place"]))


def show_example(board: Board, row: PictureRow, about: DeltaGenerator, rest: DeltaGenerator) -> None:
    """Show the picture of the attack that broke the digit, and what every attack did to it."""
    place, ball = board.example, NORMS[page.value.norm]
    data, first, shown = digits("test")[place], board.first(board.example), board.shown(board.example)
    label, untouched = int(data.labels), (data.images[0].numpy() * 255).round().astype(np.int64)
    row.show("x", ink(untouched / 255, 8), f"digit {label}", f"number {place}")
    delta = (shown.pixels[place].astype(np.int64) - untouched) / 255
    limit = float(np.abs(delta).max())
    size = f"‖δ‖ = {shown.sizes[place]:.3g} ({ball.title})"
    row.show("delta", signed(delta, limit, 8), size, f"full colour: {limit:.2g}")
    wrong = bool(shown.saved[place])
    row.show(
        "end",
        ink(shown.pixels[place] / 255, 8),
        f"{'⚡ ' if wrong else ''}“{int(shown.says[place])}”",
        f"{percent(float(shown.p[place]))}, {'wrong' if wrong else 'right'}",
    )
    if first is None:
        held(about, f"Digit {place}, a {label}, **stands**: no attack has found a δ. This is no proof (section 6).")
    elif first.key == "clean":
        note(about, f"Digit {place}, a {label}, is misread as “{int(shown.says[place])}” without an attack.")
    elif wrong:
        other = "" if shown is first else f" The picture is that of {shown.title}."
        text = f"**{first.title}** was the first to break digit {place}.{other} Saved in 8 bits, it is misread, too."
        fooled(about, text)
    else:
        held(
            about,
            f"**{first.title}** broke digit {place}, but only with a δ of real numbers. Rounded to 8 bits in the ball, "
            f"the picture is read as {label} again: a saved file does not fool the network.",
        )
    with rest.container():
        table(("attack", "x + δ in real numbers", "saved in 8 bits"), [_line(score, place) for score in board.attacks])
        st.caption(
            "δ: orange adds ink, blue removes ink. A picture is rounded to 8 bits inside the ball; where that loses "
            "the wrong class and there is room in the ball, δ is made longer. The prediction shown is that of the "
            "saved picture."
        )


def _line(score: Scored, place: int) -> tuple[str, str, str]:
    real = "broken" if score.broke[place] else "stands"
    saved = f"read as {int(score.says[place])}, {percent(float(score.p[place]))}" if score.saved[place] else "stands"
    return score.title, real, saved
