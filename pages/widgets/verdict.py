"""The result of an attack in a box: one colour and one icon for each meaning, in the whole app.

Amber with a bolt: the network is fooled. Blue with a shield: the network holds. Blue with an "i": a note on settings.
Green and red are left for answers to questions, and red for errors. The text says it too, so the colour is never the
only sign.
"""

from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

Kind = Literal["fooled", "held", "note"]


def fooled(slot: DeltaGenerator | None, text: str) -> None:
    """Tell in markdown that the attack has reached its aim. Without a slot, the box is drawn here."""
    (slot or st).warning(text, icon=":material/bolt:")


def held(slot: DeltaGenerator | None, text: str) -> None:
    """Tell in markdown that the network is robust to the attack, or predicts the true class."""
    (slot or st).info(text, icon=":material/shield:")


def note(slot: DeltaGenerator | None, text: str) -> None:
    """Tell in markdown what the settings do not allow, or what they need."""
    (slot or st).info(text, icon=":material/info:")


def tell(slot: DeltaGenerator | None, kind: Kind, text: str) -> None:
    """Draw the box of that kind."""
    {"fooled": fooled, "held": held, "note": note}[kind](slot, text)
