"""Lesson: what is a small perturbation? Threat models, random against worst-case noise, and a viewer's threshold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories, info_of
from adv_core.figures_perturbation import decision_map, draws_chart, staircase_chart
from adv_core.images import amplify, fit
from adv_core.landscape import line_order, outline
from adv_core.norms import Norm
from adv_core.serving.engine.attack import Frame, Request
from adv_core.staircase import LEVELS, LONGEST, Staircase
from adv_core.visibility import visibility
from pages.widgets.canvas import canvas
from pages.widgets.charts import PALETTE
from pages.widgets.controls import Controls
from pages.widgets.lesson import closing, for_the_lecturer, opening, presenting, table
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import OWN, PHOTOS, gallery, needs_own, own_picture, photograph
from pages.widgets.query import number, sequence, solved, word
from pages.widgets.quiz import Choice, Number, guess, quiz
from pages.widgets.stage import percent, picture_uri

STEPS, DRAWS, SIDE = 10, 100, 25
NORMS: dict[Norm, str] = {"linf": "L∞", "l2": "L2", "l1": "L1"}
PLACES = {
    "everywhere": "everywhere",
    "sticker": "a sticker",
    "glasses": "glasses",
    "background": "the background only",
    "own": "draw it",
}
DASHES: dict[Norm, Sequence[int]] = {"linf": (1, 0), "l2": (8, 4), "l1": (2, 3)}
SIZE = info_of(DEFAULT).input_size
VALUES = 3 * SIZE * SIZE
state = st.session_state


@dataclass(frozen=True)
class Settings:
    """Every control of the page. ε in levels of 255."""

    image: str = word("polar_bear", {*PHOTOS, OWN})
    eps: int = number(8, 0, 32)
    place: str = word("sticker", PLACES)
    room: int = number(128, 0, 255)
    guess: int = number(-1, -1, DRAWS)
    ball: Norm = word("linf", NORMS)
    seed: int = number(0, 0, 9999)
    answers: str = sequence("01", LONGEST)
    done: str = solved("abcde")
    present: bool = False


page = Controls("small", Settings)


@dataclass(frozen=True, eq=False)
class Filled:
    """A ball, and the worst δ that was found in it."""

    norm: Norm
    radius: float  # in pixel units
    before: np.ndarray  # (H, W, 3) uint8
    after: np.ndarray
    probabilities: np.ndarray

    @cached_property
    def delta(self) -> np.ndarray:
        """In levels of 255, whole numbers, (H, W, 3)."""
        return self.after.astype(np.int64) - self.before

    @property
    def label(self) -> int:
        return int(self.probabilities.argmax())

    @property
    def radius_text(self) -> str:
        """The radius for people: "8/255" or "3.04"."""
        return f"{self.radius * 255:.3g}/255" if self.norm == "linf" else f"{self.radius:.3g}"

    @cached_property
    def sizes(self) -> dict[Norm, float]:
        """‖δ‖ in each norm, in pixel units."""
        flat = self.delta.ravel() / 255
        return {
            "linf": float(np.abs(flat).max()),
            "l2": float(np.sqrt((flat**2).sum())),
            "l1": float(np.abs(flat).sum()),
        }

    @cached_property
    def seen(self) -> float:
        """How much a viewer notices, in levels."""
        return visibility(self.before, self.after)


# ------------------------------------------------------------------------------------------------------- computations


def fill(base: Request, norm: Norm, radius: float) -> Filled:
    """The worst δ that PGD finds in a ball; ends the page where the engine cannot."""
    job = job_for(f"ball {norm}", replace(base, attack="pgd", norm=norm, eps=(radius,), steps=STEPS))
    frames = follow(job)
    if frames is None or frames[-1].pixels is None:
        st.stop()
    return Filled(norm, radius, base.pixels, frames[-1].pixels[0], frames[-1].probabilities[0])


def matched(base: Request, eps: float) -> Iterator[Filled]:
    """The L∞ ball of that ε, and the L2 and L1 balls in which the worst δ is as visible as in it."""
    first = fill(base, "linf", eps)
    yield first
    # First guesses, from five of the photographs; then by rule of three: how much is seen of δ is nearly proportional
    # to the radius.
    guesses = {"l2": 0.28 * eps * VALUES**0.5, "l1": 0.026 * (eps * 255 / 8) ** 0.45 * eps * VALUES}
    for norm in ("l2", "l1"):
        radius = _rounded(guesses[norm])
        found = fill(base, norm, radius)
        for _ in range(2):
            if not first.seen or not found.seen or abs(found.seen / first.seen - 1) < 0.1:
                break
            radius = _rounded(radius * first.seen / found.seen)
            found = fill(base, norm, radius)
        yield found


def _rounded(value: float) -> float:
    """To three digits: a radius that can be said aloud."""
    return float(f"{value:.3g}")


def allowed(place: str, drawn: np.ndarray | None = None) -> np.ndarray:
    """Δ(x) as a mask, (SIZE, SIZE) bool: where δ may live."""
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


# ----------------------------------------------------------------------------------------------------------- the story


def says(probabilities: np.ndarray) -> str:
    label = int(probabilities.argmax())
    return f"**{categories()[label]}** ({percent(float(probabilities[label]))})"


def show_balls(base: Request) -> list[Filled]:
    st.subheader("1 · Three ways to be small", anchor=False)
    st.markdown(
        "An attacker may change a picture x into x + δ, but only by a *small* δ. How small, and small in which sense, "
        "is the **threat model**: the set Δ of the δ that count. The lecture's is the L∞ ball,"
    )
    st.latex(r"\Delta = \{\delta : \|\delta\|_\infty \le \varepsilon\},\qquad \|\delta\|_\infty = \max_i |\delta_i|")
    page.control("eps", st.slider, "ε: how far each colour value may move, in 1/255", 0, 32)
    page.into_address()
    with st.container(key="balls"):
        found = []
        with st.container(key="stage_balls"):
            columns = st.columns(3)
            for column, each in zip(columns, matched(base, page.value.eps / 255), strict=True):
                show_ball(each, column, base.label)
                found.append(each)
    show_sizes(found)
    return found


def show_ball(each: Filled, column: DeltaGenerator, label: int) -> None:
    name = categories()[each.label]
    column.markdown(f"**{NORMS[each.norm]}**, ε = {each.radius_text}")
    column.image(
        picture_uri(each.after),
        width="stretch",
        alt=f"The photograph with the worst δ of the {NORMS[each.norm]} ball; the network sees {name}",
    )
    column.image(
        picture_uri(amplify((each.delta / 255).astype(np.float32).transpose(2, 0, 1), 10)),
        width="stretch",
        alt=f"That δ, amplified ten times: {_texture[each.norm]}",
    )
    column.markdown(f"{':material/bolt: ' if each.label != label else ''}{says(each.probabilities)}")


_texture = {
    "linf": "a pattern all over the picture, equally strong everywhere",
    "l2": "a pattern that is strong in some places and fades in others",
    "l1": "scattered dots on grey",
}


def show_sizes(found: Sequence[Filled]) -> None:
    first = found[0]
    st.caption(
        f"Above: what a viewer sees. Below: 10 × δ, the worst that PGD found in {STEPS} steps, rounded to 8 bits. "
        "ε of L2 and L1 was chosen so that each δ is about as visible as the first (last line of the table): the "
        "strongest change of brightness in any spot of 15 × 15 pixels. That is a crude model of an eye; your own is "
        "section 4."
    )
    delta = first.delta
    place = np.unravel_index(int(np.abs(delta).argmax()), delta.shape)
    row, column, channel = (int(i) for i in place)
    if delta.any():
        full = int((np.abs(delta) == abs(delta[place])).sum())
        st.markdown(
            f"With this picture's own numbers: its L∞ δ moves {full} of the {VALUES} colour values by the full "
            f"{abs(int(delta[place]))} levels. One of them: row {row}, column {column}, "
            f"{('red', 'green', 'blue')[channel]}, from {first.before[place]} to {first.after[place]}. So ‖δ‖∞ = "
            f"{abs(int(delta[place]))}/255 = {first.sizes['linf']:.4f}."
        )
    head = ["", *(f"δ of the {NORMS[each.norm]} ball" for each in found)]
    rows = [
        ["‖δ‖∞ = max ∣δᵢ∣", *(f"{each.sizes['linf'] * 255:.0f}/255" for each in found)],
        ["‖δ‖₂ = √Σδᵢ²", *(f"{each.sizes['l2']:.3g}" for each in found)],
        ["‖δ‖₁ = Σ∣δᵢ∣", *(f"{each.sizes['l1']:.4g}" for each in found)],
        ["values that moved", *(percent(float((each.delta != 0).mean())) for each in found)],
        ["seen in one spot", *(f"{each.seen:.1f} levels" for each in found)],
    ]
    table(head, rows)
    st.caption(
        "Each ball is small in its own norm and may be large in another one: L∞ spends little on every value, L1 much "
        "on few."
    )


def show_mask(base: Request) -> None:
    st.subheader("2 · Only here: Δ(x)", anchor=False)
    st.markdown(
        "The set may depend on the picture: a sticker on a sign, glasses on a face, everything but the animal. Outside "
        "of the mask δ is 0. Inside, it may be large: such a δ is not meant to be invisible, but to look like "
        "something harmless."
    )
    page.control("place", st.segmented_control, "Where δ may live", list(PLACES), format_func=PLACES.get, required=True)
    page.control("room", st.slider, "ε inside, in 1/255", 0, 255, help="255: any colour at all.")
    page.into_address()
    settings, drawn = page.value, None
    if settings.place == "own":
        small = canvas(
            "small_mask",
            width=SIZE // 2,
            height=SIZE // 2,
            label="Paint where δ may live",
            brush=14,
            background=picture_uri(base.pixels),
        )
        drawn = None if small is None else small.repeat(2, 0).repeat(2, 1)
        st.caption("A link cannot carry your drawing, and it is gone when you choose another mask or leave the page.")
    mask = allowed(settings.place, drawn)
    if not mask.any():
        st.info("Paint something first: where nothing may change, nothing happens.", icon=":material/draw:")
        return
    request = replace(base, attack="pgd", eps=(settings.room / 255,), steps=20)
    frames = follow(job_for("mask", request if mask.all() else request.with_mask(mask)))
    if frames is None:
        return
    last = frames[-1]
    assert last.pixels is not None
    after = last.pixels[0]
    shade = base.pixels.copy()
    shade[~mask] = (shade[~mask].astype(np.float32) * 0.25 + 96).astype(np.uint8)
    with st.container(key="stage_mask"):
        left, right = st.columns(2)
        left.image(picture_uri(shade), width="stretch", alt=f"The mask: δ may live on {percent(mask.mean())} of it")
        left.markdown(f"Δ(x): **{percent(float(mask.mean()))}** of the picture")
        name = categories()[int(last.probabilities[0].argmax())]
        right.image(picture_uri(after), width="stretch", alt=f"x + δ; the network sees {name}")
        right.markdown(says(last.probabilities[0]))
    changed = (after != base.pixels).any(2)
    st.caption(
        f"PGD, 20 steps. {int(changed.sum())} pixels changed, {int((changed & ~mask).sum())} of them outside of the "
        "mask."
    )
    st.latex(r"\Delta(x) = \{\delta : \|\delta\|_\infty \le \varepsilon,\ \delta_{\notin M(x)} = 0\}")


def show_draws(base: Request, clean: np.ndarray, found: Sequence[Filled]) -> None:
    st.subheader("3 · Random against worst case", anchor=False)
    label = base.label
    page.control(
        "ball",
        st.segmented_control,
        "Which ball",
        list(NORMS),
        format_func=NORMS.get,
        required=True,
        on_change=_ask_anew,
    )
    ball = next(each for each in found if each.norm == page.value.ball)
    told = guess(
        page,
        "guess",
        f"Here are {DRAWS} random δ of norm ‖δ‖ = ε = {ball.radius_text} ({NORMS[ball.norm]}; rounding to 8 bits may "
        f"make them a little shorter), and one adversarial δ from the same ball. **How many of the {DRAWS} random ones "
        f"make the network say something else than “{categories()[label]}”?**",
        start=DRAWS // 2,
    )
    page.into_address()
    if told is None:
        return
    request = replace(
        base,
        attack="noise",
        norm=ball.norm,
        eps=(ball.radius,),
        seed=page.value.seed,
        draws=DRAWS,
        pictures=False,
    )
    with st.container(key="draws"):
        slot, note = st.empty(), st.empty()

    def draw(frames: list[Frame]) -> None:
        after = [float(frame.probabilities[0, label]) for frame in frames[1:]]
        fooled = _fooled(frames, label)
        slot.vega_lite_chart(
            draws_chart(after, DRAWS, float(clean[label]), float(ball.probabilities[label])),
            width="stretch",
            height=300,
            alt=f"Histogram: the probability of {categories()[label]} under {len(after)} random δ; {fooled} of them "
            f"fooled the network. Under the adversarial δ it is {percent(float(ball.probabilities[label]))}",
        )
        note.caption(f"{len(after)} of {DRAWS} tried, {fooled} fooled the network …")

    frames = follow(job_for("draws", request), draw, note.info)
    if frames is None:
        return
    fooled = _fooled(frames, label)
    mean = float(np.mean([frame.probabilities[0, label] for frame in frames[1:]]))
    note.markdown(
        f"You said {told}. It was **{fooled} of {DRAWS}**. Under random noise the network is still "
        f"{percent(mean)} sure of “{categories()[label]}” on the average; under the one adversarial δ of the same norm "
        f"{percent(float(ball.probabilities[label]))}, and says {says(ball.probabilities)}."
    )
    with st.container(horizontal=True):
        st.button("Guess again", on_click=_ask_anew, key="guess_again")
        other = {"seed": (page.value.seed + DRAWS) % 10000}
        st.button(f"Another {DRAWS} δ", on_click=page.set, kwargs=other, key="other_draws")
    st.caption(
        f"Seeds {page.value.seed} to {page.value.seed + DRAWS - 1}. In L∞ every value moves by +ε or −ε, by a coin; in "
        "L2 the direction is random on the sphere; in L1 a random hundredth of the values moves. Each δ is rounded to "
        "8 bits, and then judged."
    )


def _ask_anew() -> None:
    page.set(guess=-1)


def _fooled(frames: Sequence[Frame], label: int) -> int:
    return sum(int(frame.logits[0].argmax()) != label for frame in frames[1:])


def show_test(base: Request) -> None:
    st.subheader("4 · Can you see it?", anchor=False)
    settings = page.value
    test = Staircase(settings.answers)
    if test.done:
        show_threshold(base, test)
        return
    st.markdown(
        "One of these two is untouched, the other one is x + δ. **Which one was changed?** When you are right twice, ε "
        "shrinks; when you are wrong, it grows. Look as you would look at any photograph, without zooming."
    )
    request = replace(base, attack="fgsm", eps=(test.level / 255,))
    frames = follow(job_for("trial", request))
    if frames is None:
        return
    assert frames[-1].pixels is not None
    sides = {"left": base.pixels, "right": base.pixels, test.side(settings.seed): frames[-1].pixels[0]}
    with st.container(key="stage_trial"):
        for (side, pixels), column in zip(sides.items(), st.columns(2), strict=True):
            column.image(picture_uri(pixels), width="stretch", alt=f"The {side} picture")
            right = "1" if side == test.side(settings.seed) else "0"
            column.button(
                f"The {side} one",
                on_click=page.set,
                kwargs={"answers": settings.answers + right},
                key=f"trial_{side}",
                width="stretch",
            )
    last = (
        "Take your time; guess if you cannot tell."
        if not settings.answers
        else f"Trial {len(settings.answers)}: {'right' if settings.answers[-1] == '1' else 'wrong'}."
    )
    st.progress(test.progress, f"{last} {LONGEST} trials at most.")
    if settings.answers:
        st.button("Start over", on_click=page.set, kwargs={"answers": ""}, type="tertiary", key="restart_test")


def show_threshold(base: Request, test: Staircase) -> None:
    request = replace(base, attack="smallest", eps=(0.0,), steps=30)
    frames = follow(job_for("trial", request))
    if frames is None:
        return
    last = frames[-1]
    fooled = int(last.logits[0].argmax()) != base.label
    network = float(last.size[0]) * 255 if fooled else None
    you = test.threshold
    assert you is not None
    inside = LEVELS[0] * 1.1 < you < LEVELS[-1] / 1.1
    seen = (
        f"**You see it from ε = {you:.1f}/255** (where you would be right in 71 % of the trials). "
        if inside
        else f"**You see it at ε = {LEVELS[0]}/255 already**, the least that this test can show. "
        if you < LEVELS[-1] / 2
        else f"**You did not find it at ε = {LEVELS[-1]}/255**, the most that this test shows. "
    )
    st.markdown(
        seen
        + (f"**The network is fooled from ε = {network:.2f}/255**: " if network else "The network was not fooled. ")
        + (
            f"there is a factor of {you / network:.0f} between them."
            if network and inside and you > 2 * network
            else "about where you see it, on this photograph."
            if network and inside
            else "on this photograph."
            if network
            else ""
        )
    )
    st.vega_lite_chart(
        staircase_chart(test.levels, page.value.answers, you, network),
        width="stretch",
        height=280,
        alt=f"ε of each trial; your threshold {you:.1f}, the network's {network or float('nan'):.2f}, in 1/255",
    )
    st.caption(
        "Yours: the geometric mean of the last turns of the staircase, FGSM's pattern at each ε. The network's: the "
        "least ε that was found (a minimum-norm attack in 30 steps), on the picture rounded to 8 bits: no picture can "
        "change by less than 1/255, but it may change in a part of its values only."
    )
    st.button("Start over", on_click=page.set, kwargs={"answers": ""}, key="restart_test")


def show_map(base: Request, found: Sequence[Filled]) -> None:
    label, eps = base.label, page.value.eps
    reach = max(2 * eps, 8)
    places = np.linspace(-reach, reach, SIDE).tolist()
    order = line_order(SIDE)
    request = replace(
        base,
        attack="slice",
        eps=(reach / 255,),
        seed=page.value.seed,
        side=SIDE,
        pictures=False,
    )
    balls = []
    for each in found:
        a, b = outline(each.norm, each.radius, VALUES)  # type: ignore[arg-type]
        balls.append((NORMS[each.norm], (255 * a).tolist(), (255 * b).tolist(), DASHES[each.norm]))
    with st.container(key="map", width=520):
        slot, note = st.empty(), st.empty()

    def draw(frames: list[Frame]) -> None:
        classes = np.concatenate([frame.logits.argmax(1) for frame in frames])
        common = [int(c) for c in np.argsort(-np.bincount(classes, minlength=1000))[:7] if (classes == c).any()]
        shades = {categories()[label]: PALETTE[0]}
        others = (categories()[c] for c in common if c != label)
        shades |= dict(zip(others, ("#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"), strict=False))
        lines = []
        for frame in frames:
            names = [categories()[int(c)] for c in frame.logits.argmax(1)]
            shown = [name if name in shades else "another class" for name in names]
            lines.append((places[order[frame.index]], shown, frame.probabilities.max(1).tolist()))
        if any("another class" in names for _, names, _ in lines):
            shades["another class"] = "#8C6D31"
        share = float((classes == label).mean())
        slot.vega_lite_chart(
            decision_map(places, lines, shades, balls),
            width="stretch",
            height=600,
            alt=f"Map of a plane through the photograph: {percent(share)} of it is {categories()[label]}",
        )
        note.caption(f"{len(frames)} of {SIDE} lines …")

    if follow(job_for("map", request), draw, note.info, interval=0.4):
        note.caption(
            f"{SIDE} × {SIDE} pictures x + a·u + b·v, each asked for its class: u is the sign of the gradient, v has "
            f"random signs (seed {page.value.seed}), so one step of either moves every value by 1/255 up or down. The "
            "cross is x itself. Lines: the three balls of section 1."
        )


def questions(found: Sequence[Filled]) -> list[Choice | Number]:
    eps = page.value.eps or 8
    limit = eps / 255 * VALUES**0.5
    return [
        Choice(
            "a",
            "δ changes one single colour value, by 200 levels of 255. In which ball with ε = 8/255 does it lie?",
            (
                ("In the L∞ ball: nearly nothing has changed.", "‖δ‖∞ is the *largest* change: 200/255."),
                ("In none of the three.", "Yes: a single change is as large in all three norms, 200/255."),
                ("In the L2 and L1 ball: they add up, and there is just one.", "One is enough: √(200²) = 200."),
            ),
            1,
        ),
        Number(
            "b",
            f"Every one of the {VALUES} values moves by exactly {eps}/255. How long is δ in L2? "
            f"(√{VALUES} ≈ {VALUES**0.5:.0f})",
            limit,
            0.02 * limit,
            f"Yes: √(n·ε²) = √n·ε = {limit:.2f}. That is why an ε of L2 has to be so much larger than one of L∞.",
            lambda given: (
                "That is ‖δ‖₁ = n·ε: L2 takes the root of the sum of squares."
                if abs(given - eps / 255 * VALUES) < 0.05 * eps / 255 * VALUES
                else "n equal squares: √(n·ε²) = √n·ε. Mind that ε is in 1/255."
            ),
        ),
        Choice(
            "c",
            "Hardly any random δ fools the network; the adversarial δ of the same norm does. Why?",
            (
                (
                    "Random δ are smaller.",
                    "All of them use the whole ball, up to the rounding to 8 bits.",
                ),
                (
                    "The loss changes by about ⟨gradient, δ⟩. For random signs the terms cancel out, for "
                    "sign(gradient) they all add up.",
                    "Yes. With n values the worst case wins by a factor of about √n: random terms sum to √n, aligned "
                    f"ones to n, and √{VALUES} is {VALUES**0.5:.0f}.",
                ),
                (
                    "The network has seen random noise in its training.",
                    "Some have, but the linear model of the third lesson has not, and behaves the same.",
                ),
            ),
            1,
        ),
        Choice(
            "d",
            "On the map the L∞ ball is a square that stands on its tip. Why not on its side?",
            (
                (
                    "u and v are not single values but patterns of signs: where they agree, a pixel moves by |a + b|, "
                    "elsewhere by |a − b|, and the larger one is |a| + |b|.",
                    "Yes. In the plane of two single pixels the L∞ ball stands on its side, and the L1 ball on its "
                    "tip. A ball has many slices.",
                ),
                ("The map was drawn with L1.", "The dotted edge is L1, and it is a square on its side here."),
                (
                    "Because the box [0, 1] cuts its corners off.",
                    "The box binds nearly black and white values only; the shape would be the same without it.",
                ),
            ),
            0,
        ),
        Choice(
            "e",
            "A network withstands every δ with ‖δ‖∞ ≤ 8/255. Is it safe from the sticker of section 2?",
            (
                (
                    "Yes: a sticker covers only a small part.",
                    "In L∞ the number of values does not count, only how far.",
                ),
                (
                    "Nobody knows: the sticker lies in another Δ(x), about which the promise says nothing.",
                    "Yes. Robustness is always robustness against a threat model; say which.",
                ),
                (
                    "No, nothing is ever safe.",
                    "Too much: a network may well be robust in both senses. The promise just does not imply it.",
                ),
            ),
            1,
        ),
    ]


def main() -> None:
    page.start()
    needs_own(page, Settings.image)
    if state.setdefault("small_shown", page.value.image) != page.value.image:  # guesses and answers were about another
        state.small_shown = page.value.image
        page.set(guess=-1, answers="")
    opening(
        page,
        "What is a small perturbation?",
        "Before you can ask whether a network is robust, you have to say against *what*. Three balls, a mask, a test "
        "of your own eyes, and a map.",
    )
    with st.sidebar:
        st.header("Photograph", divider="gray")
        gallery(page)
        shown = "your own picture" if page.value.image == OWN else PHOTOS[page.value.image]
        st.caption(f"Now: **{shown}**.")
        own_picture(page, Settings.image)
        presenting(page)
    page.into_address()
    pixels = np.asarray(fit(photograph(page.value.image), SIZE, SIZE))
    base = Request(b"", 0, 0, DEFAULT).with_pixels(pixels)
    looked = follow(job_for("look", base))
    if looked is None:
        st.stop()
    clean = looked[-1].probabilities[0]
    base = replace(base, label=int(clean.argmax()))
    st.markdown(f"Untouched, {info_of(DEFAULT).title} sees this photograph as {says(clean)}.")
    found = show_balls(base)
    show_mask(base)
    show_draws(base, clean, found)
    show_test(base)
    page.into_address()
    st.subheader("5 · A map of the neighbourhood", anchor=False)
    st.markdown(
        "x is a point in a space of "
        f"{VALUES} dimensions. Here is a plane through it, like a slice through a cake: to the right goes the attack, "
        "up goes a random direction. Colours say which class the network sees there."
    )
    map_area = st.container()
    quiz(page, questions(found))
    for_the_lecturer(
        page,
        "1. Open the link. Ask which of the three photographs was changed least. Then show the amplified rows.\n"
        "2. Section 3: let the room guess by show of hands before you press. Most guess far too high.\n"
        "3. The map: to the right the class changes at once; straight up, nearly never. Noise goes up, attacks go "
        "right.",
        "- “L1 looks worse than L∞!” Its ε was matched by one crude number; the threshold of an eye depends on "
        "distance, screen and texture. That is section 4.\n"
        "- Projectors swallow small contrasts: let students look at their own screens.\n"
        "- A photograph of which the network is unsure is fooled by noise, too: try the astronaut.",
        guess=-1,
        answers="",
    )
    closing(
        page,
        (
            (
                "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 1",
                "https://adversarial-ml-tutorial.org/introduction/",
            ),
            (
                "Szegedy et al., *Intriguing properties of neural networks*, ICLR 2014",
                "https://arxiv.org/abs/1312.6199",
            ),
            (
                "Goodfellow, Shlens & Szegedy, *Explaining and harnessing adversarial examples*, ICLR 2015",
                "https://arxiv.org/abs/1412.6572",
            ),
            (
                "Fawzi, Moosavi-Dezfooli & Frossard, *Robustness of classifiers: from adversarial to random noise*, "
                "NeurIPS 2016",
                "https://arxiv.org/abs/1608.08967",
            ),
            (
                "Sharif et al., *Accessorize to a crime* (the glasses), CCS 2016",
                "https://doi.org/10.1145/2976749.2978392",
            ),
            (
                "Levitt, *Transformed up-down methods in psychoacoustics* (the staircase), JASA 1971",
                "https://doi.org/10.1121/1.1912375",
            ),
        ),
    )
    with map_area:
        show_map(base, found)


main()
