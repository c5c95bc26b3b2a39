"""The section on equal budgets: which attack has fooled how many digits after how many queries."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.serving.engine.work import Task
from pages.lessons.black_box.budget_tasks import SISTER, TRANSFER_STEPS, Spend, Tally
from pages.lessons.black_box.charts import budget_chart
from pages.lessons.black_box.settings import BALLS, RACED, ROUNDS, UNITS, VICTIMS, WAYS, Settings, page
from pages.lessons.black_box.tasks import Extraction, Steal
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, slots, vega_chart
from pages.widgets.live import follow_each
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import share

FIRST = 100  # queries of a substitute's first round
Points = list[tuple[int, float]]


def equal_budgets(_: object) -> Iterator[None]:
    st.subheader("5 · Equal budgets: what does a query buy?", anchor="equal-budgets")
    prose(
        "The attacks of this page, on the same digits and with the same limit. **Square Attack** is score-based: each "
        "answer is a list of probabilities, and tells whether the last change has helped. **HopSkipJump** and the "
        "**Boundary Attack** are decision-based: an answer is one label. They start far away, at a random picture "
        "that is wrong already, and walk along the decision boundary towards x. The Boundary Attack knows L2 alone. "
        "**Transfer** asks nothing, and the **substitute** asks once for all digits."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        page.choice("against", "Training of the victim", VICTIMS)
        page.choice("ball", "Norm", BALLS)
    with right:
        ball = page.value.ball
        page.control("within", st.slider, f"ε in {BALLS[ball]}, in 1/{UNITS[ball]}", 5, 40)
        page.control("budget", st.slider, "Queries at most", 100, 2000, step=100)
    slot, progress, told = slots("black_box_budgets", 3)
    skeleton(slot, 400, "not yet computed")
    settings = page.value
    about = (settings.against, settings.ball, settings.within, settings.budget, settings.seed)
    wanted = is_wanted("run_budgets", about, "about 15 seconds", progress)
    yield
    if wanted:
        follow_budgets(slot, progress, told)


def works_of(settings: Settings) -> dict[str, Task[Any]]:
    """The tasks of the chart by the names of their lines, those that are done sooner first."""
    given = (settings.against, settings.ball, settings.radius, settings.budget, RACED, settings.seed)
    rounds = min((settings.budget // FIRST).bit_length(), ROUNDS)  # each one doubles the queries
    works: dict[str, Task[Any]] = {}
    for way, name in WAYS.items():
        if way == "substitute":
            radius, ball = settings.radius, settings.ball
            works[name] = Steal(settings.against, FIRST // 10, rounds, radius, settings.seed, ball, RACED)
        elif way != "boundary" or settings.ball == "l2":
            works[name] = Spend(way, *given)
    return works


def counts_of(records: Sequence[Tally | Extraction]) -> Points:
    """The points of a line: (queries, share of the digits that are fooled) each."""
    return [
        (each.queries, each.fooled) if isinstance(each, Tally) else (each.queries, each.transferred)
        for each in records
        if isinstance(each, Tally) or each.done == 1
    ]


def follow_budgets(slot: DeltaGenerator, progress: DeltaGenerator, told: DeltaGenerator) -> None:
    settings = page.value
    works = works_of(settings)

    def draw(found: Mapping[str, list[Any]], name: str) -> None:
        counts = {each: counts_of(records) for each, records in found.items()}
        vega_chart(
            budget_chart(counts, list(works), noise_of(found), settings.budget),
            400,
            "; ".join(f"{each}: {share(points[-1][1])} of the digits" for each, points in counts.items() if points),
            slot,
        )
        progress.markdown(f"Attack {len(found)} of {len(works)}: {name}, {found[name][-1].queries} queries")

    found = follow_each("budget", works, draw, progress.info)
    if found is None:
        return
    counts = {each: counts_of(records) for each, records in found.items()}
    told.markdown("\n".join(f"- {sentence(name, points, settings)}" for name, points in counts.items()))
    noise = share(noise_of(found) or 0)
    progress.caption(
        f"The first {RACED} test digits of MNIST, {BALLS[settings.ball]}, ε = {settings.radius:g}. A digit counts as "
        "fooled once its 8-bit picture inside the ball changes the victim's prediction; δ of the decision-based "
        f"attacks is stretched or cut to ε for that. Dashed: random noise of the same size, {noise}. Transfer: "
        f"MI-FGSM, {TRANSFER_STEPS} steps, on a network of the same design that was trained on noisy digits "
        f"(`{SISTER}`). Queries count for each digit; those of the substitute serve all digits together."
    )


def noise_of(found: Mapping[str, Sequence[Any]]) -> float | None:
    """The share of the digits that random noise fools; None until it is known."""
    return next((r[-1].noise for r in found.values() if r and isinstance(r[-1], Extraction)), None)


def sentence(name: str, points: Points, settings: Settings) -> str:
    """Tell the result of one attack."""
    queries, end = points[-1]
    half = next((at for at, fooled in points if fooled >= 0.5), None)
    if name == WAYS["transfer"]:
        return f"**{name}** fools **{share(end)}** of the digits."
    if name == WAYS["substitute"]:
        return (
            f"**{name}** fools **{share(end)}** after {queries} queries in all, which are {queries / RACED:.3g} for "
            "each digit."
        )
    reached = f"half of them after at most {half} queries" if half else "less than half of them"
    return f"**{name}** fools **{share(end)}** with {settings.budget} queries for each digit at most, {reached}."
