"""Charts of adversarial training: numbers in, Vega-Lite specifications or pixels out."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE
from pages.widgets.digits import networks_shown


def course_chart(courses: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], epochs: int) -> vega.Spec:
    """The training losses so far, with fixed axes, so that they do not move.

    Args:
        courses: (name, colour, (epoch, mean loss at x + δ*) of each record).
    """
    values = [{"epoch": epoch, "loss": loss, "network": name} for name, _, points in courses for epoch, loss in points]
    axis = {"tickCount": 4, "format": "~g"}
    return vega.layer(
        values,
        {"type": "line", "strokeWidth": 2.5, "clip": True},
        x=_epochs(epochs),
        y=vega.numbers("loss", "loss at x + δ*", (0.01, 3), axis, type="log", clamp=True),
        color=networks_shown([(name, colour) for name, colour, _ in courses]),
        tooltip=vega.tips(network="", epoch=".2f", loss=".3f"),
    )


def judged_chart(courses: Sequence[tuple[str, str, Sequence[tuple[float, float, float]]]], epochs: int) -> vega.Spec:
    """Errors on held-out digits after every epoch: untouched dashed, attacked solid.

    Args:
        courses: (name, colour, (epoch, error untouched, error attacked) after each epoch).
    """
    values = [
        {"epoch": epoch, "error": error, "network": name, "digits": kind}
        for name, _, points in courses
        for epoch, *errors in points
        for kind, error in zip(("untouched", "attacked"), errors, strict=True)
    ]
    dash = {"domain": ["attacked", "untouched"], "range": [[1, 0], [5, 4]]}
    return vega.layer(
        values,
        {"type": "line", "strokeWidth": 2.5, "point": {"size": 40}, "clip": True},
        x=_epochs(epochs),
        y=vega.share("error", "error (dashed: without attack)"),
        color=networks_shown([(name, colour) for name, colour, _ in courses]),
        strokeDash={"field": "digits", "type": "nominal", "scale": dash, "legend": None},
        tooltip=vega.tips(network="", digits="", epoch="", error=".1%"),
    )


def ascent_chart(losses: Sequence[float], untouched: float) -> vega.Spec:
    """The mean loss of a minibatch after every step of the inner maximum, with the loss at x as a dashed line."""
    line = vega.layer(
        [{"step": step, "loss": loss} for step, loss in enumerate(losses)],
        {"type": "line", "point": {"size": 60}, "color": PALETTE[1], "strokeWidth": 3},
        x=vega.numbers("step", "step of the attack", axis={"tickMinStep": 1}),
        y=vega.numbers("loss", "mean loss", zero=True),
        tooltip=vega.tips(step="", loss=".3f"),
    )
    return {"layer": [line, vega.rule("y", untouched, GREY, width=1)]}


def surface(loss: np.ndarray, top: float, size: int = 480) -> np.ndarray:
    """A loss surface seen from above the corner where the descent ends, as a picture (size, size, 4) uint8.

    It is a picture rather than a chart to rotate, so that it appears at once, on a phone too. The attack's direction a
    goes to the back right, the random one b to the back left.

    Args:
        loss: (S, S), line b, column a.
        top: the loss at the upper edge, the same for all pictures that are compared.
    """
    zoom = 2 * size  # drawn twice as large, then reduced: smooth edges
    side = len(loss)
    b, a = np.meshgrid(*[np.linspace(0, 1, side)] * 2, indexing="ij")
    height = np.clip(loss / max(top, 1e-9), 0, 1)
    across = zoom * (0.5 + 0.46 * (a - b))
    down = zoom * (0.96 - 0.24 * (a + b) - 0.46 * height)
    picture = Image.new("RGBA", (zoom, zoom))
    draw = ImageDraw.Draw(picture)
    cells = [(row, column) for row in range(side - 1) for column in range(side - 1)]
    for row, column in sorted(cells, key=sum, reverse=True):  # the farthest cells first
        corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
        colour = _cividis(float(np.mean([height[corner] for corner in corners])))
        edge = tuple(int(0.82 * part) for part in colour)
        draw.polygon([(across[corner], down[corner]) for corner in corners], fill=colour, outline=edge)
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))


# Nuñez, Anderton & Renslow (2018): its order is visible with any colour vision.
_CIVIDIS = np.array([(0, 34, 78), (53, 69, 108), (102, 105, 112), (148, 142, 119), (200, 183, 102), (254, 232, 56)])


def _cividis(share: float) -> tuple[int, int, int]:
    places = np.linspace(0, 1, len(_CIVIDIS))
    red, green, blue = (round(float(np.interp(share, places, _CIVIDIS[:, part]))) for part in range(3))
    return red, green, blue


def _epochs(epochs: int) -> vega.Spec:
    return vega.numbers("epoch", "epoch (one pass over the digits)", (0, epochs), {"tickMinStep": 1})
