"""Cookies: a browser remembers its visitor's token or secret of a room.

The page's address must not hold it, unlike all other state of a page: a shared or projected address would share the
right to act, and servers between browser and app log addresses.
"""

import re
from pathlib import Path

import streamlit as st

_jar = st.components.v2.component(
    "cookie", html="<span hidden></span>", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
)
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def remember(name: str, value: str, hours: int) -> bool:
    """Let the browser remember a value for later visits. Return False if it is known to have refused.

    Raises:
        ValueError: a name or a value with characters other than letters, digits, - and _.
    """
    if not _SAFE.fullmatch(name) or not _SAFE.fullmatch(value):
        raise ValueError("a cookie's name and value may have only letters, digits, - and _")
    with st.container(key=f"cookie_{name}"):
        jar = _jar(
            key=f"jar_{name}",
            data={"name": name, "value": value, "seconds": 3600 * hours},
            default={"refused": False},
            on_refused_change=lambda: None,
        )
    return not jar.refused


def remembered(name: str) -> str:
    """Return the value that the browser sent; "" for none."""
    value = st.context.cookies.get(name) or ""
    return value if _SAFE.fullmatch(value) else ""
