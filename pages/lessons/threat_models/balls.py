"""The balls of three norms side by side, with ε for which the worst δ are equally visible."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import streamlit as st

from adv_core.classifiers import DEFAULT, categories, info_of
from adv_core.images import amplify
from adv_core.norms import NORMS, NormKey
from adv_core.serving.engine.attack import Attack
from pages.lessons.threat_models.eye import visibility
from pages.lessons.threat_models.settings import BALLS, STEPS, VALUES, page
from pages.widgets.ask import look, look_at
from pages.widgets.glossary import prose
from pages.widgets.lesson import Done, page_stands, skeleton, table
from pages.widgets.live import begin, follow, job_for
from pages.widgets.stage import PictureRow, percent, playground


@dataclass(frozen=True, eq=False)
class Filled:
    """A ball, and the worst δ found in it."""

    norm: NormKey
    radius: float  # in pixel units
    before: np.ndarray  # (H, W, 3) uint8
    after: np.ndarray
    probabilities: np.ndarray

    @cached_property
    def delta(self) -> np.ndarray:
        """δ in levels of 255, whole numbers, (H, W, 3)."""
        return self.after.astype(np.int64) - self.before

    @property
    def label(self) -> int:
        return int(self.probabilities.argmax())

    @property
    def radius_text(self) -> str:
        """The radius as a text: "8/255" or "3.04"."""
        return f"{self.radius * 255:.3g}/255" if NORMS[self.norm].scale == 255 else f"{self.radius:.3g}"

    @cached_property
    def sizes(self) -> dict[NormKey, float]:
        """‖δ‖ in each norm, in pixel units."""
        flat = self.delta.ravel() / 255
        return {
            "linf": float(np.abs(flat).max()),
            "l2": float(np.sqrt((flat**2).sum())),
            "l1": float(np.abs(flat).sum()),
        }

    @cached_property
    def seen(self) -> float:
        """The visibility of δ for a viewer, in levels."""
        return visibility(self.before, self.after)


@dataclass
class Run:
    """The photograph; later, also the network's prediction for it and the worst δ of each ball."""

    base: Attack
    clean: np.ndarray | None = None
    found: list[Filled] = field(default_factory=list)


def worst(base: Attack, norm: NormKey, radius: float) -> Attack:
    """The attack that looks for the worst δ in a ball."""
    return replace(base, attack="pgd", norm=norm, eps=(radius,), steps=STEPS)


def fill(base: Attack, norm: NormKey, radius: float) -> Filled:
    """Find the worst δ in a ball by PGD; end the page where the engine cannot."""
    frames = follow(job_for(f"ball {norm}", worst(base, norm, radius)))
    if frames is None or frames[-1].pixels is None:
        st.stop()
    return Filled(norm, radius, base.pixels, frames[-1].pixels[0], frames[-1].probabilities[0])


def matched(base: Attack, eps: float) -> Iterator[Filled]:
    """The L∞ ball of that ε, and the L2 and L1 balls in which the worst δ is as visible as in it."""
    first = fill(base, "linf", eps)
    yield first
    # First guesses come from five of the photographs. Then the radius is scaled: the visibility of δ is nearly
    # proportional to it.
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
    """The value with three digits, so that a radius can be said aloud."""
    return float(f"{value:.3g}")


def says(probabilities: np.ndarray) -> str:
    label = int(probabilities.argmax())
    return f"**{categories()[label]}** ({percent(float(probabilities[label]))})"


def three_balls(run: Run) -> Iterator[Done | None]:
    untouched = st.empty()
    untouched.markdown(f"{info_of(DEFAULT).title} classifies the untouched photograph …")
    st.subheader("1 · Three norms: three ways to be small", anchor="norms")
    prose(
        "An attacker replaces the picture x by x + δ, but δ has to be *small*. The **threat model** says what small "
        "means: it is the set Δ(x) of all δ that the attacker may use. The lecture uses the L∞ ball of radius ε:"
    )
    st.latex(r"\Delta(x) = \mathcal{B}_\varepsilon^\infty = \{\delta : \|\delta\|_\infty \le \varepsilon\}")
    st.latex(r"\|\delta\|_\infty = \max_i |\delta_i|")
    with playground("balls"):
        with st.container(key="balls"):
            rows = _rows(run.base.pixels)
        page.control("eps", st.slider, "ε: the largest change of any colour value, in 1/255", 0, 32)
        st.caption(
            "Top row: x + δ. Bottom row: δ, drawn 10 × stronger. ε of L2 and L1 follows from ε of L∞, so that each δ "
            "is about equally visible."
        )
    sizes = st.container(key="sizes")
    with sizes:
        waiting = st.empty()
        skeleton(waiting, 380, "The sizes of the three δ, not yet computed")
    define()
    yield begin("look", look_at(run.base.pixels))
    looked = look("look", run.base.pixels)
    if looked is None:
        return
    clean = looked.probabilities[0]
    run.base = replace(run.base, label=int(clean.argmax()))
    untouched.markdown(f"{info_of(DEFAULT).title} classifies the untouched photograph as {says(clean)}.")
    eps = page.value.eps / 255
    yield begin("ball linf", worst(run.base, "linf", eps))
    for each in matched(run.base, eps):
        show_ball(each, rows, run.base.label)
        run.found.append(each)
        yield page_stands  # the other two balls take a while
    waiting.empty()
    with sizes:
        show_sizes(run.found)
    run.clean = clean


def _rows(pixels: np.ndarray) -> tuple[PictureRow, PictureRow]:
    """The rows of x + δ and of δ; until they are computed, the photograph and grey, or the pictures of before."""
    image, grey = page.value.image, np.full_like(pixels, 128)
    titles: dict[str, str] = {norm: f"{NORMS[norm].title} ball" for norm in BALLS}
    return (
        PictureRow("stage_balls", titles, pixels, image, line="not yet computed", alt="{title}, not yet computed"),
        PictureRow("stage_deltas", dict.fromkeys(titles, ""), grey, image, alt="δ, not yet computed"),
    )


def define() -> None:
    """Define the terms of the lecture, in its words."""
    prose(
        "**Adversarial machine learning** studies attacks on learned models, and defences against them. "
        "An **adversarial example** is an input x + δ with a small δ, made on purpose so that the model is wrong: it "
        "looks like x, and f̂(x + δ | θ) is not y. "
        "**Adversarial robustness** is a model's ability to give the right answer for every δ in Δ(x), not only for x. "
    )
    prose(
        "The attacks of this course happen at **test time**: the training is over, θ is fixed, and the attacker "
        "changes only the input. A small test error does not exclude them. Training and test pictures come from one "
        "distribution, and x + δ does not: **the test error is no guarantee off the data distribution**."
    )


def show_ball(each: Filled, rows: tuple[PictureRow, PictureRow], label: int) -> None:
    name, best = categories()[each.label], float(each.probabilities.max())
    title = NORMS[each.norm].title
    rows[0].show(
        each.norm,
        each.after,
        f"{'⚡ ' if each.label != label else ''}{name}",
        f"{percent(best)}; ε = {each.radius_text}",
        alt=f"The photograph with the worst δ of the {title} ball; the network sees {name}",
    )
    rows[1].show(
        each.norm,
        amplify((each.delta / 255).astype(np.float32).transpose(2, 0, 1), 10),
        "",
        alt=f"That δ, amplified ten times: {_texture[each.norm]}",
    )


_texture = {
    "linf": "a pattern all over the picture, equally strong everywhere",
    "l2": "a pattern that is strong in some places and fades in others",
    "l1": "scattered dots on grey",
}


def show_sizes(found: Sequence[Filled]) -> None:
    first = found[0]
    st.markdown(
        f"Each δ is the worst that PGD found in {STEPS} steps, rounded to 8 bits. "
        "The last line of the table measures how visible it is. The "
        "measure of visibility is the strongest change of brightness in any spot of 15 × 15 pixels. It is a crude "
        "model of an eye; section 4 measures yours."
    )
    delta = first.delta
    place = np.unravel_index(int(np.abs(delta).argmax()), delta.shape)
    row, column, channel = (int(i) for i in place)
    if delta.any():
        full = int((np.abs(delta) == abs(delta[place])).sum())
        st.markdown(
            f"The numbers of this picture: the δ of the L∞ ball changes {full} of the {VALUES} colour values by the "
            f"full {abs(int(delta[place]))} levels. One of them is {('red', 'green', 'blue')[channel]} in row {row}, "
            f"column {column}: it changes from {first.before[place]} to {first.after[place]}. So ‖δ‖∞ = "
            f"{abs(int(delta[place]))}/255 = {first.sizes['linf']:.4f}."
        )
    head = ["", *(f"δ of the {NORMS[each.norm].title} ball" for each in found)]
    rows = [
        ["‖δ‖∞ = max ∣δᵢ∣", *(f"{each.sizes['linf'] * 255:.0f}/255" for each in found)],
        ["‖δ‖₂ = √Σδᵢ²", *(f"{each.sizes['l2']:.3g}" for each in found)],
        ["‖δ‖₁ = Σ∣δᵢ∣", *(f"{each.sizes['l1']:.4g}" for each in found)],
        ["values changed", *(percent(float((each.delta != 0).mean())) for each in found)],
        ["strongest change in a spot", *(f"{each.seen:.1f} levels" for each in found)],
    ]
    table(head, rows)
    st.caption(
        "Each δ is small in its own norm, and may be large in another one. The L∞ attack changes most values a little, "
        "the L1 attack changes few values a lot."
    )
