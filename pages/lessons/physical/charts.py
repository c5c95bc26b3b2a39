"""Charts of views, and a page to print: numbers and pictures in, Vega-Lite specifications or HTML out."""

from collections.abc import Sequence

import numpy as np

from adv_core.images import to_png
from pages.widgets import vega
from pages.widgets.charts import GREY


def view_chart(
    lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]],
    *,
    title: str,
    wanted: str,
    span: tuple[float, float],
    trained: tuple[float, float],
    mark: float | None,
) -> vega.Spec:
    """The probability of a class against one setting of a view.

    Args:
        lines: (name, colour, (setting, probability) so far) each.
        title: of the setting; wanted: the class.
        span: the axis; trained: the range of the views that the attack averaged over, drawn as a grey band.
        mark: the present setting, as a dashed line.
    """
    x = vega.numbers("at", title, span, nice=False, zero=False)
    values = [{"at": at, "p": p, "picture": name} for name, _, points in lines for at, p in sorted(points)]
    band = vega.layer(
        [{"from": trained[0], "to": trained[1]}],
        {"type": "rect", "color": GREY, "opacity": 0.18},
        x={**x, "field": "from"},
        x2={"field": "to"},
    )
    curves = vega.layer(
        values,
        {"type": "line", "strokeWidth": 3, "point": {"size": 28, "filled": True}},
        x=x,
        y=vega.share("p", f"probability of {wanted}"),
        color=vega.colours("picture", ((name, colour) for name, colour, _ in lines), columns=2, labelLimit=200),
        tooltip=[{"field": "picture"}, {"field": "at", "title": title}, *vega.tips(probability="")],
    )
    curves["transform"] = [vega.probability_text("p")]
    return {"layer": [band, curves, *([] if mark is None else [vega.rule("x", mark, GREY)])]}


def enlarged(pixels: np.ndarray, times: int = 4) -> bytes:
    """The picture (H, W, 3) uint8 as PNG bytes, every pixel enlarged to a square of ``times`` pixels a side."""
    return to_png(pixels.repeat(times, 0).repeat(times, 1))
