"""The task that gets a network's predictions for pictures, used by all pages."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor

from adv_core.classifiers import Classifier
from adv_core.images import from_pixels
from adv_core.serving.engine.work import BatchStep, BatchTask, Networks, Task
from adv_core.serving.fields import SEEDS, Checked, checked, number, required, several
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.expectation import CAMERA, Transformed
from adv_core.transforms.transform import Chain, seen_through

MAX_PICTURES = 32


@dataclass(frozen=True)
class Pictures(Checked):
    """Pictures of one size, as bytes, so that equal pictures are equal values.

    Attributes:
        data: (N, height, width, 3) uint8, row by row.
    """

    data: bytes = field(repr=False)
    height: int = number(..., 1, "max_pixels")
    width: int = number(..., 1, "max_pixels")

    @classmethod
    def of(cls, pixels: np.ndarray) -> "Pictures":
        """Make the value from an array (N, H, W, 3) uint8, or from one picture (H, W, 3)."""
        return cls(pixels.tobytes(), *pixels.shape[-3:-1])

    @property
    def count(self) -> int:
        return len(self.data) // max(self.height * self.width * 3, 1)

    @property
    def pixels(self) -> np.ndarray:
        """The pictures as (N, H, W, 3) uint8."""
        return np.frombuffer(self.data, np.uint8).reshape(-1, self.height, self.width, 3)

    def check(self, limits: Limits = LIMITS) -> None:
        """Refuse a value without a picture, with too many pixels, or with bytes that do not fit its size."""
        super().check(limits)
        size = self.height * self.width * 3
        if not self.data or len(self.data) % size:
            raise ValueError(f"data has to hold {size} bytes for each picture, not {len(self.data)}")
        if self.count > MAX_PICTURES:
            raise ValueError(f"data has to hold 1 ... {MAX_PICTURES} pictures, not {self.count}")
        if len(self.data) // 3 > limits.max_pixels:
            raise ValueError(
                f"pictures of more than {limits.max_pixels / 1e6:g} megapixels in all have to be made smaller first"
            )

    def check_single(self) -> None:
        """Refuse several pictures where one is required."""
        if self.count != 1:
            raise ValueError(f"picture has to hold one picture, not {self.count}")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (N, K) in double precision, of logits (N, K)."""
    shifted = np.exp((logits - logits.max(1, keepdims=True)).astype(np.float64))
    return np.asarray(shifted / shifted.sum(1, keepdims=True))


class WithLogits:
    """A record that holds a classifier's ``logits``, (N, K) float32."""

    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """softmax of the logits, (N, K)."""
        return softmax(self.logits)


@dataclass(frozen=True, eq=False)
class Seen(WithLogits):
    """A network's predictions for some pictures.

    Attributes:
        logits: (N, K) float32.
        pixels: the exact input of the network, (N, H, W, 3) uint8; empty where no transform has changed the task's
            pictures.
    """

    logits: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class Look(BatchTask[Seen]):
    """Classify some pictures, through a chain of transforms if one is given. The task has one record.

    Attributes:
        pictures: of any size; the network resizes them itself.
        classifier: a name from the registry.
    """

    pictures: Pictures
    classifier: str
    chain: Chain = several((), 0, 8)

    @property
    def rows(self) -> int:
        return self.pictures.count

    @property
    def row_pixels(self) -> int:
        return self.pictures.height * self.pictures.width

    @property
    def batch_key(self) -> Hashable:
        return Look, self.classifier, self.pictures.height, self.pictures.width

    @classmethod
    def together(cls, tasks: Sequence[Self], networks: Networks) -> Iterator[BatchStep[Seen]]:
        classifier, unchanged = networks.classifier(tasks[0].classifier), np.empty(0, np.uint8)
        changed = [
            seen_through(task.chain, from_pixels(task.pictures.pixels).to(networks.device)) if task.chain else unchanged
            for task in tasks
        ]
        judged = [seen if seen.size else task.pictures.pixels for task, seen in zip(tasks, changed, strict=True)]
        logits = logits_of(classifier, from_pixels(np.concatenate(judged)).to(networks.device))
        rows = np.split(logits, np.cumsum([task.rows for task in tasks])[:-1])
        # Copies, since a view would keep the whole batch alive.
        records = [Seen(own.copy(), seen) for own, seen in zip(rows, changed, strict=True)]
        yield BatchStep(0, True, lambda: records)


@dataclass(frozen=True)
class Views(Task[Seen]):
    """Classify one picture in random views (`CAMERA`). The task has one record, with a row for each view.

    Attributes:
        draws: the number of views.
        seed: of the views.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = required()
    draws: int = number(..., 1, "max_steps")
    seed: int = number(0, 0, SEEDS)

    background = True

    @property
    def rows(self) -> int:
        return self.draws

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        most = limits.max_pixels // (self.picture.height * self.picture.width)
        if self.draws > most:
            raise ValueError(f"draws has to lie in 1 ... {most} for a picture of this size, not {self.draws}")

    def records(self, networks: Networks) -> Iterator[Seen]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.picture.pixels).to(networks.device)
        views = Transformed(classifier, CAMERA).views(x, self.draws, self.seed)[:, 0]
        yield Seen(logits_of(classifier, views), np.empty(0, np.uint8))


def logits_of(classifier: Classifier, x: Tensor) -> np.ndarray:
    """The classifier's logits for pictures (N, 3, H, W): (N, K) float32."""
    with torch.no_grad():
        return np.asarray(classifier(x).float().cpu().numpy())
