"""Interpolation at the edge of the pixel grid and between pixels."""

from collections.abc import Callable

import torch
from torch import Tensor

from adv_core.transforms.transform import straight_through


def bilinear(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Interpolate x at places (N, H', W'), counted in pixels from the middle of the first one: (N, C, H', W')."""
    height, width = x.shape[-2:]
    top, left = down.floor(), right.floor()
    index_shape = down.shape[1:]
    flat, seen = x.flatten(2), torch.zeros((), dtype=x.dtype, device=x.device)
    for row, row_weight in ((top, top + 1 - down), (top + 1, down - top)):
        for column, column_weight in ((left, left + 1 - right), (left + 1, right - left)):
            index = (_mirrored(row, height) * width + _mirrored(column, width)).long().flatten(1)[:, None]
            corner = flat.gather(2, index.to(x.device).expand(-1, x.shape[1], -1)).unflatten(2, index_shape)
            seen = seen + corner * (row_weight * column_weight)[:, None].to(x.dtype).to(x.device)
    return straight_through(seen, seen.clamp(0, 1))


def _mirrored(place: Tensor, size: int) -> Tensor:
    """The place inside the picture that a mirrored place shows: ... 1 0 | 0 1 ... n-1 | n-1 n-2 ..."""
    folded = (place + 0.5) % (2 * size)
    return torch.minimum(folded, 2 * size - folded) - 0.5


def crop_window(x: Tensor, side: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """The part of x that is ``side`` times as high and wide and begins at (top, left), shown at full size.

    All three are fractions of x's height and width, (N,); the part may reach beyond the picture.
    """

    def weights(start: Tensor, size: int) -> Tensor:
        places = start[:, None] * size + (torch.arange(size) + 0.5) * side[:, None] - 0.5
        # Bilinear; a wider triangle where several pixels become one, so that fine patterns do not become coarse ones.
        width = side.clamp_min(1)[:, None, None]
        return kernel_weights(places, lambda distance: (1 - distance.abs() / width).clamp_min(0))

    return separable(x, weights(top, x.shape[-2]), weights(left, x.shape[-1]))


def kernel_weights(places: Tensor, kernel: Callable[[Tensor], Tensor]) -> Tensor:
    """The weight of pixel j at each place, (N, places, pixels). Mirrored at the edge: j is also at -1-j and 2n-1-j."""
    size = places.shape[1]
    j = torch.arange(size, dtype=torch.float64)
    place = _mirrored(places, size)[..., None]
    weights = kernel(place - j) + kernel(place + 1 + j) + kernel(place + 1 + j - 2 * size)
    return weights / weights.sum(-1, keepdim=True)


def separable(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Apply the weights ``down`` along the columns and ``right`` along the rows: down · x · rightᵀ."""
    down, right = (weights[:, None].to(x.dtype).to(x.device) for weights in (down, right))
    seen = down @ x @ right.mT
    # A mean of pixels leaves [0, 1] by a rounding error at most; a plain clamp would lose the gradient of white areas.
    return straight_through(seen, seen.clamp(0, 1))
