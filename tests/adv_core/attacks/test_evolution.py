"""Breeding pictures: genomes, and the search that only asks."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from adv_core.attacks.evolution import Cppn, Generation, Tiles, evolve, grown
from adv_core.images import is_8bit

CLASSES, SIDE = 10, 16


class Asked:
    """A small classifier that remembers what it was shown and what it said."""

    def __init__(self) -> None:
        self.weights = torch.randn(3 * 16, CLASSES, generator=torch.Generator().manual_seed(1)) * 3
        self.pictures: list[Tensor] = []
        self.answers: list[Tensor] = []

    def __call__(self, x: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        logits = torch.nn.functional.avg_pool2d(x - 0.5, SIDE // 4).flatten(1) @ self.weights
        self.pictures.append(x)
        self.answers.append(logits.log_softmax(1))
        return logits


def search(**options: object) -> tuple[Asked, list[Generation]]:
    asked = Asked()
    settings: dict = {"side": SIDE, "wanted": 3, "queries": 203, **options}
    return asked, list(evolve(asked, settings.pop("newborn", Cppn.newborn), **settings))


@pytest.mark.parametrize("newborn", [Cppn.newborn, partial(Tiles.newborn, tiles=8)])
def test_evolutionary_search_improves_monotonically(newborn: object) -> None:
    _, generations = search(newborn=newborn)
    scores = torch.stack([generation.scores for generation in generations])
    assert bool((scores[1:] >= scores[:-1]).all())
    strangers = next(i for i, generation in enumerate(generations) if generation.queries >= 0.2 * 203)
    better = scores[-1] > scores[strangers]  # what is bred beats what is merely drawn
    assert bool(better[3]) and float(better.float().mean()) >= 0.7
    gained = [set((after > before).nonzero().flatten().tolist()) for before, after in pairwise(scores)]
    assert gained == [set(generation.gained) for generation in generations[1:]]


def test_champions_are_the_best_of_all_that_was_shown() -> None:
    asked, generations = search()
    last = generations[-1]
    torch.testing.assert_close(last.scores, torch.cat(asked.answers).amax(0))
    with torch.no_grad():
        again = asked(grown(last.champions, SIDE)).log_softmax(1)
    torch.testing.assert_close(again.diagonal(), last.scores)


def test_it_asks_as_often_as_it_may_and_about_8_bit_pictures() -> None:
    asked, generations = search(children=8)
    assert [len(pictures) for pictures in asked.pictures] == [8] * 25 + [3]
    assert [generation.queries for generation in generations] == [*range(8, 201, 8), 203]
    assert all(is_8bit(pictures) for pictures in asked.pictures)


def test_the_seed_decides_everything() -> None:
    first, again, other = (search(seed=seed)[1][-1].scores for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_focus_is_for_the_wanted_class() -> None:
    def best(focus: float) -> float:
        runs = [search(seed=seed, focus=focus)[1][-1] for seed in range(4)]
        return sum(float(run.scores[3]) for run in runs)

    assert best(0.8) > best(0.0)


def test_without_a_wanted_class_all_are_equal() -> None:
    free, unfocused = search(wanted=None)[1][-1], search(focus=0.0)[1][-1]
    assert torch.equal(free.scores, unfocused.scores)


def test_a_search_goes_on_from_the_champions_of_another() -> None:
    _, generations = search(seed=1)
    champion, reached = generations[-1].champions[3], generations[-1].scores[3]
    asked, more = search(parents=[champion], strangers=0.0, focus=1.0)
    assert len(asked.pictures[0]) == 1 and more[0].champions[3] is champion
    torch.testing.assert_close(more[0].scores[3], reached)
    assert float(more[-1].scores[3]) > float(reached) and more[-1].queries == 203


@pytest.mark.parametrize("wrong", [{"queries": 0}, {"children": 0}, {"elite": 0}])
def test_a_search_needs_somebody(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        search(**wrong)


@pytest.mark.parametrize("genome", [Cppn.newborn(torch.Generator().manual_seed(2)), Tiles(torch.rand(3, 7, 7))])
def test_children_are_like_their_parents(genome: Cppn | Tiles) -> None:
    before = genome.picture(32)
    generator = torch.Generator().manual_seed(0)
    children = [genome.child(generator).picture(32) for _ in range(20)]
    assert torch.equal(genome.picture(32), before)
    assert all(child.shape == (3, 32, 32) and child.min() >= 0 and child.max() <= 1 for child in children)
    apart = torch.stack([(child - before).abs().mean() for child in children])
    strangers = [type(genome).newborn(generator, 7).picture(32) for _ in range(20)]
    away = torch.stack([(stranger - before).abs().mean() for stranger in strangers])
    assert bool((apart > 0).all()) and float(apart.median()) < 0.8 * float(away.median())


def test_a_tile_has_one_colour() -> None:
    tiles = Tiles(torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)))
    picture = tiles.picture(16)
    assert torch.equal(picture[:, ::4, ::4], tiles.colours)
    assert torch.equal(picture, tiles.colours.repeat_interleave(4, 1).repeat_interleave(4, 2))


def test_a_pattern_is_the_same_at_any_size() -> None:
    genome = Cppn.newborn(torch.Generator().manual_seed(5))
    small, large = genome.picture(33), genome.picture(99)
    torch.testing.assert_close(large[:, 1::3, 1::3], small, atol=1e-4, rtol=0)
