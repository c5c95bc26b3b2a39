"""Lesson: FGSM, PGD and the projection, in a plane where every step can be drawn."""

from collections.abc import Iterator

import numpy as np
import streamlit as st

from adv_core.attacks.step import input_gradient
from adv_core.objectives import Untargeted
from pages.lessons.fgsm_and_pgd.charts import (
    BACK,
    INK,
    ONE_STEP,
    STEP,
    confidence_chart,
    dots,
    line,
    mark,
    panel,
    scene,
    surface_chart,
)
from pages.lessons.fgsm_and_pgd.limit import to_infinity
from pages.lessons.fgsm_and_pgd.plane import plane
from pages.lessons.fgsm_and_pgd.player import player
from pages.lessons.fgsm_and_pgd.program import in_python
from pages.lessons.fgsm_and_pgd.scene import Run, Scene, data, factor_text, hill, pair, step_symbol, two_pixels
from pages.lessons.fgsm_and_pgd.settings import (
    BALLS,
    FACTORS,
    MODELS,
    ON_THE_SLIDE,
    PRESETS,
    PROJECTED,
    VIEWS,
    page,
)
from pages.lessons.fgsm_and_pgd.targeted import two_objectives
from pages.lessons.fgsm_and_pgd.texts import TEXTS
from pages.lessons.fgsm_and_pgd.world import SQUARE, Path, enough, landscape, turn, window_around
from pages.widgets import verdict
from pages.widgets.charts import PALETTE, short
from pages.widgets.glossary import prose
from pages.widgets.lesson import Lesson, chart, pictures, table, vega_chart
from pages.widgets.stage import percent, playground


def put(x1: float, x2: float) -> None:
    """Move x to the place of a drag or a click."""
    page.set(x1=round(x1, 2), x2=round(x2, 2))


def choose() -> None:
    page.choice("model", "Classifier", MODELS)
    page.choice("ball", "Ball", BALLS)
    page.control("eps", st.slider, "ε, the ball's radius", 0.01, 0.3, step=0.01)
    page.control("x1", st.slider, "x₁, brightness of the left pixel", 0.0, 1.0, step=0.01)
    page.control("x2", st.slider, "x₂, brightness of the right pixel", 0.0, 1.0, step=0.01)


def the_hill(run: Run) -> None:
    st.subheader("1 · The loss surface", anchor="loss-surface")
    prose(
        "A picture of two pixels is a point in a square: its coordinates are the brightness of the left and of the "
        "right pixel. So you can see the loss of *every* picture: the stronger the orange, the higher the loss. The "
        "attack starts at **x**, has to stay in the **ball** around x, and raises the loss as far as it can."
    )
    left, right = st.columns([3, 2], gap="medium")
    with right:
        choose()
        page.choice("view", "View", VIEWS)
    below = st.container()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Examples:", width="content")
        for name, changes in PRESETS.items():
            st.button(name, on_click=page.set, kwargs=changes, key=f"preset_{name}")
    with left, st.container(key="hill"):
        if page.value.view == "contour":
            from_above(run.now)
        else:
            as_landscape(run.now)
    # Below both columns: on a phone, the controls then follow the picture at once.
    with below:
        about_the_hill(run.now)
    show_ends(run.now)


def from_above(now: Scene) -> None:
    x, end = now.x.numpy(), now.way.points[-1]
    shapes = [
        *dots(data().x.numpy(), data().y.numpy()),
        line(now.edge, INK, name="ball", follows=True),
        line(now.way.points, STEP, 3),
        mark(now.fgsm, "cross", ONE_STEP, "FGSM, one step"),
        mark(end, "star", STEP, "PGD, 40 steps"),
    ]
    alt = (
        f"The loss over the square of all two-pixel pictures. x at {pair(x)}, loss {short(now.way.losses[0])}; FGSM "
        f"ends at {pair(now.fgsm)}, PGD at {pair(end)}, loss {short(now.way.losses[-1])}"
    )
    picture = hill(now.settings.model, now.label)
    plane("hill_plane", scene(SQUARE, picture, x, shapes, alt), moved=put)


def about_the_hill(now: Scene) -> None:
    if now.settings.view == "contour":
        st.markdown(
            f"**Drag x, or click where it should go.** The loss is that of class {now.label}, the predicted class of "
            "x. Thin lines join points of equal loss, a factor of ten from one line to the next. The thick line is "
            "the decision boundary, p(y) = ½. The small circles and squares are the training data."
        )
    else:
        st.markdown(
            "**Drag to turn it.** The surface is flat around the data of class "
            f"{now.label}, where the classifier is confident. Losses above 20 are cut off."
        )


def as_landscape(now: Scene) -> None:
    land = landscape(now.classifier, now.label, count=71)
    ends = np.stack([now.x.numpy(), now.fgsm])
    marks = [
        (now.way.points, now.way.losses, STEP, "PGD"),
        (ends, now.losses(ends), ONE_STEP, "FGSM"),
    ]
    figure = surface_chart(land, now.edge, now.losses(now.edge), marks)
    top = short(float(land.loss.max()))
    chart(figure, "surface", f"The loss as a surface in space: a flat part, and a slope up to {top}")


def show_ends(now: Scene) -> None:
    rows, panels = [], []
    ends = {
        "x": now.x.numpy(),
        "FGSM, one step": now.fgsm,
        "PGD, 40 steps": now.way.points[-1],
        "exhaustive search": now.worst,
    }
    for name, point in ends.items():
        label, p, loss = now.says(point)
        name_of = f"class\u00a0{label}"
        said = f"**{name_of}**" if label != now.label else name_of
        rows.append((name, short(loss), percent(p), said))
        panels.append(
            (two_pixels(point), f"{name}  \n{pair(point)}", f"Two grey pixels: {name}, classified as {label}")
        )
    one, many = now.says(now.fgsm), now.says(now.way.points[-1])
    if one[0] == now.label != many[0]:
        text = "**One step misses, many steps hit.** FGSM ends where the loss is still low. PGD changes its direction."
    elif many[0] == now.label != one[0]:
        text = (
            "**One step hits, many steps miss.** FGSM's long step happens to end across the boundary. PGD ends in a "
            "local maximum that is lower."
        )
    elif many[0] == now.label != now.says(now.worst)[0]:
        text = (
            "**Both miss.** Some points of the ball fool the classifier (last row), but the gradient at x leads "
            "elsewhere. PGD ends in a local maximum that is not the highest. Another start may find a higher one."
        )
    elif many[0] == now.label:
        text = "**Nothing to find.** The exhaustive search finds no point of this ball that changes the prediction."
    elif one[2] >= many[2] - 0.005:
        text = "**One step is enough.** Here FGSM reaches as high a loss as PGD."
    else:
        text = "**Both fool the classifier.** PGD reaches a higher loss than FGSM."
    if one[0] == many[0] == now.label:
        verdict.held(None, text)
    else:
        verdict.fooled(None, text)
    table(("", "loss", f"p({now.label})", "prediction"), rows)
    pictures(*panels, width=128)
    st.caption(
        "PGD takes normalised steps of ε/8 here. The exhaustive search computes the loss at 101 × 101 points of the "
        "ball. That is possible with two pixels, and impossible with the 150528 values of a photograph."
    )


def step_by_step(run: Run) -> None:
    st.subheader("2 · PGD step by step", anchor="steps")
    prose(
        "The **gradient** ∇L is the direction in which the loss rises fastest. PGD takes a **step** of size α. If the "
        "step leaves the ball, the **projection** goes back to the nearest point of the ball. Then PGD repeats this. "
        "On the left, the step is α times the raw gradient. On the right, the gradient is first normalised: it gets a "
        "fixed length."
    )
    with playground("steps"):
        place = st.container()
        step_controls()
    with place:
        show_runs(run.now)
    show_what_ran(run.now)


def step_controls() -> None:
    columns = st.columns([3, 3, 3, 4], gap="medium")
    with columns[0]:
        page.control(
            "raw",
            st.select_slider,
            "α, raw gradient",
            FACTORS,
            format_func=factor_text,
            help="A factor of the gradient.",
        )
    with columns[1]:
        page.control(
            "alpha",
            st.slider,
            "α, normalised",
            0.005,
            0.6,
            step=0.005,
            format="%g",
            help="The step's length, in brightness, like ε.",
        )
    with columns[2]:
        page.control("steps", st.slider, "Steps", 1, 20)
    with columns[3]:
        page.choice("projected", "Project after", PROJECTED)
    st.button("As in the lecture: one step", on_click=page.set, kwargs=ON_THE_SLIDE, key="on_the_slide")
    st.caption(
        "*As in the lecture* (drawings of Kolter & Madry, chapter 3, here for this network): on the left, a raw step "
        "leaves the ball and is projected to the nearest point. On the right, a normalised step."
    )


def show_runs(now: Scene) -> None:
    settings = now.settings
    raw, even = runs_of(now)
    # One window for both runs: it holds the ball, the ends of normalised steps, and the ends of unprojected runs.
    strayed = float(np.abs(even.points - now.x.numpy()).max())
    window = window_around(now.x, min(max(1.5 * settings.eps, settings.eps + 1.2 * settings.alpha, 1.1 * strayed), 0.6))
    picture = hill(settings.model, now.label, window, 181)
    symbol = step_symbol(settings)
    player(
        "steps_player",
        [
            panel(f"Raw: α·∇L, α = {factor_text(settings.raw)}", raw, window, picture, now.edge, "α·∇L"),
            panel(f"Normalised: {symbol}, α = {settings.alpha:g}", even, window, picture, now.edge, symbol),
        ],
        {"gradient": PALETTE[7], "step": STEP, "back": BACK},
        settings.steps,
    )


def runs_of(now: Scene) -> tuple[Path, Path]:
    """The run with raw steps, and the run with normalised ones."""
    return now.run(step_size=float(now.settings.raw), step="gradient"), now.run()


def show_what_ran(now: Scene) -> None:
    settings = now.settings
    raw, even = runs_of(now)
    st.markdown("Grey: the direction of ∇L, drawn with a fixed length. Blue: the step. Green, dashed: the projection.")
    show_formula(settings.ball, settings.projected, settings.eps)
    first = even.moved[0] - even.points[0]
    angle = turn(now.gradient, first)
    if settings.ball == "linf":
        st.markdown(
            f"The sign ignores the size of each component: at x it turns the direction by **{angle:.0f}°**. But of all "
            "steps with every |change| ≤ α, it raises the linearised loss most."
        )
    else:
        st.markdown("In L2 the normalised step keeps the direction of ∇L. Only its length changes: it is α.")
    other = "last" if settings.projected == "each" else "each"
    both = {settings.projected: even, other: now.run(projected=other)}
    table(
        ("after " + str(settings.steps) + " steps", "loss", f"p({now.label})"),
        [
            (f"raw gradient, α = {factor_text(settings.raw)}", short(raw.losses[-1]), percent(raw.probabilities[-1])),
            *(
                (f"normalised, projected after {PROJECTED[way]}", short(run.losses[-1]), percent(run.probabilities[-1]))
                for way, run in sorted(both.items())
            ),
        ],
    )
    if abs(raw.points[-1] - raw.points[0]).max() < 0.05 * settings.eps:
        verdict.note(
            None,
            f"The raw run has moved by only {short(float(abs(raw.points[-1] - raw.points[0]).max()))} in total, "
            "because its gradient is tiny. Raise its α.",
        )
    gap = float(both["each"].losses[-1] - both["last"].losses[-1])
    st.caption(
        "The run with a single projection at the end "
        + (
            "ends lower: it followed gradients outside the ball, which differ from those inside."
            if gap > 0.01
            else "ends higher here, by chance: it met a helpful gradient outside the ball."
            if gap < -0.01
            else "ends with the same loss here. Try a larger α, or more steps."
        )
    )


def show_formula(ball: str, projected: str, eps: float) -> None:
    """Show the update, in the lecture's symbols."""
    loss = r"L(y, \hat f(x+\delta^{[t]}\mid\theta))"
    gradient = rf"\nabla_\delta\, {loss}"
    step = rf"\operatorname{{sign}}\big({gradient}\big)" if ball == "linf" else r"\frac{g}{\|g\|_2}"
    norm = r"\infty" if ball == "linf" else "2"
    st.markdown("**The formula that just ran**")
    if projected == "each":
        st.latex(rf"\delta^{{[t+1]}} = \mathcal{{P}}\Big(\delta^{{[t]}} + \alpha\,{step}\Big)")
    else:
        st.latex(rf"\delta^{{[t+1]}} = \delta^{{[t]}} + \alpha\,{step}")
        st.latex(r"\text{and at the end}\quad \delta = \mathcal{P}\big(\delta^{[T]}\big)")
    if ball == "l2":
        st.latex(rf"g = {gradient}")
    clip = (
        r"\mathcal{P}(z) = \text{clip}(z, [-\varepsilon, \varepsilon])"
        if ball == "linf"
        else r"\mathcal{P}(z) = z\cdot\min\big(1, \tfrac{\varepsilon}{\|z\|_2}\big)"
    )
    prose("The projection 𝒫 returns the point of the perturbation set that is nearest to z. Without the box it is")
    st.latex(clip)
    st.latex(
        rf"\mathcal{{B}}_\varepsilon^{{{norm}}} = \{{\delta : \|\delta\|_{{{norm}}} \le \varepsilon\}},"
        rf"\quad \varepsilon = {eps:g}"
    )
    prose(
        r"Here, the pixels also stay in the box: 0 ≤ x + δ ≤ 1. The loss depends on x and δ only through x + δ. So at "
        r"δ = 0, $\nabla_\delta L$ equals $\nabla_x L$: the first step uses the gradient at the picture itself."
    )
    st.caption(
        "Footnote: the name says *descent*, but the attack maximises, so it is gradient **ascent** on L in δ (or "
        "descent on −L). Training does gradient descent on L in θ."
    )


def raw_gradient(run: Run) -> Iterator[None]:
    st.subheader("4 · The length of the raw gradient, and why no α suits it", anchor="steepest-direction")
    place = st.container()
    yield
    with place:
        show_lengths(run.now)


def show_lengths(now: Scene) -> None:
    settings = now.settings
    points = data()
    seen = input_gradient(now.classifier, points.x, Untargeted(points.y))
    others = 1 - points.y
    doubt = seen.logits.softmax(1).gather(1, others[:, None])[:, 0].numpy()
    norms = seen.norm.numpy()
    here = seen_at(now)
    touch, _ = enough(now.gradient, settings.eps, settings.ball)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        vega_chart(
            confidence_chart(doubt, norms, here),
            300,
            f"Length of the gradient against 1 − p(y), both logarithmic: the length rises with 1 − p(y). At x, "
            f"1 − p(y) is {short(here[0])} and the length {short(here[1])}",
        )
    with right:
        st.metric("‖∇L‖₂ at x", short(here[1]), border=True)
        st.metric(f"α for one raw step to the edge, ε = {settings.eps:g}", short(touch), border=True)
    prose("The chain rule explains the lengths. For two classes with the logits z,")
    st.latex(r"\nabla_x L = \big(1 - p(y)\big)\;\nabla_x \big(z_{\text{other}} - z_y\big)")
    low, high = float(norms.min()), float(norms.max())
    prose(
        "The more confident the classifier, the shorter the gradient. So the gradient of a *good* classifier is short "
        f"at most points. At the data, its length lies between {short(low)} and {short(high)}. No α suits all points, "
        "and no α suits all steps of one run: the gradient is tiny at the start and huge at the boundary. Kolter & "
        "Madry use α = 10⁴ for their MNIST network (chapter 3). With a normalised step you choose the length yourself, "
        "in the unit of ε."
    )


def seen_at(now: Scene) -> tuple[float, float]:
    """(1 − p(y), ‖∇L‖₂) at x."""
    logits = now.classifier(now.x[None])[0]
    return float(logits.softmax(0)[1 - now.label]), float(np.linalg.norm(now.gradient))


SECTIONS = (the_hill, step_by_step, in_python, to_infinity, raw_gradient, two_objectives)
STYLE = """<style>
/* One title of a row takes two lines. */
:is(.st-key-stage_difference, .st-key-stage_ce) .lab-op {min-height: 2.5em}
</style>"""
Lesson(page, TEXTS, SECTIONS, prepare=Run, style=STYLE).show()
