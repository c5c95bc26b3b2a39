"""The chart of section 3: numbers in, a Vega-Lite specification out."""

from collections.abc import Sequence

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

MOVED, CONTROL = PALETTE[1], PALETTE[0]
CHANCE = 0.1  # of ten classes


def accuracy_chart(courses: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], epochs: int) -> vega.Spec:
    """Accuracy on untouched test digits after each epoch, one line a training, and a dashed line for guessing.

    Args:
        courses: (name, colour, (epoch, accuracy) so far) of each training.
    """
    values = [
        {"epoch": epoch, "accuracy": accuracy, "trained on": name}
        for name, _, points in courses
        for epoch, accuracy in points
    ]
    line = vega.layer(
        values,
        {"type": "line", "strokeWidth": 3, "point": {"size": 50}},
        x=vega.numbers("epoch", "epoch", (0, epochs), {"tickMinStep": 1}),
        y=vega.share("accuracy", "read rightly (dashed: guessing)"),
        color=vega.colours("trained on", [(name, colour) for name, colour, _ in courses], columns=1, labelLimit=300),
        tooltip=vega.tips(**{"trained on": "", "epoch": "", "accuracy": ".1%"}),
    )
    return {"layer": [line, vega.rule("y", CHANCE, GREY, width=1)]}
