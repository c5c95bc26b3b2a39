"""Charts of the lesson on defences: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

ATTACKS = {"none": ("no attack", GREY), "plain": ("attack without the defence", PALETTE[0])}
ATTACKS["aware"] = ("adaptive attack", PALETTE[1])


def contest_chart(rows: Sequence[tuple[str, str, int | None]], pictures: int) -> vega.Spec:
    """The number of pictures whose prediction is kept, as grouped bars.

    Args:
        rows: (defence, a key of `ATTACKS`, number of pictures; None: not known yet), in order.
        pictures: the number of all pictures.
    """
    order = list(dict.fromkeys(name for name, *_ in rows))
    values = [{"defence": d, "attack": ATTACKS[key][0], "right": right} for d, key, right in rows if right is not None]
    x = vega.numbers("right", f"predictions kept, of {pictures}", (0, pictures), {"tickMinStep": 1, "tickCount": 4})
    shared = {"x": x, **vega.grouped("defence", order, "attack", [name for name, _ in ATTACKS.values()])}
    colour = vega.colours("attack", ATTACKS.values(), columns=1, labelLimit=220)
    bar, told = {"type": "bar", "cornerRadiusEnd": 3}, vega.tips(defence="", attack="", right="")
    text = {"type": "text", "align": "left", "dx": 4, "color": GREY, "fontWeight": "bold"}
    figure = {"field": "right", "type": "quantitative"}
    return {
        "data": {"values": values},
        "layer": [
            {"mark": bar, "encoding": {**shared, "color": colour, "tooltip": told}},
            {"mark": text, "encoding": {**shared, "text": figure}},
        ],
    }
