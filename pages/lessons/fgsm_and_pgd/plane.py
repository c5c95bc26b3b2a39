"""The plane of two-pixel pictures, drawn in the browser; its point moves by a drag or a click."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

HTML = """<div class="plane"><div class="legend"></div></div>"""
DRAWING_CSS = """
.box {fill: none; stroke: var(--st-text-color); stroke-opacity: .5}
.edge {fill: none; stroke: var(--st-text-color); stroke-width: 2}
.halo {stroke: var(--st-background-color)}
.dot {fill: var(--st-text-color); stroke: var(--st-background-color); stroke-width: 2}
.dot.start {fill: var(--st-background-color); stroke: var(--st-text-color)}
.dot.moved {fill: none; stroke-width: 2.5}
svg text {fill: var(--st-text-color); font-size: 16px; font-weight: 600; paint-order: stroke;
  stroke: var(--st-background-color); stroke-width: 4px}
"""
CSS = (
    DRAWING_CSS
    + """
.plane {font-family: var(--st-font); color: var(--st-text-color); max-width: 540px}
.plane > svg {display: block; width: 100%; user-select: none; -webkit-user-select: none}
.legend {display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .875rem; min-height: 1.6em; align-items: center}
.legend span {display: inline-flex; align-items: center; gap: .3rem; white-space: nowrap}
.legend svg {width: 22px; height: 22px; flex: none}
.axis {stroke: var(--st-text-color); stroke-opacity: .45}
svg text.tick {font-size: 13px; font-weight: 400; stroke: none}
svg text.name {font-size: 14px; font-weight: 400; stroke: none}
/* A finger scrolls the page. A finger that begins on the point drags the point. */
.movable {cursor: crosshair; touch-action: pan-y}
.handle {fill: transparent; cursor: grab; touch-action: none}
.dragged .old {opacity: .25}
"""
)


def script(*files: str) -> str:
    """JavaScript files of this folder, one after the other."""
    return "\n".join((Path(__file__).parent / file).read_text(encoding="utf-8") for file in files)


_plane = st.components.v2.component("plane", html=HTML, css=CSS, js=script("drawing.js", "plane.js"))


def plane(key: str, scene: dict[str, Any], *, moved: Callable[[float, float], object] | None = None) -> None:
    """Show a scene.

    Args:
        key: unique on the page.
        scene: from `pages.lessons.fgsm_and_pgd.charts.scene`.
        moved: called, as a widget's callback, with the place of a drag or click; without it the point is fixed.
    """

    def tell() -> None:
        point = received((st.session_state.get(key) or {}).get("moved"))
        if moved is not None and point is not None:
            moved(*point)

    _plane(key=key, data={**scene, "movable": moved is not None}, on_moved_change=tell)


def received(sent: object) -> tuple[float, float] | None:
    """The point in a message of the browser, clipped to the square; None for an invalid message."""
    if not isinstance(sent, list | tuple) or len(sent) != 2:
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in sent):
        return None
    x, y = (min(max(float(value), 0.0), 1.0) for value in sent)
    return x, y
