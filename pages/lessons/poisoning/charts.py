"""Charts of the lesson on poisoning: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence

import numpy as np

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

POISONED, ORDINARY = PALETTE[1], PALETTE[0]
RATES = {"error": "error without the trigger", "success": "trigger works"}


def course_chart(courses: Sequence[tuple[str, str, Sequence[tuple[float, float, float]]]], epochs: int) -> vega.Spec:
    """The error without the trigger and the success of the trigger after each epoch, one line a network and rate.

    Args:
        courses: (name, colour, (epoch, error, success) so far) of each network.
    """
    values = [
        {"epoch": epoch, "share": value, "network": name, "rate": RATES[rate]}
        for name, _, points in courses
        for epoch, error, success in points
        for rate, value in (("error", error), ("success", success))
    ]
    dash = {"field": "rate", "type": "nominal", "scale": {"domain": list(RATES.values()), "range": [[1, 0], [6, 4]]}}
    return vega.layer(
        values,
        {"type": "line", "strokeWidth": 3, "point": {"size": 50}},
        x=vega.numbers("epoch", "epoch", (0, epochs), {"tickMinStep": 1}),
        y=vega.share("share", "error (dashed: trigger works)"),
        color=vega.colours("network", [(name, colour) for name, colour, _ in courses]),
        strokeDash=dash | {"legend": None},
        tooltip=vega.tips(network="", rate="", epoch="", share=".1%"),
    )


def success_chart(rows: Sequence[tuple[str, float | None]]) -> vega.Spec:
    """The success of triggers as bars: (attack, share) each; None is not known yet."""
    bars = {"type": "bar", "cornerRadiusEnd": 3, "color": POISONED}
    y = {
        "field": "attack",
        "type": "nominal",
        "title": None,
        "scale": {"domain": [name for name, _ in rows]},
        "axis": {"labelLimit": 170, "ticks": False},
    }
    values = [{"attack": name, "share": value} for name, value in rows if value is not None]
    x = vega.share("share", "digits of other classes read as the target")
    return vega.layer(values, bars, x=x, y=y, tooltip=vega.tips(attack="", share=".1%"))


def scatter(places: np.ndarray, poisoned: np.ndarray, caught: np.ndarray) -> vega.Spec:
    """The digits of one label in the plane of their features; the poisoned ones have another colour and shape.

    Args:
        places: (N, 2); poisoned, caught: (N,) bool. Digits that the method suspects have a dark outline.
    """
    kinds = {"as collected": ORDINARY, "poisoned": POISONED}
    values = [
        {"a": float(a), "b": float(b), "digit": "poisoned" if bad else "as collected", "suspected": bool(found)}
        for (a, b), bad, found in zip(places, poisoned, caught, strict=True)
    ]
    shape = {"field": "digit", "type": "nominal", "scale": {"domain": list(kinds), "range": ["circle", "triangle-up"]}}
    outline = {"condition": {"test": "datum.suspected", "value": 0.9}, "value": 0}
    axis = {"labels": False, "ticks": False}
    return vega.layer(
        values,
        {"type": "point", "filled": True, "size": 45, "opacity": 0.8, "stroke": GREY},
        x=vega.numbers("a", "first component", None, axis, zero=False),
        y=vega.numbers("b", "second component", None, axis, zero=False),
        color=vega.colours("digit", kinds.items()),
        shape=shape | {"legend": None},
        strokeWidth=outline,
        tooltip=vega.tips(digit="", suspected=""),
    )


def sizes_chart(sizes: Sequence[float | None], target: int) -> vega.Spec:
    """The size of the smallest trigger of each class as bars; that of the true target has another colour."""
    values = [
        {"class": str(digit), "pixels": size, "kind": "the attacker's class" if digit == target else "another class"}
        for digit, size in enumerate(sizes)
        if size is not None
    ]
    kinds = {"the attacker's class": POISONED, "another class": ORDINARY}
    x = {
        "field": "class",
        "type": "nominal",
        "title": "class",
        "scale": {"domain": [str(digit) for digit in range(10)]},
    }
    return vega.layer(
        values,
        {"type": "bar", "cornerRadiusEnd": 3},
        x=x | {"axis": {"labelAngle": 0}},
        y=vega.numbers("pixels", "pixels of the smallest trigger"),
        color=vega.colours("kind", kinds.items()),
        tooltip=vega.tips(**{"class": "", "pixels": ".1f", "kind": ""}),
    )
