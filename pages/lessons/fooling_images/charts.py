"""Charts of fooling images: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence
from typing import Any

from pages.widgets.charts import PALETTE

_GREY = "#8a8f98"
WANTED, PHOTOGRAPH = PALETTE[1], PALETTE[0]
LEAST = 1e-6  # the lowest probability that the evolution's axis shows


def climb_chart(points: Sequence[tuple[int, float]], steps: int, mark: float) -> dict[str, Any]:
    """The probability of the wanted class against the steps so far: (step, probability); a dotted line at ``mark``."""
    x = {
        "field": "step",
        "type": "quantitative",
        "title": "step",
        "scale": {"domain": [0, steps], "nice": False},
        "axis": {"tickMinStep": 1, "tickCount": 5},
    }
    return _line([{"step": step, "p": p} for step, p in points], x, {"domain": [0, 1]}, mark)


def breed_chart(points: Sequence[tuple[int, float]], queries: int) -> dict[str, Any]:
    """The probability of the wanted class against the number of queries so far, on a logarithmic axis."""
    x = {
        "field": "step",
        "type": "quantitative",
        "title": "pictures shown to the network",
        "scale": {"domain": [0, queries], "nice": False},
        "axis": {"tickCount": 5},
    }
    scale = {"type": "log", "domain": [LEAST, 1], "clamp": True}
    return _line([{"step": step, "p": max(p, LEAST)} for step, p in points], x, scale, None)


def _line(
    values: list[dict[str, float]], x: dict[str, Any], scale: dict[str, Any], mark: float | None
) -> dict[str, Any]:
    log = scale.get("type") == "log"
    axis = {"values": [1e-6, 1e-4, 1e-2, 1], "format": "~%"} if log else {"tickCount": 5, "format": "%"}
    y = {"field": "p", "type": "quantitative", "title": "probability of the wanted class", "scale": scale, "axis": axis}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": values},
            "mark": {"type": "line", "strokeWidth": 3, "color": WANTED, "clip": True},
            "encoding": {"x": x, "y": y, "tooltip": [{"field": "step"}, {"field": "p", "format": ".3~%"}]},
        }
    ]
    if mark is not None:
        layers.append(_rule("y", mark))
    return {"layer": layers}


def accept_chart(
    photographs: Sequence[tuple[str, float]], fooling: Sequence[tuple[str, float]], threshold: float
) -> dict[str, Any]:
    """The network's probabilities for photographs and for fooling images: a stroke for each, and a threshold.

    Args:
        photographs, fooling: (answer, probability).
    """
    kinds = ["photographs", "fooling images"]
    values = [
        {"kind": kind, "says": says, "p": p}
        for kind, each in zip(kinds, (photographs, fooling), strict=True)
        for says, p in each
    ]
    encoding = {
        "x": {
            "field": "p",
            "type": "quantitative",
            "title": "probability of the likeliest class",
            "scale": {"domain": [0, 1]},
            "axis": {"format": "%", "tickCount": 5},
        },
        "y": {"field": "kind", "type": "nominal", "title": None, "scale": {"domain": kinds}, "sort": kinds},
        "color": {
            "field": "kind",
            "type": "nominal",
            "scale": {"domain": kinds, "range": [PHOTOGRAPH, WANTED]},
            "legend": None,
        },
        "tooltip": [{"field": "says"}, {"field": "p", "format": ".2%"}],
    }
    strokes = {"type": "tick", "thickness": 3, "size": 36, "opacity": 0.75}
    return {"layer": [{"data": {"values": values}, "mark": strokes, "encoding": encoding}, _rule("x", threshold)]}


def _rule(axis: str, at: float) -> dict[str, Any]:
    return {
        "data": {"values": [{}]},
        "mark": {"type": "rule", "strokeDash": [5, 4], "color": _GREY, "strokeWidth": 2},
        "encoding": {axis: {"datum": at, "type": "quantitative"}},
    }
