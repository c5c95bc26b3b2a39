import re

import pytest

from adv_core.serving import limits
from adv_core.serving.limits import Limits


def test_defaults_need_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Limits.from_environment() == Limits()
    monkeypatch.setenv("ADV_MAX_STEPS", "7")
    assert Limits.from_environment() == Limits(max_steps=7)


@pytest.mark.parametrize("bad", ["-1", "0", "many", "1.5"])
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setenv("ADV_MAX_QUEUE", bad)
    with pytest.raises(ValueError, match="ADV_MAX_QUEUE"):
        Limits.from_environment()


def test_the_table_tells_the_defaults() -> None:
    assert limits.__doc__ is not None
    table = dict(re.findall(r"`ADV_(\w+)` \| (\d+)", limits.__doc__))
    assert {name.lower(): int(value) for name, value in table.items()} == vars(Limits())
