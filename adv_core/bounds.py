"""Refuse values outside their bounds, with a message that names both."""

import numbers
from typing import Any

_LONGEST = 60  # characters of a refused value that the message repeats


def check_bounds(value: object, **bounds: tuple[float, float]) -> None:
    """Refuse a value if one of its attributes lies outside its bounds.

    Raises:
        ValueError: the sentence names the attribute, the allowed values, and the given value.
    """
    for name, (low, high) in bounds.items():
        check_between(name, getattr(value, name), low, high)


def check_between(name: str, given: Any, low: float, high: float) -> None:
    """Refuse a number outside ``low`` ... ``high``.

    Raises:
        ValueError: the sentence names the number, the allowed values, and the given value.
    """
    if not low <= given <= high:
        raise ValueError(f"{name} has to lie in {interval(low, high)}, not {shown(given)}")


def interval(low: float, high: float) -> str:
    """Return the allowed values for a message; a single number where both ends are equal."""
    return shown(low) if low == high else f"{shown(low)} ... {shown(high)}"


def shown(given: Any) -> str:
    """Return a value for a message: NumPy's numbers look like Python's, and a long value is cut."""
    if isinstance(given, numbers.Integral) and not isinstance(given, bool):
        given = int(given)
    text = repr(float(given)) if isinstance(given, float) else repr(given)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
