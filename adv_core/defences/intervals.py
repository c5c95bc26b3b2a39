"""Interval bound propagation: intervals that contain every output of a network for inputs in a box around x.

Every layer maps an interval of inputs to an interval that contains all its outputs. In the form centre ± radius a
linear layer is exact for each output by itself,

    W(c ± r) + b  =  (Wc + b) ± |W|r

but ignores that outputs depend on each other, so the intervals grow from layer to layer. An attack shows that a
misclassification *can* happen, an interval that it *cannot*; pictures between the two remain undecided (Gowal et al.,
2018, arXiv:1810.12715; Mirman, Gehr & Vechev, ICML 2018).

A computer rounds, in the network as in its bounds. `bounds` and `worst_logits` leave that out, which suits training:
they hold to about 1e-6 of the logits. `verified` includes it: a sum of n products is off by at most n·u times the sum
of their sizes, in any order of summation (u: half a unit in the last place; Higham, "Accuracy and stability of
numerical algorithms", 2002, chapter 3). Its guarantee holds for the network as this machine computes it, in the
precision of x and of the weights. It does not cover fast convolutions that do not sum such products (Winograd, FFT),
nor GPUs that shorten the factors themselves (TF32).
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def bounds(layers: Iterable[nn.Module], low: Tensor, high: Tensor, *, rounding: bool = False) -> tuple[Tensor, Tensor]:
    """The interval (low, high) of the network's outputs over all inputs between ``low`` and ``high``.

    Differentiable in the weights.

    Args:
        layers: a network, or some of its layers: Conv2d (padded with zeros), Linear, ReLU and Flatten.
        low, high: (N, ...), low ≤ high.
        rounding: widen the intervals by the largest rounding error, in the network and here; half as much work again.

    Raises:
        ValueError: another layer; an interval that ends before it begins.
    """
    if not bool((low <= high).all()):
        raise ValueError("an interval has to begin before it ends: give low ≤ high")
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            low, high = low.relu(), high.relu()
        elif isinstance(layer, nn.Flatten):
            low, high = layer(low), layer(high)
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            middle, reach = (low + high) / 2, (high - low) / 2
            centre, radius = layer(middle), _with_sizes(layer, reach)
            if rounding:
                radius = radius + _unit(layer) * _with_sizes(layer, middle.abs() + reach, layer.bias)
            low, high = centre - radius, centre + radius
        else:
            raise ValueError(f"intervals do not know the layer {type(layer).__name__}")
    return low, high


def worst_logits(
    network: nn.Sequential, x: Tensor, labels: Tensor, eps: float | Tensor, *, rounding: bool = False
) -> Tensor:
    """Upper bounds of zₖ - z_y over ‖δ‖∞ ≤ ε with x + δ in [0, 1], (N, K); 0 at k = y.

    The last layer is merged with the difference, so that the common part of both logits cancels out. Taken as logits,
    the bounds are the worst answer that is possible: their cross-entropy bounds the loss of every δ.

    Args:
        network: as for `bounds`, the last layer Linear.
        x: (N, ...) in [0, 1]; labels: (N,); eps: 0 or more, a number, or (N,).
        rounding: as for `bounds`.

    Raises:
        ValueError: as for `bounds`; a last layer that is not linear.
    """
    *before, last = network
    if not isinstance(last, nn.Linear):
        raise ValueError("the last layer has to be linear")
    radius = torch.as_tensor(eps, dtype=x.dtype, device=x.device).reshape(-1, *[1] * (x.ndim - 1))
    low, high = bounds(before, (x - radius).clamp_min(0), (x + radius).clamp_max(1), rounding=rounding)
    # One matrix of differences for each class that occurs as a label.
    worst = low.new_zeros(len(x), last.out_features)
    for label in labels.unique().tolist():
        rows = labels == label
        weight, bias = last.weight - last.weight[label], last.bias - last.bias[label]
        centre, spread = (low[rows] + high[rows]) / 2, (high[rows] - low[rows]) / 2
        most = F.linear(centre, weight, bias) + F.linear(spread, weight.abs())
        if rounding:  # the network computes the two logits apart, and rounds each
            sizes = last.weight.abs() + last.weight[label].abs(), last.bias.abs() + last.bias[label].abs()
            lost = _unit(last) * F.linear(centre.abs() + spread, *sizes)
            lost[:, label] = 0
            most = most + lost
        worst = worst.index_put((rows,), most)
    return worst


@torch.no_grad()
def verified(network: nn.Sequential, x: Tensor, labels: Tensor, eps: float | Tensor) -> Tensor:
    """Tell for which rows no δ with ‖δ‖∞ ≤ ε changes the answer, (N,) bool, rounding included (see the module).

    False means undecided: the bound may be loose.
    """
    worst = worst_logits(network, x, labels, eps, rounding=True)
    return worst.scatter(1, labels[:, None], -torch.inf).amax(1) < 0


def _with_sizes(layer: nn.Linear | nn.Conv2d, radius: Tensor, bias: Tensor | None = None) -> Tensor:
    """|W|·radius + |bias|: the layer, with the absolute values of its weights."""
    bias = None if bias is None else bias.abs()
    if isinstance(layer, nn.Linear):
        return F.linear(radius, layer.weight.abs(), bias)
    if layer.padding_mode != "zeros":
        raise ValueError(f"intervals do not know the padding {layer.padding_mode!r}")
    return F.conv2d(radius, layer.weight.abs(), bias, layer.stride, layer.padding, layer.dilation, layer.groups)


def _unit(layer: nn.Linear | nn.Conv2d) -> float:
    """The largest rounding error of Wv + b, as a part of |W||v| + |b|.

    It is n·u each for the network's sum and for that of the interval's middle, which makes 2·n·u = n·eps, and a little
    for all that is computed around them.
    """
    return (layer.weight[0].numel() + 16) * torch.finfo(layer.weight.dtype).eps
