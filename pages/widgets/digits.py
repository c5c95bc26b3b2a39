"""Pictures of handwritten digits and of a linear model's weights: arrays in, pixels or a chart out."""

from collections.abc import Sequence

import numpy as np

from pages.widgets import vega
from pages.widgets.charts import GREY, PALETTE

_FRAME = (128, 128, 128)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


def _enlarged(pixels: np.ndarray, zoom: int) -> np.ndarray:
    return pixels.repeat(zoom, 0).repeat(zoom, 1)


def ink(image: np.ndarray, zoom: int = 6) -> np.ndarray:
    """A digit (H, W) in [0, 1], white on black, (zoom·H, zoom·W, 3) uint8. Values outside [0, 1] are clipped."""
    levels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    return _enlarged(np.repeat(levels[..., None], 3, 2), zoom)


def signed(values: np.ndarray, limit: float, zoom: int = 6) -> np.ndarray:
    """Numbers (H, W) of either sign as colours: orange is +limit, blue is -limit, and 0 is transparent.

    Returns:
        (zoom·H, zoom·W, 4) uint8. The ground of the page shows through, so that no theme glares.
    """
    share = np.clip(values / max(limit, 1e-12), -1, 1)[..., None]
    colours = np.where(share > 0, _rgb(PALETTE[1]), _rgb(PALETTE[0]))
    return _enlarged(np.concatenate([colours, 255 * np.abs(share)], -1).round().astype(np.uint8), zoom)


def sheet(images: np.ndarray, wrong: Sequence[bool], columns: int, zoom: int = 3, frame: int = 6) -> np.ndarray:
    """Digits (N, H, W) in rows of ``columns``; wrong ones have an orange frame, the others a grey one."""
    height, width = images.shape[1] * zoom + 2 * frame, images.shape[2] * zoom + 2 * frame
    rows = -(-len(images) // columns)
    page = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for place, (image, is_wrong) in enumerate(zip(images, wrong, strict=True)):
        top, left = place // columns * height, place % columns * width
        page[top : top + height, left : left + width] = _rgb(PALETTE[1]) if is_wrong else _FRAME
        page[top + frame : top + height - frame, left + frame : left + width - frame] = ink(image, zoom)
    return page


def share(part: float) -> str:
    """A share of digits as text, always with one decimal."""
    return f"{100 * part:.1f}\u00a0%"


# One colour for each network, on every chart of the lesson.
STANDARD, ROBUST, STRONGER, OWN = PALETTE[1], PALETTE[0], PALETTE[2], PALETTE[3]


def error_curves(
    curves: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], *, mark: float, longest: float, title: str
) -> vega.Spec:
    """Error against ε, one line per network.

    Args:
        curves: (name, colour, (ε, error) so far).
        mark: the ε of a dashed line; longest: the end of the axis; title: of that axis.
    """
    line = vega.layer(
        [{"eps": eps, "error": error, "network": name} for name, _, points in curves for eps, error in points],
        {"type": "line", "strokeWidth": 3, "point": {"size": 50}},
        x=vega.numbers("eps", title, (0, longest), {"tickCount": 8}),
        y=vega.share("error", "error on test digits"),
        color=networks_shown([(name, colour) for name, colour, _ in curves]),
        tooltip=vega.tips(network="", eps=".3g", error=".1%"),
    )
    return {"layer": [line, vega.rule("x", mark, GREY, width=1)]}


def networks_shown(networks: Sequence[tuple[str, str]]) -> vega.Spec:
    """The colours of networks: (name, colour) each."""
    return vega.colours("network", networks, columns=2, labelLimit=160)
