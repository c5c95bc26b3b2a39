"""The section with the leaderboard of one network: each attack alone, and below all of them the worst case."""

from collections.abc import Iterator, Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.evaluation.members import members_of
from adv_core.norms import NORMS
from pages.lessons.evaluation.board import Board, clickable, draw_grid, show_example
from pages.lessons.evaluation.charts import WORST, board_chart
from pages.lessons.evaluation.settings import (
    BOARD,
    BOARD_NETWORKS,
    QUERIES,
    STEPS,
    TARGETS,
    Settings,
    committed,
    page,
)
from pages.lessons.evaluation.verdict_tasks import Scored
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, slots, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.stage import PictureRow, share
from pages.widgets.verdict import fooled, held

TITLES = {"x": "x", "delta": "+ δ", "end": "= x + δ, in 8 bits"}
state = st.session_state


def leaderboard(_: object) -> Iterator[None]:
    st.subheader("2 · The leaderboard of one network", anchor="leaderboard")
    prose(
        "Section 1 compared attacks on a defence. Now a network without any trick is judged as the field judges: each "
        "attack gets the same digits, alone. A digit **stands** if no attack has found a δ in the ball at which the "
        "network is wrong. The share that stands under all attacks is the accuracy under the **pointwise worst case**. "
        "Often no single attack reaches it."
    )
    page.choice("network", "Network to judge", BOARD_NETWORKS, on_change=_suit)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page.choice("norm", "Ball", {norm: NORMS[norm].title for norm in BOARD})
        if page.value.norm == "linf":
            page.control("radius", st.slider, "ε of the L∞ ball", 0.02, 0.4, step=0.01, width=220)
        else:
            page.control("radius_l2", st.slider, "ε of the L2 ball", 0.25, 5.0, step=0.25, width=220)
        page.control("digits", st.slider, "Number of test digits", 10, 50, step=10, width=220)
    _show_committed(page.value)
    verdict = st.container(key="evaluation_verdict").empty()
    chart, told = slots("evaluation_board", 2)
    names = [member.title for member in members_of(BOARD[page.value.norm], page.value.norm)]
    skeleton(chart, 40 * len(names) + 110, f"0 of {len(names)} attacks: the attacks of section 1 run first")
    st.latex(
        r"\mathrm{acc}_\text{worst} = \frac1N \sum_{n=1}^{N} \min_{a\,\in\,\text{attacks}} "
        r"\big[\hat f(x_n+\delta_a(x_n)) = y_n\big] \;\le\; \min_{a}\, \mathrm{acc}_a"
    )
    example = st.container(key="board_example")
    yield
    with example:
        st.markdown("**Which attack broke which digit?** Click a digit.")
        left, right = st.columns([5, 6], gap="medium")
        grid = left.empty()
        with right:
            row = PictureRow("stage_board", TITLES, np.full((8, 8, 3), 128, np.uint8), page.value.board)
        about, rest = st.empty(), st.empty()
    board = follow_board(names, verdict, chart, told, grid)
    if board is not None:
        with left:
            clickable(board, grid)
        show_example(board, row, about, rest)


def _suit() -> None:
    """Set ε of the L∞ ball to the value at which the chosen network has its committed verdict."""
    page.set(radius=committed(state[page.key("network")]).eps)


def _show_committed(settings: Settings) -> None:
    """Show the verdict of the full budgets, which is computed beforehand."""
    known = committed(settings.network)
    low, high = (share(each) for each in known.interval)
    with st.container(key="evaluation_committed"):
        columns = st.columns(3)
        for column, label, value in (
            (columns[0], "Right without an attack", share(known.clean)),
            (
                columns[1],
                f"Stands under PGD alone, L∞ {known.eps:g}",
                "not judged" if known.pgd is None else share(known.pgd),
            ),
            (columns[2], f"Stands in the worst case, L∞ {known.eps:g}", share(known.robust)),
        ):
            column.metric(label, value, border=True)
    after = ", ".join(f"{title} {share(accuracy)}" for title, accuracy in known.after)
    told = (
        f"Computed beforehand with the full budgets of AutoAttack, on {known.examples} test digits: `{known.command}` "
        f"(95 % interval: {low} to {high}). What stands after each attack: {after}."
    )
    if known.pgd is not None:
        told += f" PGD: {known.steps} steps, {known.restarts} restarts, all 10\u202f000 test digits."
    if known.warnings:
        told += f" Its warnings: {' '.join(known.warnings)}"
    st.caption(f"{told} The chart below is computed now, with smaller budgets and fewer digits.")


def follow_board(
    names: Sequence[str],
    verdict: DeltaGenerator,
    chart: DeltaGenerator,
    told: DeltaGenerator,
    grid: DeltaGenerator,
) -> Board | None:
    """Draw the bars and the grid while the attacks run. Return the board once all have ended."""
    settings, known = page.value, committed(page.value.network)
    mark = known.robust if settings.norm == "linf" and settings.radius == known.eps else None
    seen = 0

    def draw(records: list[Scored]) -> None:
        nonlocal seen
        board = Board([record for record in records if record.done == 1])
        _draw_bars(board, names, mark, chart)
        running = f". Running: {records[-1].title}, {records[-1].done:.0%}" if records[-1].done < 1 else ""
        told.markdown(f"{len(board.attacks)} of {len(names)} attacks{running}")
        if seen < len(board.scores) <= len(names):  # the last grid is drawn by itself, to be clicked
            seen = len(board.scores)
            draw_grid(board, grid)

    records = follow(job_for("board", page.value.board), draw, told.info, interval=0.3)
    if records is None:
        return None
    board = Board([record for record in records if record.done == 1])
    _tell_verdict(board, verdict)
    line = "" if mark is None else " The dashed line is the committed worst case."
    passes = f"{sum(score.passes for score in board.attacks):,}".replace(",", "\u202f")
    told.caption(
        f"The first {settings.digits} test digits, each attack alone: {STEPS} steps, {TARGETS} target classes, "
        f"{QUERIES} queries; {passes} pictures passed through the network.{line}"
    )
    return board


def _draw_bars(board: Board, names: Sequence[str], mark: float | None, chart: DeltaGenerator) -> None:
    accuracy = {score.title: (_part(~score.broke), _part(~score.saved)) for score in board.attacks}
    rows = [(name, *accuracy.get(name, (None, None))) for name in names]
    rows.append((WORST, _part(board.stands), _part(~board.saved)))
    alt = "Digits that stand under each attack alone: "
    alt += ", ".join(f"{name} {share(real)}" for name, real, _ in rows if real is not None)
    vega_chart(board_chart(rows, mark), 40 * len(rows) + 70, alt, chart)


def _part(rows: np.ndarray) -> float:
    return float(rows.mean())


def _tell_verdict(board: Board, verdict: DeltaGenerator) -> None:
    count, standing = len(board.stands), int(board.stands.sum())
    best = min(board.attacks, key=lambda score: int((~score.broke & ~board.scores[0].broke).sum()))
    alone = int((~best.broke & ~board.scores[0].broke).sum())
    broken = count - standing - int(board.scores[0].broke.sum())
    saved = int((board.saved & ~board.scores[0].broke).sum())
    if not broken:
        held(verdict, f"**{standing} of {count}** digits stand: no attack breaks one in this ball. That is no proof.")
        return
    if alone > standing:
        compared = f"The strongest attack alone, {best.title}, leaves {alone}: no single attack is the worst case."
    else:
        compared = f"On these digits, {best.title} alone finds as much; on others, another attack may."
    fooled(
        verdict,
        f"**{standing} of {count}** digits stand under the pointwise worst case. {compared} Broken by some attack: "
        f"{broken}. Still misread from the picture saved in 8 bits: **{saved}**.",
    )
