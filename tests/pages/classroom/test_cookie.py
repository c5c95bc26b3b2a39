import pytest

from pages.classroom.cookie import remember


@pytest.mark.parametrize(("name", "value"), [("a;b", "x"), ("a", "x; Domain=evil"), ("", "x"), ("a", ""), ("a", "ü")])
def test_nothing_else_gets_into_a_cookie(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        remember(name, value, 1)
