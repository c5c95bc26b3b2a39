"""Fields that declare their limits: for every value, the check and the declaration agree."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adv_core.serving.fields import Checked, check_fields, limits, number, several, word
from adv_core.serving.limits import Limits

HOST = Limits(max_steps=50, max_rows=3)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.floats(),
    st.integers(),
    st.complex_numbers(),
)


@dataclass(frozen=True)
class Inner(Checked):
    size: int = number(1, 1, 9)


@dataclass(frozen=True)
class Plain:
    """Of a library that knows no host."""

    kind: str = "good"

    def check(self) -> None:
        if self.kind != "good":
            raise ValueError("kind has to be good")


@dataclass(frozen=True)
class Example(Checked):
    eps: float = number(..., 0, 0.5)
    steps: int = number(40, 1, "max_steps")
    late: int = number(0, 0, lambda: 7)
    target: int | None = number(None, 0, 999)
    rule: Literal["sign", "gradient"] = "sign"
    shape: str = word("square", ("square", "disc"))
    found: str = word("a", lambda: {"a"})
    network: str | bytes = "standard"
    sizes: tuple[float, ...] = number((1.0,), -2, 2, count=(1, "max_rows"))
    point: tuple[float, float] = number((0.0, 0.0), 0, 1)
    names: tuple[str, ...] = word((), ("x", "y"), count=(0, 2))
    inner: Inner = Inner()
    plain: Plain = Plain()
    parts: tuple[Inner, ...] = several((), 0, 2)
    text: str = ""
    data: bytes = b""
    on: bool = False


GOOD = Example(0.1)


def refusal(**changes: Any) -> str:
    """The sentence of the refusal; "" where nothing is refused."""
    try:
        replace(GOOD, **changes).check(HOST)
    except ValueError as error:
        return str(error)
    return ""


@given(st.floats())
def test_a_real_number_is_taken_exactly_within_its_bounds(value: float) -> None:
    assert (refusal(eps=value) == "") == (0 <= value <= 0.5)


@given(st.one_of(st.integers(), st.integers(-3, 60)))
def test_a_whole_number_is_taken_exactly_within_its_bounds(value: int) -> None:
    assert (refusal(steps=value) == "") == (1 <= value <= 50)
    assert (refusal(late=value) == "") == (0 <= value <= 7)
    assert (refusal(target=value) == "") == (0 <= value <= 999)


@given(st.lists(st.floats(-3, 3), max_size=5))
def test_a_tuple_is_taken_with_as_many_values_as_it_may_hold(values: list[float]) -> None:
    inside = 1 <= len(values) <= 3 and all(-2 <= value <= 2 for value in values)
    assert (refusal(sizes=tuple(values)) == "") == inside


@given(st.sampled_from([f for f in Example.__dataclass_fields__ if f not in ("text", "network", "target")]), ANYTHING)
def test_what_is_refused_is_named(name: str, value: object) -> None:
    said = refusal(**{name: value})
    wanted = (bool, str, bytes, float, int)
    if not isinstance(value, wanted) and value is not None:
        assert said
    assume(said)
    assert said.startswith(name)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 500}, "steps has to lie in 1 ... 50, not 500"),
        ({"steps": 4.0}, "steps has to be a whole number in 1 ... 50, not 4.0"),
        ({"steps": True}, "steps has to be a whole number in 1 ... 50, not True"),
        ({"eps": math.nan}, "eps has to be a finite number in 0 ... 0.5, not nan"),
        ({"eps": "0.1"}, "eps has to be a finite number in 0 ... 0.5, not '0.1'"),
        ({"eps": 10**400}, f"eps has to lie in 0 ... 0.5, not 1{'0' * 59}…"),
        ({"rule": "up"}, "rule has to be one of sign, gradient, not 'up'"),
        ({"shape": "x" * 100}, f"shape has to be one of square, disc, not '{'x' * 59}…"),
        ({"shape": ["disc"]}, "shape has to be text, not ['disc']"),
        ({"found": "b"}, "found has to be one of a, not 'b'"),
        ({"names": ("x", "z")}, "names[1] has to be one of x, y, not 'z'"),
        ({"sizes": ()}, "sizes has to hold 1 ... 3 values, not 0"),
        ({"sizes": (0.0, 9.0)}, "sizes[1] has to lie in -2 ... 2, not 9.0"),
        ({"sizes": [0.0]}, "sizes has to be a tuple, not [0.0]"),
        ({"point": (0.0,)}, "point has to hold 2 values, not 1"),
        ({"inner": Inner(0)}, "size has to lie in 1 ... 9, not 0"),
        ({"inner": 3}, "inner has to be Inner, not 3"),
        ({"plain": Plain("bad")}, "kind has to be good"),
        ({"parts": (Inner(), Inner(10))}, "size has to lie in 1 ... 9, not 10"),
        ({"parts": (Inner(),) * 3}, "parts has to hold 0 ... 2 values, not 3"),
        ({"network": 3}, "network has to be text, not 3"),
        ({"text": b"x"}, "text has to be text, not b'x'"),
        ({"on": 1}, "on has to be True or False, not 1"),
    ],
)
def test_a_refusal_says_what_is_allowed_and_what_was_given(changes: dict[str, Any], said: str) -> None:
    assert refusal(**changes) == said


def test_what_is_allowed_is_taken() -> None:
    GOOD.check(HOST)
    Example(0, steps=50, target=None, network=b"weights", names=("x", "y"), parts=(Inner(9),)).check(HOST)


def test_a_field_that_is_not_asked_about_cannot_be_wrong() -> None:
    check_fields(replace(GOOD, steps=10**9), HOST, ignored=("steps",))


def test_the_bounds_are_those_of_the_host() -> None:
    assert limits(Example, "eps") == (0, 0.5)
    assert limits(Example, "steps") == (1, Limits().max_steps) and limits(Example, "steps", HOST) == (1, 50)
    assert limits(Example, "late") == (0, 7)
