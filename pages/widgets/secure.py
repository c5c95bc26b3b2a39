"""Parts of a page that browsers allow over https only, or on the visitor's own machine: camera and microphone."""

import re
from urllib.parse import urlsplit

import streamlit as st

# Browsers trust these hosts also over plain http (W3C, Secure Contexts).
_OWN_MACHINE = re.compile(r"(.+\.)?localhost|127(\.\d{1,3}){3}|::1")


def is_secure() -> bool:
    """Tell whether the visitor's browser gives this page camera and microphone; True if the address is not known."""
    parts = urlsplit(st.context.url or "")
    return parts.scheme != "http" or _OWN_MACHINE.fullmatch(parts.hostname or "") is not None


def secure_toggle(label: str, key: str, instead: str) -> bool:
    """Draw a switch for a part that needs https. Without https, tell so instead, and return False.

    Args:
        instead: a sentence that says what the visitor can do.
    """
    if is_secure():
        return st.toggle(label, key=key)
    st.caption(f":material/no_encryption: {label}: browsers allow this over https only. {instead}")
    return False
