"""What a network says of some pictures, as a task."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from adv_core.classifiers import info_of
from adv_core.images import Pixels, from_pixels
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.transform import Chain, opinions, seen_through

MAX_PICTURES = 32


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size, as bytes: equal pictures are equal values.

    Attributes:
        data: (N, height, width, 3) uint8, row by row.
    """

    data: bytes = field(repr=False)
    height: int
    width: int

    @classmethod
    def of(cls, pixels: np.ndarray) -> "Pictures":
        """Of an array (N, H, W, 3) uint8."""
        return cls(pixels.tobytes(), pixels.shape[1], pixels.shape[2])

    @property
    def count(self) -> int:
        return len(self.data) // max(self.height * self.width * 3, 1)

    @property
    def pixels(self) -> np.ndarray:
        """(N, H, W, 3) uint8."""
        return np.frombuffer(self.data, np.uint8).reshape(-1, self.height, self.width, 3)

    @property
    def digest(self) -> "Pictures":
        """A short value that stands for these pictures."""
        return replace(self, data=hashlib.sha256(self.data).digest())

    def check(self, limits: Limits = LIMITS) -> None:
        """Refuse nothing at all, too much, and bytes that are no pictures."""
        if not self.data or self.height < 1 or self.width < 1 or len(self.data) % (self.height * self.width * 3):
            raise ValueError("the pictures' bytes do not fit their size")
        if self.count > MAX_PICTURES or len(self.data) // 3 > limits.max_pixels:
            raise ValueError("so many pictures cannot be looked at together")


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures from one view, and what the network says of them.

    Attributes:
        pixels: exactly what was judged, (N, H, W, 3) uint8.
        probabilities: (N, K) float32.
    """

    pixels: np.ndarray
    probabilities: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.pixels.nbytes + self.probabilities.nbytes


@dataclass(frozen=True)
class Look(Task[Seen]):
    """Look at up to eight pictures through a chain of transforms: one record, at once."""

    pictures: Pictures
    classifier: str
    chain: Chain = ()

    @property
    def length(self) -> int:
        return 0

    @property
    def rows(self) -> int:
        return self.pictures.count

    def key(self) -> tuple[object, ...]:
        return (replace(self, pictures=self.pictures.digest),)

    def check(self, limits: Limits = LIMITS) -> None:
        self.pictures.check(limits)
        if self.pictures.count > 8 or len(self.chain) > 8:
            raise ValueError("eight pictures and eight transforms at most at a look")

    def records(self, networks: Networks) -> Iterator[Seen]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.pictures.pixels).to(networks.device)
        pixels = seen_through(self.chain, x)
        yield Seen(pixels, opinions(classifier, pixels))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (N, K) in double precision, of logits (N, K)."""
    shifted = np.exp((logits - logits.max(1, keepdims=True)).astype(np.float64))
    return np.asarray(shifted / shifted.sum(1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Opinion:
    """What one network says about some pictures: logits (N, 1000), float32."""

    logits: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.logits.nbytes

    @property
    def probabilities(self) -> np.ndarray:
        """softmax of the logits, (N, 1000)."""
        return softmax(self.logits)


@dataclass(frozen=True)
class SecondOpinion(Task[Opinion]):
    """A network looks at some pictures of one size; where it wants another size, it resizes them itself.

    Attributes:
        images: (N, side, side, 3) uint8, row by row.
    """

    images: bytes = field(repr=False)
    side: int
    classifier: str

    @classmethod
    def at(cls, pixels: Pixels, classifier: str) -> "SecondOpinion":
        """From pixels (N, side, side, 3) uint8."""
        return cls(pixels.tobytes(), pixels.shape[1], classifier)

    @property
    def length(self) -> int:
        return 0

    @property
    def rows(self) -> int:
        return len(self.images) // (self.side * self.side * 3)

    def key(self) -> tuple[object, ...]:
        return (type(self), hashlib.sha256(self.images).hexdigest(), self.side, self.classifier)

    def check(self, limits: Limits = LIMITS) -> None:
        info_of(self.classifier)
        if not 8 <= self.side <= 512 or not self.images or len(self.images) % (self.side * self.side * 3):
            raise ValueError("the pictures' bytes do not fit their size")
        if self.rows > MAX_PICTURES or self.rows * self.side**2 > limits.max_pixels:
            raise ValueError(f"{MAX_PICTURES} pictures at a time")

    def records(self, networks: Networks) -> Iterator[Opinion]:
        classifier = networks.classifier(self.classifier)
        pixels = np.frombuffer(self.images, np.uint8).reshape(-1, self.side, self.side, 3)
        with torch.no_grad():
            logits = classifier(from_pixels(pixels).to(networks.device))
        yield Opinion(logits.float().cpu().numpy())
