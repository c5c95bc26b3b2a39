"""Section 4: a price to pay?"""

from collections.abc import Iterator

import streamlit as st

from pages.lessons.why.run import Run


def show_price(_: Run) -> Iterator[None]:
    st.subheader("4 · A price to pay?", anchor="price")
    yield
