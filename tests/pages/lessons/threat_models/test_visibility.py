import numpy as np
import pytest

from pages.lessons.threat_models.eye import visibility

GREY = np.full((32, 32, 3), 128, np.uint8)


def changed(rows: slice, columns: slice, levels: int, channel: int | slice = slice(None)) -> np.ndarray:
    after = GREY.copy()
    after[rows, columns, channel] = 128 + levels
    return after


def test_nothing_changed_is_not_seen() -> None:
    assert visibility(GREY, GREY) == 0


def test_an_even_change_is_seen_as_large_as_it_is() -> None:
    assert visibility(GREY, changed(slice(None), slice(None), 5)) == pytest.approx(5)


def test_the_strongest_spot_counts_and_not_the_sum() -> None:
    dot = changed(slice(10, 13), slice(20, 23), 40)
    assert visibility(GREY, dot) == pytest.approx(40 * 3 / 15)
    assert visibility(GREY, dot) > visibility(GREY, changed(slice(None), slice(None), 5))
    two = dot.copy()
    two[28:31, 2:5] = 168  # a second dot far away
    assert visibility(GREY, two) == pytest.approx(visibility(GREY, dot))


def test_green_counts_more_than_blue() -> None:
    green, blue = (visibility(GREY, changed(slice(None), slice(None), 10, channel)) for channel in (1, 2))
    assert green == pytest.approx(7.152) and blue == pytest.approx(0.722)


def test_a_picture_smaller_than_a_spot() -> None:
    small = np.zeros((4, 6, 3), np.uint8)
    assert visibility(small, small + 7) == pytest.approx(7)
