import threading
from collections.abc import Iterator

import pytest

from pages.lessons.linear_models.remembered import Remembered


def test_everybody_gets_everything_and_nothing_is_computed_twice() -> None:
    made: list[int] = []

    def squares() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i * i

    shared = Remembered(squares)
    first = iter(shared)
    assert [next(first) for _ in range(3)] == [0, 1, 4] and made == [0, 1, 2] and not shared.ended
    got: list[list[int]] = []
    threads = [threading.Thread(target=lambda: got.append(shared.all())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [[i * i for i in range(50)]] * 8 and made == list(range(50)) and shared.ended
    assert list(first) == [i * i for i in range(3, 50)]


def test_who_comes_after_a_failure_starts_anew() -> None:
    broken = [True]

    def fragile() -> Iterator[str]:
        yield "a"
        if broken.pop() if broken else False:
            raise MemoryError
        yield "b"

    shared = Remembered(fragile)
    with pytest.raises(MemoryError):
        shared.all()
    assert shared.all() == ["a", "b"]


def test_none_is_an_item_like_any_other() -> None:
    assert Remembered(lambda: iter([None, 1])).all() == [None, 1]
