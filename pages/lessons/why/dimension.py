"""Section 1: many small steps add up."""

from collections.abc import Iterator

import streamlit as st

from pages.lessons.why.run import Run
from pages.lessons.why.settings import SIDES, page


def show_dimension(_: Run) -> Iterator[None]:
    st.subheader("1 · Many small steps add up", anchor="dimension")
    page.control("side", st.select_slider, "Side of the digits, in pixels", SIDES)
    yield
