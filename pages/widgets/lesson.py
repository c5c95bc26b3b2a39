"""What every lesson has around its story: an opening, a word for the lecturer, references, a link, the next lesson;
and what lessons draw in it: tables, charts, rows of small pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.contents import LAB, LESSONS
from pages.widgets.controls import Controls
from pages.widgets.stage import CSS, PRESENT_CSS, picture_uri


def opening(page: Controls[Any], title: str, lead: str) -> None:
    """Title and lead, in the look of the app; and what of the link could not be taken. Call it after `page.start`."""
    st.html(CSS)
    if page.value.present:
        st.html(PRESENT_CSS)
    st.title(title, anchor=False)
    st.markdown(lead)
    for note in page.notes:
        st.info(note, icon=":material/link:")
    if page.value.present:
        leave = {"present": False}
        st.button("Leave presentation mode", on_click=page.set, kwargs=leave, type="tertiary", key="leave_presenting")


def presenting(page: Controls[Any]) -> None:
    """The switch for the projector, for the page's sidebar."""
    page.control("present", st.toggle, "Presentation mode")
    st.caption("Hides this bar and enlarges everything, for a projector.")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], slot: DeltaGenerator | None = None) -> None:
    """A table whose cells are markdown.

    Args:
        slot: where to draw it, for one that is drawn again while its rows come.
    """
    lines = [head, ["---"] * len(head), *rows]
    (slot or st).markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def chart(figure: go.Figure, key: str, alt: str) -> None:
    """A plotly figure without the bar of tools over it."""
    st.plotly_chart(figure, config={"displayModeBar": False}, key=key, alt=alt)


def pictures(*shown: tuple[np.ndarray, str, str], width: int = 150) -> None:
    """Small pictures side by side: ((H, W, 3) uint8, what stands below, text alternative), that many pixels wide."""
    with st.container(horizontal=True, gap="small"):
        for pixels, caption, alt in shown:
            with st.container(width=width):
                st.image(picture_uri(pixels), width="stretch", alt=alt)
                st.caption(caption)


def for_the_lecturer(page: Controls[Any], script: str, pitfalls: str, **settings: object) -> None:
    """The two-minute script, the link to open, and what usually goes wrong.

    Args:
        script, pitfalls: markdown.
        settings: the state that the link shall open, beside presentation mode.
    """
    with st.expander("For the lecturer", icon=":material/co_present:"):
        st.markdown(f"**The two-minute script**\n\n{script}")
        st.markdown("**The link to open**")
        defaults = {name: value for name, value in vars(page.kind()).items() if name != "done"}
        st.code(page.link(**{**defaults, **settings, "present": True, "done": ""}), language=None, wrap_lines=True)
        st.markdown(f"**What usually goes wrong**\n\n{pitfalls}")


def closing(page: Controls[Any], references: Sequence[tuple[str, str]]) -> None:
    """References (text, address), the link to the present state, and where to go on."""
    st.subheader("Read on", anchor=False)
    st.markdown("\n".join(f"- [{text}]({address})" for text, address in references))
    st.markdown("**Link to exactly this state**")
    st.code(page.link(), language=None, wrap_lines=True)
    here = next((i for i, (_, _, name) in enumerate(LESSONS) if name == page.name), len(LESSONS))
    present = {"present": "1"} if page.value.present else None
    with st.container(horizontal=True):
        if here + 1 < len(LESSONS):
            file, title, _ = LESSONS[here + 1]
            st.page_link(file, label=f"Next: {title}", icon=":material/arrow_forward:", query_params=present)
        st.page_link(LAB, label="Try it in the Attack Lab", icon=":material/science:")
