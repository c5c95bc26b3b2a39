"""The stage: original + k × perturbation = what the network now sees; and bars for the classes."""

import base64
import html

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import categories
from adv_core.figures import PALETTE
from adv_core.images import amplify, to_png
from pages.widgets.verdict import percent

CSS = """
<style>
.block-container {padding-top: 2.6rem; max-width: 1180px}
/* Three pictures stay in one row, on a phone too: their being side by side is the message. */
.st-key-stage [data-testid=stHorizontalBlock] {flex-wrap: nowrap; gap: .75rem}
.st-key-stage [data-testid=stColumn] {min-width: 0; flex: 1 1 0; width: auto}
.st-key-stage img {width: 100%; border-radius: .4rem}
.lab-op {font-weight: 600; font-size: .95rem; opacity: .8; min-height: 1.5em; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis}
.st-key-stage img, .st-key-noise img {image-rendering: pixelated}
.lab-cap b {font-size: 1.15rem; line-height: 1.25; display: block; overflow-wrap: anywhere}
.lab-cap span {opacity: .85; font-variant-numeric: tabular-nums; display: block}
.lab-cap {min-height: 4.2em}
.lab-bars {display: grid; grid-template-columns: minmax(5.5rem, 10rem) 1fr; gap: .3rem .6rem; align-items: center}
.lab-bars .n {text-align: right; line-height: 1.1; overflow-wrap: anywhere; font-size: .92rem}
.lab-bars .t {display: flex; align-items: center; gap: .5rem; font-size: .88rem; font-variant-numeric: tabular-nums}
.lab-bars .b {height: 1.05rem; border-radius: .2rem; min-width: 2px; flex: 0 0 auto}
.lab-bars .track {flex: 1; min-width: 0}
.lab-bars .v {width: 4.4rem; flex: 0 0 auto}
.st-key-gallery [data-testid=stHorizontalBlock] {flex-wrap: nowrap}
.st-key-gallery [data-testid=stColumn] {min-width: 0}
/* What is about to be redrawn keeps its look instead of fading: the page does not flicker while a run streams. */
[data-stale=true] {opacity: 1 !important; transition: none !important}
@media (max-width: 640px) {
  .lab-cap b {font-size: .92rem} .lab-cap span {font-size: .78rem} .lab-op {font-size: .74rem}
  .block-container {padding-left: 1rem; padding-right: 1rem}
}
@media print {[data-testid=stSidebar], [data-testid=stHeader] {display: none}}
</style>
"""
PRESENT_CSS = """
<style>
[data-testid=stSidebar], [data-testid=stHeader], [data-testid=stSidebarCollapsedControl] {display: none !important}
html {font-size: 20px}
.block-container {max-width: 1500px; padding-top: 1rem}
</style>
"""


def picture_uri(pixels: np.ndarray) -> str:
    """(H, W, 3) uint8 as a data address that holds exactly these pixels.

    Given bytes or arrays, ``st.image`` may encode them anew as JPEG; and a picture that arrives with its message cannot
    lag behind its caption while a run streams.
    """
    return "data:image/png;base64," + base64.b64encode(to_png(pixels)).decode()


class Stage:
    """Three picture slots that can be redrawn while a run streams."""

    def __init__(self) -> None:
        with st.container(key="stage"):
            self._columns = [column.container() for column in st.columns(3)]
        self._slots: list[tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]] = []
        for column in self._columns:
            self._slots.append((column.empty(), column.empty(), column.empty()))

    def original(self, pixels: np.ndarray, label: int, probability: float) -> None:
        """The untouched picture and what the network says of it."""
        name = categories()[label]
        self._draw(0, "original", pixels, name, percent(probability), f"Original picture, classified as {name}")

    def perturbation(self, before: np.ndarray, after: np.ndarray, factor: int, radius: str) -> None:
        """factor × (after - before) around grey, with the norms of just this difference."""
        delta = (after.astype(np.float32) - before.astype(np.float32)) / 255
        linf, l2 = norms(before, after)
        lines = f"‖δ‖∞ = {linf:g}/255", f"‖δ‖₂ = {l2:.2f}"
        picture = amplify(delta.transpose(2, 0, 1), factor)
        alt = f"Perturbation amplified {factor} times; largest change {linf:g} of 255 levels"
        self._draw(1, f"+ {factor} × perturbation", picture, f"ε = {radius}", " · ".join(lines), alt)

    def fooled(self, pixels: np.ndarray, label: int, probability: float) -> None:
        """x + δ and what the network says now."""
        name = categories()[label]
        alt = f"Perturbed picture, classified as {name}"
        self._draw(2, "= what it now sees", pixels, name, percent(probability), alt)

    def _draw(self, slot: int, title: str, pixels: np.ndarray, headline: str, line: str, alt: str) -> None:
        top, picture, caption = self._slots[slot]
        top.html(f"<div class='lab-op'>{html.escape(title)}</div>")
        picture.image(picture_uri(pixels), width="stretch", alt=alt)
        caption.html(f"<div class='lab-cap'><b>{html.escape(headline)}</b><span>{html.escape(line)}</span></div>")


def norms(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """(‖δ‖∞ in levels of 255, ‖δ‖₂ in pixel units) of the difference of two 8-bit pictures."""
    difference = after.astype(np.int32) - before.astype(np.int32)
    return float(np.abs(difference).max(initial=0)), float(np.sqrt(np.square(difference / 255).sum()))


def class_colours(*important: int) -> dict[int, str]:
    """One colour a class, the same in every chart: the important ones first."""
    return {c: PALETTE[i % len(PALETTE)] for i, c in enumerate(dict.fromkeys(important))}


def bars(slot: DeltaGenerator, probabilities: np.ndarray, classes: list[int], colours: dict[int, str]) -> None:
    """Probability bars for the given classes, on one scale from 0 to 100 %."""
    rows = []
    for index in classes:
        name, p = html.escape(categories()[index]), float(probabilities[index])
        colour = colours.get(index, "#8a949e")
        rows.append(
            f"<div class='n'>{name}</div><div class='t'><div class='track'>"
            f"<div class='b' style='width:{100 * p:.2f}%;background:{colour}'></div></div>"
            f"<div class='v'>{html.escape(percent(p))}</div></div>"
        )
    slot.html(f"<div class='lab-bars' role='group' aria-label='Class probabilities'>{''.join(rows)}</div>")


def top(probabilities: np.ndarray, count: int = 5) -> list[int]:
    """Indices of the likeliest classes, the likeliest first."""
    return [int(i) for i in np.argsort(-probabilities, kind="stable")[:count]]
