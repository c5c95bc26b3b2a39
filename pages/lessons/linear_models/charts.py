"""Charts of the lesson on linear models: numbers in, Vega-Lite specifications or pixels out."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE


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


def loss_chart(before: float, after: float) -> vega.Spec:
    """Ψ(z) = log(1 + e^-z), with one digit on it, without δ and under δ*.

    Args:
        before, after: z = y·score of the digit.
    """
    reach = max(6.0, 1.1 * abs(before), 1.1 * abs(after))
    grid = np.linspace(-reach, reach, 81)

    def point(z: float) -> float:
        return float(np.logaddexp(0, -z))

    x = vega.numbers("z", "z = y(θᵀx + θ₀)", (-reach, reach), nice=False)
    y = vega.numbers("loss", "Ψ(z)")
    line = [{"z": float(z), "loss": point(float(z))} for z in grid]
    digit = [{"z": z, "loss": point(z), "digit": name} for z, name in ((before, "x"), (after, "x + δ*"))]
    shades = vega.colours("digit", (("x", PALETTE[0]), ("x + δ*", PALETTE[1])))
    return {
        "layer": [
            vega.rule("x", 0.0, GREY, width=1),
            vega.layer(line, {"type": "line", "strokeWidth": 3, "color": GREY}, x=x, y=y),
            vega.layer(
                digit,
                {"type": "point", "filled": True, "size": 140, "opacity": 1},
                x=x,
                y=y,
                color=shades,
                tooltip=vega.tips(digit="", z=".2f", loss=".3f"),
            ),
        ]
    }
