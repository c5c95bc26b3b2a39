"""The tasks of the lesson on black-box attacks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from adv_core.attacks.mi_fgsm import mi_fgsm
from adv_core.attacks.step import run
from adv_core.datasets import photograph
from adv_core.images import fit, from_pixels
from adv_core.objectives import Untargeted
from adv_core.perturbation_sets import Linf
from adv_core.serving.engine.look import Pictures
from pages.lessons.black_box.budget_tasks import Spend, Way
from pages.lessons.black_box.tasks import Passed, Steal, Transfer, passed
from tests.networks import Here, loaded

LITES = tuple(f"efficientnet_lite{level}" for level in range(3))


@pytest.fixture(scope="module")
def photographs() -> Pictures:
    names = ("german_shepherd", "pig")
    return Pictures.of(np.stack([np.asarray(fit(photograph(name), 260, 260)) for name in names]))


def test_the_diagonal_is_the_white_box_case(photographs: Pictures) -> None:
    work = Transfer(photographs, LITES[:1], LITES, 8 / 255, steps=4)
    work.check()
    records = list(work.records(Here()))
    assert records[-1].done == 1 and len(records) <= work.length + 1
    network, x = loaded(LITES[0]), from_pixels(photographs.pixels)
    y = network(x).argmax(1)
    made = run(mi_fgsm(network, x, Linf(8 / 255), Untargeted(y), steps=4)).adversarial
    assert records[-1].fooled[0] == tuple((network(made).argmax(1) != y).tolist()) == (True, True)
    other = loaded(LITES[1])
    assert records[-1].fooled[1] == tuple((other(made).argmax(1) != other(x).argmax(1)).tolist())


def test_a_radius_of_zero_fools_no_network(photographs: Pictures) -> None:
    records = list(Transfer(photographs, LITES[1:], LITES, 0.0, steps=1, method="pgd").records(Here()))
    assert passed(records).tolist() == [0, 0, 0, 2]


def test_an_ensemble_fools_its_members(photographs: Pictures) -> None:
    records = list(Transfer(photographs, LITES[:2], LITES[:2], 8 / 255, steps=5).records(Here()))
    assert passed(records).tolist() == [2, 2, 2]


def test_what_is_not_ready_is_not_counted() -> None:
    some = [Passed(0, 0.5), Passed(0, 1.0, ((True, False), (True, True))), Passed(2, 0.2)]
    assert passed(some).tolist() == [1, 2, 2] and passed(some[:1]).tolist() == [0]


@pytest.mark.slow
def test_a_substitute_from_the_first_query_to_the_last() -> None:
    work = Steal(seeds=5, rounds=4, images=100)
    work.check()
    records = list(work.records(Here()))
    assert len(records) == work.length + 1
    ended = [record for record in records if record.done == 1]
    assert [record.queries for record in ended] == [50, 100, 200, 400]
    assert all(np.isnan(record.agreement) for record in records if record.done < 1)
    assert ended[-1].agreement > 0.6 and ended[-1].transferred > 5 * ended[-1].noise
    assert ended[-1].agreement * 100 == pytest.approx(round(ended[-1].agreement * 100), abs=1e-3)
    assert ended[0].shown.shape == (10, 28, 28) and ended[0].answers == tuple(range(10))
    again = list(replace(work, rounds=1).records(Here()))[-1]
    assert again.agreement == ended[0].agreement and again.transferred == ended[0].transferred


def picture() -> Pictures:
    return Pictures.of(np.zeros((1, 8, 8, 3), np.uint8))


BAD: Sequence[Any] = (
    Transfer(picture(), (), LITES, 0.1),
    Transfer(picture(), LITES, (), 0.1),
    Transfer(picture(), LITES, LITES, -1),
    Transfer(picture(), LITES, LITES, 0.1, steps=10**6),
    Transfer(picture(), LITES, LITES, 0.1, method=cast(Any, "x")),
    Steal(seeds=0),
    Steal(rounds=20),
    Steal(seeds=50, rounds=7),
    Steal(eps=29),
    Spend("square", queries=0),
    Spend("boundary", norm="linf"),
    Steal(victim="nobody"),
)


@pytest.mark.parametrize("work", BAD)
def test_nonsense_is_refused(work: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        work.check()


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Transfer(picture(), ("nobody",), LITES, 0.1).check()


def fooled_by(way: Way, **changes: Any) -> dict[int, float]:
    return {
        each.queries: each.fooled for each in replace(Spend(way, images=20, queries=600), **changes).records(Here())
    }


def test_scores_buy_more_than_labels_and_both_more_with_more_queries() -> None:
    square, labels = fooled_by("square"), fooled_by("hop_skip_jump")
    for counts in (square, labels):
        assert list(counts) == sorted(counts) and list(counts.values()) == sorted(counts.values())
        assert min(counts) == 1 and max(counts) <= 600
    assert square[max(square)] == 1 and max(square) < 300
    assert labels[1] == 0 and 0.3 < labels[max(labels)] < 1


def test_a_transfer_is_one_record_without_a_query() -> None:
    (count,) = fooled_by("transfer").items()
    assert count[0] == 0 and count[1] > 0.5
    assert fooled_by("transfer", victim="robust_01")[0] < count[1]


def test_the_boundary_attack_comes_near_at_last() -> None:
    counts = fooled_by("boundary", norm="l2", eps=5.0, images=5)
    assert counts[1] == 0 and counts[max(counts)] > 0.5


def test_a_radius_of_zero_fools_nothing() -> None:
    assert fooled_by("square", eps=0.0, images=5, queries=20)[20] == 0
    assert fooled_by("hop_skip_jump", eps=0.0, images=5, queries=200).popitem()[1] == 0
