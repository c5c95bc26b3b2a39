"""A substitute model: a network that is trained on the predictions of f, and attacked instead of f.

Papernot, McDaniel, Goodfellow, Jha, Celik & Swami, "Practical Black-Box Attacks against Machine Learning", ASIA CCS
2017, arXiv:1602.02697. The victim returns only a class. It classifies a few pictures; a network of
another design learns its predictions; new pictures are made near the boundaries of the substitute, and the victim
classifies them, too. A picture that fools the substitute then often fools the victim.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.attacks.step import input_gradient
from adv_core.images import round_to_8bit
from adv_core.networks.first_weights import first_weights
from adv_core.transforms.geometry import Rotation, Scale, Translation
from adv_core.transforms.transform import Transform

Oracle = Callable[[Tensor], Tensor]
# Differences as between two handwritten copies of the same digit.
REWRITTEN: tuple[Transform, ...] = (Rotation(15), Scale(0.87, 1.15), Translation(0.1))


class Substitute(nn.Sequential):
    """A convolutional network: pixels (N, 1, 28, 28) -> logits (N, 10). It assumes only that the victim reads pictures.

    Args:
        seed: of the first weights; the global generator is not touched.
    """

    def __init__(self, seed: int = 0) -> None:
        with first_weights(seed):
            super().__init__(
                nn.Conv2d(1, 16, 5, stride=2, padding=2),
                nn.ReLU(),
                nn.Conv2d(16, 32, 5, stride=2, padding=2),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * 7 * 7, 100),
                nn.ReLU(),
                nn.Linear(100, 10),
            )


@dataclass(frozen=True, eq=False)
class Round:
    """The state after an epoch of the substitute's training.

    Attributes:
        number: of the round, from 0; epoch: of that round, from 1.
        queries: pictures that the victim has been shown, each once.
        loss: the substitute's mean cross-entropy against the victim's answers.
        final: whether this is the round's last epoch.
        shown: the newest pictures that the victim classified, and its answers, (N, 1, 28, 28) and (N,).
    """

    number: int
    epoch: int
    queries: int
    loss: float
    final: bool
    shown: Tensor
    answers: Tensor


def steal(
    oracle: Oracle,
    substitute: nn.Module,
    seeds: Tensor,
    *,
    rounds: int = 5,
    epochs: int = 10,
    step: float = 0.1,
    batch: int = 50,
    rate: float = 1e-3,
    seed: int = 0,
) -> Iterator[Round]:
    """Train ``substitute``, in place, to predict what ``oracle`` predicts, by queries alone.

    Every round but the first doubles the pictures: x' = t(x) ± λ·sign(∂F_a/∂x) at t(x), where a is the victim's answer
    to x and F the substitute (Jacobian-based augmentation), rounded to 8 bits, since the victim takes pictures. The
    paper has no t. It turns, scales and moves each picture a little, as if the digit were written once more; the same
    number of queries then teaches far more.

    Args:
        oracle: the victim: pictures (N, 1, 28, 28) in [0, 1] to classes (N,).
        substitute: pictures to logits.
        seeds: the first pictures, 8 bits.
        rounds: of queries and training; ``seeds`` times 2^(rounds - 1) queries in all.
        step: λ; its sign changes from round to round.
        seed: of the order of the training pictures.

    Yields:
        A record for each epoch.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(substitute.parameters(), rate)
    known, fresh = seeds, seeds
    answers = oracle(fresh)
    for number in range(rounds):
        if number:
            written = known
            for transform in REWRITTEN:
                written = transform(written, generator)
            towards = input_gradient(substitute, written, partial(_of_class, answers))
            way = step if number % 2 else -step
            fresh = round_to_8bit((written + way * towards.gradient.sign()).clamp(0, 1))
            new = oracle(fresh)
            known, answers = torch.cat([known, fresh]), torch.cat([answers, new])
        for epoch in range(1, epochs + 1):
            total = 0.0
            for rows in torch.randperm(len(known), generator=generator).split(batch):
                loss = F.cross_entropy(substitute(known[rows]), answers[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(rows)
            newest = answers[-len(fresh) :]
            yield Round(number, epoch, len(known), total / len(known), epoch == epochs, fresh, newest)


def _of_class(classes: Tensor, logits: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None])[:, 0]
