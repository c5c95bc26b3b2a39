"""Section 2: robust networks ask for real pictures."""

from collections.abc import Iterator

import streamlit as st

from pages.lessons.why.run import Run


def show_gradients(_: Run) -> Iterator[None]:
    st.subheader("2 · Robust networks ask for real pictures", anchor="gradients")
    yield
