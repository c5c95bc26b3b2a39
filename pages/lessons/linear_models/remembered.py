"""A computation in small parts that runs once, for many readers."""

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """A generator whose items are kept: each reader gets all items, and computes only those that are still missing.

    Keep it in ``st.cache_resource``. A reader who stops in the middle leaves the rest to the next reader. If an item
    cannot be computed, the next reader starts anew.

    Args:
        make: starts the computation; it has to give the same items every time.
    """

    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._restart()

    def _restart(self) -> None:
        self._source, self._items, self._ended = self._make(), list[T](), False

    @property
    def ended(self) -> bool:
        """Tell whether all items are there."""
        return self._ended

    def __iter__(self) -> Iterator[T]:
        place = 0
        while (item := self._item(place)) is not None:
            yield item[0]
            place += 1

    def all(self) -> list[T]:
        """Return all items; compute the missing ones, or wait for them."""
        return list(self)

    def _item(self, place: int) -> tuple[T] | None:
        """The item with that index, in a tuple of one; None after the end."""
        with self._lock:
            while len(self._items) <= place and not self._ended:
                try:
                    self._items.append(next(self._source))
                except StopIteration:
                    self._ended = True
                except BaseException:
                    self._restart()
                    raise
            return (self._items[place],) if place < len(self._items) else None
