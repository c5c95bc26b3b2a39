"""Stay found: the detector's score of a face as one more logit, and an objective that keeps it.

A recogniser sees only what a detector has found. Glasses that are made for the recogniser alone can hide the face from
the detector: the wearer dodges, but is taken for nobody.

    network = StillFound(FaceDistances(people, face, VIEWS, 2), FaceScore(face, SCORED))
    run(pgd(network, x, Masked(Box(), mask), Found(Impersonation(0, 1)), steps=60, step_size=8 / 255))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adv_core.faces.detector import Face, detector, fitted, padded
from adv_core.faces.distances import surroundings
from adv_core.objectives import WithTerms
from adv_core.transforms.expectation import Transformed
from adv_core.transforms.geometry import Rotation
from adv_core.transforms.light import Brightness
from adv_core.transforms.transform import Transform

# The views in which the score is computed: a detector minds turns and light more than a small shift or another size.
SCORED: tuple[Transform, ...] = (Rotation(8), Brightness(0.08))
ENOUGH = 1.0  # a logit: a score of 0.73; a face is found from 0.5 on, and more wins nothing
WORTH = 0.1  # of a logit, in units of a distance


class FaceScore(Transformed):
    """Photographs (N, 3, H, W) in [0, 1] -> (N, 1): the logit of the detector's score for a face, up to `ENOUGH`, the
    mean over random views.

    Args:
        face: its box in the photographs.
        views, samples, seed: see `Transformed`.
    """

    def __init__(
        self, face: Face, views: Sequence[Transform] = (), samples: int = 1, seed: int = 0, device: str = "cpu"
    ) -> None:
        super().__init__(detector(device), views, samples, seed)
        self.face = face

    def forward(self, x: Tensor) -> Tensor:
        (rows, columns), here = surroundings(self.face, *x.shape[-2:])
        around = x[:, :, rows, columns]
        side = 2 * max(around.shape[-2:])
        self._middle = ((here.top + here.bottom) / side, (here.left + here.right) / side)
        return super().forward(fitted(around))

    def score(self, view: Tensor) -> Tensor:
        """The largest logit of the boxes whose middle is near that of the face, (N, 1)."""
        logits = self.classifier(padded(view))[:, :, 4]
        cells = logits.shape[-1]
        down, across = (min(max(int(part * cells), 1), cells - 2) for part in self._middle)
        return logits[:, :, down - 1 : down + 2, across - 1 : across + 2].amax((1, 2, 3))[:, None].clamp_max(ENOUGH)


class StillFound(nn.Module):
    """A classifier that appends a face's score: photographs (N, 3, H, W) -> (N, K + 1), the logits, then the score."""

    def __init__(self, classifier: Callable[[Tensor], Tensor], score: FaceScore) -> None:
        super().__init__()
        self.classifier, self.score = classifier, score
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.classifier(x), self.score(x)], 1)


@dataclass(frozen=True, eq=False)
class Found(WithTerms):
    """An objective on the logits of `StillFound`, plus the price of a face that is not found."""

    worth: float = WORTH

    @property
    def weights(self) -> tuple[float, ...]:
        return (self.worth,)
