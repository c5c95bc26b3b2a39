"""Charts of a run: arrays in; plotly figures, Vega-Lite specifications or PNG bytes out. No Streamlit."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image, ImageDraw

from adv_core.images import to_png
from pages.widgets import vega
from pages.widgets.lettering import write

# Okabe & Ito (2008): distinct with any colour vision, on paper and on a projector.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#7F7F7F")
ORDINARY, ROBUST = PALETTE[1], PALETTE[0]
GREY = "#8a8f98"


def curve(
    lines: Sequence[tuple[str, Sequence[float], Sequence[float], str]],
    *,
    x_title: str,
    y_title: str,
    y_range: tuple[float, float] | None = None,
    mark: float | None = None,
    mark_text: str = "",
    height: int = 280,
) -> go.Figure:
    """Lines over one axis.

    Args:
        lines: (name, x values, y values, colour) each.
        mark: the x of a dotted vertical line.
    """
    figure = go.Figure()
    for name, xs, ys, colour in lines:
        figure.add_scatter(x=list(xs), y=list(ys), name=name, mode="lines+markers", line={"color": colour, "width": 3})
    if mark is not None:
        figure.add_vline(x=mark, line={"dash": "dot", "width": 1.5, "color": "#888888"}, annotation_text=mark_text)
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        xaxis_title=x_title,
        yaxis_title=y_title,
        legend={"orientation": "h", "y": 1.15, "x": 0},
        showlegend=len(lines) > 1,
        hovermode="x unified",
    )
    if y_range is not None:
        figure.update_yaxes(range=list(y_range))
    return figure


def loss_chart(
    points: Sequence[tuple[int, float]], steps: int, mark: int | None = None, title: str = "objective"
) -> vega.Spec:
    """The objective at steps of a run, as a Vega-Lite specification; ``mark`` draws a line at one step."""
    x = vega.numbers("step", "step", (0, steps), {"tickMinStep": 1})
    y = vega.numbers("loss", title, zero=False)
    line = {"mark": {"type": "line", "color": PALETTE[2], "strokeWidth": 3}, "encoding": {"x": x, "y": y}}
    rule = [] if mark is None else [vega.rule("x", mark, GREY, width=1)]
    values = [{"step": index, "loss": value} for index, value in points]
    return {"data": {"values": values}, "layer": [line, *rule]}


def rates_chart(rows: Sequence[tuple[str, str, int, int]], title: str) -> vega.Spec:
    """Counts of successes, as grouped bars.

    Args:
        rows: (group, name of the count, count, the most that it can be), in order.
        title: of the axis.
    """
    values = [{"group": a, "what": b, "share": n / max(of, 1), "told": f"{n} of {of}"} for a, b, n, of in rows]
    groups, kinds = list(dict.fromkeys(r[0] for r in rows)), list(dict.fromkeys(r[1] for r in rows))
    axis = {"format": "%", "values": [0, 0.25, 0.5, 0.75, 1]}
    x = vega.numbers("share", title, (0, 1.15), axis)
    shared = {"x": x, **vega.grouped("group", groups, "what", kinds)}
    shades = zip(kinds, (PALETTE[1], PALETTE[0], GREY), strict=False)
    colour = vega.colours("what", shades, columns=1, labelLimit=300)
    told = {"type": "text", "align": "left", "dx": 4, "color": GREY}
    return {
        "data": {"values": values},
        "layer": [
            {"mark": {"type": "bar"}, "encoding": {**shared, "color": colour}},
            {"mark": told, "encoding": {**shared, "text": {"field": "told"}}},
        ],
    }


def side_by_side(panels: Sequence[tuple[np.ndarray, str, str]], footer: str, *, side: int = 480) -> bytes:
    """A labelled row of pictures for slides, as PNG bytes.

    Args:
        panels: (pixels (H, W, 3) uint8, headline, second line) each; scaled up without smoothing.
        footer: one line below all of them.
    """
    gap, text_height = 24, 92
    width = gap + len(panels) * (side + gap)
    sheet = Image.new("RGB", (width, gap + side + text_height + 40), "white")
    draw = ImageDraw.Draw(sheet)
    for position, (pixels, headline, line) in enumerate(panels):
        left = gap + position * (side + gap)
        sheet.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST), (left, gap))
        write(draw, (left, gap + side + 8), headline, 27, "#16202a", side)
        write(draw, (left, gap + side + 50), line, 19, "#44505c", side)
    write(draw, (gap, gap + side + text_height), footer, 19, "#6a7580", width - 2 * gap)
    return to_png(np.asarray(sheet))


def short(value: float) -> str:
    """A number for people, short and with a minus sign instead of a hyphen."""
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 1e4:
        rounded = float(f"{value:.3g}")
        return (f"{rounded:.0f}" if size >= 1000 else f"{rounded:g}").replace("-", "−")
    digits, power = f"{value:.1e}".split("e")
    return f"{digits}·10{str(int(power)).translate(_RAISED)}".replace("1.0·", "").replace("-", "−")


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
