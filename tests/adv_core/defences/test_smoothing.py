"""Randomised smoothing: the statistics against brute force, the radius against geometry, the promise under attack."""

import math
from fractions import Fraction
from statistics import NormalDist

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest
from torch import Tensor, nn

from adv_core import L2, pgd, run
from adv_core.datasets import Digits, mnist
from adv_core.defences.smoothing import Certificate, SoftVote, certificate, lower_bound, prediction, votes
from adv_core.networks.digit_network import checkpoint
from adv_core.objectives import ExpectedUntargeted


class HalfSpace(nn.Module):
    """Class 1 where the mean of the pixels is above a threshold: the smoothed radius is the distance to the border."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(1).mean(1) - self.threshold
        return torch.stack([-h, h], 1)


def last(found) -> Tensor:
    *_, end = found
    return end


@pytest.fixture(scope="module")
def test() -> Digits:
    return mnist("test", range(10))


# ----------------------------------------------------------------------------------------------------------- statistics


@pytest.mark.parametrize("samples", [1, 10, 1000, 100_000])
@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_a_unanimous_vote_has_a_closed_form(samples: int, alpha: float) -> None:
    assert lower_bound(samples, samples, alpha) == pytest.approx(alpha ** (1 / samples), rel=1e-9)


@pytest.mark.parametrize("alpha", [0.001, 1e-12])
@pytest.mark.parametrize(
    ("successes", "samples"), [(1, 20_000), (5_100, 10_000), (9_990, 10_000), (10_000, 20_000), (99_999, 100_000)]
)
def test_the_bound_of_many_votes(successes: int, samples: int, alpha: float) -> None:
    exact = beta.ppf(alpha, successes, samples - successes + 1)
    assert lower_bound(successes, samples, alpha) == pytest.approx(exact, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(samples=st.integers(1, 60), data=st.data(), alpha=st.sampled_from([0.001, 0.01, 0.1]))
def test_the_bound_is_where_the_tail_has_alpha(samples: int, data: st.DataObject, alpha: float) -> None:
    successes = data.draw(st.integers(1, samples))
    p = Fraction(lower_bound(successes, samples, alpha))
    tail = sum(math.comb(samples, k) * p**k * (1 - p) ** (samples - k) for k in range(successes, samples + 1))
    assert float(tail) == pytest.approx(alpha, rel=1e-6)


def test_no_success_promises_nothing_and_more_promise_more() -> None:
    bounds = [lower_bound(k, 50) for k in range(51)]
    assert bounds[0] == 0 and bounds == sorted(bounds)


@pytest.mark.parametrize("case", [(-1, 5, 0.1), (6, 5, 0.1), (0, 0, 0.1), (1, 2, 0.0), (1, 2, 1.0)])
def test_impossible_counts_are_refused(case: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError):
        lower_bound(*case)


def test_the_bound_is_too_high_as_rarely_as_it_says() -> None:
    generator, p, samples, alpha = torch.Generator().manual_seed(0), 0.7, 200, 0.05
    draws = torch.binomial(torch.full((4000,), float(samples)), torch.full((4000,), p), generator=generator)
    counts, times = draws.unique(return_counts=True)
    share = sum(int(n) for k, n in zip(counts, times, strict=True) if lower_bound(int(k), samples, alpha) > p) / 4000
    assert 0.02 < share <= alpha + 0.01


@pytest.mark.parametrize("first", range(50, 101, 5))
def test_a_prediction_is_the_test_of_a_fair_coin(first: int) -> None:
    counts = torch.tensor([10, 100 - first, first])  # the third class has no say
    p = binomtest(first, first + max(100 - first, 10)).pvalue
    assert prediction(counts, alpha=p * (1 + 1e-6)) == (2 if first > 50 else None)
    assert prediction(counts, alpha=p * (1 - 1e-6)) is None


def test_who_has_no_votes_predicts_nothing() -> None:
    assert prediction(torch.zeros(10, dtype=torch.long)) is None
    assert prediction(torch.tensor([0, 1000, 0])) == 1


# ------------------------------------------------------------------------------------------------------------ the votes


def test_the_votes_do_not_depend_on_the_chunks() -> None:
    x = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    model = HalfSpace(0.5)
    counts = [last(votes(model, x, 0.5, 100, seed=4, chunk=chunk)) for chunk in (1, 7, 100, 1000)]
    assert all(torch.equal(counts[0], each) for each in counts) and int(counts[0].sum()) == 100
    assert not torch.equal(counts[0], last(votes(model, x, 0.5, 100, seed=5)))
    assert [int(each.sum()) for each in votes(model, x, 0.5, 100, chunk=40)] == [40, 80, 100]


def test_the_noise_is_not_cut_to_the_range_of_pixels() -> None:
    x, seen = torch.zeros(1, 1000), []

    def look(rows: Tensor) -> Tensor:
        seen.append(rows)
        return torch.zeros(len(rows), 2)

    rng = torch.random.get_rng_state()
    last(votes(look, x, 0.5, 100))
    noise = torch.cat(seen)
    assert float(noise.min()) < -1 and float(noise.max()) > 1
    assert float(noise.mean()) == pytest.approx(0, abs=0.01) and float(noise.std()) == pytest.approx(0.5, abs=0.01)
    assert torch.equal(rng, torch.random.get_rng_state()) and torch.is_grad_enabled()


@pytest.mark.parametrize("threshold", [0.42, 0.3, 0.58])
def test_of_a_half_space_the_radius_is_the_distance(threshold: float) -> None:
    x, sigma = torch.full((1, 1, 10, 10), 0.5), 0.5
    distance = abs(0.5 - threshold) * 10  # the mean moves by ‖δ‖₂ / √100 at most
    model = HalfSpace(threshold)
    promise = certificate(last(votes(model, x, sigma, 100)), last(votes(model, x, sigma, 20_000, seed=1)), sigma)
    assert promise.label == int(threshold < 0.5)
    most = sigma * NormalDist().inv_cdf(0.001 ** (1 / 20_000))  # a unanimous vote
    assert promise.radius < distance and promise.radius == pytest.approx(min(distance, most), rel=0.06)


def test_where_half_of_the_votes_differ_it_abstains() -> None:
    x, model = torch.full((1, 1, 4, 4), 0.5), HalfSpace(0.5)
    counts = last(votes(model, x, 0.5, 2000, seed=2))
    assert certificate(counts, counts, 0.5) == Certificate(None, 0.0, pytest.approx(0.5, abs=0.06))


def test_the_class_is_chosen_by_the_first_votes_and_judged_by_the_others() -> None:
    promise = certificate(torch.tensor([3, 1]), torch.tensor([10, 990]), 0.5)
    assert promise.label is None and promise.p < 0.02


# ------------------------------------------------------------------------------------------------------ and the attacks


def test_no_attack_inside_the_radius_changes_the_vote(test: Digits) -> None:
    network, sigma = checkpoint("noise_025").network, 0.25
    certified = 0
    for place in range(12):
        x = test[place].images[None]
        promise = certificate(
            last(votes(network, x, sigma, 100, seed=1)), last(votes(network, x, sigma, 1000, seed=2)), sigma
        )
        if promise.label is None:
            continue
        certified += 1
        soft, ball = SoftVote(network, sigma, 32, seed=3), L2(promise.radius)
        attack = pgd(soft, x, ball, ExpectedUntargeted([promise.label]), steps=15, quantize=False)
        adversarial = run(attack, keep_steps=False).adversarial
        assert float((adversarial - x).norm()) <= promise.radius * (1 + 1e-5)
        fresh = last(votes(network, adversarial, sigma, 1000, seed=4))  # the promise is about all noise
        assert prediction(fresh) in (promise.label, None)
    assert certified >= 10


def test_the_soft_vote_is_the_mean_of_the_probabilities(test: Digits) -> None:
    network, x = checkpoint("noise_025").network, test[:3].images
    soft = SoftVote(network, 0.25, 16, seed=5)
    noise = torch.randn(16, 1, 28, 28, generator=torch.Generator().manual_seed(5))
    expected = torch.stack([network(each + 0.25 * noise).softmax(1).mean(0) for each in x])
    assert torch.allclose(soft(x).exp(), expected, atol=1e-5)
    assert torch.equal(soft(x), soft(x))


def test_an_attack_on_the_vote_lowers_it_as_far_as_it_goes(test: Digits) -> None:
    network, x = checkpoint("noise_025").network, test[17].images[None]
    soft = SoftVote(network, 0.25, 32)
    found = run(pgd(soft, x, L2(3.0), ExpectedUntargeted([7]), steps=15, quantize=False), keep_steps=False)
    assert float(soft(found.adversarial)[0, 7].exp()) < 0.5 < float(soft(x)[0, 7].exp())
    assert prediction(last(votes(network, found.adversarial, 0.25, 1000, seed=4))) != 7  # so a promise can be broken
