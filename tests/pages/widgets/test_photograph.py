"""The names of classes in links, and what a link cannot carry."""

from dataclasses import fields
from importlib import import_module

import pytest
from streamlit.testing.v1 import AppTest

from adv_core.classifiers import categories
from pages.widgets.photograph import class_named
from pages.widgets.query import from_query
from tests.paths import ROOT


@pytest.mark.parametrize("name", ["ice_bear", "Polar bear", "ice bear (polar bear)"])
def test_a_class_has_an_everyday_name_too(name: str) -> None:
    assert class_named(name) == (296, "")


def test_every_class_is_found_by_its_name() -> None:
    names = categories()
    assert class_named("Unicorn") is None
    for label, name in enumerate(names):
        for each in (name, name.split(" (")[0], name.replace(" ", "_")):
            found = class_named(each)
            assert found is not None and found[0] == label


@pytest.mark.parametrize(
    ("name", "label", "other"),
    [
        ("cardigan", 474, "class 264, Cardigan (corgi dog)"),
        ("Cardigan", 264, "class 474, cardigan (knitted jacket)"),
        ("CARDIGAN", 264, "class 474, cardigan (knitted jacket)"),
        ("crane", 517, "class 134, crane bird"),
        ("Maillot", 638, "class 639, maillot tank suit (swimsuit)"),
    ],
)
def test_a_name_of_two_classes_is_read_with_its_capitals_and_a_note(name: str, label: int, other: str) -> None:
    assert class_named(name) == (label, f"class {label}, {categories()[label]}; {other}, has the same name")


def test_a_name_with_its_addition_needs_no_note() -> None:
    assert class_named("cardigan_(knitted_jacket)") == (474, "") == class_named("Knitted jacket")
    assert class_named("cardigan (corgi dog)") == (264, "")


def test_names_in_the_picker_differ_by_more_than_capitals() -> None:
    assert len({name.casefold() for name in categories()}) == 1000


def test_every_page_reads_names_of_classes_in_this_way() -> None:
    """All settings of a class, as the pages declare them."""
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in ROOT.glob("pages/**/settings.py")]
    kinds = [import_module(module).Settings for module in modules]
    settings = [(kind, each.name) for kind in kinds for each in fields(kind) if each.metadata.get("named")]
    assert len(settings) >= 6
    for kind, setting in settings:
        found, notes = from_query(kind, {setting: "cardigan"})
        assert getattr(found, setting) == 474 and len(notes) == 1
        assert notes[0].startswith(
            f"{setting} in the link is read as class 474, cardigan (knitted jacket); class 264, "
        )


def linked(image: str) -> None:
    from types import SimpleNamespace

    from pages.widgets.photograph import tell_of_own

    tell_of_own(SimpleNamespace(value=SimpleNamespace(image=image)))


def test_a_link_tells_what_it_does_not_hold() -> None:
    own = AppTest.from_function(linked, args=("own",)).run()
    assert not own.exception and "Your own picture is not in this link" in own.caption[0].value
    assert not AppTest.from_function(linked, args=("pig",)).run().caption
