"""Charts of the lesson on traffic signs: numbers and pictures in, Vega-Lite specifications or HTML out."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from pages.widgets import vega


@dataclass(frozen=True)
class Reading:
    """One frame of a drive, as the strip shows it.

    Attributes:
        picture: a data address; distance: in metres.
        sign: what the network reads, in short; share: its probability, as text.
        kind: "fooled" where it reads the target, "right" where it reads what it read without stickers, "other".
    """

    picture: str
    distance: float
    sign: str
    share: str
    kind: str


MARKS = {"fooled": "⚡ ", "right": "", "other": "? "}


def strip(frames: Sequence[Reading], name: str) -> str:
    """The frames of a drive side by side, from far to near, with the network's reading under each, as HTML."""
    figures = []
    for each in frames:
        sign, told = html.escape(each.sign), f"{each.distance:.0f}\u00a0m"
        alt = html.escape(f"{name}, from {each.distance:.0f} metres: {each.sign}, {each.share}", quote=True)
        figures.append(
            f"<figure class='{each.kind}'><img src='{each.picture}' alt='{alt}'><figcaption><span>{told}</span>"
            f"<b>{MARKS[each.kind]}{sign}</b><span>{html.escape(each.share)}</span></figcaption></figure>"
        )
    return f"<div class='frames' role='group' aria-label='{html.escape(name, quote=True)}'>{''.join(figures)}</div>"


def box_chart(uri: str, box: tuple[float, float, float, float] | None, width: int, height: int) -> vega.Spec:
    """A photograph on which one drags a box.

    Args:
        uri: of the photograph.
        box: the present one (left, top, right, bottom) in parts of the width and the height; None without one.
        width, height: of the chart, in pixels.
    """
    corners = [] if box is None else [{"u": box[0], "v": box[1], "u2": box[2], "v2": box[3]}]
    frame = {"type": "rect", "aria": False, "filled": False, "cornerRadius": 2}
    brush = {
        "type": "interval",
        "encodings": ["x", "y"],
        "mark": {"fill": "#E69F00", "fillOpacity": 0.25, "stroke": "#D55E00", "strokeWidth": 2},
    }
    points = {"type": "point", "aria": False, "opacity": 0, "cursor": "crosshair"}

    def layers(x: vega.Spec, y: vega.Spec) -> list[vega.Spec]:
        place = {"x": x, "y": y, "x2": {"field": "u2"}, "y2": {"field": "v2"}}
        return [
            vega.layer(corners, {**frame, "stroke": "#ffffff", "strokeWidth": 5}, **place),
            vega.layer(corners, {**frame, "stroke": "#D55E00", "strokeWidth": 2.5}, **place),
            vega.layer([{"u": 0.5, "v": 0.5}], points, x=x, y=y) | {"params": [{"name": "box", "select": brush}]},
        ]

    # On a canvas: as SVG, the rectangle that one drags would be a picture without a text alternative.
    return vega.on_picture(uri, width, height, layers) | {"usermeta": {"embedOptions": {"renderer": "canvas"}}}


def distance_chart(lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], target: str) -> vega.Spec:
    """The probability of the target against the distance, far on the left as one drives.

    Args:
        lines: (name, colour, (metres, probability) each) each.
    """
    values = [{"at": at, "p": p, "sign": name} for name, _, points in lines for at, p in points]
    chart = vega.layer(
        values,
        {"type": "line", "strokeWidth": 3, "point": {"size": 28, "filled": True}},
        x=vega.numbers("at", "distance in metres", (40, 5), {"tickCount": 8}, nice=False, zero=False, reverse=False),
        y=vega.share("p", f"probability of {target}"),
        color=vega.colours("sign", ((name, colour) for name, colour, _ in lines), columns=3),
        tooltip=[{"field": "sign"}, {"field": "at", "title": "metres", "format": ".1f"}, *vega.tips(probability="")],
    )
    return chart | {"transform": [vega.probability_text("p")]}
