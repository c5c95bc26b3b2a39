"""A countdown that runs in the browser, without a rerun of the page every second."""

from pathlib import Path

import streamlit as st

_clock = st.components.v2.component(
    "countdown",
    html="<div class='left' role='timer' aria-label='Time left' translate='no'></div>",
    css="""
.left {font-family: var(--st-font); color: var(--st-text-color); font-size: 2.4rem; font-weight: 700; line-height: 1.2;
  font-variant-numeric: tabular-nums; min-height: 1.2em; white-space: nowrap}
.left.soon {color: #D55E00}
""",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def countdown(key: str, seconds: float) -> None:
    """Show the remaining time, counting down from now."""
    _clock(key=key, data={"left": round(seconds, 1)})
