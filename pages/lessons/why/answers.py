"""Section 5: the map of the answers."""

import streamlit as st

from pages.lessons.why.run import Run


def show_answers(_: Run) -> None:
    st.subheader("5 · A map of the answers", anchor="answers")
