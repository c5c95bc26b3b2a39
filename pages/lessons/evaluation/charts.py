"""Charts of the lesson on evaluation: numbers in, Vega-Lite specifications out."""

from collections.abc import Mapping, Sequence
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


WORST, ENVELOPE = "pointwise worst case", "envelope of all"
CELL, COLUMNS = 36, 9  # of the grid of digits: pixels, and cells in a row


def board_chart(rows: Sequence[tuple[str, float | None, float | None]], mark: float | None) -> vega.Spec:
    """The accuracy under each attack alone as a bar, and under all of them as the last one.

    Args:
        rows: (attack, accuracy, accuracy on pictures of 8 bits) in order, the pointwise worst case last; None where
            they are not known yet.
        mark: the committed accuracy of *standard*, as a dashed line; None for no line.
    """
    order = [name for name, *_ in rows]
    values = [
        {"attack": name, "stands": real, "saved": saved, "kind": name == WORST}
        for name, real, saved in rows
        if real is not None
    ]
    y: vega.Spec = {"field": "attack", "type": "nominal", "sort": order, "title": None, "scale": {"domain": order}}
    y["axis"] = {"labelLimit": 170, "labelOverlap": False}
    x = vega.share("stands", "digits that stand (line: in 8 bits)")
    colour = {"condition": {"test": "datum.kind", "value": PALETTE[1]}, "value": PALETTE[0]}
    told = vega.tips(attack="", stands=".1~%", saved=".1~%")
    tick = {"type": "tick", "thickness": 3, "size": 20, "aria": False}
    layers = [
        {"mark": {"type": "bar", "cornerRadiusEnd": 3}, "encoding": {"x": x, "y": y, "color": colour, "tooltip": told}},
        {
            "mark": tick | {"color": "black", "stroke": "white", "strokeWidth": 1},
            "encoding": {"x": x | {"field": "saved"}, "y": y},
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 6, "color": GREY, "fontWeight": "bold"},
            "encoding": {
                "x": x | {"field": "most"},
                "y": y,
                "text": {"field": "stands", "format": ".1~%"},
            },
            "transform": [{"calculate": "max(datum.stands, datum.saved)", "as": "most"}],
        },
    ]
    marked = [] if mark is None else [vega.rule("x", mark, GREY)]
    return {"data": {"values": values}, "layer": [*layers, *marked]}


def grid_chart(
    cells: Sequence[tuple[str, str, str]], colours: Mapping[str, str], chosen: int | None, *, clicks: bool
) -> vega.Spec:
    """Digits in rows, each in a frame whose colour tells the attack that broke it first.

    Args:
        cells: (address of the picture, who broke it, what is told of it) in order.
        colours: of all kinds of frames.
        chosen: the digit with a second frame; clicks: whether a click selects a digit, as "cell" with its ``place``.
    """
    rows = -(-len(cells) // COLUMNS)
    values = [
        {"column": place % COLUMNS, "row": place // COLUMNS, "place": place, "url": url, "by": by, "digit": told}
        for place, (url, by, told) in enumerate(cells)
    ]
    x: vega.Spec = {"field": "column", "type": "ordinal", "axis": None, "scale": {"domain": list(range(COLUMNS))}}
    y: vega.Spec = {"field": "row", "type": "ordinal", "axis": None, "scale": {"domain": list(range(rows))}}
    shade = vega.colours("by", colours.items(), columns=2, labelLimit=150, symbolType="square")
    frame = vega.layer(
        values,
        {"type": "rect", "cursor": "pointer" if clicks else "default"},
        x=x,
        y=y,
        color=shade,
        tooltip=vega.tips(digit="", by=""),
    )
    if clicks:
        frame["params"] = [{"name": "cell", "select": {"type": "point", "fields": ["place"], "toggle": False}}]
    image = {"type": "image", "width": 28, "height": 28, "aria": False, "tooltip": None, "clip": True}
    shown = vega.layer(values, image, x=x, y=y, url={"field": "url"})
    ring = {"type": "rect", "filled": False, "stroke": "black", "strokeWidth": 3, "aria": False}
    rings = [] if chosen is None else [vega.layer([values[chosen]], ring, x=x, y=y)]
    size: vega.Spec = {"width": CELL * COLUMNS, "height": CELL * rows, "autosize": {"type": "pad"}}
    return size | {"layer": [frame, shown, *rings]}


def security_chart(lines: Sequence[tuple[str, Sequence[tuple[float, float]]]], mark: float) -> vega.Spec:
    """The share of digits that stand against ε, one line an attack; the envelope is the last one, and wide.

    Args:
        lines: (name, (ε, share) so far) in order.
        mark: an ε for a dashed line.
    """
    names = [name for name, _ in lines]
    shades = dict(zip(names, PALETTE[2:] + PALETTE[:1], strict=False)) | {names[-1]: PALETTE[1]}
    values = [
        {"eps": eps, "stands": share, "attack": name, "wide": name == names[-1]}
        for name, points in lines
        for eps, share in points
    ]
    width = {"condition": {"test": "datum.wide", "value": 6}, "value": 2}
    dashes = [*_DASHES[: len(names) - 1], [1, 0]]
    dash = {"field": "attack", "type": "nominal", "scale": {"domain": names, "range": dashes}}
    line = vega.layer(
        values,
        {"type": "line", "opacity": 0.9},
        x=vega.numbers("eps", "ε, radius of the L∞ ball", (0, 1), _EPS_AXIS, type="sqrt"),
        y=vega.share("stands", "digits that stand"),
        color=vega.colours("attack", shades.items(), columns=1, labelLimit=200),
        strokeDash=dash | {"legend": None},
        strokeWidth=width,
        detail={"field": "attack"},
        tooltip=vega.tips(attack="", eps="", stands=".1~%"),
    )
    return {"layer": [line, vega.rule("x", mark, GREY, width=1)]}


_EPS_AXIS = {"values": [0, 0.05, 0.1, 0.2, 0.4, 0.6, 1], "format": ".2~f"}
_DASHES = ([6, 3], [2, 2], [10, 3], [8, 3, 2, 3], [4, 6])  # lines may lie on each other; the envelope is solid


def _colours(field: str, lines: Sequence[tuple[str, str, Any]]) -> vega.Spec:
    return vega.colours(field, ((name, colour) for name, colour, _ in lines), columns=2, labelLimit=170)
