"""A task: something to compute, as data. The contract between a page, the engine and the mathematics.

Plain values in, records out, one after the other. Equal tasks are computed once, shared with whoever asks for the same,
take their turn among everybody's, and stop when nobody looks any more. Tasks of a `BatchTask` that agree in their
``batch_key`` are computed together, as rows of one batch.
"""

import hashlib
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import torch

from adv_core.classifiers import Classifier
from adv_core.serving.fields import Checked

R = TypeVar("R")
_SHORT = 256  # bytes; what is longer stands in a key as its digest
_VALUE = 32  # bytes of a number, about; so is what stands around a record's fields


def size_of(value: object) -> int:
    """Return about how many bytes a value takes to be kept: a record, an array, bytes, a tuple of such."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return value.nbytes
    if isinstance(value, bytes | str):
        return _VALUE + len(value)
    if isinstance(value, tuple | list):
        return _VALUE + sum(map(size_of, value))
    if is_dataclass(value):
        return _VALUE + sum(size_of(getattr(value, each.name)) for each in fields(value))
    return _VALUE


def digest_of(value: Any) -> Hashable:
    """Return a short value that is equal for equal values: arrays and long bytes are hashed, wherever they stand."""
    if isinstance(value, bytes) and len(value) > _SHORT:
        return "sha256", hashlib.sha256(value).hexdigest()
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, tuple | list):
        return tuple(map(digest_of, value))
    if is_dataclass(value):
        return type(value), *(digest_of(getattr(value, each.name)) for each in fields(value))
    return value


class Store:
    """Results of one device that are kept to be quick: the least recently used go first. Any thread may use it.

    Args:
        most: bytes that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[Any, int, float]] = OrderedDict()  # value, size, when it was asked for
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any | None:
        """Return what is kept under that key; None where nothing is."""
        with self._lock:
            if key not in self._kept:
                return None
            value, size, _ = self._kept.pop(key)
            self._kept[key] = value, size, time.monotonic()
            return value

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value, and drop the oldest ones as far as it takes."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = value, size_of(value), time.monotonic()
            size = sum(size for _, size, _ in self._kept.values())
            while size > self._most:
                _, (_, oldest, _) = self._kept.popitem(last=False)
                size -= oldest

    def forget(self, since: float = float("inf")) -> bool:
        """Drop what nobody has asked for since that moment (of `time.monotonic`), by default everything.

        Returns:
            Whether there was anything to drop.
        """
        with self._lock:
            old = [key for key, (_, _, asked) in self._kept.items() if asked < since]
            for key in old:
                del self._kept[key]
        return bool(old)


class Networks(Protocol):
    """What a task finds where it is computed."""

    @property
    def device(self) -> torch.device: ...

    @property
    def kept(self) -> Store:
        """What was computed on this device and may be of use again."""

    def classifier(self, name: str) -> Classifier:
        """A network from the registry, loaded once."""


@dataclass(frozen=True)
class BatchStep(Generic[R]):
    """One step of tasks that are computed together.

    Attributes:
        index: of the step.
        final: whether it is shown however many steps there are.
        records: computes its records, one a task, when somebody asks.
    """

    index: int
    final: bool
    records: Callable[[], Sequence[R]]


class Task(Checked, ABC, Generic[R]):
    """Something to compute that ends in records of one kind: a frozen dataclass of plain values, with their limits.

    Equal tasks have equal results.
    """

    @abstractmethod
    def records(self, networks: Networks) -> Iterator[R]:
        """The records. Between two of them others have their turn: no record may take longer than a tenth of a second
        or so."""

    @property
    def length(self) -> int:
        """The index of the last record, if it does not end earlier. Work of length 0 or 1 is short: it starts at once,
        and its every record has to be there within a fraction of a second."""
        return 0

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
        """The size of a record on the way, where only some of them may be kept; 0 keeps as many as may be."""
        return 0

    @property
    def batch_key(self) -> Hashable:
        """What has to be equal for two of them to be computed as one batch; None goes alone."""
        return None

    def key(self) -> Hashable:
        """What the result depends on, with digests in the place of large data."""
        return digest_of(self)

    @classmethod
    def together(cls, tasks: Sequence[Self], networks: Networks) -> Iterator[BatchStep[R]]:
        """Compute tasks with the same ``batch_key``, step by step. Nothing is computed before the first step."""
        (task,) = tasks
        for index, record in enumerate(task.records(networks)):
            yield BatchStep(index, True, partial(list, [record]))


class BatchTask(Task[R]):
    """A task that can be computed together with others like it."""

    @classmethod
    @abstractmethod
    def together(cls, tasks: Sequence[Self], networks: Networks) -> Iterator[BatchStep[R]]:
        """Compute tasks with the same ``batch_key`` as rows of one batch, step by step."""

    def records(self, networks: Networks) -> Iterator[R]:
        for step in self.together([self], networks):
            yield from step.records()
