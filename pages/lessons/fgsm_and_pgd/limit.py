"""FGSM as the limit of one raw step, and the number of data points that each attack fools."""

from collections.abc import Iterator

import numpy as np
import streamlit as st

from pages.lessons.fgsm_and_pgd.charts import BACK, INK, ONE_STEP, STEP, arrow, line, mark, scene, short
from pages.lessons.fgsm_and_pgd.plane import plane
from pages.lessons.fgsm_and_pgd.scene import Run, Scene, data, factor, factor_text, hill, pair, tallied
from pages.lessons.fgsm_and_pgd.settings import BALLS, FACTORS, UNENDING, page
from pages.lessons.fgsm_and_pgd.world import UNLIMITED, ball, enough, first_steps, window_around
from pages.widgets.lesson import table
from pages.widgets.quiz import guess


def to_infinity(run: Run) -> Iterator[None]:
    settings = page.value
    st.subheader("3 · FGSM is where α = ∞ leads", anchor="fgsm-limit")
    corner = "a corner of the square" if settings.ball == "linf" else "the point of the circle that ∇L points to"
    st.markdown(
        "Take a single raw step, α·∇L, and project. Turn α up, and watch where the step comes back to the ball: it "
        f"slides along the edge and stops at {corner}. That point needs no α. It is **FGSM**, the fast gradient sign "
        "method: δ = ε·sign(∇L)" + (", here its L2 form, δ = ε·∇L/‖∇L‖₂." if settings.ball == "l2" else ".")
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
        mark(landed, "circle", BACK, "where the step lands"),
    ]
    alt = (
        f"One raw step with α = {factor_text(settings.limit)} lands at {pair(landed)}, "
        f"{short(distance(now, landed))} from FGSM's point {pair(now.fgsm)}"
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
            f", and FGSM's corner with α = ε / the smaller one = **{short(land_at)}**."
            if settings.ball == "linf"
            else ", and there it is FGSM's point already."
        )
    )
    st.caption(
        f"Green: where the step lands, for every α. ∞ is computed as α = {short(UNLIMITED)}. The α above are for a "
        "ball that the edge of the square does not cut (pixels stay in [0, 1])."
    )


def show_tally(now: Scene) -> None:
    settings = now.settings
    counts = tallied(settings.model, settings.ball, settings.eps)
    st.markdown(
        f"**And for all the data?** The classifier is right about {counts.right} of its {len(data().y)} points. With "
        f"ε = {settings.eps:g} in {BALLS[settings.ball]}, FGSM changes its mind about **{counts.one_step}** of them."
    )
    guessed = guess(
        page, "guess", "Predict, then run: how many does PGD turn, with 40 steps?", min(counts.one_step, counts.right)
    )
    if guessed is None:
        return
    table(
        ("attack", f"points turned, of {counts.right}"),
        [
            ("FGSM, one step", str(counts.one_step)),
            ("**PGD, 40 steps**", f"**{counts.many_steps}**"),
            ("looking everywhere (31 × 31 points of each ball)", str(counts.anywhere)),
        ],
    )
    gained = counts.many_steps - counts.one_step
    if counts.one_step == counts.many_steps == counts.anywhere:
        why = "one step finds all there is" + (
            ": the gradient points the same way everywhere." * (settings.model == "linear")
        )
    elif gained:
        why = f"many steps find {gained} more. PGD is no proof either: compare the last row."
    else:
        why = "many steps find no more than one."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"You said {guessed}: {why}", width="content")
        st.button("Guess again", on_click=page.set, kwargs={"guess": -1}, type="tertiary", key="guess_again")
