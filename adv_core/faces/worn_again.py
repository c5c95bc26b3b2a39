"""The same glasses on another photograph: moved, turned and resized from pupils to pupils, differentiable."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.images import Pixels, from_pixels
from adv_core.patches import Eyes, glasses
from adv_core.transforms.interpolation import bilinear


class WornAgain(nn.Module):
    """Photographs with glasses (N, 3, H, W) -> (N, 3, h, w): another photograph, which wears the same glasses.

    Args:
        mask: of the glasses, (H, W) bool.
        eyes: the pupils in the photographs with the glasses.
        onto: the other photograph, (h, w, 3) uint8.
        others: the pupils in it.
        size: see `glasses`.

    Attributes:
        there: the mask of the glasses in the other photograph, (h, w) bool.
    """

    def __init__(self, mask: np.ndarray, eyes: Eyes, onto: Pixels, others: Eyes, size: float = 1.0) -> None:
        super().__init__()
        height, width = onto.shape[:2]
        there = glasses(*others, height, width, size)
        # Places as complex numbers: to move, turn and resize is a product and a sum.
        left, right = (complex(u * mask.shape[1], v * mask.shape[0]) for u, v in eyes)
        new_left, new_right = (complex(u * width, v * height) for u, v in others)
        turn = (right - left) / (new_right - new_left if new_right != new_left else 1)
        down, across = there.nonzero()
        place = left + turn * (across + 0.5 + 1j * (down + 0.5) - new_left)
        # Where one pixel covers several of the first photograph, it takes their mean.
        self._smaller = [max(round(side / max(abs(turn), 1.0)), 1) for side in mask.shape]
        self._rows, self._columns = (
            torch.from_numpy(part * new / old - 0.5)[None, None]
            for part, new, old in zip((place.imag, place.real), self._smaller, mask.shape, strict=True)
        )
        self._mask, self._onto = torch.from_numpy(mask), from_pixels(onto)
        opacity = self._seen(self._mask[None, None].float())
        solid = (opacity > 0.01)[0, 0]
        self.there = np.zeros_like(there)
        self.there[down[solid], across[solid]] = True
        self._rows, self._columns = self._rows[..., solid], self._columns[..., solid]
        self._opacity = opacity[..., solid]
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        colours = self._seen(x * self._mask.to(x.device)) / self._opacity.to(x.device)
        worn = self._onto.to(x.device).repeat(len(x), 1, 1, 1)
        worn[:, :, torch.from_numpy(self.there).to(x.device)] = colours
        return worn

    def _seen(self, x: Tensor) -> Tensor:
        """The pixels of the other photograph's glasses, (N, C, pixels)."""
        x = F.interpolate(x, self._smaller, mode="bilinear", align_corners=False, antialias=True)
        return bilinear(x, self._rows.expand(len(x), -1, -1), self._columns.expand(len(x), -1, -1))[:, :, 0]
