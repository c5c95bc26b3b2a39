"""Limits that are declared with the fields of a frozen dataclass, once for the link, the widget and the server's check.

    @dataclass(frozen=True)
    class Climb(Checked):
        targets: tuple[int, ...] = number(..., 0, 999, count=(1, "max_rows"))
        start: Literal["noise", "grey"] = "noise"
        steps: int = number(40, 1, "max_steps")

The annotation gives a field's type; `number`, `word`, `several` and `checked` give the allowed values. An Ellipsis in
the place of the default makes a field without a default. A bound is a number, the name of one of the host's `Limits`,
or a function that returns it when it is needed.
"""

import math
import numbers
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import Field, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from adv_core.bounds import check_between, interval, shown
from adv_core.serving.limits import LIMITS, Limits

Bound = float | str | Callable[[], float]
Count = tuple[int, int | str]  # the number of a tuple's values: at least, at most
Choices = Container[str] | Callable[[], Container[str]]
SEEDS = 2**31 - 1  # the largest seed
LABELS = 999  # the last class of ImageNet


def required(repr: bool = True) -> Any:
    """A field without a default, limited only by its annotation and the value's own check."""
    return _declared(..., {}, repr)


def number(
    default: Any,
    low: Bound,
    high: Bound,
    named: Callable[[str], tuple[int, str] | None] | None = None,
    count: Count | None = None,
) -> Any:
    """A field that holds a number in ``low`` ... ``high``; a whole number if its annotation, or its default, is one.

    Args:
        default: an Ellipsis for a field without one.
        named: maps a name to its number, for links that people write by hand; and to a part of a sentence on what was
            taken if other numbers have that name, "" otherwise.
        count: the length of a tuple of such numbers.
    """
    return _declared(default, {"limits": (low, high), "named": named, "count": count})


def word(default: Any, choices: Choices, count: Count | None = None) -> Any:
    """A field that holds one of several words, or, with ``count``, a tuple of them."""
    return _declared(default, {"choices": choices, "count": count})


def several(default: Any, least: int, most: int | str) -> Any:
    """A field that holds a tuple of ``least`` to ``most`` values."""
    return _declared(default, {"count": (least, most)})


def checked(default: Any, check: Callable[[Any], object], repr: bool = True) -> Any:
    """A field whose value has to pass, beside its own check, a function that raises a ValueError."""
    return _declared(default, {"check": check}, repr)


def limits(kind: type[Any], name: str, host: Limits = LIMITS) -> tuple[float, float]:
    """Return the bounds of a number."""
    low, high = field_of(kind, name).metadata["limits"]
    return _bound(low, host), _bound(high, host)


def field_of(kind: type[Any], name: str) -> "Field[Any]":
    """Return the field with that name."""
    return next(each for each in fields(kind) if each.name == name)


class Checked:
    """A frozen dataclass whose fields declare their limits."""

    def check(self, limits: Limits = LIMITS) -> None:
        """Refuse values that the fields do not allow. A subclass adds the relations between fields.

        Raises:
            ValueError: with a sentence for people.
        """
        check_fields(self, limits)


def check_fields(value: Any, host: Limits = LIMITS, ignored: Container[str] = ()) -> None:
    """Refuse a dataclass value if a field breaks its annotation or its limits.

    A field that holds a value of another dataclass is checked by that value's own ``check``.

    Raises:
        ValueError: the sentence names the field, the allowed values, and the given value.
    """
    hints = _hints(type(value))  # type: ignore[arg-type]
    for each in fields(value):
        if each.name not in ignored:
            _check(each.name, getattr(value, each.name), hints[each.name], each.metadata, host)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _declared(default: Any, metadata: dict[str, Any], repr: bool = True) -> Any:
    return field(metadata=metadata, repr=repr, **({} if default is ... else {"default": default}))


def _bound(bound: Bound, host: Limits) -> float:
    if isinstance(bound, str):
        named: int = getattr(host, bound)
        return named
    return bound() if callable(bound) else bound


def _check(name: str, given: Any, hint: Any, rules: Mapping[str, Any], host: Limits) -> None:
    """Refuse a value that the annotation and these rules do not allow."""
    if get_origin(hint) in (Union, UnionType):
        options = get_args(hint)
        if given is None and NoneType in options:
            return
        hint = next((each for each in options if _is_a(given, each)), next(o for o in options if o is not NoneType))
    origin = get_origin(hint)
    if origin is tuple:
        _check_tuple(name, given, get_args(hint), rules, host)
    elif hint in (int, float):
        _check_number(name, given, hint, rules.get("limits"), host)
    elif origin is Literal:
        _check_word(name, given, get_args(hint))
    elif isinstance(hint, type) and not isinstance(given, hint):
        kinds = {str: "text", bool: "True or False", bytes: "bytes"}
        raise ValueError(f"{name} has to be {kinds.get(hint, hint.__name__)}, not {shown(given)}")
    elif "choices" in rules:
        choices = rules["choices"]
        _check_word(name, given, choices() if callable(choices) else choices)
    elif isinstance(given, Checked):
        given.check(host)
    elif hasattr(given, "check"):  # a value of the library, which knows no host
        given.check()
    if "check" in rules:
        rules["check"](given)


def _is_a(given: Any, hint: Any) -> bool:
    return isinstance(hint, type) and isinstance(given, hint)


def _check_tuple(name: str, given: Any, hints: tuple[Any, ...], rules: Mapping[str, Any], host: Limits) -> None:
    if not isinstance(given, tuple):
        raise ValueError(f"{name} has to be a tuple, not {shown(given)}")
    count = rules.get("count") or ((0, math.inf) if hints[-1:] == (...,) else (len(hints), len(hints)))
    least, most = (_bound(bound, host) for bound in count)
    if not least <= len(given) <= most:
        raise ValueError(f"{name} has to hold {interval(least, most)} values, not {len(given)}")
    for place, each in enumerate(given):
        _check(f"{name}[{place}]", each, hints[0] if hints[-1:] == (...,) else hints[place], rules, host)


def _check_number(name: str, given: Any, kind: type, bounds: tuple[Bound, Bound] | None, host: Limits) -> None:
    low, high = (-math.inf, math.inf) if bounds is None else (_bound(bound, host) for bound in bounds)
    whole = kind is int
    wanted = numbers.Integral if whole else numbers.Real
    infinite = isinstance(given, float) and not math.isfinite(given)  # a whole number may be too large for a float
    if isinstance(given, bool) or not isinstance(given, wanted) or infinite:
        what = "a whole number" if whole else "a finite number"
        raise ValueError(f"{name} has to be {what} in {interval(low, high)}, not {shown(given)}")
    check_between(name, given, low, high)


def _check_word(name: str, given: Any, choices: Container[str]) -> None:
    if not isinstance(given, str) or given not in choices:
        names = f"one of {', '.join(map(str, choices))}" if isinstance(choices, Iterable) else "a known word"
        raise ValueError(f"{name} has to be {names}, not {shown(given)}")
