import gc
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from adv_core import (
    L2,
    Classifier,
    Linf,
    Targeted,
    TargetedDifference,
    Untargeted,
    fgsm,
    input_gradient,
    pgd,
    random_noise,
    run,
)
from adv_core.images import is_8bit
from tests.conftest import PHOTOS

Photo = Callable[[str], Tensor]


class Linear(nn.Module):
    """Two classes in eight dimensions; counts its forward and backward passes."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(8, 2).to(dtype)
        self.forwards = self.backwards = 0
        self.register_full_backward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.backwards += 1

    def forward(self, x: Tensor) -> Tensor:
        self.forwards += 1
        out: Tensor = self.layer(x)
        return out


def points(rows: int = 4, dtype: torch.dtype = torch.float32) -> Tensor:
    return 0.3 + 0.4 * torch.rand(rows, 8, generator=torch.Generator().manual_seed(3)).to(dtype)


def test_linear_closed_forms() -> None:
    model, x, eps = Linear(), points(), 0.1
    w = (model.layer.weight[1] - model.layer.weight[0]).detach()  # uphill for y = 0
    sign = x + eps * w.sign()
    assert torch.equal(run(fgsm(model, x, Linf(eps), Untargeted(0))).adversarial, sign)
    torch.testing.assert_close(run(pgd(model, x, Linf(eps), Untargeted(0), steps=9)).adversarial, sign)
    along = x + eps * w / w.norm()
    torch.testing.assert_close(run(fgsm(model, x, L2(eps), Untargeted(0))).adversarial, along, rtol=0, atol=1e-6)
    torch.testing.assert_close(run(pgd(model, x, L2(eps), Untargeted(0))).adversarial, along, rtol=0, atol=1e-6)


def test_targeted_is_untargeted_for_two_classes() -> None:
    model, x = Linear(), points()
    away = run(pgd(model, x, Linf(0.1), Untargeted(0), steps=5)).delta
    assert torch.equal(away, run(pgd(model, x, Linf(0.1), Targeted(1), steps=5)).delta)
    assert torch.equal(away, run(pgd(model, x, Linf(0.1), TargetedDifference(0, 1), steps=5)).delta)


def test_passes_and_the_trace() -> None:
    model, x = Linear(), points()
    result = run(pgd(model, x, Linf(0.1), Untargeted(0), steps=7))
    assert (model.forwards, model.backwards) == (8, 7)  # the eighth forward tells what the last δ did
    assert [s.index for s in result.steps] == list(range(8))
    for step in result.steps:
        torch.testing.assert_close(step.logits, model(x + step.delta))
        torch.testing.assert_close(step.loss, Untargeted(0)(step.logits))
    assert all(p.grad is None for p in model.parameters())
    assert result.steps[-1].gradient_norm is None and bool((result.steps[0].gradient_norm > 0).all())


def test_fgsm_with_a_known_gradient_costs_one_forward() -> None:
    model, x = Linear(), points()
    known = input_gradient(model, x, Untargeted(0))
    model.forwards = model.backwards = 0
    result = run(fgsm(model, x, Linf(0.2), Untargeted(0), gradient=known))
    assert (model.forwards, model.backwards) == (1, 0)
    assert torch.equal(result.delta, run(fgsm(model, x, Linf(0.2), Untargeted(0))).delta)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_inside_no_grad(mode: Callable[[], object]) -> None:
    model, x = Linear(), points()
    expected = run(pgd(model, x, Linf(0.1), Untargeted(0), steps=3)).delta
    with mode():  # type: ignore[attr-defined]
        assert torch.equal(run(pgd(model, x.clone(), Linf(0.1), Untargeted(0), steps=3)).delta, expected)
    assert torch.is_grad_enabled()


def test_a_step_leaves_the_grad_mode_of_its_caller() -> None:
    with torch.no_grad():
        for _ in pgd(Linear(), points(), Linf(0.1), Untargeted(0), steps=2):
            assert not torch.is_grad_enabled()


def test_nothing_is_touched() -> None:
    model, x = Linear(), points()
    x.requires_grad_()
    model.train()
    before, rng = x.detach().clone(), torch.random.get_rng_state()
    result = run(pgd(model, x, Linf(0.1), Untargeted(0), steps=3, random_start=True, seed=5))
    assert model.training and torch.equal(x.detach(), before) and x.grad is None
    assert torch.equal(rng, torch.random.get_rng_state())
    assert not result.delta.requires_grad and not result.adversarial.requires_grad


def test_zero_gradient() -> None:
    def constant(x: Tensor) -> Tensor:
        return torch.zeros(x.shape[0], 2)

    def flat(x: Tensor) -> Tensor:
        return (x.sum(1, keepdim=True) * 0).expand(-1, 2)

    for model in (constant, flat):
        for ball in (Linf(0.1), L2(0.1)):
            result = run(pgd(model, points(), ball, Untargeted(0), steps=3))
            assert not bool(result.delta.any()) and float(result.steps[0].gradient_norm.max()) == 0


def test_batch_agrees_with_rows_alone_each_with_its_own_radius_and_target() -> None:
    model, x = Linear(torch.float64), points(3, torch.float64)
    eps, target = torch.tensor([0.02, 0.1, 0.0], dtype=torch.float64), torch.tensor([0, 1, 1])
    together = run(pgd(model, x, Linf(eps), Targeted(target), steps=4)).delta
    for row in range(3):
        alone = pgd(model, x[row : row + 1], Linf(float(eps[row])), Targeted(int(target[row])), steps=4)
        torch.testing.assert_close(together[row], run(alone).delta[0])
    assert not bool(together[2].any())


def test_seeds() -> None:
    model, x = Linear(), points()

    def delta(seed: int) -> Tensor:
        return next(pgd(model, x, Linf(0.1), Untargeted(0), random_start=True, seed=seed)).delta

    assert torch.equal(delta(1), delta(1)) and not torch.equal(delta(1), delta(2))


def test_edges() -> None:
    model, x = Linear(), points()
    assert not bool(run(pgd(model, x, Linf(0.0), Untargeted(0), steps=3)).delta.any())
    assert not bool(run(pgd(model, x, Linf(0.1), Untargeted(0), steps=0)).delta.any())
    far = run(pgd(model, x, Linf(0.1), Untargeted(0), steps=1, step_size=1e6)).delta
    assert torch.equal(far, run(fgsm(model, x, Linf(0.1), Untargeted(0))).delta)  # FGSM is PGD with α → ∞
    with pytest.raises(ValueError, match="negative"):
        run(pgd(model, x, Linf(0.1), Untargeted(0), steps=-1))


@pytest.mark.parametrize("bad", [-0.01, 1.01, float("nan")])
def test_x_has_to_be_a_picture(bad: float) -> None:
    x = points()
    x[0, 0] = bad
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        run(fgsm(Linear(), x, Linf(0.1), Untargeted(0)))


def test_raw_gradient_steps() -> None:
    model, x = Linear(), points()
    gradient = input_gradient(model, x, Untargeted(0)).gradient
    moved = run(pgd(model, x, Linf(1.0), Untargeted(0), steps=1, step="gradient", step_size=0.01)).delta
    torch.testing.assert_close(moved, 0.01 * gradient)


def test_keep_only_the_end() -> None:
    steps = pgd(Linear(), points(), Linf(0.1), Untargeted(0), steps=5)
    assert [s.index for s in run(steps, keep_steps=False).steps] == [5]


def test_fgsm_is_one_steepest_step_of_length_epsilon(classifier: Classifier, photo: Photo) -> None:
    x, ball = photo("pig"), Linf(8 / 255)
    y = classifier.predict(x, top=1)[0][0]
    by_hand = ball.project(ball.steepest(input_gradient(classifier, x, Untargeted(y)).gradient, 8 / 255), x)
    result = run(fgsm(classifier, x, ball, Untargeted(y)))
    assert torch.equal(result.delta, ball.quantize(by_hand, x))
    one_step = pgd(classifier, x, ball, Untargeted(y), steps=1, step_size=1e6)
    assert torch.equal(result.delta, run(one_step).delta)


@pytest.mark.parametrize("ball", [Linf(2 / 255), L2(1.0)], ids=str)
def test_photographs(classifier: Classifier, photo: Photo, ball: Linf | L2) -> None:
    """8-bit, both constraints, never below the loss at δ = 0; and untargeted PGD-10 fools nearly all of them."""
    x = torch.cat([photo(name) for name in PHOTOS])
    with torch.no_grad():
        y = classifier(x).argmax(1)
    result = run(pgd(classifier, x, ball, Untargeted(y), steps=10))
    assert is_8bit(result.adversarial) and torch.equal(x + result.delta, result.adversarial)
    assert bool((result.loss >= result.steps[0].loss).all())
    for step in result.steps[:-1]:
        assert bool((ball.norm(step.delta) <= ball.eps).all())
        assert float(step.adversarial.min()) >= 0 and float(step.adversarial.max()) <= 1
    if isinstance(ball, Linf):
        assert int((result.delta * 255).round().abs().max()) <= 2
        assert float((result.logits.argmax(1) != y).float().mean()) >= 0.95
    else:
        assert bool((result.delta.double().flatten(1).norm(dim=1) <= 1.0).all())


def test_noise_of_the_same_size_fools_nearly_none(classifier: Classifier, photo: Photo) -> None:
    x = torch.cat([photo(name) for name in PHOTOS if name not in ("portrait_astronaut", "tabby_cat")])
    with torch.no_grad():
        y = classifier(x).argmax(1)
    result = run(random_noise(classifier, x, Linf(2 / 255), Untargeted(y)))
    assert int((result.delta * 255).round().abs().max()) == 2
    assert float((result.logits.argmax(1) == y).float().mean()) >= 0.9


@pytest.mark.parametrize(
    ("name", "target", "eps", "steps"),
    [("german_shepherd", "airliner", 4, 40), ("pig", "wombat", 2, 10), ("giant_panda", "gibbon", 2, 10)],
)
def test_demos_to_be_remembered(
    classifier: Classifier, photo: Photo, name: str, target: str, eps: int, steps: int
) -> None:
    index = classifier.categories.index(target)
    result = run(pgd(classifier, photo(name), Linf(eps / 255), Targeted(index), steps=steps))
    best = classifier.predict(result.adversarial, top=1)[0]
    assert best[1] == target and best[2] >= 0.99


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_same_as_torchattacks(classifier: Classifier, photo: Photo, norm: str, targeted: bool) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    # Away from black and white the pixel box is idle: there both libraries take the very same path.
    x = 0.25 + 0.5 * torch.cat([photo("pig"), photo("macaw")])
    with torch.no_grad():
        y = classifier(x).argmax(1)
    labels = torch.tensor([106, 404]) if targeted else y
    objective = Targeted(labels) if targeted else Untargeted(labels)
    if norm == "linf":
        peer = torchattacks.PGD(classifier, eps=4 / 255, alpha=1 / 255, steps=3, random_start=False)
        ball, alpha = Linf(4 / 255), 1 / 255
    else:
        peer = torchattacks.PGDL2(classifier, eps=1.0, alpha=0.4, steps=3, random_start=False)
        ball, alpha = L2(1.0), 0.4
    if targeted:
        peer.set_mode_targeted_by_label(quiet=True)
    theirs = peer(x, labels)
    ours = run(pgd(classifier, x, ball, objective, steps=3, step_size=alpha, quantize=False)).adversarial
    with torch.no_grad():
        assert torch.allclose(objective(classifier(ours)), objective(classifier(theirs)), rtol=0.01, atol=0.02)
    # Over several steps the last bits of the gradients grow into pixels here and there: same path, not same bits.
    apart = (ours - theirs).flatten(1).norm(dim=1) / (theirs - x).flatten(1).norm(dim=1)
    assert float(apart.max()) < 0.1


def test_same_fgsm_as_torchattacks(classifier: Classifier, photo: Photo) -> None:
    torchattacks = pytest.importorskip("torchattacks")
    x = photo("koala")
    y = torch.tensor([classifier.predict(x, top=1)[0][0]])
    theirs = torchattacks.FGSM(classifier, eps=8 / 255)(x, y)
    ours = run(fgsm(classifier, x, Linf(8 / 255), Untargeted(y), quantize=False)).adversarial
    assert float(((ours - theirs).abs() > 1e-6).float().mean()) < 1e-3


def test_memory_stays_flat() -> None:
    model, x = Linear(), points()
    alive = []
    for _ in range(20):
        run(pgd(model, x, L2(0.1), Untargeted(0), steps=5))
        gc.collect()
        alive.append(sum(isinstance(o, Tensor) for o in gc.get_objects()))
    assert alive[-1] <= alive[2]
