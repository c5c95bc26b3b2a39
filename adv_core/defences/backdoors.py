"""Defences against backdoors: find poisoned training pictures, find the trigger, and train it away.

The first two look at the numbers of the layer before the last, in which poisoned pictures of a class differ from its
other pictures. The third needs the network alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@torch.no_grad()
def features(network: nn.Sequential, x: Tensor) -> Tensor:
    """The numbers before the last layer of the network, (N, D)."""
    for layer in list(network)[:-1]:
        x = layer(x)
    return x


def spectral_scores(features: Tensor) -> Tensor:
    """Score how far each picture of one class lies along the direction in which the class varies most, (N,).

    Poisoned pictures have large scores (Tran, Li & Madry, "Spectral Signatures in Backdoor Attacks", NeurIPS 2018,
    arXiv:1811.00636): remove the largest, 1.5 times as many as you expect.

    Args:
        features: (N, D), of the pictures with one label.
    """
    centred = features - features.mean(0)
    direction = torch.linalg.svd(centred, full_matrices=False).Vh[0]
    return (centred @ direction).square()


def two_clusters(features: Tensor, dimensions: int = 10) -> tuple[Tensor, Tensor]:
    """Split the pictures of one class into two clusters of features.

    "Activation clustering" (Chen et al., 2018, arXiv:1811.03728): a small, well separated cluster is suspicious. It is
    2-means on the first principal components. It starts from the two halves of the first component, so it has no seed.

    Args:
        features: (N, D), of the pictures with one label.
        dimensions: the number of principal components.

    Returns:
        Whether each picture is in the smaller cluster, (N,) bool; and the components, (N, dimensions).
    """
    centred = features - features.mean(0)
    components = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:dimensions].T
    first = components[:, 0]
    inside = first > (first.min() + first.max()) / 2
    for _ in range(100):
        if not 0 < int(inside.sum()) < len(inside):
            break
        centres = torch.stack([components[~inside].mean(0), components[inside].mean(0)])
        before, inside = inside, torch.cdist(components, centres).argmin(1) == 1
        if bool((before == inside).all()):
            break
    return (inside if 2 * int(inside.sum()) <= len(inside) else ~inside), components


@dataclass(frozen=True, eq=False)
class FoundTrigger:
    """One step of the search for the smallest trigger of a class.

    Attributes:
        index: of the step; 0 is before the first.
        mask: (H, W) in [0, 1], the opacity of each pixel of the trigger.
        pattern: (1, H, W) in [0, 1], its ink.
        rate: the share of the pictures that the trigger turns into the class.
    """

    index: int
    mask: Tensor
    pattern: Tensor
    rate: float

    @property
    def size(self) -> float:
        """The number of pixels that it covers: the sum of the mask."""
        return float(self.mask.sum())

    def stamp(self, x: Tensor) -> Tensor:
        """Put the trigger into pictures (N, 1, H, W)."""
        return (1 - self.mask) * x + self.mask * self.pattern


def smallest_trigger(
    network: nn.Module, x: Tensor, target: int, steps: int = 200, rate: float = 0.1, wanted: float = 0.95
) -> Iterator[FoundTrigger]:
    """Search for the smallest trigger that turns all pictures into the class ``target``.

    "Neural Cleanse" (Wang et al., IEEE S&P 2019). The trigger is a universal patch whose place and shape are variables,
    too:  min over mask, pattern of  L(target, f((1 − mask)·x + mask·pattern)) + λ·‖mask‖₁, by Adam. λ grows while the
    share ``wanted`` is reached, and falls otherwise.

    Args:
        network: pixels -> logits, its parameters without gradients.
        x: ordinary pictures (N, 1, H, W) of other classes.
        steps, rate: of Adam.

    Yields:
        The present trigger after each step. The last record is the smallest trigger that reached ``wanted``; if none
        did, the present one.
    """
    shape = x.shape[-2:]
    # Both variables go through tanh, so that they stay in [0, 1].
    mask, pattern = (torch.zeros(shape, device=x.device), torch.zeros(1, *shape, device=x.device))
    variables = [mask.requires_grad_(), pattern.requires_grad_()]
    optimizer = torch.optim.Adam(variables, rate, betas=(0.5, 0.9))
    labels = torch.full((len(x),), target, device=x.device)
    price, best = 1e-3, None
    for index in range(steps + 1):
        with torch.enable_grad():
            opacity, ink = (torch.tanh(mask) + 1) / 2, (torch.tanh(pattern) + 1) / 2
            logits = network((1 - opacity) * x + opacity * ink)
            loss = F.cross_entropy(logits, labels) + price * opacity.sum()
            slopes = torch.autograd.grad(loss, variables)
        reached = float((logits.argmax(1) == target).float().mean())
        now = FoundTrigger(index, opacity.detach(), ink.detach(), reached)
        if reached >= wanted and (best is None or now.size < best.size):
            best = now
        if index == steps and best is not None:
            now = FoundTrigger(index, best.mask, best.pattern, best.rate)
        yield now
        price = min(price * 1.05, 1.0) if reached >= wanted else max(price / 1.1, 1e-4)
        for variable, slope in zip(variables, slopes, strict=True):
            variable.grad = slope
        optimizer.step()


def anomaly_indices(sizes: Tensor) -> Tensor:
    """Tell how unusually small each class's smallest trigger is, (K,).

    It is the distance below the median in units of 1.4826 times the median distance from it. Wang et al. call a class
    above 2 infected.

    Args:
        sizes: (K,), of the smallest trigger of each class.
    """
    median = sizes.median()
    spread = 1.4826 * (sizes - median).abs().median()
    return (median - sizes) / spread.clamp(min=1e-12)
