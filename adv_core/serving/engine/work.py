"""Tasks: computations as data. They are the contract between a page, the engine and the mathematics.

A task has plain values and yields records, one after the other. Equal tasks are computed once, and their result is
shared. Tasks take turns, and stop when no page reads them any more. Tasks of a `BatchTask` that agree in their
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
_SHORT = 256  # bytes; in a key, a longer value is replaced by its digest
_VALUE = 32  # bytes of a number, about; the same for the object around a record's fields


def size_of(value: object) -> int:
    """Estimate the bytes that a value takes to be kept: a record, an array, bytes, a tuple of such."""
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
    """Return a short value that is equal for equal values: arrays and long bytes inside it are hashed."""
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
    """A cache of results of one device, which drops the least recently used first. Any thread may use it.

    Args:
        most: the most bytes that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[Any, int, float]] = OrderedDict()  # value, size, time of the last use
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any | None:
        """Return the value under that key; None where there is none."""
        with self._lock:
            if key not in self._kept:
                return None
            value, size, _ = self._kept.pop(key)
            self._kept[key] = value, size, time.monotonic()
            return value

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value, and drop the oldest ones to make room."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = value, size_of(value), time.monotonic()
            size = sum(size for _, size, _ in self._kept.values())
            while size > self._most:
                _, (_, oldest, _) = self._kept.popitem(last=False)
                size -= oldest

    def forget(self, since: float = float("inf")) -> bool:
        """Drop values unused since that time (of `time.monotonic`), by default all values.

        Returns:
            Whether there was anything to drop.
        """
        with self._lock:
            old = [key for key, (_, _, asked) in self._kept.items() if asked < since]
            for key in old:
                del self._kept[key]
        return bool(old)


class Networks(Protocol):
    """The networks and the cache of the device that computes a task."""

    @property
    def device(self) -> torch.device: ...

    @property
    def kept(self) -> Store:
        """The cache of results of this device."""

    def classifier(self, name: str) -> Classifier:
        """A network from the registry, loaded once."""


@dataclass(frozen=True)
class BatchStep(Generic[R]):
    """One step of tasks that are computed together.

    Attributes:
        index: of the step.
        final: whether it is shown for every number of steps.
        records: computes its records, one per task, on demand.
    """

    index: int
    final: bool
    records: Callable[[], Sequence[R]]


class Task(Checked, ABC, Generic[R]):
    """A computation that yields records of one kind: a frozen dataclass of plain values, with their limits.

    Equal tasks have equal results.
    """

    @abstractmethod
    def records(self, networks: Networks) -> Iterator[R]:
        """Yield the records. Other tasks take turns between two of them, so no record may take longer than about a
        tenth of a second."""

    @property
    def length(self) -> int:
        """The index of the last record, if it does not end earlier. Work of length 0 or 1 is short: it starts at once,
        and each of its records has to take a fraction of a second."""
        return 0

    @property
    def rows(self) -> int:
        """The work of one record, in pictures of a step of an attack."""
        return 1

    @property
    def background(self) -> bool:
        """True where it can wait for work that people look at: a curve below the page's first screen."""
        return False

    @property
    def threads(self) -> int | None:
        """The number of torch's threads that it can use on a CPU; None: all threads."""
        return None

    @property
    def row_pixels(self) -> int:
        """The pixels of one row, for the limit of a batch."""
        return 0

    @property
    def frame_bytes(self) -> int:
        """The bytes of a record before the last, if only some of them can be kept; 0 keeps the largest number."""
        return 0

    @property
    def batch_key(self) -> Hashable:
        """The key that is equal for tasks that can be computed as one batch; None runs alone."""
        return None

    def key(self) -> Hashable:
        """The values that the result depends on, with digests in the place of large data."""
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
