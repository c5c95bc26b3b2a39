"""Lesson: threat models. Balls and masks, random and worst-case noise, and a viewer's threshold."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories
from adv_core.landscape import line_order, outline
from adv_core.norms import NORMS
from adv_core.serving.engine.attack import Attack, Frame
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.noise import Noise
from pages.lessons.threat_models.balls import Filled, Run, says, three_balls
from pages.lessons.threat_models.charts import decision_map, draws_chart, magnification
from pages.lessons.threat_models.program import in_python
from pages.lessons.threat_models.seeing import own_eyes
from pages.lessons.threat_models.settings import BALLS, DASHES, DRAWS, PLACES, SIDE, SIZE, VALUES, page
from pages.lessons.threat_models.tasks import Line, Slice
from pages.lessons.threat_models.texts import TEXTS
from pages.lessons.threat_models.universal import linear_case, one_for_all
from pages.widgets import verdict
from pages.widgets.canvas import canvas
from pages.widgets.charts import PALETTE
from pages.widgets.glossary import prose
from pages.widgets.lesson import Lesson, skeleton, slots, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import chosen, photograph_sidebar
from pages.widgets.quiz import guess
from pages.widgets.stage import PictureRow, percent, picture_uri, playground

# Space for later content, where the page is wide enough to know its size.
STYLE = """<style>
.st-key-balls img {max-height: 25vh !important}
.st-key-stage_balls .lab-cap {min-height: 2.8em}
.st-key-stage_deltas .lab-cap, .st-key-stage_deltas .lab-op, .st-key-stage_trial .lab-cap {display: none}
@media (min-width: 1100px) {.st-key-trial {min-height: 31rem}}
.st-key-universal_training {min-height: 22rem}
.st-key-universal_linear {min-height: 24rem}
/* The map keeps its shape where the page is narrower than it: both axes have one scale. */
.st-key-map svg.marks {max-width: 100%; height: auto !important}
</style>"""
state = st.session_state


def prepare() -> Run:
    if state.setdefault("threat_models_shown", page.value.image) != page.value.image:
        state.threat_models_shown = page.value.image
        page.set(guess=-1, answers="")  # the old ones belong to another photograph
    return Run(Attack(Pictures.of(chosen(page, SIZE)), DEFAULT))


def allowed(place: str, drawn: np.ndarray | None = None) -> np.ndarray:
    """Δ(x) as a mask, (SIZE, SIZE) bool: true where δ may be nonzero."""
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    if place == "sticker":
        return np.asarray((x - 0.24) ** 2 + (y - 0.76) ** 2 < 0.15**2)
    if place == "glasses":
        rims = [((x - centre) / 0.13) ** 2 + ((y - 0.38) / 0.095) ** 2 for centre in (0.34, 0.66)]
        glasses = sum(((rim > 0.62) & (rim < 1.3) for rim in rims), np.zeros_like(x, bool))
        return np.asarray(glasses | ((abs(y - 0.36) < 0.02) & (abs(x - 0.5) < 0.05)))
    if place == "background":
        return np.asarray(((x - 0.5) / 0.4) ** 2 + ((y - 0.52) / 0.44) ** 2 > 1)
    if place == "own":
        return np.zeros((SIZE, SIZE), bool) if drawn is None else drawn >= 0.5
    return np.ones((SIZE, SIZE), bool)


def only_here(run: Run) -> Iterator[None]:
    st.subheader("2 · Masks: Δ(x) on a part of the picture", anchor="masks")
    prose(
        "The set Δ(x) may depend on the picture x: a sticker on a sign, glasses on a face, everything but the animal. "
        "Outside of the mask δ is 0. Inside the mask δ may be large. Such a δ does not need to be invisible; it only "
        "has to look harmless."
    )
    with playground("mask"):
        titles = {"mask": "Mask: δ may be nonzero", "end": "= x + δ"}
        row = PictureRow("stage_mask", titles, run.base.pixels, page.value.image, alt="{title}, not yet computed")
        page.choice("place", "Mask: where δ may be nonzero", PLACES)
        page.control("room", st.slider, "ε inside the mask, in 1/255", 0, 255, help="255 allows every colour.")
    settings, drawn = page.value, None
    # Outside of the playground, whose pictures would cover the upper part of the canvas.
    if settings.place == "own":
        small = canvas(
            "threat_models_mask",
            width=SIZE // 2,
            height=SIZE // 2,
            label="Paint where δ may be nonzero",
            brush=14,
            background=picture_uri(run.base.pixels),
        )
        drawn = None if small is None else small.repeat(2, 0).repeat(2, 1)
        st.caption("Your drawing is not part of the link. It is lost when you choose another mask or leave the page.")
    place = st.container()
    mask = allowed(settings.place, drawn)
    show_mask(run.base.pixels, mask, row)
    if not mask.any():
        verdict.note(place, "Paint something first: with an empty mask, δ is 0.")
        return
    st.latex(r"\Delta(x) = \{\delta \in \mathcal{B}_\varepsilon^\infty : \delta_i = 0 \text{ for } i \notin M(x)\}")
    yield
    if run.clean is None:
        return
    request = replace(run.base, attack="pgd", eps=(settings.room / 255,), steps=20)
    frames = follow(job_for("mask", request if mask.all() else request.with_mask(mask)))
    if frames is not None:
        show_masked(run.base, frames[-1], mask, row, place)


def show_mask(before: np.ndarray, mask: np.ndarray, row: PictureRow) -> None:
    shade = before.copy()
    shade[~mask] = (shade[~mask].astype(np.float32) * 0.25 + 96).astype(np.uint8)
    size = percent(float(mask.mean())) if mask.any() else "0\u00a0%"
    row.show("mask", shade, size, "of the picture", f"The photograph and its mask: δ may be nonzero on {size} of it")


def show_masked(base: Attack, last: Frame, mask: np.ndarray, row: PictureRow, place: DeltaGenerator) -> None:
    assert last.pixels is not None
    before, after = base.pixels, last.pixels[0]
    best = int(last.probabilities[0].argmax())
    name, p = categories()[best], percent(float(last.probabilities[0, best]))
    row.show("end", after, f"{'⚡ ' if best != base.label else ''}{name}", p, f"x + δ; the network sees {name}")
    changed = (after != before).any(2)
    place.caption(
        f"PGD, 20 steps. {int(changed.sum())} pixels changed, {int((changed & ~mask).sum())} of them outside of the "
        "mask."
    )


def random_draws(run: Run) -> Iterator[None]:
    st.subheader("3 · Random noise and the worst case", anchor="random-noise")
    page.choice("ball", "Ball", {key: NORMS[key].title for key in BALLS}, on_change=_ask_anew)
    place = st.container()
    yield
    if run.clean is None:
        return
    ball = next(each for each in run.found if each.norm == page.value.ball)
    with place:
        told = guess(
            page,
            "guess",
            f"We draw {DRAWS} random δ of norm ‖δ‖ = ε = {ball.radius_text} ({NORMS[ball.norm].title}; rounding to 8 "
            "bits may make them a little shorter), and compare them with one adversarial δ from the same ball. **For "
            f"how many of the {DRAWS} random δ does the network predict another class than "
            f"“{categories()[run.base.label]}”?**",
            start=DRAWS // 2,
        )
        if told is not None:
            follow_draws(run.base, run.clean, ball, told)


def follow_draws(base: Attack, clean: np.ndarray, ball: Filled, told: int) -> None:
    label = base.label
    request = Noise(
        base.picture,
        DEFAULT,
        ball.norm,
        (ball.radius,),
        label,
        seed=page.value.seed,
        draws=DRAWS,
        pictures=False,
    )
    slot, note = slots("draws", 2)
    skeleton(slot, 300, f"0 of {DRAWS} random δ")

    def draw(frames: list[Frame]) -> None:
        after = [float(frame.probabilities[0, label]) for frame in frames[1:]]
        fooled = _fooled(frames, label)
        vega_chart(
            draws_chart(after, DRAWS, float(clean[label]), float(ball.probabilities[label])),
            300,
            f"Histogram: the probability of {categories()[label]} under {len(after)} random δ; {fooled} of them "
            f"fooled the network. Under the adversarial δ it is {percent(float(ball.probabilities[label]))}",
            slot,
        )
        note.caption(f"{len(after)} of {DRAWS} δ so far; {fooled} fooled the network …")

    frames = follow(job_for("draws", request), draw, note.info)
    if frames is None:
        return
    fooled = _fooled(frames, label)
    mean = float(np.mean([frame.probabilities[0, label] for frame in frames[1:]]))
    note.markdown(
        f"You said {told}. It was **{fooled} of {DRAWS}**. Under random noise, the mean probability of "
        f"“{categories()[label]}” is still {percent(mean)}. Under the one adversarial δ of the same norm it is "
        f"{percent(float(ball.probabilities[label]))}, and the network predicts {says(ball.probabilities)}."
    )
    with st.container(horizontal=True):
        st.button("Guess again", on_click=_ask_anew, key="guess_again")
        other = {"seed": (page.value.seed + DRAWS) % 10000}
        st.button(f"Another {DRAWS} δ", on_click=page.set, kwargs=other, key="other_draws")
    st.caption(
        f"Seeds {page.value.seed} to {page.value.seed + DRAWS - 1}. L∞: each value changes by +ε or −ε, at random. L2: "
        "the direction is random on the sphere. L1: a random hundredth of the values changes. Each δ is rounded to 8 "
        "bits before the network classifies x + δ."
    )


def _ask_anew() -> None:
    page.set(guess=-1)


def _fooled(frames: Sequence[Frame], label: int) -> int:
    return sum(int(frame.logits[0].argmax()) != label for frame in frames[1:])


def neighbourhood(run: Run) -> Iterator[None]:
    st.subheader("5 · Map of the predictions around x", anchor="map")
    prose(
        f"The picture x is a point in a space of {VALUES} dimensions. The map shows a plane through it, like a slice "
        "of a cake. The horizontal axis is the direction of the attack, the vertical axis a random direction. The "
        "colour says which class the network predicts there."
    )
    with st.container(key="map", width=620):
        slot, note = st.empty(), st.empty()
        skeleton(slot, 480, f"0 of {SIDE} lines of the map")
    yield
    if run.clean is not None:
        follow_map(run.base, run.found, slot, note)


def follow_map(base: Attack, found: Sequence[Filled], slot: DeltaGenerator, note: DeltaGenerator) -> None:
    label, eps = base.label, page.value.eps
    reach = max(2 * eps, 8)
    places = np.linspace(-reach, reach, SIDE).tolist()
    order = line_order(SIDE)
    work = Slice(base.picture, DEFAULT, label, reach / 255, SIDE, page.value.seed)
    balls, sizes = [], {}
    for each in found:
        a, b = outline(each.norm, each.radius, VALUES)  # type: ignore[arg-type]
        sizes[each.norm] = 255 * float(a.max())
        larger = magnification(sizes[each.norm], reach)
        name = NORMS[each.norm].title + (f", drawn {larger} × larger" if larger > 1 else "")
        balls.append((name, (255 * larger * a).tolist(), (255 * larger * b).tolist(), DASHES[each.norm]))

    def draw(known: list[Line]) -> None:
        classes = np.concatenate([line.logits.argmax(1) for line in known])
        common = [int(c) for c in np.argsort(-np.bincount(classes, minlength=1000))[:7] if (classes == c).any()]
        shades = {categories()[label]: PALETTE[0]}
        others = (categories()[c] for c in common if c != label)
        shades |= dict(zip(others, ("#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"), strict=False))
        lines = []
        for line in known:
            names = [categories()[int(c)] for c in line.logits.argmax(1)]
            shown = [name if name in shades else "another class" for name in names]
            lines.append((places[order[line.index]], shown, line.probabilities.max(1).tolist()))
        if any("another class" in names for _, names, _ in lines):
            shades["another class"] = "#8C6D31"
        share = float((classes == label).mean())
        slot.vega_lite_chart(
            decision_map(places, lines, shades, balls),
            width="content",
            alt=f"Map of a plane through the photograph: {percent(share)} of it is {categories()[label]}",
        )
        note.caption(f"{len(known)} of {SIDE} lines …")

    if follow(job_for("map", work), draw, note.info, interval=0.4):
        note.caption(
            f"The predictions for {SIDE} × {SIDE} pictures x + a·u + b·v. u is the sign of the gradient, and v has "
            f"random signs (seed {page.value.seed}): one step along u or v changes each value by 1/255, up or down. "
            "The cross is x, and both axes have the same scale. The lines are the edges of the three balls of section "
            f"1. The L1 ball has a scale of its own: its corners are only {sizes['l1']:.2g}/255 away from x, and the "
            "cross would cover it."
        )


SECTIONS = (three_balls, in_python, only_here, random_draws, own_eyes, neighbourhood, one_for_all, linear_case)
Lesson(page, TEXTS, SECTIONS, prepare, lambda: photograph_sidebar(page), STYLE).show()
