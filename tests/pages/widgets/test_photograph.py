"""The names of classes in links, and what a link cannot carry."""

import pytest
from streamlit.testing.v1 import AppTest

from adv_core.classifiers import categories
from pages.widgets.photograph import class_named


@pytest.mark.parametrize("name", ["ice_bear", "Polar bear", "ice bear (polar bear)"])
def test_a_class_has_an_everyday_name_too(name: str) -> None:
    assert class_named(name) == 296


def test_every_class_is_found_by_its_name() -> None:
    names = categories()
    assert class_named("Unicorn") is None
    lower = [name.lower() for name in names]
    for name in names:  # there are a dog and a jacket of one name: the dog is found
        assert class_named(name) == lower.index(name.lower()) == class_named(name.split(" (")[0])


def linked(image: str) -> None:
    from types import SimpleNamespace

    from pages.widgets.photograph import tell_of_own

    tell_of_own(SimpleNamespace(value=SimpleNamespace(image=image)))


def test_a_link_tells_what_it_does_not_hold() -> None:
    own = AppTest.from_function(linked, args=("own",)).run()
    assert not own.exception and "Your own picture is not in this link" in own.caption[0].value
    assert not AppTest.from_function(linked, args=("pig",)).run().caption
