"""What the engine computes, as data: the contract between a page, the engine and the mathematics.

An attack on a picture is an `attack.Request`. Whatever else a lesson computes with a network is a `Task`: plain values
in, records out, one after the other. Either way equal work is done once, shared with whoever asks for the same, takes
its turn among everybody's, and stops when nobody looks any more.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

import torch

from adv_core.classifiers import Classifier
from adv_core.serving.limits import LIMITS, Limits


class Record(Protocol):
    """One part of a result."""

    @property
    def nbytes(self) -> int:
        """About what it takes to be kept, in bytes."""


R = TypeVar("R", bound=Record)


class Networks(Protocol):
    """What a task finds where it is computed."""

    @property
    def device(self) -> torch.device: ...

    def classifier(self, name: str) -> Classifier:
        """A network from the registry, loaded once."""


class Work(ABC, Generic[R]):
    """Something to compute that ends in records of one kind. A frozen dataclass: equal work has equal results."""

    @property
    @abstractmethod
    def length(self) -> int:
        """The index of the last record, if it does not end earlier. Work of length 0 or 1 is short: it starts at once,
        and its every record has to be there within a fraction of a second."""

    @abstractmethod
    def check(self, limits: Limits = LIMITS) -> None:
        """Refuse what would hurt the worker, whatever a page may have promised.

        Raises:
            ValueError: with a sentence for people.
        """

    def key(self) -> tuple[object, ...]:
        """What the result depends on."""
        return (self,)

    @property
    def rows(self) -> int:
        """How much work one record is, in pictures that a step of an attack looks at."""
        return 1

    @property
    def background(self) -> bool:
        """Whether it can wait for what people look at: a curve below the page's first screen."""
        return False

    @property
    def threads(self) -> int | None:
        """How many of torch's threads it can make use of, on a CPU; None: of all that there are."""
        return None

    @property
    def row_pixels(self) -> int:
        """Pixels of one row, for the limit of what is computed together."""
        return 0

    @property
    def frame_bytes(self) -> int:
        """The size of a frame on the way, where only some of them may be kept; 0 keeps all."""
        return 0

    @property
    def batch_key(self) -> "Work[R] | None":
        """What has to be equal for two of them to be computed as one batch; None goes alone."""
        return None


class Task(Work[R]):
    """Work that computes its own records."""

    @abstractmethod
    def records(self, networks: Networks) -> Iterator[R]:
        """The records. Between two of them others have their turn: no record shall take longer than a tenth of a
        second or so."""
