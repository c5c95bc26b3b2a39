"""Charts of the lesson on evaluation: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence
from typing import Any

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

SAFE, FALLEN, UNKNOWN = PALETTE[0], PALETTE[1], "#b9bec7"
_NEEDS = ("nothing", "gradient", "twin", "other network", "answers")


def series_chart(bars: Sequence[tuple[str, float | None, str]]) -> vega.Spec:
    """The error under each attack as a bar; an attack that has not begun has no bar.

    Args:
        bars: (attack, error or None, its needs: "nothing", "gradient", ...) in order.
    """
    order = [name for name, *_ in bars]
    values = [{"attack": name, "error": error, "sees": sees} for name, error, sees in bars if error is not None]
    x = vega.share("error", "error on test digits")
    y: vega.Spec = {"field": "attack", "type": "nominal", "sort": order, "title": None, "scale": {"domain": order}}
    y["axis"] = {"labelLimit": 230, "labelOverlap": False}
    colour = vega.colours("sees", zip(_NEEDS, (GREY, *PALETTE), strict=False))
    colour["legend"] = {"title": "the attack needs", "orient": "bottom", "columns": 2, "labelLimit": 120}
    bar = {"type": "bar", "cornerRadiusEnd": 3}
    text = {"type": "text", "align": "left", "dx": 5, "color": GREY, "fontWeight": "bold"}
    told = vega.tips(attack="", error=".1~%", sees="")
    return {
        "data": {"values": values},
        "layer": [
            {"mark": bar, "encoding": {"x": x, "y": y, "color": colour, "tooltip": told}},
            {"mark": text, "encoding": {"x": x, "y": y, "text": {"field": "error", "format": ".1~%"}}},
        ],
    }


def angle_chart(lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], reach: float) -> vega.Spec:
    """Error against the angle of a rotation, one line a network: (name, colour, (angle, error) so far)."""
    values = [
        {"angle": angle, "error": error, "network": name}
        for name, _, points in lines
        for angle, error in sorted(points)
    ]
    return vega.layer(
        values,
        {"type": "line", "strokeWidth": 3},
        x=vega.numbers("angle", "angle of rotation, in degrees", (-reach, reach), nice=False),
        y=vega.share("error", "error on test digits"),
        color=_colours("network", lines),
        tooltip=vega.tips(network="", angle="", error=".1~%"),
    )


def vote_chart(counts: Sequence[int], samples: int, bound: float | None) -> vega.Spec:
    """The number of noisy copies that voted for each digit; ``bound``: lower bound of the winner's probability."""
    values = [{"digit": str(digit), "share": count / samples, "votes": count} for digit, count in enumerate(counts)]
    bars = vega.layer(
        values,
        {"type": "bar", "color": PALETTE[0], "cornerRadiusEnd": 3},
        x={"field": "digit", "type": "ordinal", "title": "prediction for a noisy copy", "axis": {"labelAngle": 0}},
        y=vega.share("share", "share of the copies"),
        tooltip=vega.tips(digit="", votes=""),
    )
    bounds = [] if bound is None else [vega.rule("y", bound, PALETTE[1])]
    return {"layer": [bars, vega.rule("y", 0.5, GREY), *bounds]}


def certified_chart(lines: Sequence[tuple[str, str, Sequence[float]]], longest: float) -> vega.Spec:
    """Certified accuracy: the share of digits that are right within each radius at least.

    Args:
        lines: (name, colour, the radius of each digit, -1 where no right answer is certified).
    """
    grid = [longest * k / 60 for k in range(61)]
    values = [
        {"radius": at, "share": sum(radius > at for radius in radii) / len(radii), "noise": name}
        for name, _, radii in lines
        if radii
        for at in grid
    ]
    return vega.layer(
        values,
        {"type": "line", "strokeWidth": 3, "interpolate": "step-after"},
        x=vega.numbers("radius", "radius in L2", (0, longest)),
        y=vega.share("share", "certified accuracy"),
        color=_colours("noise", lines),
        tooltip=vega.tips(noise="", radius=".2f", share=".1~%"),
    )


def between_chart(points: Sequence[tuple[float, float, float]], longest: float) -> vega.Spec:
    """The shares of proved, fooled and undecided digits at each ε, stacked to 1: points are (ε, safe, fallen)."""
    kinds = ("proved robust", "unknown", "fooled")
    values = [
        {"eps": eps, "share": share, "what": kind, "order": order}
        for eps, safe, fallen in points
        for order, (kind, share) in enumerate(zip(kinds, (safe, max(1 - safe - fallen, 0), fallen), strict=True))
    ]
    return vega.layer(
        values,
        {"type": "area", "line": False},
        x=vega.numbers("eps", "ε, radius of the L∞ ball", (0, longest), nice=False),
        y=vega.share("share", "share of the digits") | {"stack": "zero"},
        color=vega.colours("what", zip(kinds, (SAFE, UNKNOWN, FALLEN), strict=True)),
        order={"field": "order"},
        tooltip=vega.tips(what="", eps="", share=".1~%"),
    )


def _colours(field: str, lines: Sequence[tuple[str, str, Any]]) -> vega.Spec:
    return vega.colours(field, ((name, colour) for name, colour, _ in lines), columns=2, labelLimit=170)
