"""Charts of the lesson on black-box attacks: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence
from typing import Any

from pages.widgets.charts import PALETTE

_GREY = "#8a8f98"


def query_chart(points: Sequence[tuple[int, float, float]], queries: int, own: str) -> dict[str, Any]:
    """The network's answer in the course of a query attack.

    Args:
        points: (queries, probability of the present answer, of the best other one); queries: the end of the axis.
        own: the name of the present answer.
    """
    names = [own, "the best other class"]
    values = [{"at": at, "p": p, "class": name} for at, *both in points for name, p in zip(names, both, strict=True)]
    x = {"field": "at", "type": "quantitative", "title": "questions asked", "scale": {"domain": [0, queries]}}
    y = {
        "field": "p",
        "type": "quantitative",
        "title": "probability",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%", "tickCount": 5},
    }
    colour = {
        "field": "class",
        "type": "nominal",
        "scale": {"domain": names, "range": [PALETTE[0], PALETTE[1]]},
        "legend": {"title": None, "orient": "top"},
    }
    return {
        "data": {"values": values},
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2.5},
        "encoding": {
            "x": x,
            "y": y,
            "color": colour,
            "tooltip": [{"field": "class"}, {"field": "at"}, {"field": "p", "format": ".1%"}],
        },
    }


def matrix_chart(
    cells: Sequence[tuple[str, str, int]], made: Sequence[str], asked: Sequence[str], of: int
) -> dict[str, Any]:
    """The transfer matrix: for each pair of networks, the number of pictures made on one that fool the other.

    Args:
        cells: (made on, asked, number that fooled) of the known pairs.
        made, asked: all rows and columns, in order.
        of: the number of pictures.
    """
    values = [{"made": m, "asked": a, "fooled": n, "white": m == a} for m, a, n in cells]
    x: dict[str, Any] = {"field": "asked", "type": "nominal", "title": "shown to", "scale": {"domain": list(asked)}}
    x["axis"] = {"labelAngle": 0, "orient": "top", "labelLimit": 130, "ticks": False}
    y: dict[str, Any] = {"field": "made", "type": "nominal", "title": "made on", "scale": {"domain": list(made)}}
    y["axis"] = {"labelLimit": 130, "ticks": False}
    colour = {
        "field": "fooled",
        "type": "quantitative",
        "scale": {"domain": [0, of], "scheme": "blues"},
        "legend": None,
    }
    told = [{"field": "made", "title": "made on"}, {"field": "asked", "title": "shown to"}, {"field": "fooled"}]
    dark = {"condition": {"test": f"datum.fooled > {of / 2}", "value": "white"}, "value": "#12222f"}
    return {
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 3},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": told},
            },
            {
                "mark": {"type": "text", "fontSize": 17, "fontWeight": "bold"},
                "encoding": {"x": x, "y": y, "text": {"field": "fooled"}, "color": dark, "tooltip": told},
            },
        ],
    }


def theft_chart(points: Sequence[tuple[int, float, float]], noise: float, queries: int, first: int) -> dict[str, Any]:
    """The agreement and the transfer of a substitute against the number of queries.

    Args:
        points: (queries, agreement with the victim, share of the victim's answers that its attack changes).
        noise: the share that random noise changes.
        queries, first: the ends of the axis, which is logarithmic.
    """
    names = ["answers like the victim", "its attack fools the victim", "noise fools the victim"]
    values = [
        {"at": at, "share": share, "what": name}
        for at, agreement, fooled in points
        for name, share in zip(names, (agreement, fooled, noise), strict=True)
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 3, "point": {"size": 50, "filled": True}},
        "encoding": {
            "x": {
                "field": "at",
                "type": "quantitative",
                "title": "questions asked",
                "scale": {"type": "log", "base": 2, "domain": [first, max(queries, first + 1)]},
                "axis": {"values": [first * 2**k for k in range(8)]},
            },
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": None,
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "tickCount": 5},
            },
            "color": {
                "field": "what",
                "type": "nominal",
                "scale": {"domain": names, "range": [PALETTE[0], PALETTE[1], _GREY]},
                "legend": {"title": None, "orient": "top", "columns": 1, "labelLimit": 300},
            },
            "tooltip": [{"field": "what"}, {"field": "at"}, {"field": "share", "format": ".1%"}],
        },
    }
