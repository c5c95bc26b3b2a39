"""Find the sign in a photograph: ask the network of many windows, and propose a box around the sign.

It is no detector: it proposes a box that a person then corrects.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.signs.classes import INDEX
from adv_core.signs.driving import SIDE, SignBox
from adv_core.signs.network import SignNetwork

SMALLEST, RATIO, STRIDE = 0.2, 1.25, 12  # the sides of windows, in short sides; the stride in pixels of 48
LEAST = 16  # the width and the height of a photograph, in pixels
FITTED = 64  # the width in pixels to which a proposed box is shrunk while its edges are sought
SURE, SURE_AT_LAST = 0.6, 0.8  # the least probability of a sign in a window, and in every one of `around` its box


@dataclass(frozen=True)
class Found:
    """A sign in a photograph.

    Attributes:
        box: around it; label: its class; probability: of that class in the box.
    """

    box: SignBox
    label: int
    probability: float


def read(network: SignNetwork, x: Tensor, box: SignBox) -> Tensor:
    """The probabilities of the classes in a box of a photograph (1, 3, H, W), (K,)."""
    (left, top), (right, bottom) = (round(box.left), round(box.top)), (round(box.right), round(box.bottom))
    height, width = x.shape[-2:]
    down = torch.arange(top, max(bottom, top + 1), device=x.device).clamp(0, height - 1)
    across = torch.arange(left, max(right, left + 1), device=x.device).clamp(0, width - 1)
    seen = F.interpolate(
        x[:, :, down][:, :, :, across], (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
    )
    with torch.no_grad():
        return network(seen).softmax(1)[0]


def sides(height: int, width: int) -> list[float]:
    """The sides of the windows that are asked, in pixels, the largest first."""
    short, side, found = min(height, width), float(min(height, width)), []
    while side >= max(SMALLEST * short, 12):
        found.append(side)
        side /= RATIO
    return found


def windows(network: SignNetwork, x: Tensor, side: float) -> tuple[Tensor, Tensor]:
    """Ask the network of all windows of one side in a photograph (1, 3, H, W).

    Returns:
        Their boxes (M, 4), left, top, right, bottom in pixels; their probabilities (M, K).
    """
    height, width = x.shape[-2:]
    size = [max(round(each * SIDE / side), SIDE) for each in (height, width)]
    small = F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)
    rows, columns = (torch.arange(0, each - SIDE + 1, STRIDE) for each in size)
    parts = small.unfold(2, SIDE, STRIDE).unfold(3, SIDE, STRIDE)[0].permute(1, 2, 0, 3, 4).flatten(0, 1)
    with torch.no_grad():
        said = torch.cat([network(part).softmax(1) for part in parts.split(128)])
    tops, lefts = (each.flatten() for each in torch.meshgrid(rows, columns, indexing="ij"))
    corners = torch.stack([lefts, tops, lefts + SIDE, tops + SIDE], 1).double()
    return corners * torch.tensor([width / size[1], height / size[0]] * 2), said


def find_sign(network: SignNetwork, x: Tensor) -> Iterator[Found | None]:
    """Look for a sign in a photograph (1, 3, H, W) in [0, 1], first for a large one.

    Yields:
        After each size of windows but the last None. At the end the proposal; None where there is no sign.

    Raises:
        ValueError: the photograph is narrower or lower than `LEAST` pixels.
    """
    if min(x.shape[-2:]) < LEAST:
        raise ValueError(f"a photograph has to be at least {LEAST} × {LEAST} pixels, not {x.shape[-1]} × {x.shape[-2]}")
    boxes, said = [], []
    *larger, smallest = sides(*x.shape[-2:])
    for side in (*larger, smallest):
        corners, probabilities = windows(network, x, side)
        boxes.append(corners)
        said.append(probabilities.cpu())
        if side != smallest:
            yield None
    yield decided(network, x, torch.cat(boxes), torch.cat(said))


def decided(network: SignNetwork, x: Tensor, boxes: Tensor, said: Tensor) -> Found | None:
    """The largest sign that the network reads in its box and in all around it: boxes (M, 4), probabilities (M, K).

    Parts of a sign may look like a smaller one. What is no sign may look like one in a single window.
    """
    best, label = said.max(1)
    found = []
    for each in label[(label != INDEX["no_sign"]) & (best >= SURE)].unique().tolist():
        first = proposed(boxes[label == each], best[label == each])
        for box in (fitted(x, first), first):
            probabilities = torch.stack([read(network, x, other)[each] for other in around(box)])
            if float(probabilities.min()) >= SURE_AT_LAST:
                found.append(Found(box, each, float(probabilities[0])))
                break
    return max(found, key=lambda each: each.box.size[0], default=None)


def around(box: SignBox) -> list[SignBox]:
    """A square around the box, and the same moved and scaled a little."""
    (across, down), side = box.middle, max(box.size)
    changes = [
        (0, 0, 1),
        (-0.08, 0, 1),
        (0.08, 0, 1),
        (0, -0.08, 1),
        (0, 0.08, 1),
        (0, 0, 0.9),
        (0, 0, 1.12),
        (0, 0, 1.25),
    ]
    middles = [(across + u * side, down + v * side, scale * side / 2) for u, v, scale in changes]
    return [SignBox(u - half, v - half, u + half, v + half) for u, v, half in middles]


def proposed(boxes: Tensor, best: Tensor) -> SignBox:
    """The place that most windows agree on which show the same sign: boxes (M, 4), its probability in each (M,).

    In one window at least, it is `SURE`.
    """
    boxes, best = boxes[best >= SURE], best[best >= SURE].double()
    shared = overlap(boxes)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    votes = area * (shared @ best.pow(4))  # parts of a large sign may look like small ones
    near = shared[votes.argmax()] > 0.15
    # The network knows a sign that fills half of its window, and one whose edge is cut off. The smallest windows that
    # show it are about as large as the sign.
    near &= area <= 2.5 * area[near].min()
    weights = best[near] / best[near].sum()
    return SignBox(*(weights @ boxes[near]).tolist())


def overlap(boxes: Tensor) -> Tensor:
    """The intersection over union of all pairs of boxes (M, 4), (M, M)."""
    low, high = torch.maximum(boxes[:, None, :2], boxes[:, :2]), torch.minimum(boxes[:, None, 2:], boxes[:, 2:])
    both = (high - low).clamp_min(0).prod(2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return both / (area[:, None] + area - both)


def fitted(x: Tensor, box: SignBox) -> SignBox:
    """Move and scale a box, so that the colours change most across the middles of its sides.

    A sign touches its box there, whether it is an octagon, a disc or a plate. The box stays in the photograph.
    """
    scale = FITTED / max(box.size)
    size = [max(round(each * scale), 8) for each in x.shape[-2:]]
    small = F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)[0].double()
    summed = F.pad(small, (1, 0, 1, 0)).cumsum(1).cumsum(2)

    def mean(left: Tensor, top: Tensor, right: Tensor, bottom: Tensor) -> Tensor:
        left, right = (each.round().long().clamp(0, size[1]) for each in (left, right))
        top, bottom = (each.round().long().clamp(0, size[0]) for each in (top, bottom))
        whole = summed[:, bottom, right] - summed[:, top, right] - summed[:, bottom, left] + summed[:, top, left]
        return whole / ((right - left) * (bottom - top)).clamp_min(1)

    (across, down), moves = (each * scale for each in box.middle), torch.linspace(-0.3, 0.3, 25) * FITTED
    half, u, v = torch.meshgrid(torch.linspace(0.38, 0.72, 18) * FITTED, across + moves, down + moves, indexing="ij")
    half, u, v = half.flatten(), u.flatten(), v.flatten()
    thick, reach = 0.16 * half, 0.3 * half
    jumps = []
    for sign in (-1, 1):
        edge, inner, outer = u + sign * half, u + sign * (half - thick), u + sign * (half + thick)
        within = mean(torch.minimum(edge, inner), v - reach, torch.maximum(edge, inner), v + reach)
        beyond = mean(torch.minimum(edge, outer), v - reach, torch.maximum(edge, outer), v + reach)
        jumps.append((within - beyond).abs().mean(0))
        edge, inner, outer = v + sign * half, v + sign * (half - thick), v + sign * (half + thick)
        within = mean(u - reach, torch.minimum(edge, inner), u + reach, torch.maximum(edge, inner))
        beyond = mean(u - reach, torch.minimum(edge, outer), u + reach, torch.maximum(edge, outer))
        jumps.append((within - beyond).abs().mean(0))
    least = torch.stack(jumps)
    whole = (u >= half) & (v >= half) & (u + half <= size[1]) & (v + half <= size[0])
    if not bool(whole.any()):
        return box
    best = int((least.sum(0) + 2 * least.amin(0)).masked_fill(~whole, -torch.inf).argmax())
    middle, side = (float(u[best]) / scale, float(v[best]) / scale), float(half[best]) / scale
    return SignBox(middle[0] - side, middle[1] - side, middle[0] + side, middle[1] + side)
