"""The lecture's page: its links, its numbers, its parts."""

import re
from dataclasses import fields
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image

from adv_core.assets import ASSETS
from pages.contents import LESSONS, PAGES
from pages.course.teaching import HEADINGS, Place
from pages.lab.settings import PRESETS
from pages.lecture.figures import MEASURES, PICTURES, measure
from pages.lecture.settings import SECTIONS
from pages.lecture.slides import SLIDES, command, figures, our_number
from pages.lecture.texts import DEFINITIONS, REFERENCES, SYMBOLS, cited
from pages.widgets.query import from_query
from tests.pages.course.test_page import anchors
from tests.pages.visit import visit, words
from tests.test_docs import settings_of

PLACES = {
    place.link: place
    for place in (
        *(slide.place for slide in SLIDES),
        *(place for _, _, places in DEFINITIONS for place in places),
        *(place for _, _, place in SYMBOLS),
    )
}
BY_KEY = {slide.key: slide for slide in SLIDES}
# One attack on the packaged network, or a closed form; each takes a second or two.
CHEAP = ("panda", "panda-fgsm", "pig", "test-error", "dual-norm", "worst-delta", "mnist-errors", "projection", "sign")


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_every_link_opens_its_section_with_its_settings(place: Place) -> None:
    assert place.address in {"", *(entry.address for group in PAGES.values() for entry in group)}
    kind, query = settings_of(f"/{place.address}"), dict(parse_qsl(urlsplit(place.link).query))
    settings, notes = from_query(kind, query)
    assert not notes and query.keys() <= {each.name for each in fields(settings)}
    assert not place.anchor or place.anchor in anchors(place.address)


def test_every_heading_of_the_lecture_has_a_slide_in_its_order() -> None:
    told = [slide.heading for slide in SLIDES]
    assert list(dict.fromkeys(told)) == [name for name, _ in HEADINGS]
    assert told == sorted(told, key=[name for name, _ in HEADINGS].index)


def test_the_lecture_uses_the_presets_of_the_lab() -> None:
    linked = [slide.place.query or {} for slide in SLIDES if not slide.place.address]
    for name, preset in PRESETS.items():
        assert any(preset.items() <= query.items() for query in linked), name


def test_every_slide_has_its_number_and_its_picture() -> None:
    assert list(figures()) == [slide.key for slide in SLIDES] == list(MEASURES)
    assert all("{" not in our_number(slide) for slide in SLIDES)
    assert {path.stem for path in PICTURES.iterdir()} == {slide.key for slide in SLIDES if slide.picture}
    for path in PICTURES.iterdir():
        with Image.open(path) as picture:
            assert picture.format == "WEBP" and picture.width < 300
        assert path.stat().st_size < 20_000


@pytest.mark.parametrize("key", CHEAP)
def test_a_number_is_what_the_page_computes(key: str) -> None:
    """Another processor may differ in the last digits, and after many steps in a few hundredths."""
    numbers, picture = measure(BY_KEY[key])
    stored = figures()[key]
    assert numbers.keys() == stored.keys() and (picture is not None) == bool(BY_KEY[key].picture)
    for name, value in numbers.items():
        if isinstance(value, float):
            assert value == pytest.approx(stored[name], rel=0.05, abs=0.03), name
        else:
            assert value == stored[name], name


def test_one_step_of_fgsm_is_told_as_it_is() -> None:
    """The row says that FGSM does not fool our network, and that the ten steps do."""
    one, ten = figures()["panda-fgsm"], figures()["panda"]
    assert one["before"] == one["after"] == ten["before"] == "giant panda" and ten["after"] == "gibbon"
    assert "does not fool our network" in BY_KEY["panda-fgsm"].why


def test_the_difference_misses_its_target_as_told() -> None:
    missed, reached = figures()["difference"], figures()["retriever"]
    assert missed["after"] != missed["target"] == reached["after"] == "airliner"


def test_the_page_has_all_parts() -> None:
    at = visit("lecture/page.py")
    (shown,) = (each.value for each in at.get("html") if "<table" in each.value)
    assert shown.count("<tr>") == len(SLIDES) + 1 and shown.count("<img ") == sum(bool(s.picture) for s in SLIDES)
    for slide in SLIDES:
        assert f'href="{slide.place.link.replace("&", "&amp;")}" target="_blank"' in shown
        assert command(slide) in shown
    assert {*SECTIONS.values()} <= {each.value for each in at.subheader}
    told = words(at)
    assert all(re.search(rf"\*\*(<span[^>]*>)?{term}(</span>)?\.\*\*", told) for term, _, _ in DEFINITIONS)
    assert all(address in told for _, address in REFERENCES)


def test_a_link_hides_parts_and_presents() -> None:
    at = visit("lecture/page.py", hide="slides,references", present="1")
    assert {each.value for each in at.subheader} >= {SECTIONS["definitions"], SECTIONS["symbols"]}
    assert not {SECTIONS["slides"], SECTIONS["references"]} & {each.value for each in at.subheader}
    assert not any("<table" in each.value for each in at.get("html"))
    assert any(each.label == "Leave presentation mode" for each in at.button)


def test_the_lessons_references_are_collected() -> None:
    """A work that the lecture and lessons cite stands once, with the lessons."""
    found = cited()
    assert {label for _, labels in found.values() for label in labels} == {lesson.label for lesson in LESSONS}
    known = {address for _, address in REFERENCES if address}
    assert len(known) == len([address for _, address in REFERENCES if address])
    # Biggio et al. is in the lecture alone.
    assert known - found.keys() <= {"https://arxiv.org/abs/1708.06131"}


def test_every_photograph_of_a_row_is_one_of_ours() -> None:
    photographs = {path.stem for path in (ASSETS / "photos").glob("*.jpg")}
    asked = {str(query["image"]) for slide in SLIDES if (query := slide.place.query) and "image" in query}
    assert asked and asked <= photographs


def test_a_missing_slide_would_be_noticed() -> None:
    """Each figure that the lecture credits to others has a row."""
    told = "\n".join(slide.credit for slide in SLIDES)
    people = ("Prevost", "Kolter & Madry", "Goodfellow", "Nguyen", "Sharif", "Carlini & Wagner", "Eykholt", "Athalye")
    assert [name for name in people if name not in told] == []
