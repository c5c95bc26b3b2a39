"""The tasks of one δ for many photographs, and of the linear case."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adv_core.classifiers import DEFAULT
from adv_core.datasets import photograph
from adv_core.images import fit
from adv_core.linear import LinearClassifier, worst_case
from adv_core.serving.engine.digits import pair
from adv_core.serving.engine.look import Pictures
from adv_core.transforms.transform import opinions
from pages.lessons.threat_models.universal_tasks import (
    LinearCase,
    Pass,
    TrainUniversal,
    TryUniversal,
    added,
    ball_of,
)
from tests.networks import Here, loaded

SOME = Pictures.of(np.stack([np.asarray(fit(photograph(name), 224, 224)) for name in ("koala", "pig", "hens")]))
TRAIN = TrainUniversal(SOME, DEFAULT, passes=8, views=False)


@pytest.fixture(scope="module")
def passes() -> list[Pass]:
    return list(TRAIN.records(Here()))


def test_one_delta_fools_all_that_it_learns_from_and_its_count_is_that_of_the_8_bit_pictures(
    passes: list[Pass],
) -> None:
    assert [each.index for each in passes] == list(range(9)) and len(passes) == TRAIN.length + 1
    assert [each.index for each in passes if each.fooled >= 0] == [0, 4, 8]
    end = passes[-1]
    assert end.delta.dtype == np.int8 and np.abs(end.delta.astype(int)).max() == 16
    labels = opinions(loaded(), SOME.pixels).argmax(1)
    assert end.fooled == (opinions(loaded(), added(SOME.pixels, end.delta)).argmax(1) != labels).sum() == 3
    assert end.loss > passes[0].loss + 2


def test_each_photograph_is_tried_with_delta_and_with_noise(passes: list[Pass]) -> None:
    tried = list(TryUniversal(SOME, DEFAULT, passes[-1].delta.tobytes()).records(Here()))
    assert [each.now != each.label for each in tried] == [True] * 3
    assert sum(each.noise == each.label for each in tried) >= 2
    assert all(0 < each.before <= 1 and 0 < each.after <= 1 for each in tried)
    still = list(TryUniversal(SOME, DEFAULT, bytes(len(passes[-1].delta.tobytes()))).records(Here()))
    assert all((each.now, each.after) == (each.label, each.before) for each in still)


def test_the_ball_of_l2_is_as_long_as_a_corner_of_the_other() -> None:
    (_, one), (_, other) = ((norm, ball_of(norm, 0.1, 400)) for norm in ("linf", "l2"))
    corner = torch.full((1, 400), 0.1)
    assert float(one.norm(corner)) == pytest.approx(one.radius) and float(other.norm(corner)) == pytest.approx(2.0)
    assert other.radius == pytest.approx(2.0)


def test_delta_is_cut_off_where_the_box_ends() -> None:
    pixels, delta = np.array([[[[0, 100, 250]]]], np.uint8), np.array([[[-16, 16, 16]]], np.int8)
    assert added(pixels, delta).tolist() == [[[[0, 116, 255]]]] and added(pixels, delta).dtype == np.uint8


def test_in_the_linear_case_one_delta_is_as_strong_as_one_for_each_digit() -> None:
    records = list(LinearCase(epochs=2).records(Here()))
    assert [each.epoch for each in records] == [0, 1, 2]
    end = records[-1]
    assert end.zeros[1] + end.ones[1] == len(pair("test"))
    assert end.own == end.zeros[0] + end.ones[0] > 20 * (end.noise + end.clean + 1)
    model, zeros = LinearClassifier(torch.from_numpy(end.theta).flatten()), pair("test")
    delta = worst_case(model.theta, torch.tensor([0]), 76 / 255)
    assert torch.equal(delta.sign(), model.theta.sign()[None]) and end.shown.shape == (6, 28, 28)
    digit = zeros.images[(zeros.labels == 0).nonzero()[0, 0], 0]
    made = (digit + delta.view(28, 28)).clamp(0, 1)
    assert np.array_equal((made * 255).round().numpy().astype(np.uint8), end.shown[0])


def test_without_an_epsilon_nothing_is_fooled() -> None:
    end = list(LinearCase(levels=0, epochs=1).records(Here()))[-1]
    assert end.zeros[0] + end.ones[0] == end.own == end.noise == end.clean < 10
    assert list(replace(TRAIN, eps=0.0, passes=1).records(Here()))[-1].fooled == 0
