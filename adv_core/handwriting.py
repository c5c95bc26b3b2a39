"""x: a photograph of a handwritten digit, made into a picture as MNIST has them."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from adv_core.datasets import centred

_SIDE, _INSIDE = 28, 20  # MNIST's digits fit into 20 × 20, and are centred by mass in 28 × 28
_WORKING = 400


def as_digit(picture: Image.Image) -> Tensor:
    """The digit on a photograph, (28, 28) in [0, 1], values k/255: ink is 1, paper 0.

    Dark ink on light paper or the other way round; uneven light is taken off, empty paper is cut away, and the digit is
    scaled and centred as in MNIST (LeCun et al., Proc. IEEE 1998).

    Raises:
        ValueError: nothing on it that stands out from its background.
    """
    grey = picture.convert("L")
    grey.thumbnail((_WORKING, _WORKING))
    values = np.asarray(grey, np.float32) / 255
    paper = _background(values)
    contrast = values - paper
    # Whatever deviates more is the ink: dark on light, or light on dark.
    if -np.percentile(contrast, 1) > np.percentile(contrast, 99):
        contrast = -contrast
    strongest = float(np.percentile(contrast, 99.5))
    if strongest < 0.1:
        raise ValueError("There is no digit to be seen on this picture: write it large, dark on light paper.")
    strength = np.clip(contrast / strongest, 0, 1)
    strength = np.clip((strength - 0.35) / 0.4, 0, 1)
    rows, columns = np.flatnonzero(strength.max(1) > 0.5), np.flatnonzero(strength.max(0) > 0.5)
    cut = strength[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _INSIDE / max(cut.shape)
    size = (max(round(cut.shape[1] * scale), 1), max(round(cut.shape[0] * scale), 1))
    small = Image.fromarray((cut * 255).astype(np.uint8)).resize(size, Image.Resampling.BOX)
    page = Image.new("L", (_SIDE, _SIDE))
    page.paste(small, ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2))
    levels = np.array(page, np.float32)
    return centred(torch.from_numpy(levels / max(float(levels.max()), 1.0) * 255).round() / 255)


def _background(values: np.ndarray) -> np.ndarray:
    """The paper's own brightness at every place: a plane through the median of the edges, which hold no ink."""
    height, width = values.shape
    y, x = np.mgrid[:height, :width] / max(height, width)
    edge = np.ones_like(values, bool)
    rim = max(2, min(height, width) // 12)
    edge[rim:-rim, rim:-rim] = False
    design = np.stack([np.ones_like(x), x, y], -1)
    for _ in range(2):  # once more without what does not look like paper
        solved, *_ = np.linalg.lstsq(design[edge], values[edge], rcond=None)
        plane = design @ solved
        away = np.abs(values - plane)
        edge &= away <= max(float(np.percentile(away[edge], 90)), 0.02)
    return np.asarray(design @ solved, np.float32)
