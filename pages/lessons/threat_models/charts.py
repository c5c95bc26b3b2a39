"""Charts of the lesson on threat models: numbers in, Vega-Lite specifications out (Vega redraws in place)."""

from collections.abc import Sequence

import numpy as np

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

BINS = 20
MAP_SIDE = 460  # pixels of each side of the map: both axes have one scale


def draws_chart(random: Sequence[float], total: int, untouched: float, worst: float | None) -> vega.Spec:
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
    shades = zip(("random δ", "untouched", "adversarial δ"), (PALETTE[0], GREY, PALETTE[1]), strict=True)
    x = vega.numbers("from", "probability of the original class", (0, 1))
    x |= {"bin": {"binned": True, "step": 1 / BINS}, "axis": {"format": "%", "values": [0, 0.25, 0.5, 0.75, 1]}}
    histogram = vega.layer(
        bars,
        {"type": "bar", "color": PALETTE[0]},
        x=x,
        x2={"field": "to"},
        y=vega.numbers("count", f"number of δ, of {total}", (0, total)),
        tooltip=vega.tips(**{"from": ".0%", "count": ""}),
    )
    lines = vega.layer(
        marks,
        {"type": "rule", "strokeWidth": 4},
        x={"field": "p", "type": "quantitative"},
        color=vega.colours("what", shades),
        tooltip=vega.tips(what="", p=""),
    )
    return {"layer": [histogram, lines]}


def staircase_chart(levels: Sequence[int], answers: str, threshold: float | None, network: float | None) -> vega.Spec:
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
    x = vega.numbers("trial", "trial", axis={"tickMinStep": 1})
    lowest = 0.8 * min([1.0, *(value for _, value in known)])
    axis = {"values": [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64], "format": "~g"}
    y = vega.numbers("eps", "ε in 1/255", (lowest, 80), axis, type="log")
    shade = vega.colours("who", ((who, colour) for who, _, colour in named), title="threshold of")
    filled = {"condition": {"test": "datum.answer == 'right'", "value": PALETTE[0]}, "value": "white"}
    path = {"type": "line", "interpolate": "step-after", "color": GREY}
    point = {"type": "point", "size": 90, "stroke": PALETTE[0], "opacity": 1}
    told = vega.tips(trial="", eps="", answer="")
    return {
        "layer": [
            vega.layer(trials, path, x=x, y=y),
            vega.layer(trials, point, x=x, y=y, fill=filled, tooltip=told),
            vega.layer(
                lines, {"type": "rule", "strokeWidth": 3}, y=y, color=shade, tooltip=vega.tips(who="", eps=".2f")
            ),
        ]
    }


def decision_map(
    places: Sequence[float],
    lines: Sequence[tuple[float, Sequence[str], Sequence[float]]],
    colours: dict[str, str],
    balls: Sequence[tuple[str, Sequence[float], Sequence[float], Sequence[int]]],
) -> vega.Spec:
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
    x = vega.numbers("a", "a: the attack's direction, in 1/255", (-reach, reach), nice=False)
    y = vega.numbers("b", "b: a random direction, in 1/255", (-reach, reach), nice=False)
    dashes = {
        "field": "ball",
        "type": "nominal",
        "title": None,
        "scale": {"domain": [name for name, *_ in balls], "range": [list(dash) for *_, dash in balls]},
        "legend": {"orient": "top", "symbolType": "stroke", "symbolStrokeColor": GREY, "symbolSize": 400},
    }
    shade = vega.colours("class", colours.items(), orient="bottom", columns=2, labelLimit=160)
    told = vega.tips(**{"class": "", "probability": ""})
    ends = {"x2": {"field": "a2"}, "y2": {"field": "b2"}}
    cross = {"type": "point", "shape": "cross", "filled": True, "color": "black", "stroke": "white", "size": 90}
    edge: vega.Spec = {"x": x, "y": y, "order": {"field": "order"}, "detail": {"field": "ball"}}
    line = {"type": "line", "clip": True}
    return {
        "width": MAP_SIDE,
        "height": MAP_SIDE,
        "layer": [
            {
                "transform": [vega.probability_text("p")],
                **vega.layer(cells, {"type": "rect", "opacity": 0.8}, x=x, y=y, **ends, color=shade, tooltip=told),
            },
            # black with a white seam is visible on every class
            vega.layer(edges, line | {"strokeWidth": 5, "color": "white"}, **edge),
            vega.layer(edges, line | {"strokeWidth": 2, "color": "black"}, **edge, strokeDash=dashes),
            vega.layer([{"a": 0, "b": 0}], cross, x=x, y=y),
        ],
    }


def passes_chart(counts: Sequence[tuple[int, int]], of: int, passes: int) -> vega.Spec:
    """The number of the learnt photographs that a universal δ fools, against the passes: (passes done, number) each."""
    return vega.layer(
        [{"at": at, "fooled": fooled} for at, fooled in counts],
        {"type": "line", "strokeWidth": 3, "color": PALETTE[1], "point": {"size": 50, "color": PALETTE[1]}},
        x=vega.numbers("at", "passes", (0, passes)),
        y=vega.numbers("fooled", f"fooled, of {of}", (0, of), {"tickMinStep": 1}),
        tooltip=vega.tips(at="", fooled=""),
    )


def magnification(size: float, reach: float) -> int:
    """Return the factor by which to draw an edge of that size larger, so that it is visible on a map of that reach."""
    return next((k for k in (1000, 500, 200, 100, 50, 20, 10) if 0 < size < 0.05 * reach and k * size < 0.5 * reach), 1)
