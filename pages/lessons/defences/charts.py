"""Charts of the lesson on defences: numbers in, Vega-Lite specifications out."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from adv_core.defences.detection import roc
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


# The sorts of digits of the section on detection: their names and colours.
SORTS = {"untouched": ("untouched", GREY), "noise": ("random noise", PALETTE[2])}
SORTS |= {"plain": ("plain attack", PALETTE[0]), "aware": ("adaptive attack", PALETTE[1])}


def roc_chart(clean: np.ndarray, scores: Mapping[str, np.ndarray], allowed: float) -> vega.Spec:
    """The receiver operating characteristic of a detector, one curve for each sort of pictures.

    Args:
        clean: the scores of untouched pictures.
        scores: those of other pictures, by a key of `SORTS`; none of them is empty.
        allowed: the share of false alarms at which a dashed line stands.
    """
    values = []
    for sort, found in scores.items():
        rates = roc(torch.from_numpy(clean), torch.from_numpy(found))
        for place, (false, true) in enumerate(zip(*(each.tolist() for each in rates), strict=True)):
            values.append({"false": false, "true": true, "place": place, "pictures": SORTS[sort][0]})
    x = vega.share("false", "untouched digits that raise an alarm")
    y = vega.share("true", "others that raise an alarm")
    shown = [SORTS[sort] for sort in ("noise", "plain", "aware")]
    colours = vega.colours("pictures", shown, columns=1, labelLimit=220)
    # A detector may rank two sorts alike: the upper curve lets the lower one show through.
    dashes = {"domain": [name for name, _ in shown], "range": [[1, 0], [9, 7], [1, 0]]}
    curves = vega.layer(
        values,
        {"type": "line", "strokeWidth": 3, "clip": True},
        x=x,
        y=y,
        order={"field": "place"},
        strokeDash=colours | {"scale": dashes},
        color=colours,
        tooltip=vega.tips(pictures="", false=".0%", true=".0%"),
    )
    guess = vega.layer(
        [{"false": 0, "true": 0}, {"false": 1, "true": 1}],
        {"type": "line", "color": GREY, "strokeWidth": 1, "aria": False},
        x=x,
        y=y,
    )
    return {"layer": [guess, vega.rule("x", allowed, GREY, width=2), curves]}


def scores_chart(scores: Mapping[str, np.ndarray], threshold: float, chosen: int) -> vega.Spec:
    """The detector's score of each picture as a tick to click, one row for each sort; a dashed line at the threshold.

    Args:
        scores: by a key of `SORTS`.
        chosen: the digit whose ticks have a circle.
    """
    names = [name for name, _ in SORTS.values()]
    values = [
        {"score": float(each), "pictures": SORTS[sort][0], "digit": digit}
        for sort, found in scores.items()
        for digit, each in enumerate(found)
    ]
    x = vega.numbers("score", "score: further right is more suspicious", zero=False)
    axis = {"labelLimit": 100, "ticks": False}
    y = {"field": "pictures", "type": "nominal", "title": None, "scale": {"domain": names}, "axis": axis}
    colour = vega.colours("pictures", SORTS.values()) | {"legend": None}
    tips = vega.tips(digit="", pictures="", score=".3f")
    nearest = {"type": "point", "fields": ["digit"], "nearest": True, "on": "click", "clear": False}
    mark = {"type": "tick", "thickness": 2, "opacity": 0.6, "cursor": "pointer"}
    ticks = vega.layer(values, mark, x=x, y=y, color=colour, tooltip=tips)
    circle = {"type": "point", "filled": True, "size": 130, "opacity": 1, "stroke": "white", "aria": False}
    own = vega.layer([each for each in values if each["digit"] == chosen], circle, x=x, y=y, color=colour)
    return {"layer": [ticks | {"params": [{"name": "digit", "select": nearest}]}, own, vega.rule("x", threshold, GREY)]}
