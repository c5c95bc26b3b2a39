"""The section on the printed stickers."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import streamlit as st

from adv_core.signs.stickers import BARE, GRID
from pages.lessons.signs.run import Run, around, title
from pages.lessons.signs.settings import page
from pages.widgets.glossary import prose
from pages.widgets.printing import for_printing
from pages.widgets.stage import save_button

WIDEST, HIGHEST = 180.0, 200.0  # of a picture on A4, in millimetres
PAPER = 215  # the level of what is cut away


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
        save_button(
            "Stickers to print (HTML)",
            partial(sheets, run, page.value.wide, title(run.target)),
            "stickers.html",
            key="signs_sheets",
        )
        st.caption(
            f"The stickers at their true size for a sign {page.value.wide} mm wide: a square is "
            f"{page.value.wide / GRID:.1f} mm wide. The first sheet shows where they go. Cut the light grey away, and "
            "print at 100 %, without fitting to the page."
        )


def sheets(run: Run, wide: int, target: str) -> bytes:
    """The sheets as one HTML file: the sign, then each part of it that has stickers and fits on a sheet.

    It is called when somebody saves them, outside of a run of the page: it reads no settings.

    Args:
        wide: of the sign, in millimetres; target: the title of the sign to be read.
    """
    assert run.stuck is not None
    assert run.box is not None
    assert run.squares is not None
    side = wide / GRID
    columns, rows = (max(min(int(most / side), GRID), 1) for most in (WIDEST, HIGHEST))
    shown = [(around(run.stuck, run.box), "Where the stickers go.")]
    for top in range(0, GRID, rows):
        for left in range(0, GRID, columns):
            part = run.squares[top : top + rows, left : left + columns]
            if (part == BARE).all():
                continue
            whole = np.full((rows, columns), PAPER, np.uint8)
            whole[: part.shape[0], : part.shape[1]] = np.where(part == BARE, PAPER, part)
            text = (
                f"The upper left corner of this part is {left * side:.0f} mm from the left and {top * side:.0f} mm "
                f"from the top of the square around a sign {wide} mm wide."
            )
            shown.append((np.repeat(whole[..., None], 3, 2), text))
    footer = f"Adversarial Lab: stickers towards “{target}”, for a sign of your own, never for a road"
    return for_printing(shown, footer, columns * side)
