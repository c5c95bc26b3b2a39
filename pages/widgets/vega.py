"""The parts of Vega-Lite specifications that charts share: axes, colours, tooltips, a line across. No Streamlit."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

Spec = dict[str, Any]
# Thousands stand apart as in the texts: by a narrow space.
NUMBERS: Spec = {
    "config": {"locale": {"number": {"decimal": ".", "thousands": "\u202f", "grouping": [3], "currency": ["", ""]}}}
}


def layer(values: Iterable[Any], mark: str | Spec, **channels: Any) -> Spec:
    """A mark for each of the values: a chart by itself, or one layer of a chart."""
    return {"data": {"values": list(values)}, "mark": mark, "encoding": channels}


def on_picture(uri: str, width: int, height: int, layers: Callable[[Spec, Spec], Sequence[Spec]]) -> Spec:
    """A picture to click or to drag on, as wide and high in pixels as told.

    Args:
        uri: of the picture.
        layers: gets the channels x and y, whose fields ``u`` and ``v`` are in parts of the width and the height, and
            gives what lies on the picture.
    """
    x = {"field": "u", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None}
    y = {"field": "v", "type": "quantitative", "scale": {"domain": [0, 1], "reverse": True}, "axis": None}
    picture = {"type": "image", "aria": False, "width": width, "height": height, "aspect": False}
    return {
        "width": width,
        "height": height,
        "padding": {"left": 0, "top": 0, "right": 0, "bottom": 0},  # for a mere 0, Streamlit adds room at the bottom
        "layer": [
            layer([{}], picture, x={"value": width / 2}, y={"value": height / 2}, url={"value": uri}),
            *layers(x, y),
        ],
    }


def numbers(
    field: str, title: str | None, ends: Sequence[float] | None = None, axis: Spec | None = None, **scale: Any
) -> Spec:
    """A channel of numbers; ``ends`` of its axis, whose properties are ``axis``, and those of its scale ``scale``."""
    if ends is not None:
        scale["domain"] = list(ends)
    channel: Spec = {"field": field, "type": "quantitative", "title": title}
    return channel | ({"scale": scale} if scale else {}) | ({"axis": axis} if axis else {})


def share(field: str, title: str | None) -> Spec:
    """A channel of parts of a whole, from 0 to 100 %."""
    return numbers(field, title, (0, 1), {"format": "%", "tickCount": 5})


def colours(field: str, shades: Iterable[tuple[str, str]], **legend: Any) -> Spec:
    """Colours for names: (name, colour) each, with the legend on top."""
    known = dict(shades)
    scale = {"domain": list(known), "range": list(known.values())}
    return {"field": field, "type": "nominal", "scale": scale, "legend": {"title": None, "orient": "top", **legend}}


def tips(**formats: str) -> list[Spec]:
    """A tooltip with these fields, each with its format; an empty one is left out."""
    return [{"field": field, "format": format} if format else {"field": field} for field, format in formats.items()]


def probability_text(field: str, name: str = "probability") -> Spec:
    """A transform that adds a field's probabilities as texts, for a tooltip. They never read 0 or 100 %."""
    value = f"datum['{field}']"
    text = f"{value} < 0.0005 ? '< 0.1 %' : {value} >= 0.9995 ? '> 99.9 %' : format(100 * {value}, '.1f') + ' %'"
    return {"calculate": text, "as": name}


def grouped(group: str, groups: Sequence[str], kind: str, kinds: Sequence[str]) -> Spec:
    """The channels of horizontal bars in groups: a row for each group, and in it a bar for each kind."""
    axis = {"labelLimit": 110, "ticks": False}
    return {
        "y": {"field": group, "type": "nominal", "title": None, "scale": {"domain": list(groups)}, "axis": axis},
        "yOffset": {"field": kind, "scale": {"domain": list(kinds), "paddingInner": 0.1}},
    }


def rule(channel: str, at: float, colour: str, width: float = 2) -> Spec:
    """A dashed line across the chart, at one value of "x" or "y". The chart's text alternative tells what it marks."""
    mark = {"type": "rule", "aria": False, "strokeDash": [5, 4], "color": colour, "strokeWidth": width}
    return layer([{}], mark, **{channel: {"datum": at, "type": "quantitative"}})
