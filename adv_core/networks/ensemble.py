"""Several networks as one: a δ that fools all of them transfers better to a black-box network."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from adv_core.networks.any_model import as_classifier


class Ensemble(nn.Module):
    """The mean of several classifiers' log-probabilities: pixels (N, 3, H, W) -> (N, K).

    The cross-entropy of the output q, -q_y, is the mean of the classifiers' cross-entropies; climb it with
    `objectives.ExpectedUntargeted` or `ExpectedTargeted`, which do not normalise it once more. (Liu, Chen, Liu & Song,
    "Delving into Transferable Adversarial Examples", ICLR 2017, arXiv:1611.02770, average probabilities instead; a
    network that is already fooled then has hardly any gradient.)

    Args:
        classifiers: pixels to logits (N, K), with the same K classes each. They are used as they are.

    Raises:
        ValueError: no classifier at all.
    """

    def __init__(self, classifiers: Sequence[Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        if not classifiers:
            raise ValueError("an ensemble needs at least one classifier")
        self.classifiers = tuple(as_classifier(each) for each in classifiers)
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([classifier(x).log_softmax(1) for classifier in self.classifiers]).mean(0)


class MeanLogits(nn.Module):
    """The mean of several networks' logits as they are: pixels (N, 3, H, W) -> (N, K).

    It suits logits that are no log-probabilities, such as the distances to people.

    Raises:
        ValueError: no network at all.
    """

    def __init__(self, networks: Sequence[Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        if not networks:
            raise ValueError("a mean needs at least one network")
        self.networks = tuple(networks)
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([network(x) for network in self.networks]).mean(0)
