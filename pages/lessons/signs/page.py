"""Lesson on traffic signs: stickers on a stop sign, which a car on its way takes for a speed limit."""

import streamlit as st

from adv_core.signs.stickers import most_squares
from pages.lessons.signs.drive import along_the_road, as_poster
from pages.lessons.signs.paper import on_paper
from pages.lessons.signs.program import in_python
from pages.lessons.signs.run import Run, choose_image, prepare, title
from pages.lessons.signs.settings import STEPS, VIEWS, page
from pages.lessons.signs.sign import on_the_sign
from pages.lessons.signs.texts import TEXTS
from pages.widgets.glossary import prose
from pages.widgets.lesson import Lesson
from pages.widgets.photograph import photograph_sidebar

STYLE = """<style>
.st-key-signs_verdict, .st-key-signs_poster_verdict {min-height: 11rem}
.st-key-stage_signs .lab-cap, .st-key-stage_poster .lab-cap {min-height: 4.6em}
[class*=st-key-stage_] img {aspect-ratio: 1; object-fit: cover}
.st-key-signs_place {min-height: 2.9rem}
.st-key-signs_counts {min-height: 12rem}
.st-key-signs_distances {min-height: 20rem}
.st-key-signs_print {min-height: 5rem}
/* A finger on the photograph drags the box; it does not scroll the page. */
.st-key-signs_photograph .marks {touch-action: none; cursor: crosshair}
.frames {display: grid; grid-template-columns: repeat(8, 1fr); gap: .4rem}
@media (max-width: 640px) {.frames {grid-template-columns: repeat(4, 1fr)}}
.frames figure {margin: 0; border-radius: .3rem; overflow: hidden; text-align: center;
  border: 2px solid light-dark(#c9d0d6, #3a4754)}
.frames figure.fooled {border-color: light-dark(#b35900, #f0a04b); background: light-dark(#fff3e0, #3a2a12)}
.frames img {width: 100%; image-rendering: pixelated; display: block}
.frames figcaption {padding: .15rem .1rem; line-height: 1.2; font-size: .72rem; font-variant-numeric: tabular-nums}
.frames figcaption :is(b, span) {display: block; overflow-wrap: anywhere}
.frames figcaption b {font-size: .8rem}
</style>"""


def formula(run: Run) -> None:
    st.subheader("4 · The formula that just ran", anchor="formula")
    st.latex(
        r"\begin{aligned} \delta^* = \operatorname*{argmax}_{\delta \in \Delta(x)}\ &\mathbb{E}_{v \sim V}"
        r"\big[-L\big(y_\text{target}, \\ &\quad \hat f(v(x+\delta) \mid \theta)\big)\big] \end{aligned}"
    )
    st.latex(
        r"\begin{aligned} \Delta(x) = \big\{\delta :\ &x+\delta \text{ is black or white} \\"
        r"&\text{on at most } k \text{ squares,} \\ &\text{and } x \text{ elsewhere}\big\} \end{aligned}"
    )
    part = page.value.part
    prose(
        f"Here $y_\\text{{target}}$ is {title(run.target)}, and k = {most_squares(part / 100)} squares, {part} % of "
        "the sign. A view v is a frame of a drive: a random distance, angle, cut, light and noise. The expectation "
        f"over v is **expectation over transformation** (EOT): each of the {STEPS} steps draws {VIEWS} new views and "
        "averages their gradients. Δ is no ball around x: it counts places, as L0 does. So a step asks of every square "
        "what a black or a white sticker would gain there, to first order:"
    )
    st.latex(
        r"\begin{gathered} \text{gain}(\text{square}, c) = -\sum_{i \in \text{square}} (c - x_i)\, \partial_i L, \\"
        r"c \in \{0, 1\} \end{gathered}"
    )
    prose(
        "It keeps a running mean of these gains, puts stickers where they are largest, and exchanges the worst ones "
        "for better ones. At the end, the k best squares are left."
    )


SECTIONS = (on_the_sign, along_the_road, as_poster, formula, in_python, on_paper)
Lesson(
    page,
    TEXTS,
    SECTIONS,
    prepare,
    lambda: photograph_sidebar(page, "Seed of the random views", choose_image),
    STYLE,
).show()
