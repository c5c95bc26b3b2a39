"""Black and white stickers on a sign, and the poster: what may change in a photograph of it.

Eykholt et al., "Robust Physical-World Attacks on Deep Learning Visual Classification", CVPR 2018, arXiv:1707.08945.
The sign's box is divided into squares, `GRID` in a row. Bars of squares are the stickers; each square is black or
white, which any printer can print. The solvers stay the same: a photograph with stickers is one more classifier of
the squares, and the poster is `Masked(Linf(eps), octagon(...))`.

    index = places(bars, box, height, width)
    run(mi_fgsm(Stickered(views, x, index), grey(bars), Box(), ExpectedTargeted(target), steps=60, step_size=16 / 255))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.bounds import check_bounds
from adv_core.images import Pixels
from adv_core.networks.any_model import as_classifier
from adv_core.signs.driving import SignBox
from adv_core.transforms.transform import straight_through

GRID = 32  # squares along the side of the sign's box
WORKED = 96  # the width of the sign in a working copy, in pixels: three for each square
OCTAGON = 2 * (2**0.5 - 1)  # the part of its square that a regular octagon covers


@dataclass(frozen=True)
class Bar:
    """A sticker: a rectangle of squares of the sign's grid, from its upper left one."""

    row: int
    column: int
    rows: int
    columns: int

    def check(self) -> None:
        """Refuse a bar that is empty or leaves the sign's box."""
        check_bounds(self, row=(0, GRID - 1), column=(0, GRID - 1), rows=(1, GRID), columns=(1, GRID))
        if self.row + self.rows > GRID or self.column + self.columns > GRID:
            raise ValueError(f"a bar has to end within the {GRID} squares of the sign's side")

    @property
    def squares(self) -> int:
        return self.rows * self.columns


def share(bars: Sequence[Bar]) -> float:
    """The part of an octagonal sign that the bars cover, 0 ... 1."""
    return sum(bar.squares for bar in bars) / (GRID**2 * OCTAGON)


def grey(bars: Sequence[Bar]) -> Tensor:
    """The squares of all bars in the middle of black and white, (1, 1, 1, K): the start of the attack."""
    return torch.full((1, 1, 1, sum(bar.squares for bar in bars)), 128 / 255)


def places(bars: Sequence[Bar], box: SignBox, height: int, width: int) -> Tensor:
    """The square that each pixel of a photograph lies in, (H, W): an index of all squares, -1 where there is none."""
    (_, _), (wide, high) = box.middle, box.size
    columns = np.floor((np.arange(width) + 0.5 - box.left) / wide * GRID).astype(int)
    rows = np.floor((np.arange(height) + 0.5 - box.top) / high * GRID).astype(int)
    grid, before = np.full((GRID + 2, GRID + 2), -1), 0
    for bar in bars:
        inside = np.arange(before, before + bar.squares).reshape(bar.rows, bar.columns)
        grid[bar.row + 1 : bar.row + 1 + bar.rows, bar.column + 1 : bar.column + 1 + bar.columns] = inside
        before += bar.squares
    return torch.from_numpy(grid[np.clip(rows + 1, 0, GRID + 1)[:, None], np.clip(columns + 1, 0, GRID + 1)])


def octagon(box: SignBox, height: int, width: int) -> np.ndarray:
    """The pixels of an octagonal sign that fills the box, (H, W) bool."""
    (middle_x, middle_y), (wide, high) = box.middle, box.size
    right = np.abs((np.arange(width) + 0.5 - middle_x) / wide)
    down = np.abs((np.arange(height) + 0.5 - middle_y) / high)[:, None]
    return np.asarray((right <= 0.5) & (down <= 0.5) & (right + down <= 2**-0.5))


def paint(x: Tensor, squares: Tensor, index: Tensor) -> Tensor:
    """Put stickers on photographs (N, 3, H, W): the squares (N or 1, 1, 1, K), their places (H, W). Differentiable."""
    index = index.to(x.device)
    shown = squares.flatten(1)[:, index.clamp_min(0)][:, None]
    return torch.where(index >= 0, shown, x)


def with_stickers(pixels: Pixels, bars: Sequence[Bar], box: SignBox, squares: np.ndarray | int) -> Pixels:
    """The photograph (H, W, 3) uint8 with stickers; squares: (K,) uint8, or one level for all."""
    index = places(bars, box, *pixels.shape[:2]).numpy()
    levels = np.broadcast_to(squares, sum(bar.squares for bar in bars))
    return np.where(index[..., None] >= 0, levels[index.clip(0)][..., None], pixels).astype(np.uint8)


def working_copy(x: Tensor, box: SignBox) -> tuple[Tensor, SignBox]:
    """The photograph (1, 3, H, W), shrunk so that a large sign is `WORKED` pixels wide, and the sign's box in it.

    An attack works on it, which is quicker. Judge its result on the photograph itself.
    """
    scale = min(WORKED / max(box.size), 1.0)
    size = [max(round(each * scale), 1) for each in x.shape[-2:]]
    down, across = (new / old for new, old in zip(size, x.shape[-2:], strict=True))
    small = SignBox(box.left * across, box.top * down, box.right * across, box.bottom * down)
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1), small


class Stickered(nn.Module):
    """A classifier of stickers: squares (1, 1, 1, K) in [0, 1] -> what the classifier says of the photograph with them.

    Every square is black or white when the classifier sees it; the gradient passes the rounding (straight-through).

    Args:
        classifier: of photographs, for instance `Transformed` over `DriveBy`.
        x: the photograph (1, 3, H, W).
        index: see `places`.
    """

    def __init__(self, classifier: Callable[[Tensor], Tensor], x: Tensor, index: Tensor) -> None:
        super().__init__()
        self.classifier, self._logits, self.x, self.index = classifier, as_classifier(classifier), x, index
        self.training = False

    def forward(self, squares: Tensor) -> Tensor:
        return self._logits(paint(self.x, straight_through(squares, (squares > 0.5).to(squares)), self.index))
