"""Section 3: features, not bugs."""

from collections.abc import Iterator

import streamlit as st

from pages.lessons.why.run import Run


def show_features(_: Run) -> Iterator[None]:
    st.subheader("3 · Features, not bugs", anchor="features")
    yield
