"""Charts of the lesson on glasses and patches: numbers and pictures in, Vega-Lite specifications out."""

from collections.abc import Sequence
from typing import Any

from pages.widgets.charts import PALETTE

_GREY = "#8a8f98"
GRID = 56  # points to click on, each way


def click_chart(uri: str, points: Sequence[tuple[float, float]], side: int) -> dict[str, Any]:
    """A picture to click on: a click selects the nearest point of a fine, invisible grid.

    Args:
        uri: of the picture; points: the two chosen points, in parts of the width and the height.
        side: of the chart, in pixels.
    """
    grid = [{"u": (i + 0.5) / GRID, "v": (j + 0.5) / GRID} for i in range(GRID) for j in range(GRID)]
    x = {"field": "u", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None}
    y = {"field": "v", "type": "quantitative", "scale": {"domain": [0, 1], "reverse": True}, "axis": None}
    marked = [{"u": u, "v": v, "name": name} for name, (u, v) in zip("12", points, strict=True)]
    ring = {"type": "point", "shape": "circle", "size": 260, "strokeWidth": 3, "color": PALETTE[1], "filled": False}
    return {
        "width": side,
        "height": side,
        "padding": 0,
        "layer": [
            {
                "data": {"values": [{}]},
                "mark": {"type": "image", "width": side, "height": side, "aspect": False},
                "encoding": {"x": {"value": side / 2}, "y": {"value": side / 2}, "url": {"value": uri}},
            },
            {"data": {"values": marked}, "mark": ring, "encoding": {"x": x, "y": y}},
            {
                "data": {"values": grid},
                "params": [{"name": "spot", "select": {"type": "point", "nearest": True, "encodings": ["x", "y"]}}],
                "mark": {"type": "point", "opacity": 0, "size": 40, "filled": True, "cursor": "crosshair"},
                "encoding": {"x": x, "y": y},
            },
        ],
    }


def training_chart(points: Sequence[tuple[int, float]], steps: int, wanted: str) -> dict[str, Any]:
    """The probability of the class in the views of each step.

    Args:
        points: (step, probability); steps: the end of the axis; wanted: the class.
    """
    return {
        "data": {"values": [{"step": step, "p": p} for step, p in points]},
        "mark": {"type": "line", "strokeWidth": 2.5, "color": PALETTE[1]},
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "title": "step", "scale": {"domain": [0, steps]}},
            "y": {
                "field": "p",
                "type": "quantitative",
                "title": f"probability of {wanted}",
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "tickCount": 5},
            },
            "tooltip": [{"field": "step"}, {"field": "p", "format": ".1%"}],
        },
    }


def rates_chart(rows: Sequence[tuple[str, str, int, int]]) -> dict[str, Any]:
    """The number of successful places, as grouped bars.

    Args:
        rows: (photographs, name of the count, count, number of places), in order.
    """
    values = [{"photos": a, "what": b, "share": n / max(of, 1), "told": f"{n} of {of}"} for a, b, n, of in rows]
    groups, kinds = list(dict.fromkeys(r[0] for r in rows)), list(dict.fromkeys(r[1] for r in rows))
    y: dict[str, Any] = {"field": "photos", "type": "nominal", "title": None, "scale": {"domain": groups}}
    x: dict[str, Any] = {"field": "share", "type": "quantitative", "title": "of all places"}
    x |= {"scale": {"domain": [0, 1.15]}, "axis": {"format": "%", "values": [0, 0.25, 0.5, 0.75, 1]}}
    offset = {"field": "what", "scale": {"domain": kinds, "paddingInner": 0.1}}
    shared = {"x": x, "y": y | {"axis": {"labelLimit": 110, "ticks": False}}, "yOffset": offset}
    colour = {
        "field": "what",
        "type": "nominal",
        "scale": {"domain": kinds, "range": [PALETTE[1], PALETTE[0], _GREY][: len(kinds)]},
        "legend": {"title": None, "orient": "top", "columns": 1, "labelLimit": 300},
    }
    told = {"type": "text", "align": "left", "dx": 4, "color": _GREY}
    return {
        "data": {"values": values},
        "layer": [
            {"mark": {"type": "bar"}, "encoding": {**shared, "color": colour}},
            {"mark": told, "encoding": {**shared, "text": {"field": "told"}}},
        ],
    }
