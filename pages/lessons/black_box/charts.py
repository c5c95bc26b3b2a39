"""Charts of the lesson on black-box attacks: numbers in, Vega-Lite specifications out."""

from collections.abc import Mapping, Sequence

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE


def query_chart(points: Sequence[tuple[int, float, float]], queries: int, own: str) -> vega.Spec:
    """The network's probabilities in the course of a query attack.

    Args:
        points: (queries, probability of the first prediction, of the likeliest other class); queries: the end of the
            axis.
        own: the name of the first prediction.
    """
    names = [own, "likeliest other class"]
    values = [{"at": at, "p": p, "class": name} for at, *both in points for name, p in zip(names, both, strict=True)]
    told = vega.tips(**{"class": "", "at": "", "probability": ""})
    shown = vega.layer(
        values,
        {"type": "line", "interpolate": "step-after", "strokeWidth": 2.5},
        x=vega.numbers("at", "queries", (0, queries)),
        y=vega.share("p", "probability"),
        color=vega.colours("class", zip(names, PALETTE, strict=False)),
        tooltip=told,
    )
    return {"transform": [vega.probability_text("p")], **shown}


def matrix_chart(
    cells: Sequence[tuple[str, str, int]], made: Sequence[str], asked: Sequence[str], of: int
) -> vega.Spec:
    """The transfer matrix: for each pair of networks, the number of pictures made on one that fool the other.

    Args:
        cells: (made on, shown to, number that fooled) of the known pairs.
        made, asked: all rows and columns, in order.
        of: the number of pictures.
    """
    values = [{"made": m, "asked": a, "fooled": n, "white": m == a} for m, a, n in cells]
    x: vega.Spec = {"field": "asked", "type": "nominal", "title": "shown to", "scale": {"domain": list(asked)}}
    x["axis"] = {"labelAngle": 0, "orient": "top", "labelLimit": 130, "ticks": False}
    y: vega.Spec = {"field": "made", "type": "nominal", "title": "made on", "scale": {"domain": list(made)}}
    y["axis"] = {"labelLimit": 130, "ticks": False}
    scale = {"domain": [0, of], "scheme": "blues"}
    colour = {"field": "fooled", "type": "quantitative", "scale": scale, "legend": None}
    told = [{"field": "made", "title": "made on"}, {"field": "asked", "title": "shown to"}, {"field": "fooled"}]
    dark = {"condition": {"test": f"datum.fooled > {of / 2}", "value": "white"}, "value": "#12222f"}
    shared = {"x": x, "y": y, "tooltip": told}
    text = {"type": "text", "fontSize": 17, "fontWeight": "bold"}
    return {
        "data": {"values": values},
        "layer": [
            {"mark": {"type": "rect", "cornerRadius": 3}, "encoding": {**shared, "color": colour}},
            {"mark": text, "encoding": {**shared, "text": {"field": "fooled"}, "color": dark}},
        ],
    }


def theft_chart(points: Sequence[tuple[int, float, float]], noise: float, queries: int, first: int) -> vega.Spec:
    """The agreement and the transfer of a substitute against the number of queries.

    Args:
        points: (queries, agreement with the victim, share of the victim's predictions that its attack changes).
        noise: the share that random noise changes.
        queries, first: the ends of the axis, which is logarithmic.
    """
    names = ["substitute agrees with the victim", "attack on the substitute fools the victim", "noise fools the victim"]
    values = [
        {"at": at, "share": share, "what": name}
        for at, agreement, fooled in points
        for name, share in zip(names, (agreement, fooled, noise), strict=True)
    ]
    shades = zip(names, (PALETTE[0], PALETTE[1], GREY), strict=True)
    axis, ends = {"values": [first * 2**k for k in range(8)]}, (first, max(queries, first + 1))
    return vega.layer(
        values,
        {"type": "line", "strokeWidth": 3, "point": {"size": 50, "filled": True}},
        x=vega.numbers("at", "queries", ends, axis, type="log", base=2),
        y=vega.share("share", None),
        color=vega.colours("what", shades, columns=1, labelLimit=300),
        tooltip=vega.tips(what="", at="", share=".1~%"),
    )


def budget_chart(
    counts: Mapping[str, Sequence[tuple[int, float]]], names: Sequence[str], noise: float | None, queries: int
) -> vega.Spec:
    """The share of the digits that each attack has fooled, against the number of queries.

    Args:
        counts: for each known attack, (queries, share) in order. One with a single count needs no query, or no more
            than one, and gets a level line.
        names: of all attacks, in the order of the legend.
        noise: the share that random noise fools; None until it is known.
        queries: the end of the axis, which is logarithmic.
    """
    values = [
        {"at": max(at, 1), "share": share, "attack": name}
        for name, points in counts.items()
        for at, share in ([*points, (queries, points[-1][1])] if points else ())
    ]
    axis = {"values": [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000], "labelOverlap": True}
    lines = vega.layer(
        values,
        {"type": "line", "interpolate": "step-after", "strokeWidth": 3},
        x=vega.numbers("at", "queries of the victim", (1, queries), axis, type="log"),
        y=vega.share("share", "digits fooled (dashed: by noise)"),
        color=vega.colours("attack", zip(names, PALETTE, strict=False), columns=1, labelLimit=300),
        tooltip=vega.tips(attack="", at="", share=".1~%"),
    )
    return {"layer": [lines, *([] if noise is None else [vega.rule("y", noise, GREY)])]}
