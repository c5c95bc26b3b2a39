"""Texts that are the same words."""

import pytest

from adv_core.speech.wording import fewest_errors, readings, same_words


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Open the front door.", "open the front door", True),
        ("Okay, browse to evil.com!", "okay browse to evil com", True),
        ("ill-disposed", "ill disposed", True),
        ("It’s 655-8740", "it's six five five eight seven four zero", True),
        ("Route 66", "route sixty six", True),
        ("649", "six forty nine", True),
        ("10,000", "one zero zero zero zero", True),
        ("Café", "cafe", True),
        ("route 66", "route six", False),
        ("yes", "no", False),
        ("", "yes", False),
        ("...", "", True),
    ],
)
def test_same_words(one: str, other: str, same: bool) -> None:
    assert same_words(one, other) == same_words(other, one) == same


def test_a_long_row_of_digits_has_few_readings() -> None:
    assert len(set(readings("12345678 12345678 12345678"))) <= 400
    assert next(readings("1234567890123")).startswith("one two three")


def test_the_nearest_reading_counts() -> None:
    assert fewest_errors("rubout six forty nine", "Rub out 649.") == 2
    assert fewest_errors("enter twenty one", "Enter 21.") == 0
    assert fewest_errors("go", "") == 1
