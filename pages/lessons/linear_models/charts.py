"""Charts of the lesson on linear models: numbers in, Vega-Lite specifications or pixels out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor


def square(values: Tensor) -> np.ndarray:
    """The 784 numbers of a digit, or of one weight a pixel, as (28, 28)."""
    return values.detach().reshape(28, 28).numpy()


def training_chart(losses: Sequence[float], epochs: int, limits: tuple[float, float], colour: str) -> dict[str, Any]:
    """The loss after each epoch as a Vega-Lite specification, on fixed axes, which do not move while it grows."""
    return {
        "data": {"values": [{"epoch": index, "loss": loss} for index, loss in enumerate(losses)]},
        "mark": {"type": "line", "point": {"size": 60, "color": colour}, "color": colour, "strokeWidth": 3},
        "encoding": {
            "x": {
                "field": "epoch",
                "type": "quantitative",
                "title": "epoch (one pass over the training digits)",
                "scale": {"domain": [0, epochs]},
                "axis": {"tickMinStep": 1},
            },
            "y": {
                "field": "loss",
                "type": "quantitative",
                "title": "loss",
                "scale": {"type": "log", "domain": list(limits), "clamp": True},
                "axis": {"tickCount": 4, "format": "~g"},
            },
            "tooltip": [{"field": "epoch"}, {"field": "loss", "format": ".4f"}],
        },
    }
