"""Trainings in the plane: the price of robustness, the border, and the number of points."""

from dataclasses import replace
from statistics import mean

import numpy as np
import pytest
import torch

from adv_core.plane import PlaneNetwork
from pages.lessons.why.price_tasks import ATTACK, PlaneTraining, TrainInPlane, border_of


def trained(task: TrainInPlane) -> PlaneTraining:
    task.check()
    (record,) = task.records(None)  # type: ignore[arg-type]
    return record


def test_robust_training_gives_up_the_sure_feature() -> None:
    ordinary, robust = trained(TrainInPlane(eps=0.0)), trained(TrainInPlane())
    assert ordinary.clean > 0.99 and ordinary.robust < 0.1
    assert 0.85 < robust.clean < 0.95 and robust.robust > 0.85
    # Where the points are, the one border lies across the right pixel, the other one across the left pixel.
    across = ordinary.border[(ordinary.border[:, 0] > 0.2) & (ordinary.border[:, 0] < 0.8)]
    along = robust.border[(robust.border[:, 1] > 0.42) & (robust.border[:, 1] < 0.58)]
    assert np.abs(across[:, 1] - 0.5).max() < 0.05 and np.abs(along[:, 0] - 0.5).max() < 0.15


def test_trades_goes_from_ordinary_to_robust_training() -> None:
    task = TrainInPlane(method="trades")
    none, some, much = (trained(replace(task, beta=beta)) for beta in (0.0, 0.3, 3.0))
    assert none.clean > some.clean > much.clean and none.robust < some.robust < much.robust
    ordinary = trained(TrainInPlane(eps=0.0))
    assert (none.clean, none.robust) == (ordinary.clean, ordinary.robust)
    assert np.allclose(none.border, ordinary.border)


def test_more_points_narrow_the_gap() -> None:
    few, many = ([trained(TrainInPlane("moons", points=count, seed=seed)) for seed in range(3)] for count in (10, 1000))
    gaps = [mean(each.clean - each.robust for each in group) for group in (few, many)]
    assert gaps[1] < gaps[0] - 0.05 and mean(each.robust for each in many) > mean(each.robust for each in few)


def test_the_border_of_a_known_network() -> None:
    network = PlaneNetwork()
    network.forward = lambda x: torch.stack([x[:, 0] + 2 * x[:, 1], torch.full_like(x[:, 0], 1.3)], 1)  # type: ignore
    border = border_of(network)
    assert np.allclose(border @ [1, 2], 1.3) and border[:, 0].min() == 0 and border[:, 0].max() == 1


def test_few_points_are_all_shown_and_trained_on() -> None:
    few = trained(TrainInPlane(points=10, eps=0.0))
    assert few.points.shape == (10, 2) and sorted(few.classes) == [0] * 5 + [1] * 5


@pytest.mark.parametrize("change", [{"points": 8}, {"eps": -1.0}, {"beta": 101.0}, {"data": "sun"}, {"method": "x"}])
def test_a_mad_training_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(TrainInPlane(), **change).check()  # type: ignore[arg-type]


def test_the_attack_is_that_of_the_page() -> None:
    assert TrainInPlane().eps == ATTACK
