"""Black and white stickers on a sign, and the poster: what may change in a photograph of it.

Eykholt et al., "Robust Physical-World Attacks on Deep Learning Visual Classification", CVPR 2018, arXiv:1707.08945.
The sign's box is divided into `GRID` × `GRID` squares. A sticker covers a square and is black or white, which any
printer can print. The set Δ: at most ``most`` stickers, on allowed squares. The network sees stickers through one more
classifier, `Stickered`, of the presence of a black and of a white one on each square; one more rule of the one loop,
`Exchange`, chooses them. The poster needs nothing new: it is `Masked(Linf(eps), octagon(...))`.

    attack = stick(Stickered(views, x, box), allowed("band"), ExpectedTargeted(target), most=42, steps=100)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.attacks.ascent import Rule, ascend
from adv_core.attacks.step import InputGradient, Step
from adv_core.images import Pixels
from adv_core.networks.any_model import as_classifier
from adv_core.objectives import Climbable
from adv_core.perturbation_sets import Box
from adv_core.signs.driving import SignBox

GRID = 32  # squares along the side of the sign's box
WORKED = 96  # the width of the sign in a working copy, in pixels: three for each square
OCTAGON = 2 * (2**0.5 - 1)  # the part of its square that a regular octagon covers
BLACK, BARE, WHITE = 0, 128, 255  # of the squares of a sign, (GRID, GRID) uint8
Where = Literal["band", "bars", "anywhere"]
# The rows of squares that stickers may cover. The word of a stop sign is between them.
ROWS: dict[Where, tuple[range, ...]] = {
    "band": (range(2, 11), range(21, 30)),
    "bars": (range(4, 9), range(22, 27)),
    "anywhere": (range(GRID),),
}


# --------------------------------------------------------------------------------------------------- places on the sign


def octagon(box: SignBox, height: int, width: int) -> np.ndarray:
    """The pixels of an octagonal sign that fills the box, (H, W) bool."""
    (middle_x, middle_y), (wide, high) = box.middle, box.size
    right = np.abs((np.arange(width) + 0.5 - middle_x) / wide)
    down = np.abs((np.arange(height) + 0.5 - middle_y) / high)[:, None]
    return np.asarray((right <= 0.5) & (down <= 0.5) & (right + down <= 2**-0.5))


def allowed(where: Where) -> np.ndarray:
    """The squares that may carry a sticker, (GRID, GRID) bool: in those rows, and wholly on the octagon."""
    fine = octagon(SignBox(0, 0, 4 * GRID, 4 * GRID), 4 * GRID, 4 * GRID)
    inside = fine.reshape(GRID, 4, GRID, 4).all((1, 3))
    rows = np.zeros(GRID, bool)
    for part in ROWS[where]:
        rows[part.start : part.stop] = True
    return np.asarray(inside & rows[:, None])


def photographed(box: SignBox, height: int, width: int) -> np.ndarray:
    """The squares of a sign that lie in its photograph, a pixel away from the edge, (GRID, GRID) bool.

    A view repeats the edge of the photograph beyond it: a sticker there would become a stripe.
    """
    (wide, high), steps = box.size, np.arange(GRID + 1) / GRID
    across, down = box.left + wide * steps, box.top + high * steps
    columns, rows = ((at[:-1] >= 1) & (at[1:] <= most - 1) for at, most in ((across, width), (down, height)))
    return np.asarray(rows[:, None] & columns)


def most_squares(part: float) -> int:
    """The largest number of squares that cover at most this part, 0 ... 1, of an octagonal sign."""
    return int(part * OCTAGON * GRID**2)


def covered(squares: np.ndarray) -> float:
    """The part of an octagonal sign that the stickers cover, 0 ... 1."""
    return float((squares != BARE).sum() / (GRID**2 * OCTAGON))


def places(box: SignBox, height: int, width: int) -> Tensor:
    """The square in which each pixel of a photograph lies, (H, W): its index row by row, -1 outside of the box."""
    wide, high = box.size
    columns = np.floor((np.arange(width) + 0.5 - box.left) / wide * GRID).astype(int)
    rows = np.floor((np.arange(height) + 0.5 - box.top) / high * GRID).astype(int)
    inside = ((rows >= 0) & (rows < GRID))[:, None] & (columns >= 0) & (columns < GRID)
    return torch.from_numpy(np.where(inside, rows[:, None] * GRID + columns, -1))


def with_stickers(pixels: Pixels, box: SignBox, squares: np.ndarray, level: int | None = None) -> Pixels:
    """The photograph (H, W, 3) uint8 with stickers on its sign.

    Args:
        squares: (GRID, GRID) uint8, `BLACK`, `WHITE` or `BARE`.
        level: of all stickers instead of their own, for a control.
    """
    index = places(box, *pixels.shape[:2]).numpy()
    seen = np.where(index >= 0, squares.flatten()[index.clip(0)], BARE)
    return np.where((seen != BARE)[..., None], seen[..., None] if level is None else level, pixels).astype(np.uint8)


def working_copy(x: Tensor, box: SignBox) -> tuple[Tensor, SignBox]:
    """The photograph (1, 3, H, W), shrunk so that a large sign is `WORKED` pixels wide, and the sign's box in it.

    An attack works on it, which is quicker. Judge its result on the photograph itself.
    """
    scale = min(WORKED / max(box.size), 1.0)
    size = [max(round(each * scale), 1) for each in x.shape[-2:]]
    down, across = (new / old for new, old in zip(size, x.shape[-2:], strict=True))
    small = SignBox(box.left * across, box.top * down, box.right * across, box.bottom * down)
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1), small


# ----------------------------------------------------------------------------------------------------------- the attack


class Stickered(nn.Module):
    """A classifier of stickers: their presence (1, 2, GRID, GRID) -> what the classifier says of the photograph.

    The first channel is 1 where a black sticker is, the second one where a white one is; both are 0 on bare squares.

    Args:
        classifier: of photographs, for instance `Transformed` over `DriveBy`.
        x: the photograph (1, 3, H, W); box: of its sign.
    """

    def __init__(self, classifier: Callable[[Tensor], Tensor], x: Tensor, box: SignBox) -> None:
        super().__init__()
        self.classifier, self._logits, self.x, self.box = classifier, as_classifier(classifier), x, box
        index = places(box, *x.shape[-2:]).to(x.device)
        self.index, self.inside = index.clamp_min(0), index >= 0
        self.training = False

    def forward(self, presence: Tensor) -> Tensor:
        black, white = (presence.flatten(2)[:, :, self.index] * self.inside).unbind(1)
        return self._logits(self.x * (1 - black - white)[:, None] + white[:, None])


@dataclass
class Exchange(Rule):
    """Put stickers where they raise the objective most, and exchange the worst ones for better ones.

    The gradient by the presence of a sticker is its gain to first order. The rule keeps a running mean of the gains. A
    step first adds stickers, up to half as many again as are allowed in the end; it then takes the worst ones off. In
    each step a few stickers go from the squares with the least gain to those with the largest.

    Attributes:
        where: the allowed squares, (GRID, GRID) bool.
        most: the number of stickers at the end; steps: of the run.
        memory: the weight of the mean so far; exchanged: stickers that a step exchanges at first, later fewer.
    """

    where: Tensor
    most: int
    steps: int
    memory: float = 0.9
    exchanged: int = 6
    _index: int = 0
    _gains: Tensor | None = field(default=None, repr=False)

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        gradient = here.gradient[0] / here.gradient.abs().max().clamp_min(torch.finfo(x.dtype).tiny)
        before = torch.zeros_like(gradient) if self._gains is None else self._gains
        self._gains = self.memory * before + (1 - self.memory) * gradient
        self._index += 1
        done = self._index / self.steps
        gain, white = self._gains.flatten(1).max(0)
        gain = gain.masked_fill(~self.where.flatten(), -torch.inf)
        there = delta[0].sum(0).flatten() > 0
        for _ in range(max(round(self.exchanged * (1 - done)), 1)):
            if not bool(there.any()) or bool(there.all()):
                break
            worst = gain.masked_fill(~there, torch.inf).argmin()
            best = gain.masked_fill(there, -torch.inf).argmax()
            if gain[best] <= gain[worst]:
                break
            there[worst], there[best] = False, True
        wanted = min(self._size(done), int(self.where.sum()))
        order = torch.where(there, gain + 4, gain).argsort(descending=True)  # those that are there stay, |gain| ≤ 1
        if wanted < int(there.sum()):
            order = gain.masked_fill(~there, -torch.inf).argsort(descending=True)
        chosen = torch.zeros_like(there)
        chosen[order[:wanted]] = True
        pair = torch.stack([chosen & (white == 0), chosen & (white == 1)]).to(delta)
        return pair.unflatten(1, (GRID, GRID))[None]

    def _size(self, done: float) -> int:
        """The number of stickers after that part of the run."""
        over = 1.5 * self.most
        if done < 0.4:
            return min(round(over * done / 0.4) + 2, round(over))
        return max(self.most, round(over - (over - self.most) * (done - 0.4) / 0.3))


def stick(classifier: Stickered, where: np.ndarray, objective: Climbable, *, most: int, steps: int) -> Iterator[Step]:
    """Search at most ``most`` stickers that raise the objective.

    Args:
        where: the squares that may carry one, (GRID, GRID) bool; those at the edge of the photograph never do.
        objective: of its logits.
        most: at least 1.

    Yields:
        ``steps + 1`` steps on x = no stickers at all; `squares_of` reads their δ.
    """
    if most < 1:
        raise ValueError(f"at least one sticker is needed, not {most}")
    inside = photographed(classifier.box, *classifier.x.shape[-2:])
    spots = torch.from_numpy(where & inside).to(classifier.x.device)
    none = torch.zeros(1, 2, GRID, GRID).to(classifier.x)
    yield from ascend(
        classifier, none, Box(), objective, lambda: Exchange(spots, most, steps), steps=steps, quantize=False
    )


def squares_of(delta: Tensor) -> np.ndarray:
    """The squares of a step of `stick`, (GRID, GRID) uint8: `BLACK`, `WHITE` or `BARE`."""
    black, white = delta[0].cpu().numpy() > 0.5
    return np.where(black, BLACK, np.where(white, WHITE, BARE)).astype(np.uint8)
