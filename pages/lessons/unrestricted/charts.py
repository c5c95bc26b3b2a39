"""Charts of the lesson on unrestricted attacks: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE


def ladder_chart(
    points: Sequence[tuple[float, float]], *, title: str, wanted: str, end: float, mark: float | None
) -> vega.Spec:
    """The probability of a class in the worst direction, against the size of the change.

    Args:
        points: (size, the least probability among all directions).
        title: of the size; wanted: the class.
        end: of the axis.
        mark: the smallest size that fools, as a dashed line.
    """
    line = vega.layer(
        [{"at": at, "p": p} for at, p in sorted(points)],
        {"type": "line", "strokeWidth": 3, "color": PALETTE[0], "point": {"size": 26, "color": PALETTE[0]}},
        x=vega.numbers("at", title, (0, end)),
        y=vega.share("p", f"probability of {wanted}"),
        tooltip=[{"field": "at", "title": title}, {"field": "probability"}],
    )
    line["transform"] = [vega.probability_text("p")]
    return {"layer": [line, *([] if mark is None else [vega.rule("x", mark, PALETTE[1])])]}


def search_chart(points: Sequence[tuple[int, float]], queries: int) -> vega.Spec:
    """The size of the smallest change found so far, against the number of queries.

    Args:
        points: (queries, size as a part of the budget); queries: the end of the axis.
    """
    return vega.layer(
        [{"queries": asked, "size": size} for asked, size in points],
        {"type": "line", "interpolate": "step-after", "strokeWidth": 3, "color": PALETTE[1]},
        x=vega.numbers("queries", "queries", (0, queries)),
        y=vega.share("size", "smallest change / budget"),
        tooltip=vega.tips(queries="", size=".0%"),
    )


def landscape_chart(
    cells: Sequence[tuple[float, float, float, str]],
    *,
    angles: Sequence[float],
    cuts: Sequence[float],
    wanted: str,
) -> vega.Spec:
    """The probability of a class over rotation and crop; a dot where the prediction is another class.

    Args:
        cells: (angle, part cut off, probability of the class, the prediction where it is another one, else "").
        angles, cuts: all values, for the axes.
        wanted: the class.
    """
    values = [{"angle": f"{a:g}", "cut": f"{c:.0%}", "p": p, "says": says or wanted} for a, c, p, says in cells]
    fooled = [value for value, cell in zip(values, cells, strict=True) if cell[3]]
    x: vega.Spec = {"field": "angle", "type": "ordinal", "title": "turn, in degrees"}
    x |= {"scale": {"domain": [f"{a:g}" for a in sorted(angles)]}, "axis": {"labelAngle": 0, "labelOverlap": True}}
    y: vega.Spec = {"field": "cut", "type": "ordinal", "title": "crop, share of the side"}
    y["scale"] = {"domain": [f"{c:.0%}" for c in sorted(cuts, reverse=True)]}
    colour = vega.numbers("p", None, (0, 1), scheme="viridis")
    colour["legend"] = {"format": "%", "orient": "top", "gradientLength": 180}
    told = vega.tips(angle="", cut="", probability="", says="")
    dot = {"type": "circle", "aria": False, "size": 50, "color": "#ffffff", "opacity": 1, "stroke": "#000000"}
    return {
        "layer": [
            vega.layer(values, "rect", x=x, y=y, color=colour, tooltip=told),
            vega.layer(fooled, dot, x=x, y=y, tooltip=told),
        ],
        "transform": [vega.probability_text("p")],
    }


def trials_chart(rows: Sequence[tuple[str, str, int | None]], pictures: int) -> vega.Spec:
    """The number of fooled pictures, as grouped bars.

    Args:
        rows: (the change, the effort of the search, the number; None: not known yet), in order.
        pictures: the number of all pictures.
    """
    order = list(dict.fromkeys(name for name, *_ in rows))
    efforts = list(dict.fromkeys(effort for _, effort, _ in rows))
    axis = {"tickMinStep": 1, "tickCount": 4}
    x = vega.numbers("fallen", f"predictions changed, of {pictures}", (0, pictures), axis)
    shared = {"x": x, **vega.grouped("change", order, "effort", efforts)}
    shades = zip(efforts, (GREY, PALETTE[0], PALETTE[1]), strict=False)
    colour = vega.colours("effort", shades, columns=1, labelLimit=300)
    text = {"type": "text", "align": "left", "dx": 4, "color": GREY}
    return {
        "data": {"values": [{"change": c, "effort": e, "fallen": n} for c, e, n in rows if n is not None]},
        "layer": [
            {"mark": {"type": "bar"}, "encoding": {**shared, "color": colour}},
            {"mark": text, "encoding": {**shared, "text": {"field": "fallen"}}},
        ],
    }
