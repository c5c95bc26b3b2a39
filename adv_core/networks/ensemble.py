"""f as several networks at once: what fools all of them has a better chance to fool one that nobody could look into."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean of several classifiers' log-probabilities: pixels (N, 3, H, W) -> (N, K).

    The cross-entropy of what it returns, -q_y, is the mean of the classifiers' cross-entropies; climb it with
    `objectives.ExpectedUntargeted` or `ExpectedTargeted`, which do not normalise it once more. (Liu, Chen, Liu & Song,
    "Delving into Transferable Adversarial Examples", ICLR 2017, arXiv:1611.02770, average probabilities instead, where
    a network that is fooled already hardly has a gradient.)

    Args:
        classifiers: pixels to logits (N, K), with the same K classes each. They are used as they are.

    Raises:
        ValueError: no classifier at all.
    """

    def __init__(self, classifiers: Sequence[Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        if not classifiers:
            raise ValueError("an ensemble of nobody has no answer")
        self.classifiers = tuple(classifiers)
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([classifier(x).log_softmax(1) for classifier in self.classifiers]).mean(0)
