"""Something that is computed bit by bit, once, and watched by many."""

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """A generator whose items are kept: whoever iterates gets all of them, and computes only what nobody had yet.

    Keep it in ``st.cache_resource``. Somebody who stops in the middle leaves the rest to the next. If an item cannot
    be computed, the next one who asks starts anew.

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
        """Whether all of it is there."""
        return self._ended

    def __iter__(self) -> Iterator[T]:
        place = 0
        while (item := self._item(place)) is not None:
            yield item[0]
            place += 1

    def all(self) -> list[T]:
        """Every item; waits for what is missing."""
        return list(self)

    def _item(self, place: int) -> tuple[T] | None:
        """The item in that place, in a tuple of one; None after the end."""
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
