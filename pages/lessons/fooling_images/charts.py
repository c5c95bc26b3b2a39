"""Charts of fooling images: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

WANTED, PHOTOGRAPH = PALETTE[1], PALETTE[0]
LEAST = 1e-6  # the lowest probability that the evolution's axis shows
_TITLE = "probability of the target"


def climb_chart(points: Sequence[tuple[int, float]], steps: int, mark: float) -> vega.Spec:
    """The probability of the target class against the steps so far: (step, probability); a dashed line at ``mark``."""
    x = vega.numbers("step", "step", (0, steps), {"tickMinStep": 1, "tickCount": 5}, nice=False)
    return {"layer": [_line(points, x, vega.share("p", _TITLE)), vega.rule("y", mark, GREY)]}


def breed_chart(points: Sequence[tuple[int, float]], queries: int) -> vega.Spec:
    """The probability of the target class against the number of queries so far, on a logarithmic axis."""
    x = vega.numbers("step", "queries", (0, queries), {"tickCount": 5}, nice=False)
    axis = {"values": [1e-6, 1e-4, 1e-2, 1], "format": "~%"}
    y = vega.numbers("p", _TITLE, (LEAST, 1), axis, type="log", clamp=True)
    return {"layer": [_line([(step, max(p, LEAST)) for step, p in points], x, y)]}


def _line(points: Sequence[tuple[int, float]], x: vega.Spec, y: vega.Spec) -> vega.Spec:
    mark = {"type": "line", "strokeWidth": 3, "color": WANTED, "clip": True}
    values = [{"step": step, "p": p} for step, p in points]
    return vega.layer(values, mark, x=x, y=y, tooltip=vega.tips(step="", p=".3~%"))


def accept_chart(
    photographs: Sequence[tuple[str, float]], fooling: Sequence[tuple[str, float]], threshold: float
) -> vega.Spec:
    """The network's probabilities for photographs and for fooling images: a stroke for each, and a threshold.

    Args:
        photographs, fooling: (predicted class, probability).
    """
    kinds = ["photographs", "fooling images"]
    values = [
        {"kind": kind, "says": says, "p": p}
        for kind, each in zip(kinds, (photographs, fooling), strict=True)
        for says, p in each
    ]
    strokes = vega.layer(
        values,
        {"type": "tick", "thickness": 3, "size": 36, "opacity": 0.75},
        x=vega.share("p", "probability of the likeliest class"),
        y={"field": "kind", "type": "nominal", "title": None, "scale": {"domain": kinds}, "sort": kinds},
        color=vega.colours("kind", zip(kinds, (PHOTOGRAPH, WANTED), strict=True)) | {"legend": None},
        tooltip=vega.tips(says="", p=".2%"),
    )
    return {"layer": [strokes, vega.rule("x", threshold, GREY)]}
