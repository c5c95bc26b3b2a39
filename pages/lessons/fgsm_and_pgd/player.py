"""A player of attacks in the plane, phase by phase, several side by side: back, play, pause, next, and a slider.

Everything runs in the browser: a class that plays and steps makes no requests to the server.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.lessons.fgsm_and_pgd.plane import DRAWING_CSS, script

HTML = """
<div class="player" role="group">
  <div class="panels"></div>
  <div class="bar">
    <button type="button" class="back">Back</button>
    <button type="button" class="play">Play</button>
    <button type="button" class="next">Next</button>
    <input type="range" min="0" value="0" step="1" aria-label="Phase of the run">
    <span class="where" role="status"></span>
  </div>
</div>
"""
CSS = (
    DRAWING_CSS
    + """
.player {font-family: var(--st-font); color: var(--st-text-color)}
.panels {display: flex; gap: 1rem}
figure {margin: 0; flex: 1 1 0; min-width: 0; max-width: min(520px, 52vh)}
.title {font-weight: 600; margin-bottom: .25rem}
.scene {position: relative; aspect-ratio: 1; overflow: hidden; border-radius: var(--st-base-radius);
  box-shadow: inset 0 0 0 1px var(--st-border-color)}
.scene svg {position: absolute; inset: 0; width: 100%; height: 100%}
/* Space for the longest text, so that nothing moves. */
.text {font-size: .875rem; line-height: 1.35; min-height: 4.1em; margin-top: .35rem; font-variant-numeric: tabular-nums}
@media (max-width: 640px) {
  .panels {gap: .5rem} .title {font-size: .8rem; min-height: 2.6em} .text {font-size: .78rem; min-height: 9.5em}
}
.bar {display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin-top: .25rem}
button {font: inherit; font-size: .875rem; color: inherit; background: var(--st-background-color); flex: none;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); padding: .25rem .75rem;
  min-height: 2.5rem; min-width: 4.2rem; cursor: pointer; touch-action: manipulation}
button.play {background: var(--st-primary-color); border-color: var(--st-primary-color);
  color: var(--st-background-color)}
button:not(.play):hover {color: var(--st-primary-color); border-color: var(--st-primary-color)}
button:focus-visible, input:focus-visible {outline: 3px solid var(--st-primary-color); outline-offset: 1px}
button:disabled {opacity: .4; cursor: default; color: inherit; border-color: var(--st-border-color)}
input {flex: 1 1 9rem; min-width: 7rem; accent-color: var(--st-primary-color); min-height: 2.5rem}
.where {font-size: .875rem; min-width: 11.5rem; font-variant-numeric: tabular-nums}
"""
)
_player = st.components.v2.component("plane_player", html=HTML, css=CSS, js=script("drawing.js", "player.js"))


def player(key: str, panels: Sequence[dict[str, Any]], colours: dict[str, str], steps: int) -> None:
    """Show runs of the same number of steps, synchronised. Until somebody plays them, the player shows their end.

    Args:
        key: unique on the page.
        panels: from `pages.lessons.fgsm_and_pgd.charts.panel`, one a run.
        colours: of "gradient", "step" and "back", the three arrows.
        steps: the number of steps of each run.
    """
    _player(key=key, data={"panels": list(panels), "colours": colours, "steps": steps})
