"""Every character that a picture may show is in its font; the font's own table of characters is the judge."""

import io
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, features

from adv_core.attacks.catalogue import ATTACKS
from adv_core.classifiers import categories, list_classifiers
from adv_core.norms import NORMS
from adv_core.serving.classroom.challenges import RULES
from pages.widgets import lettering
from pages.widgets.charts import side_by_side
from pages.widgets.lettering import OURS, can_write, font, script_of, write
from pages.widgets.stage import percent
from tests.paths import ROOT


@cache
def characters(path: str) -> frozenset[int]:
    """The characters of a TrueType font, from its table ``cmap`` (format 12: groups of first, last, first glyph)."""
    data = Path(path).read_bytes()
    tables = {data[at : at + 4]: struct.unpack(">I", data[at + 8 : at + 12])[0] for at in range(12, 12 + 16 * 40, 16)}
    start = tables[b"cmap"]
    for record in range(struct.unpack(">H", data[start + 2 : start + 4])[0]):
        table = start + struct.unpack(">I", data[start + 8 + 8 * record : start + 12 + 8 * record])[0]
        if struct.unpack(">H", data[table : table + 2])[0] == 12:
            count = struct.unpack(">I", data[table + 12 : table + 16])[0]
            groups = [struct.unpack(">3I", data[table + 16 + 12 * k : table + 28 + 12 * k]) for k in range(count)]
            return frozenset(each for first, last, _ in groups for each in range(first, last + 1))
    raise AssertionError("a font without a table of format 12")


def drawn_in(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """From now on, each text that is drawn into a picture, and the path of its font."""
    drawn: list[tuple[str, str]] = []
    text = ImageDraw.ImageDraw.text

    def noted(self: ImageDraw.ImageDraw, place: object, words: str, *args: object, **options: object) -> None:
        face = options["font"]
        assert isinstance(face, ImageFont.FreeTypeFont)
        drawn.append((words, str(face.path)))
        text(self, place, words, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    return drawn


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with no font but ours."""
    monkeypatch.setattr(lettering, "OTHERS", ())
    yield


def test_a_missing_character_is_told_from_a_drawn_one() -> None:
    inside = characters(OURS)
    asked = [*range(0x21, 0x600, 3), *range(0x1E00, 0x2300, 5), *range(0x900, 0xA000, 997), 0x1D53C, 0x1F600]
    signs = [sign for sign in asked if chr(sign).isprintable()]
    assert any(sign in inside for sign in signs) and any(sign not in inside for sign in signs)
    assert [sign for sign in signs if lettering._has(OURS, chr(sign)) != (sign in inside)] == []


def test_the_font_has_whatever_the_app_says() -> None:
    said = [*categories(), percent(0.0001), percent(0.9999), "× · − – — … ‖δ‖∞ ₂ ≤ ε → ✓"]
    said += [text for info in ATTACKS.values() for text in (info.title, info.idea)]
    said += [info.title for info in list_classifiers()] + [rule.title for rule in RULES.values()]
    said += [norm.text(3.0) for norm in NORMS.values()]
    assert {sign for text in said for sign in text if ord(sign) not in characters(OURS)} == set()


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Łukasz Ðặng", ""),
        ("Ελένη", ""),
        ("Юлія", ""),
        ("李明", "Chinese"),
        ("प्रिया", "Devanagari"),
        ("지민", "Hangul"),
    ],
)
def test_a_script_that_the_font_lacks_is_named(alone: None, text: str, script: str) -> None:
    assert script_of(text) == script and can_write(text) == (not script)


def test_without_raqm_no_text_is_written_in_the_wrong_direction(alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: name == "raqm")
    assert can_write("ليلى") and can_write("Ελένη")
    monkeypatch.setattr(features, "check", lambda name: False)
    assert not can_write("ليلى") and can_write("Ελένη")


def test_a_line_that_is_too_long_gets_smaller_and_is_then_cut() -> None:
    picture = Image.new("RGB", (400, 60), "white")
    write(ImageDraw.Draw(picture), (0, 0), "W" * 40, 24, "black", 200)
    ink = (np.asarray(picture)[..., 0] < 128).any(0).nonzero()[0]
    assert 150 < ink.max() <= 200


def test_a_dash_stands_in_the_picture_for_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = drawn_in(monkeypatch)
    pixels = np.zeros((4, 4, 3), np.uint8)
    panels = [(pixels, name, f"{info.title}, ε = 8/255, ‖δ‖₂ = 1") for name, info in ATTACKS.items()]
    side_by_side(panels, "ResNet50, Carlini–Wagner, ε = 4/255 · Adversarial Lab", side=400)
    assert "ResNet50, Carlini–Wagner, ε = 4/255 · Adversarial Lab" in [text for text, _ in drawn]
    assert [text for text, face in drawn if any(ord(sign) not in characters(face) for sign in text)] == []


def test_headlines_do_not_touch() -> None:
    longest = max(categories(), key=len)
    sheet = side_by_side([(np.zeros((4, 4, 3), np.uint8), longest, longest)] * 2, "", side=480)
    between = np.asarray(Image.open(io.BytesIO(sheet)))[504:, 505:527]
    assert (between > 200).all()


def test_no_other_module_of_the_pages_draws_text_into_a_picture() -> None:
    """The library draws the words on traffic signs, in the font that comes with it."""
    users = [
        file.relative_to(ROOT).as_posix()
        for part in ("adv_core", "pages")
        for file in (ROOT / part).rglob("*.py")
        if "ImageFont" in file.read_text("utf-8")
    ]
    assert users == ["adv_core/signs/canvas.py", "pages/widgets/lettering.py"]


def test_our_font_comes_first() -> None:
    assert font(20, "Carlini–Wagner").path == OURS == font(20).path
