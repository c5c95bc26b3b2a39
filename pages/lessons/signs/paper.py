"""The section on the printed stickers."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import streamlit as st

from adv_core.signs.stickers import GRID
from pages.lessons.signs.run import Run, around, title
from pages.lessons.signs.settings import page
from pages.widgets.glossary import prose
from pages.widgets.printing import for_printing
from pages.widgets.stage import save_button

WIDEST = 180  # of a picture on A4, in millimetres


def on_paper(run: Run) -> Iterator[None]:
    st.subheader("5 · Print the stickers", anchor="print")
    prose(
        "Print the stickers, put them on a sign **of your own** (a drawing, a printout, a toy; never on a road), "
        "photograph it, and upload the photograph in the settings of the page. What does the network read? Paper, ink "
        "and your camera change more than the views above; this page has not measured how much more."
    )
    page.control("wide", st.number_input, "Width of your sign in millimetres", 60, 900, step=10, width=260)
    place = st.container(key="signs_print").empty()
    yield
    if run.stuck is None or run.squares is None:
        return
    with place.container():
        save_button("Stickers to print (HTML)", partial(sheets, run), "stickers.html", key="signs_sheets")
        st.caption(
            f"One sticker on each sheet, {sticker_width():.0f} mm wide, as large as a sign of {page.value.wide} mm "
            "needs it; the first sheet shows where they go. Print at 100 %, without fitting to the page."
        )


def sticker_width() -> float:
    """The width of a sticker on paper, in millimetres."""
    return min(page.value.bars[0].columns / GRID * page.value.wide, WIDEST)


def sheets(run: Run) -> bytes:
    """The sheets as one HTML file."""
    assert run.stuck is not None
    assert run.box is not None
    assert run.squares is not None
    wide, before, shown = page.value.wide, 0, [(around(run.stuck, run.box), "Where the stickers go.")]
    for number, bar in enumerate(page.value.bars, 1):
        squares = run.squares[before : before + bar.squares].reshape(bar.rows, bar.columns)
        before += bar.squares
        left, top = (each / GRID * wide for each in (bar.column, bar.row))
        shown.append(
            (
                np.repeat(squares[..., None], 3, 2),
                f"Sticker {number}: its upper left corner {left:.0f} mm from the left and {top:.0f} mm from the top of "
                f"the square around a sign {wide} mm wide.",
            )
        )
    footer = f"Adversarial Lab: stickers towards “{title(run.target)}”, for a sign of your own, never for a road"
    return for_printing(shown, footer, sticker_width())
