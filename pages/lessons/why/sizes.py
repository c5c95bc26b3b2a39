"""Section 4, second part: more training data narrow the gap between clean and robust accuracy."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.training_sizes import figures
from pages.lessons.why.price_charts import sizes_chart
from pages.lessons.why.price_tasks import ATTACK, PlaneData, PlaneTraining, TrainInPlane
from pages.lessons.why.settings import PLANES, POINT_SEEDS, POINTS
from pages.widgets.digits import share
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, slots, table, vega_chart
from pages.widgets.live import follow_each
from pages.widgets.run_this import is_wanted

HEIGHT = 360
Work = tuple[PlaneData, str, int]  # the data, the number of points, the seed
INNERS = {"none": "ordinary training", "pgd": "adversarial training"}


def show_sizes(_: None) -> Iterator[None]:
    st.markdown("#### Is it only a lack of data?")
    prose(
        "Robust accuracy needs more training data than clean accuracy (Schmidt et al., 2018). With the two moons, more "
        "points narrow the **gap** between the two. In the first data set they cannot: the robust feature misleads in "
        "one picture of ten, however many pictures there are. One price is a lack of data, and the other is not. The "
        "table below shows the same for digits: the gap narrows, and robust training costs hardly any clean accuracy. "
        "With few digits it even helps, since more of what it uses is robust (Tsipras et al., 2019)."
    )
    progress, chart, told = slots("why_sizes", 3)
    skeleton(chart, HEIGHT, "Accuracy against the number of points, not yet computed")
    works = trainings()
    wanted = is_wanted("run_sizes", tuple(works.values()), "about 20 seconds", progress)
    show_digits()
    yield
    yield  # the short computations of the other sections come first
    if wanted:
        follow_sizes(works, progress, chart, told)


def trainings() -> dict[Work, TrainInPlane]:
    """Adversarial training for each data set, number of points and seed."""
    return {
        (data, count, seed): TrainInPlane(data, points=int(count), seed=seed)
        for data in PLANES
        for count in POINTS
        for seed in POINT_SEEDS
    }


def follow_sizes(
    works: Mapping[Work, TrainInPlane], progress: DeltaGenerator, chart: DeltaGenerator, told: DeltaGenerator
) -> None:
    def draw(found: dict[Work, list[PlaneTraining]], now: Work) -> None:
        progress.markdown(f"Training {len(found)} of {len(works)}: {PLANES[now[0]]}, {now[1]} points")
        points = means(found)
        said = [
            f"{name}, {count} points: {share(clean)}, under attack {share(robust)}"
            for name, count, clean, robust in points
        ]
        spec = sizes_chart(points, POINTS, "training points")
        vega_chart(spec, HEIGHT, "Accuracy against the number of training points. " + "; ".join(said), chart)

    found = follow_each("sizes", works, draw, progress.info)
    if found is None:
        return
    gaps = {(name, count): share(clean - robust) for name, count, clean, robust in means(found)}
    fewest, most = POINTS[0], POINTS[-1]
    progress.caption(
        f"Adversarial training with ε = {ATTACK:g}, means of {len(POINT_SEEDS)} trainings with other points each."
    )
    told.markdown(
        "The gap from clean to robust accuracy, "
        + "; ".join(
            f"**{name}**: {gaps[name, fewest]} with {fewest} points, {gaps[name, most]} with {most}"
            for name in PLANES.values()
        )
        + "."
    )


def means(found: Mapping[Work, Sequence[PlaneTraining]]) -> list[tuple[str, str, float, float]]:
    """(name of the data, number of points, mean clean accuracy, mean robust accuracy) so far."""
    groups: dict[tuple[PlaneData, str], list[PlaneTraining]] = {}
    for (data, count, _), records in found.items():
        groups.setdefault((data, count), []).append(records[-1])
    return [
        (PLANES[data], count, mean(each.clean for each in group), mean(each.robust for each in group))
        for (data, count), group in groups.items()
    ]


def show_digits() -> None:
    """Show the figures of the digits, which a script of the project has measured."""
    measured = figures()
    counts = dict.fromkeys(each["digits"] for each in measured["trainings"])
    rows = [
        (
            name,
            *(
                "{} / {}".format(*(share(mean(each[kind] for each in group)) for kind in ("clean", "robust")))
                for count in counts
                for group in [[e for e in measured["trainings"] if (e["inner"], e["digits"]) == (inner, count)]]
            ),
        )
        for inner, name in INNERS.items()
    ]
    table(("handwritten digits: untouched / under attack", *(f"{count} digits" for count in counts)), rows)
    st.caption(
        f"L∞ with ε = {measured['eps']:g}, PGD with 20 steps and 2 restarts on {measured['judged']} test digits, means "
        f"of two trainings. Printed by `{measured['command']}`."
    )
