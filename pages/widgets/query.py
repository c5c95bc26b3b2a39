"""The state of a page as one value, a frozen dataclass, and its two-way translation into a query string.

    @dataclass(frozen=True)
    class Settings(PageSettings):
        image: str = word("pig", PHOTOS)
        eps: int = number(4, 0, 32)
        done: str = solved("abcd")

`number` and `word` are those of `adv_core.serving.fields`: one declaration serves the link, the widget's bounds and the
server's check. This module checks all values of a link: it clamps numbers, replaces unknown words by defaults, and
tells the visitor about each change. No other part of the app trusts a query string.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, TypeVar

from adv_core.serving.fields import field_of, limits, number, word

__all__ = ["PageSettings", "from_query", "limits", "number", "parts", "sequence", "solved", "to_query", "word"]
S = TypeVar("S")
# The parts that every lesson can hide -> their names on the course page.
PARTS = {
    "navigation": "navigation",
    "sidebar": "sidebar with the settings",
    "quiz": "questions",
    "lecturer": "notes for the lecturer",
    "references": "references and links",
}
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def solved(questions: str) -> Any:
    """A field that holds the letters of the questions that have been solved, such as "ac"."""
    return field(default="", metadata={"letters": questions})


def sequence(letters: str, most: int) -> Any:
    """A field that holds up to ``most`` of the given letters, in any order, such as the answers "10110"."""
    return field(default="", metadata={"sequence": letters, "most": most})


def parts(*names: str) -> Any:
    """A field that holds any of these names, with commas between, such as "sidebar,quiz"."""
    return field(default="", metadata={"parts": names})


@dataclass(frozen=True)
class PageSettings:
    """The settings of every page: projector mode, and the parts of the page that a link hides."""

    present: bool = False
    hide: str = parts(*PARTS)

    def hides(self, part: str) -> bool:
        """Tell whether the link hides that part of the page."""
        return part in self.hide.split(",")


def from_query(kind: type[S], query: Mapping[str, str]) -> tuple[S, list[str]]:
    """Read settings from a query string. Return them, and a sentence for each invalid part."""
    settings, notes = kind(), []
    for name, raw in query.items():
        if name not in {f.name for f in fields(settings)}:  # type: ignore[arg-type]
            continue  # parameters of others (utm_source, embed, ...) are ignored
        parsed, note = _parse(kind, field_of(kind, name), str(raw).strip())
        if note:
            notes.append(note)
        if parsed is not None:
            settings = replace(settings, **{name: parsed})  # type: ignore[type-var]
    return settings, notes


def to_query(settings: Any) -> dict[str, str]:
    """The values that differ from the defaults, as parts of a query string; `from_query` is the inverse."""
    return {
        f.name: _shown(getattr(settings, f.name)) for f in fields(settings) if getattr(settings, f.name) != f.default
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return repr(value) if isinstance(value, float) else str(value)


def _parse(kind: type[Any], each: "Field[Any]", value: str) -> tuple[Any, str | None]:
    name, rules = each.name, each.metadata
    if isinstance(each.default, bool):
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE, None
        return None, f"{name} in the link must be 0 or 1; the default is used."
    if "letters" in rules:
        return "".join(letter for letter in rules["letters"] if letter in value), None
    if "sequence" in rules:
        return "".join(letter for letter in value if letter in rules["sequence"])[: rules["most"]], None
    if "parts" in rules:
        asked = {part.strip() for part in value.lower().split(",")} - {""}
        unknown = sorted(asked - set(rules["parts"]))
        told = f"{name} in the link can be {', '.join(rules['parts'])}; it cannot be {', '.join(unknown)[:60]}."
        return ",".join(part for part in rules["parts"] if part in asked), told if unknown else None
    if "choices" in rules:
        choices = rules["choices"]
        if value in (choices() if callable(choices) else choices):
            return value, None
        return None, f"The link has an unknown value of {name}; the default is used."
    if rules["named"] is not None and not value.lstrip("+-").isdigit():
        found = rules["named"](value)
        if found is None:
            return None, f"The link has an unknown value of {name}; the default is used."
        return found[0], f"{name} in the link is read as {found[1]}." if found[1] else None
    low, high = limits(kind, name)
    try:
        wanted = float(value)
    except ValueError:
        wanted = float("nan")
    if wanted != wanted:
        return None, f"{name} in the link is not a number; the default is used."
    clamped = min(max(wanted, low), high)
    taken = round(clamped) if isinstance(each.default, int) else clamped
    given = value if len(value) <= 20 else f"{value[:20]}…"
    note = f"{name} in the link cannot be {given}; {taken:g} is used." if taken != wanted else None
    return taken, note
