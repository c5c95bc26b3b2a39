"""Section 1: many small steps add up."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.dimension import CONTRASTS, SIDES
from pages.lessons.why.charts import law_chart
from pages.lessons.why.settings import KINDS, TESTED, Settings, page
from pages.lessons.why.tasks import Fit, Nudge, OfSide
from pages.widgets.digits import ink, share
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, page_stands, skeleton, table, vega_chart
from pages.widgets.live import begin, computed, follow, follow_each, job_for
from pages.widgets.stage import PictureRow, drawn, drawn_times, percent, playground
from pages.widgets.verdict import fooled, held

SIZE = 224  # pixels of a shown picture: a multiple of most sides
HEAD = ("digits", "side", "error, untouched", "‖θ‖₁", "ε₅₀ predicted", "ε₅₀ measured")


def show_dimension(_: None) -> Iterator[Done]:
    st.subheader("1 · Many small steps add up", anchor="dimension")
    prose(
        "A **linear classifier** reads zeros and ones that are faint, under noise like that of a camera in the dark: "
        "no pixel tells much, and all together tell enough. Its score θᵀx adds up all pixels. A change of ε in each "
        "pixel is small, but if every sign is chosen well, the score moves by **ε‖θ‖₁**: all steps add up "
        "(Goodfellow et al. 2015). Choose a side. The classifier for it is trained now."
    )
    settings = page.value
    with playground("dimension"):
        titles = {"x": "x", "delta": drawn(drawn_times(settings.eps)), "end": "= x + δ"}
        about = (settings.kind, settings.side, settings.example)
        row = PictureRow("stage_dimension", titles, ink(np.full((28, 28), 0.5), 8), about, line="not yet computed")
        verdict = st.container(key="why_dimension_verdict").empty()
        show_controls()
    with st.container(key="why_dimension"):
        chart = st.empty()
        with st.expander("The figures of each side"):
            figures = st.empty()
        law = st.empty()
    skeleton(chart, 300, "The other sides are not yet trained")
    settings = page.value
    key = (settings.kind, int(settings.side))
    yield begin(f"side {key}", Fit(settings.data(*key)))
    found = follow(job_for(f"side {key}", Fit(settings.data(*key))), end=False)
    if found is None:
        return
    show_digit(settings, found[-1], row, verdict)
    yield page_stands
    works = {each: Fit(settings.data(*each)) for each in sorted(order(settings), key=lambda each: each != key)}
    if follow_each("side", works, partial(draw_law, settings, chart, figures)) is not None:
        show_law(law)


def order(settings: Settings) -> list[tuple[str, int]]:
    """All kinds and sides; those of the chosen kind first."""
    return [(kind, side) for kind in sorted(KINDS, key=lambda each: each != settings.kind) for side in SIDES]


def show_controls() -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        page.choice("kind", "Digits", KINDS)
        page.control("side", st.select_slider, "Side of the digits, in pixels", [str(side) for side in SIDES])
    with right:
        page.control("eps", st.slider, "ε: the largest change of a pixel, in 1/255", 0, 40)
        following = {"example": (page.value.example + 1) % TESTED}
        st.button("Next digit", on_click=page.set, kwargs=following, key="why_next_example")


def show_digit(settings: Settings, found: OfSide, row: PictureRow, verdict: DeltaGenerator) -> None:
    """Show one test digit under δ, and the errors on all of them."""
    data, place = settings.data(settings.kind, int(settings.side)), settings.example % TESTED
    seen = computed("nudge", Nudge(data, found.theta.tobytes(), found.bias, settings.eps, place))
    zoom = max(SIZE // data.side, 1)
    for name, index in (("x", 0), ("end", 1)):
        p = seen.ones[index]
        turned = index == 1 and (p > 0.5) != (seen.ones[0] > 0.5)
        headline = f"{'⚡ ' if turned else ''}“{int(p > 0.5)}”"
        line = f"p({int(p > 0.5)}): {percent(max(p, 1 - p))}\nin truth a {seen.label}"
        row.show(name, ink(seen.pixels[index] / 255, zoom), headline, line)
    delta = (seen.pixels[1].astype(np.float32) - seen.pixels[0]) / 255
    row.show(
        "delta",
        ink(0.5 + drawn_times(settings.eps) * delta, zoom),
        f"ε = {settings.eps}/255",
        f"‖θ‖₁ = {found.weight:.1f}",
    )
    clean, wrong, noisy = seen.errors
    assert found.predicted is not None
    text = (
        f"{data.side} × {data.side} = {data.side**2} pixels. Of {TESTED} test digits, {share(clean)} are wrong "
        f"untouched, **{share(wrong)}** with δ, and {share(noisy)} with random noise of the same ε. The margins "
        f"predict that half are wrong at ε = **{255 * found.predicted:.1f}/255**."
    )
    if found.measured is not None:
        text += f" Measured: **{255 * found.measured:.1f}/255**."
    if wrong > 0.5:
        fooled(verdict, f"**Fooled.** {text}")
    else:
        held(verdict, f"**It holds on most digits.** {text}")


def draw_law(
    settings: Settings,
    chart: DeltaGenerator,
    figures: DeltaGenerator,
    found: Mapping[tuple[str, int], list[OfSide]],
    _: tuple[str, int],
) -> None:
    """Draw what is known of all sides so far, as a chart and as a table."""
    ended = {key: records[-1] for key, records in found.items() if records and len(records[-1].theta)}
    rows, lines = [], []
    for kind, side in order(settings):
        record = ended.get((kind, side))
        if record is None or record.predicted is None or record.error is None:
            continue
        half = None if record.measured is None else 255 * record.measured
        rows.append((KINDS[kind], side, 255 * record.predicted, half))
        shown = "not reached" if half is None else f"{half:.1f}/255"
        pixels = f"{side}\u00a0×\u00a0{side}"
        told = f"{255 * record.predicted:.1f}/255"
        lines.append((kind, pixels, share(record.error), f"{record.weight:.1f}", told, shown))
    told = "; ".join(f"{kind}, {side}: {value:.1f}" for kind, side, value, _ in rows)
    alt = f"The ε that fools half of the digits, in 1/255, predicted for each side. {told}"
    vega_chart(law_chart(rows, SIDES, int(settings.side), settings.eps), 300, alt, chart)
    table(HEAD, lines, figures)


def show_law(slot: DeltaGenerator) -> None:
    """Tell what the chart shows, and why."""
    with slot.container():
        st.caption("Lines: predicted, the median margin divided by ‖θ‖₁. Points: measured, by FGSM on 8-bit pictures.")
        prose(
            "**Faint digits in noise.** Each pixel has the same noise, as in a camera. A picture of D pixels averages "
            "it out, so its contrast can fall as 1/√D for the same error, here about 10 %. No single pixel tells much, "
            f"and at {max(SIDES)} × {max(SIDES)} the contrast is {share(CONTRASTS[max(SIDES)])} of the range. The "
            "classifier lives on many small contributions that add up, and so does the attack:"
        )
        st.latex(
            r"\varepsilon_{50} = \frac{\operatorname{median}\, y\,(\theta^\top x + \theta_0)}{\lVert\theta\rVert_1}"
            r"\ \propto\ \text{contrast}\ \propto\ \frac{1}{\sqrt D} = \frac{1}{\text{side}}"
        )
        prose(
            "**Plain digits.** More pixels alone change little: a finer picture of the same digit has the same "
            "strokes, and neighbouring pixels say the same. So the number of pixels is not the cause by itself "
            "(Shafahi et al. 2019). The cause is a classifier that relies on many weak pixels."
        )
