"""A button that starts a computation of more than about ten seconds, so that a page opens with what takes less."""

from collections.abc import Hashable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def is_wanted(key: str, settings: Hashable, takes: str, slot: DeltaGenerator) -> bool:
    """Tell whether the visitor has started this computation. If not, draw the button for it.

    Args:
        key: of the button.
        settings: those of the computation. With others, the button is there again, since its result is not.
        takes: the time that the computation takes, in words.
        slot: the place of the button.
    """
    wanted: set[Hashable] = st.session_state.setdefault(f"{key} wanted", set())
    if settings in wanted:
        return True
    slot.button(
        f"Run this ({takes} on two processor cores)",
        key=key,
        icon=":material/play_arrow:",
        on_click=wanted.add,
        args=(settings,),
    )
    return False
