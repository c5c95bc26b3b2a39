"""The training: it learns, equal recipes give equal weights, and its figures can be repeated."""

from pathlib import Path

import numpy as np
import pytest
import torch

from adv_core.datasets import photograph
from adv_core.signs.classes import CLASSES
from adv_core.signs.network import checkpoint, load
from adv_core.signs.training import FEW, Drawn, Normalised, Recipe, drawn_judged, ship, squares, train

TINY = Recipe(steps=30, batch=32, makes=3, backgrounds=40, rate=2e-3)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn.by_seed(TINY.makes, TINY.backgrounds, 0)


def test_a_short_training_learns(drawn: Drawn) -> None:
    records = list(train(TINY, drawn))
    assert [record.step for record in records] == list(range(1, 31))
    assert np.mean([r.loss for r in records[-5:]]) < np.mean([r.loss for r in records[:5]]) - 0.3


def test_equal_recipes_give_equal_weights(drawn: Drawn) -> None:
    few = Recipe(steps=3, batch=16, makes=3, backgrounds=40)
    first, again = ([*train(few, drawn)][-1].model.state_dict() for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)


def test_the_folded_network_is_the_trained_one(drawn: Drawn) -> None:
    model = [*train(Recipe(steps=3, batch=16, makes=3, backgrounds=40), drawn)][-1].model.eval()
    x = drawn.seen(np.arange(8), np.random.default_rng(0))
    with torch.no_grad():
        assert torch.allclose(model(x), model.folded()(x), atol=1e-4)


def test_drawings_differ_by_seed(drawn: Drawn) -> None:
    assert drawn.signs.shape == (len(CLASSES), 3, 4, 96, 96) and drawn.backgrounds.shape == (40, 3, 48, 48)
    again, other = Drawn.by_seed(3, 40, 0), Drawn.by_seed(3, 40, 1)
    assert torch.equal(again.signs, drawn.signs) and torch.equal(again.backgrounds, drawn.backgrounds)
    assert not torch.equal(other.signs, drawn.signs) and not torch.equal(other.backgrounds, drawn.backgrounds)


def test_a_network_that_knows_nothing_is_judged_so() -> None:
    right = drawn_judged(Normalised(0).eval(), 2)
    assert right.shape == (len(CLASSES), 2) and right.mean() < 0.2


def test_the_figures_of_the_shipped_network_are_repeated() -> None:
    network, figures = checkpoint()
    told = figures["judged"][f"first {FEW} of each class, right"]
    assert float(drawn_judged(network, FEW).mean()) == pytest.approx(told, abs=0.01)


def test_squares_of_a_photograph() -> None:
    assert [square.size for square in squares(photograph("koala"))] == [(48, 48)] * 14


def test_a_network_is_shipped_with_its_figures(tmp_path: Path) -> None:
    said: list[str] = []
    ship(Recipe(steps=2, batch=16, makes=2, backgrounds=20), tmp_path / "tiny", said.append, each=1)
    figures = load(tmp_path / "tiny").figures
    assert set(figures) == {"recipe", "command", "judged"} and figures["recipe"]["steps"] == 2
    assert len(said) == 2 and said[0].startswith("2 of 2: loss ")
