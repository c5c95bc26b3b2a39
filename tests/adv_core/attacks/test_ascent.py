import gc
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core import (
    L0,
    L1,
    L2,
    Classifier,
    Linf,
    LogitsRatio,
    Margin,
    Masked,
    PerturbationSet,
    Step,
    Targeted,
    TargetedDifference,
    Untargeted,
    apgd,
    bim,
    carlini_wagner,
    deepfool,
    fgsm,
    input_gradient,
    mi_fgsm,
    pgd,
    r_fgsm,
    random_noise,
    run,
    smallest_epsilon,
)
from adv_core.images import is_8bit
from adv_core.serving.memory import give_back_freed_memory
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


def test_one_step_takes_a_target() -> None:
    """Towards a class, FGSM goes along -sign of the gradient of the target's loss, whatever the present class is."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(8, 3, generator=generator)

    def three(x: Tensor) -> Tensor:
        return (x - 0.5).tanh() @ weights

    x, eps = points(), 0.05
    inside = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(three(inside), torch.tensor([2] * len(x)), reduction="sum"), inside)
    result = run(fgsm(three, x, Linf(eps), Targeted(2), quantize=False))
    torch.testing.assert_close(result.delta, -eps * slope.sign())
    assert bool((result.logits.log_softmax(1)[:, 2] > three(x).log_softmax(1)[:, 2]).all())


def test_passes_and_the_trace() -> None:
    model, x = Linear(), points()
    result = run(pgd(model, x, Linf(0.1), Untargeted(0), steps=7))
    assert (model.forwards, model.backwards) == (7, 7)
    assert result.loss is result.steps[-1].loss
    assert (model.forwards, model.backwards) == (8, 7)  # only who asks what the last δ did pays for a forward pass
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
    assert result.logits is not None and (model.forwards, model.backwards) == (1, 0)
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


@pytest.mark.parametrize(("ball", "steps", "names"), [(Linf(2 / 255), 7, PHOTOS[1::4]), (L2(1.0), 4, PHOTOS[::4])])
def test_photographs(classifier: Classifier, photo: Photo, ball: Linf | L2, steps: int, names: list[str]) -> None:
    """8-bit, both constraints, never below the loss at δ = 0; and untargeted PGD-7 in L∞ fools all of them."""
    fooled = []
    for part in (names[::2], names[1::2]):  # a large batch takes much memory
        x = torch.cat([photo(name) for name in part])
        with torch.no_grad():
            y = classifier(x).argmax(1)
        result = run(pgd(classifier, x, ball, Untargeted(y), steps=steps))
        assert is_8bit(result.adversarial) and torch.equal(x + result.delta, result.adversarial)
        assert bool((result.loss >= result.steps[0].loss).all())
        for step in result.steps[:-1]:
            assert bool((ball.norm(step.delta) <= ball.eps).all())
            assert float(step.adversarial.min()) >= 0 and float(step.adversarial.max()) <= 1
        if isinstance(ball, Linf):
            assert int((result.delta * 255).round().abs().max()) <= 2
        else:
            assert bool((result.delta.double().flatten(1).norm(dim=1) <= 1.0).all())
        fooled += (result.logits.argmax(1) != y).tolist()
    assert isinstance(ball, L2) or all(fooled)


def test_noise_of_the_same_size_fools_nearly_none(classifier: Classifier, photo: Photo) -> None:
    x = torch.cat([photo(name) for name in PHOTOS if name not in ("portrait_astronaut", "tabby_cat")])
    with torch.no_grad():
        y = classifier(x).argmax(1)
    result = run(random_noise(classifier, x, Linf(2 / 255), Untargeted(y)))
    assert int((result.delta * 255).round().abs().max()) == 2
    assert float((result.logits.argmax(1) == y).float().mean()) >= 0.9


@pytest.mark.slow
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


def test_memory_stays_flat() -> None:
    model, x = Linear(), points()
    alive = []
    gc.freeze()  # what other tests hold need not be looked through twenty times
    try:
        for _ in range(20):
            run(pgd(model, x, L2(0.1), Untargeted(0), steps=5))
            gc.collect()
            alive.append(sum(isinstance(o, Tensor) for o in gc.get_objects()))
    finally:
        gc.unfreeze()
    assert alive[-1] <= alive[2]


# ------------------------------------------------------------------------------------------- what every solver holds

Solver = Callable[[nn.Module, Tensor], Iterator[Step]]


def climbers(ball: PerturbationSet) -> dict[str, Solver]:
    """Every attack that fills a ball, away from class 0."""
    y = Untargeted(0)
    return {
        "fgsm": lambda f, x: fgsm(f, x, ball, y),
        "r_fgsm": lambda f, x: r_fgsm(f, x, ball, y, seed=range(len(x))),
        "bim": lambda f, x: bim(f, x, ball, y, steps=7),
        "pgd": lambda f, x: pgd(f, x, ball, y, steps=7),
        "restarts": lambda f, x: pgd(f, x, ball, y, steps=20, restarts=3, seed=range(len(x))),
        "mi_fgsm": lambda f, x: mi_fgsm(f, x, ball, y, steps=7),
        "apgd": lambda f, x: apgd(f, x, ball, y, steps=30),
    }


def everything(ball: PerturbationSet) -> dict[str, Solver]:
    y = Untargeted(0)
    return climbers(ball) | {
        "noise": lambda f, x: random_noise(f, x, ball, y, seed=range(len(x))),
        "deepfool": lambda f, x: deepfool(f, x, ball, 0, steps=5),
        "carlini_wagner": lambda f, x: carlini_wagner(f, x, y, steps=5, searches=2),
        "smallest": lambda f, x: smallest_epsilon(f, x, ball, y, steps=8),
    }


NAMES = list(everything(Linf(0.1)))


@pytest.mark.parametrize("name", list(climbers(Linf(0.1))))
@pytest.mark.parametrize("ball", [Linf(0.1), L2(0.1), L1(0.1)], ids=str)
def test_every_attack_reaches_the_exact_maximum_of_a_linear_classifier(ball: PerturbationSet, name: str) -> None:
    """max of ⟨w, δ⟩ over ‖δ‖ ≤ ε is ε·‖w‖_dual: for the loss of two classes, its argument is the margin."""
    model, x = Linear(torch.float64), points(dtype=torch.float64)
    w = (model.layer.weight[1] - model.layer.weight[0]).detach()
    result = run(climbers(ball)[name](model, x))
    dual = {Linf: w.abs().sum(), L2: w.norm(), L1: w.abs().max()}[type(ball)]
    if name == "r_fgsm":  # its random half may point anywhere, and the ball may cut its end off
        gained = ((result.delta - result.steps[0].delta) * w).sum(1)
        if isinstance(ball, Linf):
            torch.testing.assert_close(gained, (0.05 * dual).expand(4))
        assert bool((gained > 0).all())
        return
    rounding = 1e-3 if name in ("apgd", "restarts") else 1e-6
    torch.testing.assert_close((result.delta * w).sum(1), (0.1 * dual).expand(4), rtol=rounding, atol=0)


def test_the_best_pixels_of_a_linear_classifier() -> None:
    model, x = Linear(torch.float64), points(dtype=torch.float64)
    w = (model.layer.weight[1] - model.layer.weight[0]).detach()
    room = torch.where(w > 0, 1 - x, x) * w.abs()
    best = room.topk(3, dim=1).values.sum(1)
    gain = (run(pgd(model, x, L0(3), Untargeted(0), steps=60, step_size=0.5)).delta * w).sum(1)
    assert bool((gain <= best + 1e-9).all()) and bool((gain >= 0.9 * best).all())


def test_l2_with_the_box_in_the_way() -> None:
    model = Linear(torch.float64)
    w = (model.layer.weight[1] - model.layer.weight[0]).detach()
    x = torch.where(w > 0, 0.97, 0.4).repeat(3, 1).double()  # little room in half of the directions
    low, high = 0.0, 1e3
    for _ in range(100):
        middle = (low + high) / 2
        short = (middle * w).clamp(-x[0], 1 - x[0]).norm() <= 0.5
        low, high = (middle, high) if short else (low, middle)
    best = float(((low * w).clamp(-x[0], 1 - x[0]) * w).sum())
    for solver in (pgd, apgd):
        gain = (run(solver(model, x, L2(0.5), Untargeted(0), steps=60)).delta * w).sum(1)  # type: ignore[operator]
        assert bool((gain >= 0.99 * best).all()) and bool((gain <= best + 1e-6).all())


class Curved(nn.Module):
    """A small network with batch norm and dropout, whose rows must not see each other and whose state must not move."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8 * 36, 5)
        )
        self.to(dtype).eval()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = 3 * self.layers(x)
        return out


def pictures(rows: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    levels = torch.randint(0, 256, (rows, 3, 8, 8), generator=torch.Generator().manual_seed(5))
    return (levels.float() / 255).to(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_agrees_with_its_rows_and_a_permuted_batch_is_permuted(name: str) -> None:
    model, x = Curved(), pictures()
    solver = everything(Linf(4 / 255))[name]
    together = run(solver(model, x)).delta
    if name in ("r_fgsm", "restarts", "noise"):  # a seed a row
        return torch.testing.assert_close(together[:1], run(solver(model, x[:1])).delta)
    for row in range(3):
        torch.testing.assert_close(together[row : row + 1], run(solver(model, x[row : row + 1])).delta)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(together[order], run(solver(model, x[order])).delta)
    return None


@pytest.mark.parametrize("name", NAMES)
def test_no_solver_touches_anything(name: str) -> None:
    model, x = Curved(torch.float32), pictures(dtype=torch.float32)
    model.layers[0].train()  # a mixture of modes has to stay as it is
    modes = [m.training for m in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    before, rng = x.clone(), torch.random.get_rng_state()
    with torch.inference_mode():
        result = run(everything(Linf(4 / 255))[name](model, x))
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert torch.equal(x, before) and torch.equal(rng, torch.random.get_rng_state())
    for tensor in (result.delta, result.adversarial, result.logits, result.loss):
        assert not tensor.requires_grad and tensor.dtype == x.dtype
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", NAMES)
def test_the_prediction_reported_is_that_of_the_picture_returned(name: str) -> None:
    model, x = Curved(torch.float32), pictures(dtype=torch.float32)
    result = run(everything(Linf(4 / 255))[name](model, x))
    with torch.no_grad():
        torch.testing.assert_close(result.logits, model(result.adversarial))
    assert result.steps[-1].final and not any(step.final for step in result.steps[:-1])
    if name not in ("deepfool", "carlini_wagner", "smallest"):
        assert is_8bit(result.adversarial) and int((result.delta * 255).round().abs().max()) <= 4
    for step in result.steps[:-1]:
        assert float(step.adversarial.min()) >= -1e-6 and float(step.adversarial.max()) <= 1 + 1e-6
        with torch.no_grad():
            torch.testing.assert_close(step.logits, model(step.adversarial), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_layout_and_strides_do_not_matter(name: str) -> None:
    model, x = Curved(), pictures()
    solver = everything(Linf(4 / 255))[name]
    expected = run(solver(model, x)).delta
    strided = torch.stack([x, x], -1)[..., 0]
    for same in (x.contiguous(memory_format=torch.channels_last), strided):
        torch.testing.assert_close(run(solver(model, same)).delta, expected)


@pytest.mark.parametrize("name", list(climbers(Linf(0.0))))
@pytest.mark.parametrize("kind", [Linf, L2, L1, L0])
def test_epsilon_zero_gives_x_back(kind: Callable[[float], PerturbationSet], name: str) -> None:
    """Clamping in normalised space altered the picture even then. x is no 8-bit picture here."""
    model, x = Curved(), pictures() * 0.987
    assert torch.equal(run(climbers(kind(0.0))[name](model, x)).adversarial, x)


def test_rows_that_are_wrong_already_are_attacked_too() -> None:
    model, x = Curved(), pictures()
    with torch.no_grad():
        wrong = (model(x).argmax(1) + 1) % 5
    result = run(pgd(model, x, Linf(8 / 255), Untargeted(wrong), steps=5))
    assert bool((result.loss > result.steps[0].loss).all())


def test_a_hair_outside_the_range_is_rounding() -> None:
    x = points()
    x[0, 0] = -3e-8
    assert float(run(fgsm(Linear(), x, Linf(0.1), Untargeted(0))).adversarial.min()) >= 0


def test_probabilities_in_the_place_of_logits_are_noticed() -> None:
    model = Linear()
    with pytest.warns(UserWarning, match="probabilities"):
        run(pgd(lambda x: model(x).softmax(1), points(), Linf(0.1), Untargeted(0), steps=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(pgd(model, points(), Linf(0.1), Untargeted(0), steps=2))


def test_gradients_that_are_no_numbers_count_as_zero() -> None:
    def broken(x: Tensor) -> Tensor:
        return torch.stack([x.sum(1), (x[:, 0] - x[:, 0]).sqrt() + x.sum(1)], 1)  # the slope of √ at 0 is infinite

    result = run(pgd(broken, points(), Linf(0.1), Untargeted(0), steps=3))
    assert bool(result.delta.isfinite().all())


def test_restarts_keep_the_best_of_every_row() -> None:
    model, x = Curved(), pictures(8)
    with torch.no_grad():
        y = model(x).argmax(1)
    single = [
        run(pgd(model, x, Linf(3 / 255), Margin(y), steps=2, random_start=True, seed=[s] * 8)).loss for s in (4, 5)
    ]
    both = pgd(model, x, Linf(3 / 255), Margin(y), steps=2, random_start=True, restarts=2, seed=[4] * 8)
    result = run(both)
    assert [step.index for step in result.steps] == list(range(5))
    assert bool((result.loss >= single[0] - 1e-9).all())
    first_of_two = result.steps[0].delta
    assert torch.equal(
        first_of_two, next(pgd(model, x, Linf(3 / 255), Margin(y), random_start=True, seed=[4] * 8)).delta
    )


def test_apgd_ends_with_the_best_point_it_saw() -> None:
    model, x = Curved(), pictures(4)
    with torch.no_grad():
        y = model(x).argmax(1)
    result = run(apgd(model, x, Linf(0.02), Margin(y), steps=25, quantize=False))
    seen = torch.stack([step.loss for step in result.steps[:-1]])
    assert bool((result.loss >= seen.amax(0) - 1e-9).all())


@pytest.mark.parametrize("steps", [2, 5, 30])
def test_a_climb_in_l1_begins_in_larger_balls_and_ends_in_its_own(steps: int) -> None:
    model, x = Curved(), pictures(4)
    mask = torch.arange(x.shape[-1]) % 2 == 0
    for ball in (L1(0.4), Masked(L1(torch.tensor([0.2, 0.3, 0.4, 0.5])), mask.expand(x.shape[1:]))):
        given = {"steps": steps, "random_start": True, "quantize": False, "larger": (3, 2)}
        result = run(apgd(model, x, ball, Untargeted(0), **given))  # type: ignore[arg-type]
        share = torch.stack([ball.norm(step.delta) / ball.radius for step in result.steps])
        assert bool((share[-1] <= 1).all())
        assert steps < 5 or bool((share[: 3 * steps // 10].amax(0) > 2).all() and (share.amax(0) <= 3).all())


def test_a_delta_outside_of_the_ball_reaches_no_aim() -> None:
    model, x = Curved(), pictures(4)
    with torch.no_grad():
        y = model(x).argmax(1)
    ball, aim = L1(1e-4), Untargeted(y)
    given = {"steps": 20, "random_start": True, "quantize": False, "until": aim, "larger": (1e6, 1e5)}
    end = run(apgd(model, x, ball, aim, **given))  # type: ignore[arg-type]
    assert bool((ball.norm(end.delta) <= 1e-4).all()) and torch.equal(end.logits.argmax(1), y)
    with pytest.raises(ValueError, match="larger"):
        run(apgd(model, x, Linf(0.1), aim, larger=(3, 2)))


def test_momentum_zero_is_bim() -> None:
    model, x = Curved(), pictures()
    ours = run(mi_fgsm(model, x, Linf(4 / 255), Untargeted(0), steps=5, decay=0.0)).delta
    assert torch.equal(ours, run(bim(model, x, Linf(4 / 255), Untargeted(0), steps=5)).delta)


def test_a_masked_attack_moves_nothing_else() -> None:
    model, x = Curved(), pictures()
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[2:5, 2:5] = True
    delta = run(pgd(model, x, Masked(Linf(0.5), mask), Untargeted(0), steps=5)).delta
    assert bool(delta[:, :, mask].any()) and not bool(delta[:, :, ~mask].any())


def test_any_function_of_the_logits_can_be_climbed() -> None:
    result = run(pgd(Curved(), pictures(), Linf(0.05), lambda logits: logits[:, 3], steps=10))
    assert bool((result.loss > result.steps[0].loss).all())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f, x: pgd(f, x, Linf(0.1), Untargeted(0), step="sideways"), "sideways"),
        (lambda f, x: pgd(f, x, Linf(0.1), Untargeted(0), restarts=0), "at least once"),
        (lambda f, x: apgd(f, x, Linf(0.1), Untargeted(0), restarts=0), "at least once"),
        (lambda f, x: pgd(f, x, Linf(0.1), Untargeted(0), random_start=True, seed=[1]), "seeds"),
        (lambda f, x: pgd(f, x, Linf(0.1), Untargeted(9)), "labels"),
        (lambda f, x: pgd(f, x, Linf(0.1), TargetedDifference(1, 1)), "present class"),
        (lambda f, x: pgd(f, x, Linf(0.1), LogitsRatio(1, 1)), "present class"),
        (lambda f, x: pgd(f, (255 * x).long(), Linf(0.1), Untargeted(0)), "float"),
        (lambda f, x: run([]), "without a single step"),
    ],
)
def test_errors_are_sentences(call: Callable[..., Iterator[Step]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        for _ in call(Curved(), pictures()):
            pass


@pytest.mark.slow
def test_many_runs_leave_no_memory_behind() -> None:
    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    model, x = Curved(torch.float32), pictures(128, torch.float32)
    give_back_freed_memory()  # a leak into what other tests have freed would not show
    for _ in range(20):
        run(pgd(model, x, L2(1.0), Untargeted(0), steps=3))
    before = resident()
    for _ in range(100):
        run(pgd(model, x, L2(1.0), Untargeted(0), steps=3))
    assert resident() - before < 4 * 2**20  # keeping one δ a run would be 9.4 MB, one graph a run far more


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_agrees(name: str) -> None:
    model, x = Curved(), pictures()
    solver = everything(L2(0.5))[name]
    here, there = run(solver(model, x)), run(solver(model.cuda(), x.cuda()))
    torch.testing.assert_close(there.loss.cpu(), here.loss, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("delta_set", [Linf(0.1), L2(0.15)])
@pytest.mark.parametrize(("step", "size"), [("steepest", 0.06), ("gradient", 0.6)])
def test_projected_after_the_last_step_alone(delta_set: PerturbationSet, step: str, size: float) -> None:
    x, model, aim = torch.full((2, 8), 0.5, dtype=torch.float64), Linear(torch.float64), Untargeted(0)

    def attack(allowed: PerturbationSet, projected: str) -> list[Step]:
        options = {"steps": 6, "step_size": size, "step": step, "projected": projected, "quantize": False}
        return run(pgd(model, x, allowed, aim, **options)).steps  # type: ignore[arg-type]

    free, delta = attack(delta_set, "last"), torch.zeros_like(x)
    for each in free[:-1]:
        torch.testing.assert_close(each.delta, delta)
        gradient = input_gradient(model, x, aim, delta=delta).gradient
        delta = delta + (delta_set.steepest(gradient, size) if step == "steepest" else size * gradient)
    torch.testing.assert_close(free[-1].delta, delta_set.project(delta, x))
    assert bool((delta_set.norm(free[-2].delta) > 1.1 * delta_set.radius).all())
    # where nothing leaves the set, there is no difference
    torch.testing.assert_close(attack(Linf(0.5), "last")[-1].delta, attack(Linf(0.5), "each")[-1].delta)


def test_projected_has_two_words_and_no_steps_are_no_projection() -> None:
    x, model = torch.full((1, 8), 0.5), Linear()
    assert not run(pgd(model, x, Linf(0.1), Untargeted(0), steps=0, projected="last")).delta.any()
    with pytest.raises(ValueError, match="projected"):
        next(pgd(model, x, Linf(0.1), Untargeted(0), projected="never"))  # type: ignore[arg-type]
