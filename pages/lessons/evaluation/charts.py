"""Charts of the evaluation of defences: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence
from typing import Any

from pages.widgets.charts import PALETTE

_GREY = "#8a8f98"
SAFE, FALLEN, UNKNOWN = PALETTE[0], PALETTE[1], "#b9bec7"


def series_chart(bars: Sequence[tuple[str, float | None, str]]) -> dict[str, Any]:
    """The error under each attack as a bar; an attack that has not begun has no bar.

    Args:
        bars: (attack, error or None, its needs: "nothing", "gradient", ...) in order.
    """
    order = [name for name, *_ in bars]
    values = [{"attack": name, "error": error, "sees": sees} for name, error, sees in bars if error is not None]
    kinds = ["nothing", "gradient", "twin", "other network", "answers"]
    colours = [_GREY, PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[3]]
    y = {
        "field": "attack",
        "type": "nominal",
        "sort": order,
        "title": None,
        "scale": {"domain": order},
        "axis": {"labelLimit": 230, "labelOverlap": False},
    }
    x = {
        "field": "error",
        "type": "quantitative",
        "title": "error on test digits",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%", "tickCount": 5},
    }
    return {
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {
                        "field": "sees",
                        "type": "nominal",
                        "scale": {"domain": kinds, "range": colours},
                        "legend": {"title": "it needs", "orient": "bottom", "columns": 2, "labelLimit": 120},
                    },
                    "tooltip": [{"field": "attack"}, {"field": "error", "format": ".1%"}, {"field": "sees"}],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": _GREY, "fontWeight": "bold"},
                "encoding": {"x": x, "y": y, "text": {"field": "error", "format": ".0%"}},
            },
        ],
    }


def angle_chart(lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], reach: float) -> dict[str, Any]:
    """Error against the angle of a rotation, one line a network: (name, colour, (angle, error) so far)."""
    values = [
        {"angle": angle, "error": error, "network": name}
        for name, _, points in lines
        for angle, error in sorted(points)
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 3},
        "encoding": {
            "x": {
                "field": "angle",
                "type": "quantitative",
                "title": "turned by, in degrees",
                "scale": {"domain": [-reach, reach], "nice": False},
            },
            "y": {
                "field": "error",
                "type": "quantitative",
                "title": "error on test digits",
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "tickCount": 5},
            },
            "color": _colours(lines),
            "tooltip": [{"field": "network"}, {"field": "angle"}, {"field": "error", "format": ".1%"}],
        },
    }


def vote_chart(counts: Sequence[int], samples: int, bound: float | None) -> dict[str, Any]:
    """The number of noisy copies that voted for each digit; ``bound``: lower bound of the winner's probability."""
    values = [{"digit": str(digit), "share": count / samples, "votes": count} for digit, count in enumerate(counts)]
    x = {"field": "digit", "type": "ordinal", "title": "answer to a noisy copy", "axis": {"labelAngle": 0}}
    y = {
        "field": "share",
        "type": "quantitative",
        "title": "share of the copies",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%", "tickCount": 5},
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": values},
            "mark": {"type": "bar", "color": PALETTE[0], "cornerRadiusEnd": 3},
            "encoding": {"x": x, "y": y, "tooltip": [{"field": "digit"}, {"field": "votes"}]},
        },
        _rule(0.5, _GREY),
    ]
    if bound is not None:
        layers.append(_rule(bound, PALETTE[1]))
    return {"layer": layers}


def _rule(share: float, colour: str) -> dict[str, Any]:
    return {
        "data": {"values": [{}]},
        "mark": {"type": "rule", "strokeDash": [5, 4], "color": colour, "strokeWidth": 2},
        "encoding": {"y": {"datum": share, "type": "quantitative"}},
    }


def certified_chart(lines: Sequence[tuple[str, str, Sequence[float]]], longest: float) -> dict[str, Any]:
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
    return {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 3, "interpolate": "step-after"},
        "encoding": {
            "x": {
                "field": "radius",
                "type": "quantitative",
                "title": "radius in L2",
                "scale": {"domain": [0, longest]},
            },
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": "certified and right",
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "tickCount": 5},
            },
            "color": _colours([(name, colour, ()) for name, colour, _ in lines], "noise"),
            "tooltip": [
                {"field": "noise"},
                {"field": "radius", "format": ".2f"},
                {"field": "share", "format": ".0%"},
            ],
        },
    }


def between_chart(points: Sequence[tuple[float, float, float]], longest: float) -> dict[str, Any]:
    """The shares of proved, fooled and undecided digits at each ε, stacked to 1: points are (ε, safe, fallen)."""
    kinds = ("proved safe", "unknown", "fooled")
    values = [
        {"eps": eps, "share": share, "what": kind, "order": order}
        for eps, safe, fallen in points
        for order, (kind, share) in enumerate(zip(kinds, (safe, max(1 - safe - fallen, 0), fallen), strict=True))
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "area", "line": False},
        "encoding": {
            "x": {
                "field": "eps",
                "type": "quantitative",
                "title": "ε, radius of the L∞ ball",
                "scale": {"domain": [0, longest], "nice": False},
            },
            "y": {
                "field": "share",
                "type": "quantitative",
                "stack": "zero",
                "title": "share of the digits",
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "tickCount": 5},
            },
            "color": {
                "field": "what",
                "type": "nominal",
                "scale": {"domain": list(kinds), "range": [SAFE, UNKNOWN, FALLEN]},
                "legend": {"title": None, "orient": "top"},
            },
            "order": {"field": "order"},
            "tooltip": [{"field": "what"}, {"field": "eps"}, {"field": "share", "format": ".1%"}],
        },
    }


def _colours(lines: Sequence[tuple[str, str, Any]], field: str = "network") -> dict[str, Any]:
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": [name for name, *_ in lines], "range": [colour for _, colour, _ in lines]},
        "legend": {"title": None, "orient": "top", "columns": 2, "labelLimit": 170},
    }
