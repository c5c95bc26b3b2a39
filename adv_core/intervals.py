"""A promise by arithmetic: intervals that hold whatever a network can say within a box around x.

Every layer maps an interval of inputs to an interval that contains all its outputs. In the form centre ± radius a
linear layer is exact for each output by itself,

    W(c ± r) + b  =  (Wc + b) ± |W|r

but forgets that outputs depend on each other, so the intervals grow from layer to layer. An attack tells that
something *can* happen, an interval that it *cannot*; between the two lies what nobody knows (Gowal et al., 2018,
arXiv:1810.12715; Mirman, Gehr & Vechev, ICML 2018).

Computed in floating point: the bounds hold up to rounding, about 1e-6 of the logits, and not as a proof in the strict
sense.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def bounds(layers: Iterable[nn.Module], low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The interval (low, high) of the network's outputs over all inputs between ``low`` and ``high``.

    Differentiable in the weights.

    Args:
        layers: a network, or some of its layers: Conv2d, Linear, ReLU and Flatten.
        low, high: (N, ...), low ≤ high.

    Raises:
        ValueError: another layer.
    """
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            low, high = low.relu(), high.relu()
        elif isinstance(layer, nn.Flatten):
            low, high = layer(low), layer(high)
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            centre, radius = layer((low + high) / 2), _spread(layer, (high - low) / 2)
            low, high = centre - radius, centre + radius
        else:
            raise ValueError(f"intervals do not know the layer {type(layer).__name__}")
    return low, high


def worst_logits(network: nn.Sequential, x: Tensor, labels: Tensor, eps: float | Tensor) -> Tensor:
    """Upper bounds of zₖ - z_y over ‖δ‖∞ ≤ ε with x + δ in [0, 1], (N, K); 0 at k = y.

    The last layer is merged with the difference, so that what both logits have in common cancels out. As logits they
    belong to the worst answer that the bounds allow: their cross-entropy bounds the loss of every δ.

    Args:
        network: as for `bounds`, the last layer Linear.
        x: (N, ...) in [0, 1]; labels: (N,); eps: a number, or (N,).
    """
    *before, last = network
    if not isinstance(last, nn.Linear):
        raise ValueError("the last layer has to be linear")
    radius = torch.as_tensor(eps, dtype=x.dtype, device=x.device).reshape(-1, *[1] * (x.ndim - 1))
    low, high = bounds(before, (x - radius).clamp_min(0), (x + radius).clamp_max(1))
    # One matrix of differences for each class that is a label somewhere.
    worst = low.new_zeros(len(x), last.out_features)
    for label in labels.unique().tolist():
        rows = labels == label
        weight, bias = last.weight - last.weight[label], last.bias - last.bias[label]
        centre, spread = (low[rows] + high[rows]) / 2, (high[rows] - low[rows]) / 2
        worst = worst.index_put((rows,), F.linear(centre, weight, bias) + F.linear(spread, weight.abs()))
    return worst


@torch.no_grad()
def verified(network: nn.Sequential, x: Tensor, labels: Tensor, eps: float | Tensor) -> Tensor:
    """For which rows no δ with ‖δ‖∞ ≤ ε changes the answer, (N,) bool. False says nothing: the bound may be loose."""
    worst = worst_logits(network, x, labels, eps)
    return worst.scatter(1, labels[:, None], -torch.inf).amax(1) < 0


def verified_radius(network: nn.Sequential, x: Tensor, labels: Tensor, most: float = 0.5) -> Tensor:
    """The largest ε that `verified` grants each row, (N,), from below, to 1/4096 of ``most``; 0 where it is wrong."""
    low, high = torch.zeros(len(x)).to(x), torch.full((len(x),), most).to(x)
    for _ in range(12):
        middle = (low + high) / 2
        holds = verified(network, x, labels, middle)
        low, high = torch.where(holds, middle, low), torch.where(holds, high, middle)
    return low


def _spread(layer: nn.Linear | nn.Conv2d, radius: Tensor) -> Tensor:
    if isinstance(layer, nn.Linear):
        return F.linear(radius, layer.weight.abs())
    return F.conv2d(
        radius,
        layer.weight.abs(),
        None,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
    )
