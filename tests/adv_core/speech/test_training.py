"""The training of the recogniser: its minibatches, its cycles, and that a stopped one goes on as if it never had."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adv_core.speech.recogniser import SpeechNetwork
from adv_core.speech.sound import RATE
from adv_core.speech.training import Batches, Corpus, Cycle, Recipe, State, blurred, grown, masked, train, warped

TINY = Recipe(16, (3,), (Cycle({"train": 12}, 6, 2e-3), Cycle({"again": 12}, 5, 1e-3, blur=0.5, average=0.6)), batch=3)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Tones that count as words."""
    chance = np.random.default_rng(0)
    lengths = chance.integers(RATE // 4, RATE // 2, 12)
    clips = [np.round(8000 * np.sin(np.arange(length) * chance.uniform(0.1, 1))).astype(np.int16) for length in lengths]
    return Corpus(np.concatenate(clips), np.cumsum(lengths), ["yes", "no", "stop"] * 4)


def learnt(corpus: Corpus, cycle: int, stop: int | None = None, state: State | None = None) -> State:
    """The network after that cycle, or after the minibatch of that number."""
    network = SpeechNetwork(TINY.width, TINY.kernels)
    for record, reached in train(TINY, cycle, corpus, network, state=state):
        if record.step in (stop, TINY.span(cycle).stop):
            return reached
    raise AssertionError("it ended early")


@pytest.mark.parametrize("cycle", [0, 1])
@pytest.mark.parametrize("after", [1, 3])
def test_a_stopped_training_goes_on_as_if_it_had_never_stopped(corpus: Corpus, cycle: int, after: int) -> None:
    whole = learnt(corpus, cycle)
    half = learnt(corpus, cycle, stop=TINY.span(cycle).start + after)
    resumed = learnt(corpus, cycle, state=half)
    assert resumed.step == whole.step == TINY.span(cycle).stop
    for name, weights in whole.network.items():
        assert torch.equal(weights, resumed.network[name]), name
    assert any(not torch.equal(weights, half.network[name]) for name, weights in whole.network.items())


def test_the_mean_of_the_last_weights_is_kept(corpus: Corpus) -> None:
    network, seen = SpeechNetwork(TINY.width, TINY.kernels), []
    plain = Recipe(16, (3,), (TINY.cycles[0], replace(TINY.cycles[1], average=0.0)), batch=3)
    for _ in train(plain, 1, corpus, network):
        seen.append(network.vote[3].weight.detach().clone())
    kept = learnt(corpus, 1).network
    assert torch.allclose(kept["vote.3.weight"], torch.stack(seen[-3:]).mean(0), atol=1e-6)
    # Its batch norms have seen it at work: the very inputs that they are to normalise.
    network.load_state_dict(kept)
    before = kept["first.1.running_mean"].clone()
    network.eval()(Batches(corpus, TINY)[0][0])
    assert torch.equal(network.first[1].running_mean, before) and not torch.equal(before, torch.zeros_like(before))


def test_what_is_kept_goes_back_halfway(corpus: Corpus) -> None:
    network = SpeechNetwork(TINY.width, TINY.kernels)
    first = network.vote[3].weight.detach().clone()
    for _ in train(replace(TINY, cycles=(TINY.cycles[0], replace(TINY.cycles[1], back=0.5))), 1, corpus, network):
        pass
    mean = learnt(corpus, 1).network["vote.3.weight"]
    assert torch.allclose(network.vote[3].weight, (first + mean) / 2, atol=1e-6) and not torch.equal(first, mean)


def test_each_cycle_rises_and_falls() -> None:
    assert [TINY.span(0), TINY.span(1)] == [range(6), range(6, 11)]
    recipe = Recipe()
    for place, cycle in enumerate(recipe.cycles):
        rates = [recipe.rate_at(step) for step in recipe.span(place)[::50]]
        top = int(np.argmax(rates))
        assert max(rates) == pytest.approx(cycle.rate) and rates[0] == 0 and rates[-1] < cycle.rate / 100
        assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)


def test_a_grown_network_hears_the_same_and_can_learn_more(corpus: Corpus) -> None:
    network = SpeechNetwork(16, (3, 5, 7))
    for _ in train(replace(TINY, kernels=(3, 5, 7)), 0, corpus, network):
        pass
    network.eval()
    sound = torch.randn(2, RATE, generator=torch.Generator().manual_seed(0))
    before = network(sound)
    deeper = grown(network, (9, 11))
    assert deeper.kernels == (3, 9, 5, 7, 11) == tuple(block.along.kernel_size[0] for block in deeper.blocks)
    assert torch.equal(deeper(sound), before) and grown(network, ()) is network
    deeper.train().requires_grad_(True)
    for _ in train(TINY, 1, corpus, deeper):
        pass
    assert all(bool((block.norm.weight != 0).any()) for block in deeper.blocks)
    with pytest.raises(ValueError):
        grown(network, (3, 3, 3, 3, 3, 3))


def test_corpora_are_joined_clip_by_clip(corpus: Corpus) -> None:
    other = Corpus(corpus.samples[::-1], corpus.ends, corpus.texts[::-1])
    both = Corpus.joined([corpus, other])
    assert len(both) == 24 and list(both.texts) == [*corpus.texts, *other.texts]
    assert np.array_equal(both.clip(11), corpus.clip(11)) and np.array_equal(both.clip(12), other.clip(0))
    assert Corpus.joined([corpus]) is corpus


def test_every_clip_is_drawn_once_an_epoch(corpus: Corpus) -> None:
    batches = Batches(corpus, Recipe(cycles=(Cycle({"train": 12}, 20, 1e-3),), batch=3))
    drawn = sorted(index for step in range(20) for index in batches.chosen(step))
    assert drawn == sorted(list(range(12)) * 5)
    (one, texts), (two, _) = batches[3], batches[3]
    assert torch.equal(one, two) and one.shape[0] == len(texts) == 3


def test_augmentations_are_drawn_and_leave_the_shape() -> None:
    loud = torch.randn(6, 64, 90, generator=torch.Generator().manual_seed(1))

    def chance() -> torch.Generator:
        return torch.Generator().manual_seed(2)

    for change in (lambda: warped(loud, chance()), lambda: masked(loud, chance()), lambda: blurred(loud, chance(), 1)):
        once = change()
        assert once.shape == loud.shape and torch.equal(once, change()) and not torch.equal(once, loud)
    assert torch.equal(blurred(loud, chance(), 0), loud)
    assert bool((blurred(loud, chance(), 1).var((1, 2)) < loud.var((1, 2))).all())


def test_it_learns(corpus: Corpus) -> None:
    recipe = Recipe(32, (5,), (Cycle({"train": 12}, 30, 1e-2),), batch=12)
    losses = [record.loss for record, _ in train(recipe, 0, corpus, SpeechNetwork(recipe.width, recipe.kernels))]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
