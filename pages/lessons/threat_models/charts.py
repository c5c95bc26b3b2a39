"""Charts of small perturbations: plain numbers in, Vega-Lite specifications out (Vega redraws in place)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pages.widgets.charts import PALETTE

BINS = 20


def draws_chart(random: Sequence[float], total: int, untouched: float, worst: float | None) -> dict[str, Any]:
    """The histogram of the class's probability under random δ, with a line for the worst case.

    Args:
        random: the probabilities for the δ drawn so far.
        total: the final number of δ, so that the axis does not move meanwhile.
        untouched, worst: the probabilities without δ and with the adversarial one (None until it is known).
    """
    counts, edges = np.histogram(random, BINS, (0, 1))
    bars = [
        {"from": float(low), "to": float(high), "count": int(count)}
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
    marks = [{"p": untouched, "what": "untouched"}]
    if worst is not None:
        marks.append({"p": worst, "what": "adversarial δ"})
    position = {"field": "p", "type": "quantitative"}
    colour = {
        "field": "what",
        "type": "nominal",
        "title": None,
        "scale": {"domain": ["random δ", "untouched", "adversarial δ"], "range": [PALETTE[0], "#888888", PALETTE[1]]},
        "legend": {"orient": "top"},
    }
    return {
        "layer": [
            {
                "data": {"values": bars},
                "mark": {"type": "bar", "color": PALETTE[0]},
                "encoding": {
                    "x": {
                        "field": "from",
                        "type": "quantitative",
                        "bin": {"binned": True, "step": 1 / BINS},
                        "title": "probability of the class that it saw before",
                        "scale": {"domain": [0, 1]},
                        "axis": {"format": "%", "values": [0, 0.25, 0.5, 0.75, 1]},
                    },
                    "x2": {"field": "to"},
                    "y": {
                        "field": "count",
                        "type": "quantitative",
                        "title": f"of {total} random δ",
                        "scale": {"domain": [0, total]},
                    },
                    "tooltip": [{"field": "from", "format": ".0%"}, {"field": "count"}],
                },
            },
            {
                "data": {"values": marks},
                "mark": {"type": "rule", "strokeWidth": 4},
                "encoding": {"x": position, "color": colour, "tooltip": [{"field": "what"}, {"field": "p"}]},
            },
        ]
    }


def staircase_chart(
    levels: Sequence[int], answers: str, threshold: float | None, network: float | None
) -> dict[str, Any]:
    """ε of every trial, right answers filled and wrong ones open; lines for the viewer's and the network's threshold.

    Args:
        levels: ε of each trial in 1/255; answers: "1" or "0" for each.
    """
    trials = [
        {"trial": index + 1, "eps": level, "answer": "right" if answer == "1" else "wrong"}
        for index, (level, answer) in enumerate(zip(levels, answers, strict=True))
    ]
    named = (("you", threshold, PALETTE[2]), ("the network", network, PALETTE[1]))
    known = [(who, value) for who, value, _ in named if value]
    lines = [{"eps": value, "who": who} for who, value in known]
    x = {"field": "trial", "type": "quantitative", "title": "trial", "axis": {"tickMinStep": 1}}
    lowest = 0.8 * min([1.0, *(value for _, value in known)])
    y = {
        "field": "eps",
        "type": "quantitative",
        "title": "ε in 1/255",
        "scale": {"type": "log", "domain": [lowest, 80]},
        "axis": {"values": [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64], "format": "~g"},
    }
    shade = {
        "field": "who",
        "type": "nominal",
        "title": "threshold of",
        "scale": {"domain": [who for who, _, _ in named], "range": [colour for _, _, colour in named]},
        "legend": {"orient": "top"},
    }
    filled = {"condition": {"test": "datum.answer == 'right'", "value": PALETTE[0]}, "value": "white"}
    return {
        "layer": [
            {
                "data": {"values": trials},
                "mark": {"type": "line", "interpolate": "step-after", "color": "#888888"},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": trials},
                "mark": {"type": "point", "size": 90, "stroke": PALETTE[0], "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "fill": filled,
                    "tooltip": [{"field": "trial"}, {"field": "eps"}, {"field": "answer"}],
                },
            },
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "strokeWidth": 3},
                "encoding": {"y": y, "color": shade, "tooltip": [{"field": "who"}, {"field": "eps", "format": ".2f"}]},
            },
        ]
    }


def decision_map(
    places: Sequence[float],
    lines: Sequence[tuple[float, Sequence[str], Sequence[float]]],
    colours: dict[str, str],
    balls: Sequence[tuple[str, Sequence[float], Sequence[float], Sequence[int]]],
) -> dict[str, Any]:
    """The network's class at each place of a plane, and the edges of balls around its middle.

    Args:
        places: a of every place of a line, in 1/255.
        lines: (b in 1/255, class at each place, its probability) of the lines so far.
        colours: of the classes that have their own; all others are "another class".
        balls: (name, a, b, dashes of its line) of each edge.
    """
    half = (places[1] - places[0]) / 2
    reach = places[-1] + half
    cells = [
        {"a": a - half, "a2": a + half, "b": b - half, "b2": b + half, "class": name, "p": round(p, 4)}
        for b, names, ps in lines
        for a, name, p in zip(places, names, ps, strict=True)
    ]
    edges = [
        {"a": a, "b": b, "ball": name, "order": order}
        for name, xs, ys, _ in balls
        for order, (a, b) in enumerate(zip(xs, ys, strict=True))
    ]

    def axis(name: str, title: str) -> dict[str, Any]:
        return {
            "field": name,
            "type": "quantitative",
            "title": title,
            "scale": {"domain": [-reach, reach], "nice": False},
        }

    x, y = axis("a", "a: the attack's direction, in 1/255"), axis("b", "b: a random direction, in 1/255")
    dashes = {
        "field": "ball",
        "type": "nominal",
        "title": None,
        "scale": {"domain": [name for name, *_ in balls], "range": [list(dash) for *_, dash in balls]},
        "legend": {"orient": "top", "symbolType": "stroke", "symbolStrokeColor": "#888888", "symbolSize": 400},
    }
    shade = {
        "field": "class",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(colours), "range": list(colours.values())},
        "legend": {"orient": "bottom", "columns": 2, "labelLimit": 160},
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": cells},
            "mark": {"type": "rect", "opacity": 0.8},
            "encoding": {
                "x": x,
                "x2": {"field": "a2"},
                "y": y,
                "y2": {"field": "b2"},
                "color": shade,
                "tooltip": [{"field": "class"}, {"field": "p", "format": ".1%"}],
            },
        },
        _outline(edges, x, y, "white", 5),  # black with a white seam is visible on every class
        _outline(edges, x, y, "black", 2, dashes),
        {
            "data": {"values": [{"a": 0, "b": 0}]},
            "mark": {
                "type": "point",
                "shape": "cross",
                "filled": True,
                "color": "black",
                "stroke": "white",
                "size": 90,
            },
            "encoding": {"x": x, "y": y},
        },
    ]
    return {"layer": layers}


def _outline(
    edges: list[dict[str, Any]],
    x: dict[str, Any],
    y: dict[str, Any],
    colour: str,
    width: int,
    dashes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The layer with the edges of the balls."""
    encoding = {"x": x, "y": y, "order": {"field": "order"}, "detail": {"field": "ball"}}
    return {
        "data": {"values": edges},
        "mark": {"type": "line", "strokeWidth": width, "color": colour, "clip": True},
        "encoding": encoding | ({"strokeDash": dashes} if dashes else {}),
    }
