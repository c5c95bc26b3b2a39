from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from adv_core import L1, L2, Classifier, Custom, Linf, Margin, PerturbationSet, Untargeted, run, square_attack
from adv_core.images import is_8bit

Photo = Callable[[str], Tensor]


class Linear(nn.Module):
    """Two classes over 8 x 8 pictures; counts the pictures it was shown, and has no gradient to give."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.weight = torch.randn(64 * channels, 2, generator=torch.Generator().manual_seed(0))
        self.shown = 0

    def forward(self, x: Tensor) -> Tensor:
        self.shown += len(x)
        return (x - 0.5).flatten(1).detach() @ self.weight


def pictures(rows: int = 3, channels: int = 3) -> Tensor:
    return torch.randint(60, 190, (rows, channels, 8, 8), generator=torch.Generator().manual_seed(1)).float() / 255


never = Custom(lambda logits: logits[:, 1] - logits[:, 0], lambda logits: torch.zeros(len(logits), dtype=torch.bool))


@pytest.mark.parametrize(("ball", "channels", "least"), [(Linf(0.1), 3, 0.9), (L2(0.5), 1, 0.5)], ids=str)
def test_it_gets_close_to_the_maximum_of_a_linear_classifier(
    ball: PerturbationSet, channels: int, least: float
) -> None:
    model, x = Linear(channels), pictures(channels=channels)
    w = model.weight[:, 1] - model.weight[:, 0]
    best = {Linf: 0.1 * w.abs().sum(), L2: 0.5 * w.norm()}[type(ball)]
    result = run(square_attack(model, x, ball, never, queries=800, quantize=False))
    gain = result.delta.flatten(1) @ w
    assert bool((gain >= least * best).all()) and bool((gain <= best * 1.0001).all())


@pytest.mark.parametrize("ball", [Linf(8 / 255), L2(0.4)], ids=str)
def test_what_always_holds(ball: PerturbationSet) -> None:
    model, x = Linear(), pictures()
    rng = torch.random.get_rng_state()
    result = run(square_attack(model, x, ball, never, queries=60))
    assert torch.equal(rng, torch.random.get_rng_state())
    assert model.shown == 3 * 60  # exactly what was allowed
    losses = torch.stack([step.loss for step in result.steps[:-1]])
    assert bool((losses.diff(dim=0) >= 0).all())  # only what helps is kept
    for step in result.steps:
        assert bool((ball.norm(step.delta) <= torch.as_tensor(ball.radius) + 3e-8).all())
        assert float(step.adversarial.min()) >= 0 and float(step.adversarial.max()) <= 1
    assert is_8bit(result.adversarial) and result.steps[-1].final
    torch.testing.assert_close(result.logits, model(result.adversarial))
    again = run(square_attack(model, x, ball, never, queries=60))
    other = run(square_attack(model, x, ball, never, queries=60, seed=1))
    assert torch.equal(result.delta, again.delta) and not torch.equal(result.delta, other.delta)


def test_rows_that_are_done_ask_no_more() -> None:
    model, x = Linear(), pictures(6)
    y = model(x).argmax(1)
    model.shown = 0
    steps = list(square_attack(model, x, Linf(0.3), Margin(y), queries=2000))
    assert bool((steps[-1].logits.argmax(1) != y).all())
    assert model.shown < 6 * len(steps) < 6 * 2000


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("ball", [Linf(0.02), L2(0.2)], ids=str)
def test_asking_ahead_is_the_same_search(ball: PerturbationSet, rows: int) -> None:
    """In double precision, where no answer depends on its batch; some rows reach their aim on the way."""
    model, x = Linear(), pictures(rows).double()
    model.weight = model.weight.double()
    y = model(x).argmax(1)
    alone = run(square_attack(model, x, ball, Margin(y), queries=200))
    sizes: list[int] = []

    def watched(batch: Tensor) -> Tensor:
        sizes.append(len(batch))
        return model(batch)

    ahead = run(square_attack(watched, x, ball, Margin(y), queries=200, ahead=8))
    assert len(alone.steps) == len(ahead.steps) > 30
    for one, other in zip(alone.steps, ahead.steps, strict=True):
        assert one.index == other.index and torch.equal(one.delta, other.delta)
    assert rows < max(sizes) <= 8 and len(sizes) < len(ahead.steps)


@pytest.mark.parametrize(
    ("x", "ball", "queries", "words"),
    [
        (torch.rand(2, 8), Linf(0.1), 10, "squares"),
        (pictures(), L1(0.1), 10, "L∞ and the L2"),
        (pictures(), Linf(0.1), 0, "queries"),
        (2 * pictures() + 1, Linf(0.1), 10, "0, 1"),
    ],
)
def test_errors_are_sentences(x: Tensor, ball: PerturbationSet, queries: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run(square_attack(Linear(), x, ball, never, queries=queries))


def test_it_fools_a_photograph(classifier: Classifier, photo: Photo) -> None:
    x = photo("polar_bear")
    y = classifier.predict(x, top=1)[0][0]
    result = run(square_attack(classifier, x, Linf(16 / 255), Margin(y), queries=100))
    assert int(result.logits.argmax(1)) != y and bool(Untargeted(y).reached(result.logits).all())


@pytest.mark.parametrize("ball", [Linf(0.05), L2(0.3)], ids=str)
def test_squares_that_are_tried_together_are_counted_and_search_as_well(ball: PerturbationSet) -> None:
    model, x = Linear(), pictures(20)
    w = model.weight[:, 1] - model.weight[:, 0]
    one, eight = (run(square_attack(model, x, ball, never, queries=300, quantize=False, together=t)) for t in (1, 8))
    gains = [float((result.delta.flatten(1) @ w).mean()) for result in (one, eight)]
    assert gains[1] >= 0.9 * gains[0] > 0 and len(eight.steps) < len(one.steps)
    model.shown = 0
    steps = list(square_attack(model, x, ball, never, queries=60, together=8))
    assert model.shown == 20 * 60
    indices = [step.index for step in steps]
    assert indices == sorted(set(indices)) and indices[-1] == 59
    assert all(bool((ball.norm(step.delta) <= torch.as_tensor(ball.radius) + 3e-8).all()) for step in steps)
