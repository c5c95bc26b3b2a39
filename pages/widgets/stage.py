"""Rows of pictures that are redrawn while a run streams; the stage of an attack; bars for classes."""

import base64
import html
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from mimetypes import guess_type
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import categories
from adv_core.images import difference, to_png
from pages.widgets.charts import PALETTE

CSS = """
<style>
.block-container {padding-top: 2.6rem; max-width: 1180px}
/* Three pictures stay in one row, on a phone too, since the page is about comparing them. */
[class*=st-key-stage] [data-testid=stHorizontalBlock] {flex-wrap: nowrap; gap: .75rem}
[class*=st-key-stage] [data-testid=stColumn] {min-width: 0; flex: 1 1 0; width: auto}
[class*=st-key-stage] img {width: 100%; border-radius: .4rem}
.lab-op {font-weight: 600; font-size: .95rem; min-height: 1.5em; text-wrap: balance; line-height: 1.25}
/* The first element of a playground stays in sight while the controls below it are used. */
[class*=st-key-play_] > :first-child {position: sticky; top: 3.6rem; z-index: 30; padding: .3rem 0;
  background: light-dark(#fdfdfb, #10161d)}
[class*=st-key-play_] > :first-child img {max-height: 34vh; object-fit: contain; object-position: left}
[class*=st-key-play_] > :first-child [data-testid=stVerticalBlock] {gap: .4rem}
/* What gets the focus, or is named by a link, comes to stand below the bar at the top and below those pictures. */
[data-testid=stMain] {scroll-padding-top: 4rem}
[class*=st-key-play_] > :not(:first-child) :is(button, input, a, [tabindex]) {scroll-margin-top: calc(34vh + 11rem)}
[data-testid=stMain]:focus-visible {outline: 3px solid light-dark(#0b62a0, #58b4e8); outline-offset: -3px}
:is([data-testid=stCheckbox], [data-testid=stRadio]) label:has(:focus-visible) {
  outline: 3px solid light-dark(#0b62a0, #58b4e8); outline-offset: 2px; border-radius: .2rem}
/* The place of a chart that is not there yet: its two axes, and a word. */
.skeleton {border-left: 2px solid; border-bottom: 2px solid; border-color: light-dark(#c9d0d6, #3a4754);
  border-radius: 0 .4rem 0 0; background: light-dark(#f0f2f4, #1b242e); display: flex; align-items: center;
  justify-content: center; padding: 0 1rem; text-align: center; box-sizing: border-box}
/* A formula or a table that is wider than its place can be scrolled. */
[data-testid=stMarkdownContainer]:has(> table) {overflow-x: auto}
.katex-display {overflow-x: auto; overflow-y: hidden; padding: .15rem .25rem}
[class*=st-key-stage] img, .st-key-noise img {image-rendering: pixelated}
.lab-cap b {font-size: 1.15rem; line-height: 1.25; display: block; overflow-wrap: anywhere}
.lab-cap span {white-space: pre-line; font-variant-numeric: tabular-nums; display: block}
.lab-cap {min-height: 4.8em}
/* Streamlit fades secondary text, also that of charts, to less contrast than 4.5:1. */
:is([data-testid=stCaptionContainer], [data-testid=stButton] kbd, blockquote) {opacity: 1 !important}
:is([data-testid=stCaptionContainer], [data-testid=stButton] kbd, .lab-op, .lab-cap span) {
  color: color-mix(in srgb, currentColor 75%, transparent)}
[data-testid=stVegaLiteChart] :is([class*=role-axis-], [class*=role-legend-]) text,
[data-testid=stPlotlyChart] :is(.xtick, .ytick, .g-xtitle, .g-ytitle) text {
  fill: light-dark(#56606b, #e6eaf1) !important}
/* The grey of the charts (`charts.GREY`) is too light for numbers on white. */
[data-testid=stVegaLiteChart] text[fill="#8a8f98"] {fill: light-dark(#56606b, #b2bac3)}
[data-testid=stCode] code .token:is(.comment, .punctuation) {color: light-dark(#5b6470, #9aa3ad)}
[data-testid=stCode] code .token:is(.keyword, .function) {color: light-dark(#0b62a0, #58b4e8)}
[data-testid=stCode] code .token.string {color: light-dark(#1b7136, #4fc777)}
[data-testid=stCode] code .token:is(.number, .boolean) {color: light-dark(#00696f, #45c4b0)}
[data-testid=stCode] code .token.operator {color: light-dark(#a3460b, #f08b4a)}
/* Streamlit writes white on the primary colour, which is a light blue in the dark theme. */
:is([data-testid^=stBaseButton-primary], [data-testid^=stBaseLinkButton-primary]):not(:disabled) {
  color: light-dark(white, #10161d)}
/* The formats of an upload stand in two lines rather than in one that is cut off. */
[data-testid=stFileUploaderDropzoneInstructions] * {white-space: normal; overflow: visible}
/* Parts that come and go keep their height, so that nothing below jumps. */
.st-key-status {min-height: 4rem}
.st-key-replay {min-height: 5rem}
.st-key-before, .st-key-after {min-height: 11rem}
.st-key-loss {min-height: 13.5rem}
.st-key-evaluation_metrics {min-height: 7rem}
.st-key-evaluation_series {min-height: 31rem}
.st-key-error_curves, [class*=st-key-room_] {min-height: 24rem}
.lab-bars {display: grid; grid-template-columns: minmax(5.5rem, 10rem) 1fr; gap: .3rem .6rem; align-items: center}
.lab-bars .n {text-align: right; line-height: 1.1; overflow-wrap: anywhere; font-size: .92rem}
.lab-bars .t {display: flex; align-items: center; gap: .5rem; font-size: .88rem; font-variant-numeric: tabular-nums}
.lab-bars .b {height: 1.05rem; border-radius: .2rem; min-width: 2px; flex: 0 0 auto}
.lab-bars .track {flex: 1; min-width: 0}
.lab-bars .v {width: 4.4rem; flex: 0 0 auto}
.st-key-menu [role=radiogroup] {flex-wrap: wrap}
.st-key-gallery [data-testid=stHorizontalBlock] {flex-wrap: nowrap}
.st-key-gallery [data-testid=stColumn] {min-width: 0}
.st-key-gallery, .st-key-gallery [data-testid=stVerticalBlock] {gap: .3rem}
.st-key-gallery img {max-height: 9vh; object-fit: cover}
[data-testid=stPopoverBody]:has(.st-key-gallery) {max-height: calc(100vh - 12rem); overflow-y: auto}
.st-key-gallery button {padding: .2rem; min-height: 2.4rem}
.st-key-gallery button p {white-space: normal; font-size: .75rem; line-height: 1.1}
/* Parts that are about to be redrawn do not fade: the page does not flicker while a run streams. */
[data-stale=true] {opacity: 1 !important; transition: none !important}
@media (max-width: 640px) {
  .lab-op {min-height: 2.5em}
  [class*=st-key-play_] > :first-child img {max-height: none}
  .lab-cap b {font-size: .92rem} .lab-cap span {font-size: .78rem} .lab-op {font-size: .74rem}
  .block-container {padding-left: 1rem; padding-right: 1rem}
  .katex-display {font-size: .9em}
}
/* A term of the glossary shows its meaning beside itself; where the browser cannot place it, at the screen's edge. */
.term {text-decoration: underline dotted; text-underline-offset: .2em; cursor: help}
.term:is(:hover, :focus) {anchor-name: --term}
.term:is(:hover, :focus)::after {content: attr(data-meaning); position: fixed; z-index: 1000; width: max-content;
  max-width: min(22rem, 92vw); padding: .5rem .7rem; border-radius: .4rem; font-size: .9rem; line-height: 1.35;
  font-weight: 400; text-align: left; background: light-dark(#1f2933, #e8edf2); color: light-dark(white, #10161d)}
@supports (anchor-name: --term) {
  .term:is(:hover, :focus)::after {position-anchor: --term; position-area: block-end span-inline-end; margin: .3rem 0;
    position-try-fallbacks: flip-inline, flip-block, flip-block flip-inline}
}
@supports not (anchor-name: --term) {
  .term:is(:hover, :focus)::after {bottom: 1rem; left: 50%; transform: translateX(-50%)}
}
/* A section's link can be copied without a pointer that hovers. */
h3 [data-testid=stHeaderActionElements] a {opacity: .5}
h1 {font-size: clamp(1.7rem, 1.2rem + 2vw, 2.3rem) !important}
@media print {[data-testid=stSidebar], [data-testid=stHeader] {display: none}}
</style>
"""
PRESENT_CSS = """
<style>
[data-testid=stSidebar], [data-testid=stHeader], [data-testid=stSidebarCollapsedControl] {display: none !important}
html {font-size: 19px}
.block-container {max-width: 1400px; padding-top: .5rem}
[class*=st-key-play_] > :first-child {top: 0}
</style>
"""


NAVIGATION, SIDEBAR = "[data-testid^=stTopNav], [data-testid=stSidebarNav]", "[data-testid=stSidebar]"
SIDEBAR_BUTTON = "[data-testid=stExpandSidebarButton]"


def hiding(hides: Callable[[str], bool]) -> str:
    """CSS for the parts around the page that a link hides: its navigation, its sidebar."""
    gone = [NAVIGATION] * hides("navigation") + [f"{SIDEBAR}, {SIDEBAR_BUTTON}"] * hides("sidebar")
    return f"<style>{', '.join(gone)} {{display: none !important}}</style>" if gone else ""


def drawn(times: int) -> str:
    """Return the title of a δ that is drawn with that factor, around grey, between x and x + δ."""
    return f"+ δ (drawn {times} × stronger)" if times != 1 else "+ δ"


def drawn_times(levels: float) -> int:
    """Return the factor to draw a δ of at most so many levels with: it neither vanishes nor saturates."""
    return max(1, min(10, int(127 / max(levels, 1))))


def playground(key: str) -> DeltaGenerator:
    """Return a container whose first element, a row of pictures, stays in sight while its other elements are used."""
    return st.container(key=f"play_{key}")


def picture_uri(pixels: np.ndarray) -> str:
    """Encode (H, W, 3) uint8, or (H, W, 4) with opacity, as a data address that holds exactly these pixels.

    ``st.image`` may encode bytes or arrays anew as JPEG. A picture inside its message also cannot lag behind its
    caption while a run streams.
    """
    return _uri(pixels.tobytes(), pixels.shape)


@lru_cache(maxsize=48)  # the same picture is drawn at the end of a run, in its verdict, and in each rerun after it
def _uri(data: bytes, shape: tuple[int, ...]) -> str:
    return "data:image/png;base64," + base64.b64encode(to_png(np.frombuffer(data, np.uint8).reshape(shape))).decode()


def show_picture(pixels: np.ndarray, alt: str, slot: DeltaGenerator | None = None) -> None:
    """Draw a picture (H, W, 3) or (H, W, 4) uint8 as wide as its place, with its text alternative."""
    (slot or st).image(picture_uri(pixels), width="stretch", alt=alt)


@dataclass(frozen=True)
class Panel:
    """A picture of the stage with the texts above and below it."""

    title: str
    picture: str
    headline: str
    line: str
    alt: str


def save_button(
    label: str, data: str | bytes | Callable[[], bytes], name: str, slot: DeltaGenerator | None = None, **options: Any
) -> None:
    """Draw a button that saves the data as a file of that name, without a run of the page."""
    (slot or st).download_button(label, data, name, guess_type(name)[0], on_click="ignore", **options)


def waiting(pixels: np.ndarray) -> list[Panel]:
    """The panels of the stage before any computation; they give it its full size from the start."""
    grey = picture_uri(np.full_like(pixels, 128))
    return [
        Panel("x, the original", picture_uri(pixels), "…", "classifying …", "Original picture, not yet classified"),
        Panel("+ δ", grey, "…", "", "Perturbation, not yet computed"),
        Panel("= x + δ", grey, "…", "", "Perturbed picture, not yet computed"),
    ]


class _Panels:
    """Pictures with their texts, one in each column. Only changes are drawn, since each element is a message to the
    browser.

    Args:
        panels: the first contents. The list is kept up to date.
    """

    def __init__(self, columns: Sequence[DeltaGenerator], panels: list[Panel]) -> None:
        self._panels = panels
        self._slots = [
            (
                _title(panel, column) if panel.title else column,
                _picture(panel, column),
                caption(column, panel.headline, panel.line),
            )
            for column, panel in zip(columns, panels, strict=True)
        ]

    def _draw(self, slot: int, panel: Panel) -> None:
        before, (title, picture, words) = self._panels[slot], self._slots[slot]
        self._panels[slot] = panel
        if panel.title != before.title:
            title = _title(panel, title)
        if (panel.picture, panel.alt) != (before.picture, before.alt):
            picture = _picture(panel, picture)
        if (panel.headline, panel.line) != (before.headline, before.line):
            words = caption(words, panel.headline, panel.line)
        self._slots[slot] = (title, picture, words)


class PictureRow(_Panels):
    """Pictures side by side, each with a title above and a caption below.

    Their contents outlive the run of the page: a rerun starts with them, so nothing flickers and the page does not
    jump.

    Args:
        key: the name of the container.
        titles: the title of each picture, by the picture's name.
        start: the first content of every picture, (H, W, 3) uint8.
        about: the subject of the pictures. When it changes, the pictures return to the start.
        line, alt: the second line and the text alternative at the start; ``{name}`` and ``{title}`` are filled in.
        width: the number of pictures in a row; all of them if None.
        grey: the names of the pictures that are grey at the start, since they are computed first.

    Attributes:
        fresh: True where the contents are those of the start.
    """

    def __init__(
        self,
        key: str,
        titles: Mapping[str, str],
        start: np.ndarray,
        about: object,
        *,
        line: str = "",
        alt: str = "{title}: …. ",
        width: int | None = None,
        grey: Collection[str] = (),
    ) -> None:
        self._places = {name: place for place, name in enumerate(titles)}
        before, panels = st.session_state.get(f"pictures {key}", (None, []))
        self.fresh = before != about or len(panels) != len(titles)
        if self.fresh:
            unknown = np.full_like(start, 128)
            panels = [
                Panel(
                    title,
                    picture_uri(unknown if name in grey else start),
                    "…",
                    line,
                    alt.format(name=name, title=title),
                )
                for name, title in titles.items()
            ]
        panels = [replace(panel, title=title) for panel, title in zip(panels, titles.values(), strict=True)]
        st.session_state[f"pictures {key}"] = about, panels
        with st.container(key=key):
            width = width or len(titles)
            columns = [column for _ in range(0, len(titles), width) for column in st.columns(width)]
            super().__init__(columns, panels)

    def show(self, name: str, pixels: np.ndarray | None, headline: str, line: str = "", alt: str = "") -> None:
        """Draw one picture.

        Args:
            pixels: (H, W, 3) or (H, W, 4) uint8; None changes only the texts below the present picture.
            alt: the text alternative; if empty, it is title, headline and line.
        """
        place = self._places[name]
        panel = replace(self._panels[place], headline=headline, line=line)
        if pixels is not None:
            alt = alt or f"{panel.title}: {headline}. {line}"
            panel = replace(panel, picture=picture_uri(pixels), alt=alt)
        self._draw(place, panel)


class Stage(_Panels):
    """The three pictures of an attack.

    Args:
        panels: the first contents: the panels of the previous run. A slot that is empty before it is filled again
            makes the whole page jump. The list is kept up to date for the next run.
    """

    def __init__(self, panels: list[Panel]) -> None:
        with st.container(key="stage"):
            super().__init__(st.columns(3), panels)

    def original(self, pixels: np.ndarray, label: int, probability: float, network: str) -> None:
        """Draw the untouched picture, and the prediction for it of the network with that title."""
        name = categories()[label]
        alt = f"Original picture, classified as {name}"
        self._draw(0, Panel("x, the original", picture_uri(pixels), name, f"{percent(probability)}\n{network}", alt))

    def perturbation(
        self, before: np.ndarray, after: np.ndarray, factor: int, radius: str, norms: tuple[float, float]
    ) -> None:
        """Draw factor × (after - before) around grey; ``norms``: ‖δ‖∞ in levels and ‖δ‖₂ of the whole δ."""
        linf, l2 = norms
        picture = picture_uri(difference(before, after, factor))
        alt = f"Perturbation amplified {factor} times; largest change {linf:g} of 255 levels"
        line = f"‖δ‖∞ = {linf:g}/255\n‖δ‖₂ = {l2:.2f}"
        self._draw(1, Panel(drawn(factor), picture, f"ε = {radius}", line, alt))

    def fooled(self, pixels: np.ndarray, label: int, probability: float) -> None:
        """Draw x + δ and the network's prediction for it."""
        name = categories()[label]
        alt = f"Perturbed picture, classified as {name}"
        self._draw(2, Panel("= x + δ", picture_uri(pixels), name, percent(probability), alt))

    def wait(self, pixels: np.ndarray) -> None:
        """Clear the old run's perturbation and result, and keep the space for those of ``pixels``."""
        for slot, panel in enumerate(waiting(pixels)):
            if slot > 0:
                self._draw(slot, panel)


def _title(panel: Panel, slot: DeltaGenerator) -> DeltaGenerator:
    return slot.html(f"<div class='lab-op'>{html.escape(panel.title)}</div>")


def _picture(panel: Panel, slot: DeltaGenerator) -> DeltaGenerator:
    return slot.image(panel.picture, width="stretch", alt=panel.alt)


def caption(slot: DeltaGenerator, headline: str, *lines: str) -> DeltaGenerator:
    """Draw the text below a picture: a headline, and lines of text."""
    text = html.escape("\n".join(lines))
    return slot.html(f"<div class='lab-cap'><b>{html.escape(headline)}</b><span>{text}</span></div>")


def class_colours(*classes: int) -> dict[int, str]:
    """Assign one colour to each class for all charts: the important classes first, as long as there are colours."""
    return dict(zip(dict.fromkeys(classes), PALETTE, strict=False))


def bars(slot: DeltaGenerator, probabilities: np.ndarray, classes: list[int], colours: dict[int, str]) -> None:
    """Draw probability bars for the given classes, on one scale from 0 to 100 %."""
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


def percent(p: float) -> str:
    """Return a probability as text. It never reads 0 or 100 %, and its spaces do not break."""
    if p < 0.0005:
        return "<\u00a00.1\u00a0%"
    if p >= 0.9995:
        return ">\u00a099.9\u00a0%"
    return f"{100 * p:.1f}\u00a0%"


def share(part: float) -> str:
    """A share of what was counted, with one decimal at most. All of them are 100 %, and none of them 0 %."""
    return f"{round(100 * part, 1):g}\u00a0%"


NOTHING = np.full((8, 8, 3), 128, np.uint8)
