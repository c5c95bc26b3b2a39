"""FGSM as the limit of one raw step, and the number of data points that each attack fools."""

from collections.abc import Iterator

import numpy as np
import streamlit as st

from pages.lessons.fgsm_and_pgd.charts import BACK, INK, ONE_STEP, STEP, arrow, line, mark, scene
from pages.lessons.fgsm_and_pgd.plane import plane
from pages.lessons.fgsm_and_pgd.scene import Run, Scene, data, factor, factor_text, hill, pair, tallied
from pages.lessons.fgsm_and_pgd.settings import BALLS, FACTORS, UNENDING, page
from pages.lessons.fgsm_and_pgd.world import UNLIMITED, ball, enough, first_steps, window_around
from pages.widgets.charts import short
from pages.widgets.glossary import prose
from pages.widgets.lesson import table
from pages.widgets.quiz import guess


def to_infinity(run: Run) -> Iterator[None]:
    settings = page.value
    st.subheader("3 · FGSM: the limit of one raw step for α → ∞", anchor="fgsm-limit")
    corner = "in a corner of the square" if settings.ball == "linf" else "at the point of the circle in direction ∇L"
    prose(
        "Take one raw step, α·∇L, and project it. Raise α: the projected point moves along the edge of the ball and "
        f"stops {corner}. That end point does not depend on α. It is **FGSM**, the fast gradient sign method: "
        r"$\delta = \varepsilon\cdot\text{sign}(\nabla_x L)$"
        + (r", here in its L2 form, $\varepsilon\cdot\nabla_x L/\|\nabla_x L\|_2$." if settings.ball == "l2" else ".")
    )
    st.caption(
        "*As in the lecture* (the drawing of Kolter & Madry, chapter 3): the projected step for α → ∞. "
        "Press *α = ∞*, with the L∞ ball."
    )
    left, right = st.columns([3, 2], gap="medium")
    options = (*FACTORS, UNENDING)
    with right:
        page.control("limit", st.select_slider, "α of the single raw step", options, format_func=factor_text)
        st.button("α = ∞", on_click=page.set, kwargs={"limit": UNENDING}, key="unending")
    tally = st.container()
    yield
    now = run.now
    alpha = factor(page.value.limit)
    landed = first_steps(now.classifier, now.x, ball(settings.ball, settings.eps), now.label, [alpha])[0]
    with left:
        show_landing(now, landed)
    with right:
        show_distance(now, landed)
    with tally:
        show_tally(now)


def show_landing(now: Scene, landed: np.ndarray) -> None:
    """Show the end of the first step for every step size, and for the chosen one."""
    settings = now.settings
    fine = 10 ** np.linspace(-1, 12, 300)
    slid = first_steps(now.classifier, now.x, ball(settings.ball, settings.eps), now.label, fine.tolist())
    x, window = now.x.numpy(), window_around(now.x, 1.6 * settings.eps)
    went = factor(settings.limit) * now.gradient
    # Points far beyond the frame are left out.
    went = went * min(1.0, 4 * settings.eps / max(float(np.abs(went).max()), 1e-300))
    shapes = [
        line(now.edge, INK, name="ball"),
        line(slid, BACK, 6),
        arrow(x, x + went, STEP),
        *([line(np.stack([x + went, landed]), BACK, dashes="6 5")] if np.abs(x + went - landed).max() > 1e-6 else []),
        mark(now.fgsm, "cross", ONE_STEP, "FGSM"),
        mark(landed, "circle", BACK, "end of the raw step"),
    ]
    alt = (
        f"One raw step with α = {factor_text(settings.limit)} ends at {pair(landed)}, "
        f"{short(distance(now, landed))} away from FGSM's point {pair(now.fgsm)}"
    )
    picture = hill(settings.model, now.label, window, 181)
    plane("limit_plane", scene(window, picture, x, shapes, alt))


def distance(now: Scene, landed: np.ndarray) -> float:
    """The distance of the landing point to FGSM's point."""
    return float(np.linalg.norm(landed - now.fgsm))


def show_distance(now: Scene, landed: np.ndarray) -> None:
    settings, apart = now.settings, distance(now, landed)
    st.metric("Distance to FGSM's point", short(apart) if apart > 1e-6 else "0", border=True)
    touch, land_at = enough(now.gradient, settings.eps, settings.ball)
    st.markdown(
        f"∇L at x = ({short(now.gradient[0])}, {short(now.gradient[1])}). The step reaches the edge with α = ε / "
        + ("the larger component" if settings.ball == "linf" else "‖∇L‖₂")
        + f" = **{short(touch)}**"
        + (
            f". It reaches FGSM's corner with α = ε / the smaller component = **{short(land_at)}**."
            if settings.ball == "linf"
            else ", which is FGSM's point."
        )
    )
    st.caption(
        f"Green: the ends of the step for all α. ∞ is computed as α = {short(UNLIMITED)}. The α above hold where the "
        "edge of the square does not cut the ball (pixels stay in [0, 1])."
    )


def show_tally(now: Scene) -> None:
    settings = now.settings
    counts = tallied(settings.model, settings.ball, settings.eps)
    st.markdown(
        f"**FGSM and PGD on all data.** The classifier is right on {counts.right} of the {len(data().y)} points. With "
        f"ε = {settings.eps:g} in {BALLS[settings.ball]}, FGSM changes the prediction of **{counts.one_step}** of them."
    )
    guessed = guess(
        page, "guess", "How many predictions does PGD change, with 40 steps?", min(counts.one_step, counts.right)
    )
    if guessed is None:
        return
    table(
        ("attack", f"changed predictions, of {counts.right}"),
        [
            ("FGSM, one step", str(counts.one_step)),
            ("**PGD, 40 steps**", f"**{counts.many_steps}**"),
            ("exhaustive search (31 × 31 points of each ball)", str(counts.anywhere)),
        ],
    )
    gained = counts.many_steps - counts.one_step
    if counts.one_step == counts.many_steps == counts.anywhere:
        why = "One step finds all of them" + (
            ": the gradient has the same direction everywhere." if settings.model == "linear" else "."
        )
    elif gained:
        why = f"Many steps find {gained} more. PGD is no proof either: compare the last row."
    else:
        why = "Many steps find no more than one step."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"You said {guessed}. {why}", width="content")
        st.button("Guess again", on_click=page.set, kwargs={"guess": -1}, type="tertiary", key="guess_again")
