"""Charts of the lesson on linear models: numbers in, Vega-Lite specifications or pixels out."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pages.widgets import vega


def square(values: Tensor) -> np.ndarray:
    """The 784 numbers of a digit, or of one weight a pixel, as (28, 28)."""
    return values.detach().reshape(28, 28).numpy()


def training_chart(losses: Sequence[float], epochs: int, limits: tuple[float, float], colour: str) -> vega.Spec:
    """The loss after each epoch as a Vega-Lite specification, with fixed axes, so that they do not move."""
    axis = {"tickCount": 4, "format": "~g"}
    return vega.layer(
        [{"epoch": index, "loss": loss} for index, loss in enumerate(losses)],
        {"type": "line", "point": {"size": 60, "color": colour}, "color": colour, "strokeWidth": 3},
        x=vega.numbers("epoch", "epoch (one pass over the training digits)", (0, epochs), {"tickMinStep": 1}),
        y=vega.numbers("loss", "loss", limits, axis, type="log", clamp=True),
        tooltip=vega.tips(epoch="", loss=".4f"),
    )
