"""The course page: its cards, its tables for teachers, and the links that it builds."""

import ast
from dataclasses import fields
from functools import cache
from urllib.parse import parse_qsl, urlsplit

import pytest

from pages.contents import LAB, LESSONS, PAGES
from pages.course.teaching import CREDITS, HEADINGS, PLANS, Place
from pages.widgets.query import PARTS, from_query
from tests.pages.visit import nothing_computed, visit
from tests.paths import ROOT
from tests.test_docs import settings_of

PLACES = {
    place.link: place
    for place in (
        *(place for _, places in (*HEADINGS, *CREDITS) for place in places),
        *(place for plan in PLANS.values() for _, _, place in plan),
    )
}


@cache
def anchors(address: str) -> list[object]:
    """The anchors of a page's sections, read from its source; None for a section without one."""
    entry = next(each for group in PAGES.values() for each in group if each.address == (address or LAB.address))
    return [
        next((ast.literal_eval(option.value) for option in node.keywords if option.arg == "anchor"), None)
        for file in (ROOT / "pages" / entry.file).parent.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "subheader"
    ]


@pytest.mark.parametrize("address", ["", *(lesson.address for lesson in LESSONS)])
def test_every_section_has_an_anchor_of_its_own(address: str) -> None:
    found = anchors(address)
    assert found and all(isinstance(each, str) for each in found) and len(set(found)) == len(found)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_every_link_for_teachers_opens_its_section_with_its_settings(place: Place) -> None:
    if place.query:
        settings, query = settings_of(f"/{place.address}"), dict(parse_qsl(urlsplit(place.link).query))
        assert not from_query(settings, query)[1]
        assert query.keys() <= {each.name for each in fields(settings)}
    assert not place.anchor or place.anchor in anchors(place.address)


def test_every_lesson_has_a_card_in_its_group() -> None:
    at = visit("course/page.py")
    told = "\n".join(each.value for each in at.markdown)
    for lesson in LESSONS:
        assert f"{lesson.minutes} minutes · {lesson.terms}" in told and lesson.goal in told
    assert {"Foundations", "Robustness", "Beyond the ball"} <= {each.value for each in at.subheader}
    assert "solved" not in told  # no lesson has been opened


def test_solved_questions_are_counted() -> None:
    with nothing_computed():
        at = visit("lessons/fgsm_and_pgd/page.py", done="ab")
        at.switch_page("course/page.py").run()
    told = "\n".join(each.value for each in at.markdown)
    assert "you have solved **2** questions" in told and "2 of " in told


def test_a_plan_is_in_the_link() -> None:
    at = visit("course/page.py", plan="Seminar")
    assert any(row[2].markdown in each.value for row in PLANS["Seminar"] for each in at.markdown)
    at.button_group(key="course_plan").set_value("20 minutes").run()
    assert at.query_params["plan"] == "20 minutes"
    assert any(PLANS["20 minutes"][0][1] in each.value for each in at.markdown)


def test_a_link_is_built_from_the_boxes() -> None:
    at = visit("course/page.py", to="patches", without="quiz")
    assert at.checkbox(key="course_without_quiz").value
    at.checkbox(key="course_without_sidebar").check().run()
    at.checkbox(key="course_projector").check().run()
    address = urlsplit(at.code[0].value)
    assert address.path.endswith("/patches") and dict(parse_qsl(address.query)) == {
        "present": "1",
        "hide": "sidebar,quiz",
    }
    at.selectbox(key="course_to").set_value("").run()
    assert "quiz" not in at.code[0].value  # the lab has no questions
    assert at.checkbox(key="course_without_quiz").disabled


@pytest.mark.parametrize("part", PARTS)
def test_a_link_hides_a_part_of_a_lesson(part: str) -> None:
    with nothing_computed():
        at = visit("lessons/fgsm_and_pgd/page.py", hide=part)
    shown = {
        "quiz": bool(at.radio),
        "lecturer": any(each.label == "For the lecturer" for each in at.expander),
        "references": any(each.value == "Read on" for each in at.subheader),
        "navigation": not any("stTopNav" in each.value and "none" in each.value for each in at.get("html")),
        "sidebar": not any("stSidebar]" in each.value and "stExpand" in each.value for each in at.get("html")),
    }
    assert shown == {name: name != part for name in PARTS}


def test_an_unknown_part_is_told() -> None:
    with nothing_computed():
        at = visit("lessons/fgsm_and_pgd/page.py", hide="quiz,footer")
    assert any("it cannot be footer" in each.value and "quiz" in each.value for each in at.info)
    assert at.query_params["hide"] == "quiz"
