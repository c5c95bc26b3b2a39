"""Charts of the lesson on unrestricted attacks: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence
from typing import Any

from pages.widgets.charts import PALETTE

_GREY = "#8a8f98"


def ladder_chart(
    points: Sequence[tuple[float, float]], *, title: str, wanted: str, end: float, mark: float | None
) -> dict[str, Any]:
    """The probability of a class in the worst direction, against the size of the change.

    Args:
        points: (size, the least probability among all directions).
        title: of the size; wanted: the class.
        end: of the axis.
        mark: the smallest size that fools, as a dotted line.
    """
    x: dict[str, Any] = {"field": "at", "type": "quantitative", "title": title, "scale": {"domain": [0, end]}}
    y = {
        "field": "p",
        "type": "quantitative",
        "title": f"probability of {wanted}",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%", "tickCount": 5},
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": [{"at": at, "p": p} for at, p in sorted(points)]},
            "mark": {"type": "line", "strokeWidth": 3, "color": PALETTE[0], "point": {"size": 26, "color": PALETTE[0]}},
            "encoding": {"x": x, "y": y, "tooltip": [{"field": "at", "title": title}, {"field": "p", "format": ".1%"}]},
        }
    ]
    if mark is not None:
        layers.append(
            {
                "data": {"values": [{}]},
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": PALETTE[1], "strokeWidth": 2},
                "encoding": {"x": {"datum": mark, "type": "quantitative"}},
            }
        )
    return {"layer": layers}


def search_chart(points: Sequence[tuple[int, float]], queries: int) -> dict[str, Any]:
    """The size of the smallest change found so far, against the number of queries.

    Args:
        points: (queries, size as a part of the budget); queries: the end of the axis.
    """
    return {
        "data": {"values": [{"queries": asked, "size": size} for asked, size in points]},
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 3, "color": PALETTE[1]},
        "encoding": {
            "x": {
                "field": "queries",
                "type": "quantitative",
                "title": "questions asked",
                "scale": {"domain": [0, queries]},
            },
            "y": {
                "field": "size",
                "type": "quantitative",
                "title": "smallest found, of the budget",
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "tickCount": 5},
            },
            "tooltip": [{"field": "queries"}, {"field": "size", "format": ".0%"}],
        },
    }


def landscape_chart(
    cells: Sequence[tuple[float, float, float, str]],
    *,
    angles: Sequence[float],
    cuts: Sequence[float],
    wanted: str,
) -> dict[str, Any]:
    """The probability of a class over rotation and crop; a dot where the answer is another class.

    Args:
        cells: (angle, part cut off, probability of the class, the answer where it is another one, else "").
        angles, cuts: all values, for the axes.
        wanted: the class.
    """
    values = [{"angle": f"{a:g}", "cut": f"{c:.0%}", "p": p, "says": says or wanted} for a, c, p, says in cells]
    fooled = [value for value, cell in zip(values, cells, strict=True) if cell[3]]
    x: dict[str, Any] = {
        "field": "angle",
        "type": "ordinal",
        "title": "turned by, in degrees",
        "scale": {"domain": [f"{a:g}" for a in sorted(angles)]},
        "axis": {"labelAngle": 0, "labelOverlap": True},
    }
    y: dict[str, Any] = {
        "field": "cut",
        "type": "ordinal",
        "title": "cut off its sides",
        "scale": {"domain": [f"{c:.0%}" for c in sorted(cuts, reverse=True)]},
    }
    colour = {
        "field": "p",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0, 1], "scheme": "viridis"},
        "legend": {"format": "%", "orient": "top", "gradientLength": 180},
    }
    told = [{"field": "angle"}, {"field": "cut"}, {"field": "p", "format": ".1%"}, {"field": "says"}]
    return {
        "layer": [
            {
                "data": {"values": values},
                "mark": "rect",
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": told},
            },
            {
                "data": {"values": fooled},
                "mark": {"type": "circle", "size": 50, "color": "#ffffff", "opacity": 1, "stroke": "#000000"},
                "encoding": {"x": x, "y": y, "tooltip": told},
            },
        ]
    }


def trials_chart(rows: Sequence[tuple[str, str, int]], pictures: int) -> dict[str, Any]:
    """The number of fooled pictures, as grouped bars.

    Args:
        rows: (the change, the effort of the search, the number), in order.
        pictures: the number of all pictures.
    """
    order = list(dict.fromkeys(name for name, *_ in rows))
    efforts = list(dict.fromkeys(effort for _, effort, _ in rows))
    y: dict[str, Any] = {"field": "change", "type": "nominal", "title": None, "scale": {"domain": order}}
    x: dict[str, Any] = {"field": "fallen", "type": "quantitative", "title": f"answers changed, of {pictures}"}
    x |= {"scale": {"domain": [0, pictures]}, "axis": {"tickMinStep": 1, "tickCount": 4}}
    offset = {"field": "effort", "scale": {"domain": efforts, "paddingInner": 0.1}}
    shared = {"x": x, "y": y | {"axis": {"labelLimit": 110, "ticks": False}}, "yOffset": offset}
    colours = [_GREY, PALETTE[0], PALETTE[1]][: len(efforts)]
    colour = {
        "field": "effort",
        "type": "nominal",
        "scale": {"domain": efforts, "range": colours},
        "legend": {"title": None, "orient": "top", "columns": 1, "labelLimit": 300},
    }
    text: dict[str, Any] = {"mark": {"type": "text", "align": "left", "dx": 4, "color": _GREY}}
    text["encoding"] = {**shared, "text": {"field": "fallen"}}
    return {
        "data": {"values": [{"change": c, "effort": e, "fallen": n} for c, e, n in rows]},
        "layer": [{"mark": {"type": "bar"}, "encoding": {**shared, "color": colour}}, text],
    }
