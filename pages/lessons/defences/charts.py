"""Charts of the lesson on defences: numbers in, Vega-Lite specifications out."""

from collections.abc import Sequence
from typing import Any

from pages.widgets.charts import GREY, PALETTE

ATTACKS = {"none": ("untouched", GREY), "plain": ("attack on the bare network", PALETTE[0])}
ATTACKS["aware"] = ("attack that knows", PALETTE[1])


def contest_chart(rows: Sequence[tuple[str, str, int | None]], pictures: int) -> dict[str, Any]:
    """The number of pictures that are still classified right, as grouped bars.

    Args:
        rows: (defence, a key of `ATTACKS`, number of pictures; None: not known yet), in order.
        pictures: the number of all pictures.
    """
    order = list(dict.fromkeys(name for name, *_ in rows))
    names = [name for name, _ in ATTACKS.values()]
    values = [{"defence": d, "attack": ATTACKS[key][0], "right": right} for d, key, right in rows if right is not None]
    y: dict[str, Any] = {"field": "defence", "type": "nominal", "title": None, "scale": {"domain": order}}
    y |= {"axis": {"labelLimit": 110, "ticks": False}}
    offset: dict[str, Any] = {"field": "attack", "scale": {"domain": names, "paddingInner": 0.1}}
    x: dict[str, Any] = {"field": "right", "type": "quantitative", "title": f"answers kept, of {pictures}"}
    x |= {"scale": {"domain": [0, pictures]}, "axis": {"tickMinStep": 1, "tickCount": 4}}
    shared = {"x": x, "y": y, "yOffset": offset}
    return {
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3},
                "encoding": {
                    **shared,
                    "color": {
                        "field": "attack",
                        "type": "nominal",
                        "scale": {"domain": names, "range": [colour for _, colour in ATTACKS.values()]},
                        "legend": {"title": None, "orient": "top", "columns": 1, "labelLimit": 220},
                    },
                    "tooltip": [{"field": "defence"}, {"field": "attack"}, {"field": "right"}],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": GREY, "fontWeight": "bold"},
                "encoding": {**shared, "text": {"field": "right", "type": "quantitative"}},
            },
        ],
    }
