from dataclasses import fields, replace

import pytest

from pages.lab.settings import Settings
from pages.widgets.photograph import OWN, PHOTOS
from pages.widgets.query import from_query, limits, to_query
from tests.conftest import PHOTOS as FILES


def test_defaults_need_no_query() -> None:
    assert to_query(Settings()) == {} and from_query(Settings, {}) == (Settings(), [])


def test_round_trip_of_every_control() -> None:
    other = Settings(
        image="pig",
        whole=True,
        model="resnet50",
        attack="apgd",
        aim=True,
        target=7,
        norm="l2",
        eps=9,
        eps2=1.23456789,
        eps1=12.5,
        eps0=30,
        loss="difference",
        steps=11,
        rule="gradient",
        alpha=2.5,
        views=True,
        random=True,
        restarts=3,
        queries=77,
        seed=3,
        amp=20,
        present=True,
        tab="formula",
        room="SRKRV",
        hide="noise,curve",
    )
    default = Settings()
    assert all(getattr(other, f.name) != getattr(default, f.name) for f in fields(Settings))
    assert from_query(Settings, to_query(other)) == (other, [])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"eps": "99999"}, {"eps": 32}),
        ({"eps": "-3"}, {"eps": 0}),
        ({"steps": "1e9"}, {"steps": 100}),
        ({"eps": "inf"}, {"eps": 32}),
        ({"eps": "9" * 400}, {"eps": 32}),
        ({"eps": "2.7"}, {"eps": 3}),
        ({"target": "-5"}, {"target": 0}),
        ({"target": "giraffe of gold"}, {}),
        ({"target": "²"}, {}),
        ({"eps": "nan"}, {}),
        ({"eps": "vier"}, {}),
        ({"image": "../../etc/passwd"}, {}),
        ({"model": "<script>"}, {}),
        ({"random": "maybe"}, {}),
    ],
)
def test_mad_queries_are_repaired_and_told(query: dict[str, str], expected: dict[str, object]) -> None:
    settings, notes = from_query(Settings, query)
    assert settings == replace(Settings(), **expected) and len(notes) == 1 and len(notes[0]) < 80


def test_people_write_class_names() -> None:
    assert from_query(Settings, {"target": "Wombat"}) == (replace(Settings(), target=106), [])


def test_other_peoples_parameters_are_ignored() -> None:
    assert from_query(Settings, {"utm_source": "x", "__class__": "y"}) == (Settings(), [])


def test_every_photograph_has_a_name() -> None:
    assert set(PHOTOS) == set(FILES) and OWN not in PHOTOS


def test_limits_hold_the_defaults() -> None:
    numbers = [f for f in fields(Settings) if "limits" in f.metadata]
    assert len(numbers) > 8
    for f in numbers:
        low, high = limits(Settings, f.name)
        assert low <= f.default <= high


def test_an_attack_that_does_not_know_a_norm_takes_its_own() -> None:
    def ball(**settings: object) -> str:
        return Settings(**settings).ball.key  # type: ignore[arg-type]

    assert ball(attack="carlini_wagner", norm="linf") == "l2" == ball(attack="square", norm="l2")
    assert ball(attack="pgd", norm="l1") == "l1"
    assert ball(attack="pgd", norm="l1", whole=True) == "linf"  # sorting megapixels would take seconds a step


def test_targeted() -> None:
    assert Settings(attack="targeted").targeted and not Settings(attack="pgd", aim=True).targeted
    assert Settings(attack="apgd", aim=True).targeted and not Settings(attack="apgd").targeted
    assert Settings(attack="fgsm", aim=True).targeted and not Settings(attack="fgsm").targeted
    assert not Settings(attack="deepfool", aim=True).targeted


def test_radius_and_step_size() -> None:
    assert Settings(eps=8).radius == 8 / 255 and Settings(norm="l2", eps2=2.0).radius == 2.0
    assert Settings(norm="l1", eps1=9.0).radius == 9.0 and Settings(norm="l0", eps0=30).radius == 30
    assert Settings().step_size is None and Settings(alpha=2.0).step_size == 2 / 255
    assert Settings(alpha=2.0, rule="gradient").step_size == 2.0
