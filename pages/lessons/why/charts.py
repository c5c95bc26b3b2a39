"""Charts of sections 1 and 2: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

COLOURS = {"faint digits in noise": PALETTE[1], "plain digits": PALETTE[0]}


def law_chart(
    rows: Sequence[tuple[str, int, float, float | None]], sides: Sequence[int], side: int, eps: float
) -> vega.Spec:
    """The ε that fools half of the digits against the side, on logarithmic axes: lines predicted, points measured.

    Args:
        rows: (kind of digits, side, predicted, measured); ε in 1/255.
        sides: all of them, for the axis; side, eps: of dashed lines.
    """
    values = [{"digits": kind, "side": each, "predicted": told, "measured": found} for kind, each, told, found in rows]
    axis = {"values": list(sides), "grid": False, "format": "d"}
    x = vega.numbers("side", "side of the digits in pixels", (3.5, 64), axis, type="log", nice=False)
    # The same axis for both marks, so that Vega-Lite does not draw two.
    scale = {"values": [1, 2, 4, 8, 16, 32], "format": "d"}

    def height(field: str) -> vega.Spec:
        return vega.numbers(field, "ε that fools half, in 1/255", (0.8, 40), scale, type="log", nice=False, clamp=True)

    shades = vega.colours("digits", COLOURS.items())
    tips = vega.tips(digits="", side="", predicted=".2f", measured=".2f")
    line = {"type": "line", "strokeWidth": 2}
    point = {"type": "point", "filled": True, "size": 90, "opacity": 1}
    found = [row for row in values if row["measured"] is not None]
    return {
        "layer": [
            vega.rule("x", side, GREY, width=1),
            *([vega.rule("y", eps, GREY, width=1)] if eps >= 1 else []),
            vega.layer(values, line, x=x, y=height("predicted"), color=shades, tooltip=tips),
            vega.layer(found, point, x=x, y=height("measured"), color=shades, tooltip=tips),
        ]
    }
