"""Charts of the lesson on adversarial glasses and patches: numbers and pictures in, Vega-Lite specifications out."""

from collections.abc import Mapping, Sequence

import numpy as np

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

GRID = 56  # points to click on, each way


def click_chart(uri: str, points: Sequence[tuple[float, float]], side: int) -> vega.Spec:
    """A picture to click on: a click selects the nearest point of a fine, invisible grid.

    Args:
        uri: of the picture; points: the two chosen points, in parts of the width and the height.
        side: of the chart, in pixels.
    """
    grid = [{"u": (i + 0.5) / GRID, "v": (j + 0.5) / GRID} for i in range(GRID) for j in range(GRID)]
    marked = [{"u": u, "v": v, "name": name} for name, (u, v) in zip("12", points, strict=True)]
    nearest = {"type": "point", "nearest": True, "encodings": ["x", "y"]}
    unseen = {"type": "point", "aria": False, "opacity": 0, "size": 40, "filled": True, "cursor": "crosshair"}
    ring = {"type": "point", "shape": "circle", "size": 260, "strokeWidth": 3, "color": PALETTE[1], "filled": False}

    def layers(x: vega.Spec, y: vega.Spec) -> list[vega.Spec]:
        return [
            vega.layer(marked, ring, x=x, y=y),
            vega.layer(grid, unseen, x=x, y=y) | {"params": [{"name": "spot", "select": nearest}]},
        ]

    return vega.on_picture(uri, side, side, layers)


def distance_chart(rows: Mapping[str, np.ndarray], names: Sequence[str], same: float) -> vega.Spec:
    """The distance of a face to each person on one axis, a row for each picture; a line at the threshold ``same``."""
    values = [
        {"picture": picture, "person": name, "distance": float(each)}
        for picture, away in rows.items()
        for name, each in zip(names, away, strict=True)
    ]
    dots = vega.layer(
        values,
        {"type": "point", "filled": True, "size": 160, "opacity": 1},
        x=vega.numbers("distance", f"distance (below {same:g}: the same person)", (0, 1.1), {"tickCount": 6}),
        y={
            "field": "picture",
            "type": "nominal",
            "title": None,
            "scale": {"domain": list(rows)},
            "axis": {"labelLimit": 110, "labelOverlap": False, "grid": True},
        },
        color=vega.colours("person", zip(names, PALETTE, strict=False)),
        shape={"field": "person", "type": "nominal", "scale": {"domain": list(names)}, "legend": None},
        tooltip=vega.tips(person="", picture="", distance=".2f"),
    )
    return {"layer": [dots, vega.rule("x", same, GREY)]}


def training_chart(points: Sequence[tuple[int, float]], steps: int, wanted: str) -> vega.Spec:
    """The probability of the class in the views of each step.

    Args:
        points: (step, probability); steps: the end of the axis; wanted: the class.
    """
    shown = vega.layer(
        [{"step": step, "p": p} for step, p in points],
        {"type": "line", "strokeWidth": 2.5, "color": PALETTE[1]},
        x=vega.numbers("step", "training step", (0, steps)),
        y=vega.share("p", f"probability of {wanted}"),
        tooltip=vega.tips(step="", probability=""),
    )
    return {"transform": [vega.probability_text("p")], **shown}
