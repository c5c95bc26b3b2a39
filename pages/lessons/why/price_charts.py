"""Charts of section 4: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence

import numpy as np

from pages.widgets import vega
from pages.widgets.charts import GREY, ORDINARY, PALETTE, ROBUST

KINDS = {"untouched": [1, 0], "under attack": [6, 4]}
CLASSES = (("class 0", PALETTE[4]), ("class 1", PALETTE[2]))
BALLS = 6  # points around which the ball of the attack is drawn
Border = tuple[str, np.ndarray]  # the name of the network, and places on its border (M, 2)


def plane_chart(points: np.ndarray, classes: np.ndarray, borders: Sequence[Border], eps: float) -> vega.Spec:
    """The plane of two pixels: training points, the L∞ ball around some of them, and the border of each network.

    Args:
        points: (n, 2) in [0, 1]; classes: (n,) of 0 and 1.
        borders: of the ordinary network, then of the robust one.
        eps: radius of the balls.
    """
    dots = [
        {"left": float(a), "right": float(b), "shown": CLASSES[int(label)][0]}
        for (a, b), label in zip(points, classes, strict=True)
    ]
    squares = [_ball(float(a), float(b), eps) for a, b in points[:BALLS]]
    lines = [{"left": float(a), "right": float(b), "shown": name} for name, places in borders for a, b in places]
    x = vega.numbers("left", "brightness of the left pixel", (0, 1), {"tickCount": 5})
    y = vega.numbers("right", "brightness of the right pixel", (0, 1), {"tickCount": 5})
    shades = [*CLASSES, *((name, colour) for (name, _), colour in zip(borders, (ORDINARY, ROBUST), strict=True))]
    color = vega.colours("shown", shades, columns=2, labelLimit=150)
    shapes = {"domain": [name for name, _ in shades], "range": ["circle", "triangle-up", "circle", "circle"]}
    shape = {"field": "shown", "type": "nominal", "scale": shapes}  # in one legend with the colours
    square = {"type": "rect", "filled": False, "stroke": GREY, "strokeWidth": 1.5}
    return {
        "layer": [
            vega.layer(
                squares, square, x=x | {"field": "x"}, x2={"field": "x2"}, y=y | {"field": "y"}, y2={"field": "y2"}
            ),
            vega.layer(
                dots,
                {"type": "point", "filled": True, "size": 40, "opacity": 0.85},
                x=x,
                y=y,
                color=color,
                shape=shape,
                tooltip=vega.tips(shown="", left=".2f", right=".2f"),
            ),
            vega.layer(
                lines,
                {"type": "circle", "size": 14, "opacity": 1},
                x=x,
                y=y,
                color=color,
            ),
        ]
    }


def _ball(left: float, right: float, eps: float) -> dict[str, float]:
    """The corners of ball ∩ box."""
    return {
        "x": max(left - eps, 0.0),
        "x2": min(left + eps, 1.0),
        "y": max(right - eps, 0.0),
        "y2": min(right + eps, 1.0),
    }


def price_chart(points: Sequence[tuple[str, float, float]], ticks: Sequence[str], title: str) -> vega.Spec:
    """Clean and robust accuracy against a knob of the training.

    Args:
        points: (value of the knob, clean, robust) so far.
        ticks: all values of the knob, in order; title: of the axis.
    """
    return _accuracies(
        [
            {"knob": knob, "accuracy": accuracy, "points": kind}
            for knob, *both in points
            for kind, accuracy in zip(KINDS, both, strict=True)
        ],
        _steps(ticks, title),
        vega.colours("points", zip(KINDS, (ROBUST, ORDINARY), strict=True)),
    )


def sizes_chart(points: Sequence[tuple[str, str, float, float]], ticks: Sequence[str], title: str) -> vega.Spec:
    """Mean clean and robust accuracy against the number of training examples, one colour for each kind of them.

    Args:
        points: (kind, number, clean, robust) so far.
    """
    kinds = list(dict.fromkeys(kind for kind, *_ in points))
    return _accuracies(
        [
            {"knob": number, "accuracy": accuracy, "points": kind, "examples": name}
            for name, number, *both in points
            for kind, accuracy in zip(KINDS, both, strict=True)
        ],
        _steps(ticks, title),
        vega.colours("examples", zip(kinds, PALETTE[:2], strict=False), columns=1, labelLimit=300),
    )


def _steps(ticks: Sequence[str], title: str) -> vega.Spec:
    scale = {"domain": list(ticks)}
    return {"field": "knob", "type": "ordinal", "title": title, "scale": scale, "axis": {"labelAngle": 0}}


def _accuracies(values: Sequence[vega.Spec], x: vega.Spec, color: vega.Spec) -> vega.Spec:
    dash = {"domain": list(KINDS), "range": list(KINDS.values())}
    return vega.layer(
        values,
        {"type": "line", "strokeWidth": 3, "point": {"size": 50}},
        x=x,
        y=vega.numbers("accuracy", "right (dashed: attacked)", (0, 1), {"format": "%", "tickCount": 5}),
        color=color,
        strokeDash={"field": "points", "type": "nominal", "scale": dash, "legend": None},
        tooltip=vega.tips(knob="", points="", accuracy=".1%"),
    )
