import pytest
from hypothesis import given
from hypothesis import strategies as st

from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.nicknames import MAX_LETTERS, cleaned, key_of


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Ada", "Ada"),
        ("  Grace   Hopper ", "Grace Hopper"),
        ("Ａｄａ", "Ada"),
        ("José-María", "José-María"),
        ("小明", "小明"),
        ("Ольга 2", "Ольга 2"),
        ("हिन्दी", "हिन्दी"),
        ("O'Neil", "O'Neil"),
        ("x" * 20, "x" * 20),
    ],
)
def test_what_one_may_be_called(typed: str, shown: str) -> None:
    assert cleaned(typed) == shown


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "    ",
        "x" * 21,
        "ﷺ ﷺ",  # one sign, eighteen letters in NFKC
        "<script>alert(1)</script>",
        "<b>Ada</b>",
        "**Ada**",
        "_Ada_",
        "`Ada`",
        ":red[Ada]",
        ":smile:",
        "[a](b)",
        "www.x.org",
        "a|b",
        "$x$",
        "a&b",
        "=1+1",
        "-1",
        "@Ada",
        "Ada\nEve",
        "Ada\tEve",
        "Ada\x00",
        "Ada\u202eevE",  # from right to left
        "A\u200bda",  # no width
        "A\u200dda",
        "Ada\u00ad",
        "\u3164\u3164",  # letters that leave no mark
        "\u2800",
        "Ada\u2003Eve\u2028",
        "a" + 5 * "\u0300",
        "\ud800",
    ],
)
def test_what_one_may_not_be_called(typed: str) -> None:
    with pytest.raises(Refused, match=r"^[A-Z][^\n]*\.$"):
        cleaned(typed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ADA"),
        ("Ada", "A d a"),
        ("Ada", " Ada\u00a0"),
        ("Anne-Marie", "anne marie"),
        ("Straße", "STRASSE"),
        ("Ada", "Аdа"),  # two letters are Cyrillic
        ("Nora", "Νοra"),  # two are Greek
        ("Ａｄａ", "ada"),
    ],
)
def test_names_that_look_alike_are_one_name(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


def test_names_that_differ_are_two() -> None:
    assert len({key_of(name) for name in ("Ada", "Adam", "Ida", "José", "Jose", "Ada2")}) == 6


@given(st.text(max_size=40))
def test_whatever_is_typed(typed: str) -> None:
    try:
        shown = cleaned(typed)
    except Refused:
        return
    assert 1 <= len(shown) <= MAX_LETTERS and shown == shown.strip() == cleaned(shown)
    assert not set(shown) & set('<>&*_`[]()#|~$:\\/@=+."\n\t') and key_of(shown)
