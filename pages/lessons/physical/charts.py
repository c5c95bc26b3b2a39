"""Charts of views, and a page to print: numbers and pictures in, Vega-Lite specifications or HTML out."""

import base64
import html
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


def for_printing(sheets: Sequence[tuple[np.ndarray, str]], footer: str) -> bytes:
    """A self-contained HTML page: one picture on each sheet of A4, 16 cm wide, its pixels as sharp squares.

    Args:
        sheets: (pixels (H, W, 3) uint8, caption) each.
        footer: the text at the foot of every sheet.
    """
    parts = []
    for pixels, text in sheets:
        address = "data:image/png;base64," + base64.b64encode(to_png(pixels)).decode()
        parts.append(
            f"<section><img src='{address}' alt='{html.escape(text, quote=True)}'>"
            f"<p>{html.escape(text)}</p><footer>{html.escape(footer)}</footer></section>"
        )
    style = (
        "@page{size:A4;margin:15mm} body{margin:0;font:12pt sans-serif;color:#333} "
        "section{break-after:page;text-align:center;padding-top:10mm} section:last-child{break-after:auto} "
        "img{width:16cm;image-rendering:pixelated} p{margin-top:25mm} footer{font-size:9pt;color:#666}"
    )
    title = "<title>Adversarial Lab: sheets to print</title>"
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'>{title}<style>{style}</style>"
    return (head + "".join(parts) + "</html>").encode()


def enlarged(pixels: np.ndarray, times: int = 4) -> bytes:
    """The picture (H, W, 3) uint8 as PNG bytes, every pixel enlarged to a square of ``times`` pixels a side."""
    return to_png(pixels.repeat(times, 0).repeat(times, 1))
