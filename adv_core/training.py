"""Adversarial training, min over θ of the worst-case loss, as a generator of progress records.

    min over θ of the mean over (x, y) of  max over δ ∈ Δ of L(y, f_θ(x + δ))

(Madry et al., ICLR 2018, arXiv:1706.06083.) The inner maximum is any solver of `adv_core`; the outer step is a plain
gradient step. By Danskin's theorem the slope of a maximum is the slope at the maximum: find δ*, hold it constant, and
differentiate the loss at x + δ* in θ. Here δ* is only nearly the maximum, so the slope is only nearly right; that is
enough in practice.

TRADES (Zhang et al., ICML 2019, arXiv:1901.08573) is the same loop with another loss: the one at x itself, and β times
the largest change of the prediction.

    min over θ of the mean of  L(y, f_θ(x)) + β · max over δ ∈ Δ of KL(f_θ(x) ‖ f_θ(x + δ))

    python -m adv_core.training --help     # trains and judges the checkpoints of `assets/digits`
"""

import argparse
import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import Step, run
from adv_core.bounds import check_bounds
from adv_core.datasets import Digits, mnist
from adv_core.defences.intervals import worst_logits
from adv_core.linear import LinearClassifier, worst_case
from adv_core.networks.device import pick_device
from adv_core.networks.digit_network import CHECKPOINTS, DigitNetwork, read, save
from adv_core.objectives import Divergence, Margin, Untargeted
from adv_core.perturbation_sets import Linf

Inner = Literal["none", "fgsm", "bare_fgsm", "pgd", "trades", "noise", "interval"]
# (network, x, labels, size of Δ, seed) -> the losses (N,) that the outer step makes smaller, the logits there (N, K)
Worst = Callable[[nn.Module, Tensor, Tensor, float, int], tuple[Tensor, Tensor]]
# (network, x, labels, size of Δ, seed) -> a running solver
Solver = Callable[[nn.Module, Tensor, Tensor, float, int], Iterator[Step]]


@dataclass(frozen=True)
class Recipe:
    """The settings of a training. On the same machine, equal recipes give equal weights.

    Attributes:
        inner: the method for the inner maximum. "none" is ordinary training. "fgsm" is one step from a
            random start, with 1.25·ε (Wong, Rice & Kolter, ICLR 2020, arXiv:2001.03994). "bare_fgsm" is one step of ε
            from x itself; a network may learn to defeat this step without becoming robust. "pgd" is ``steps``
            steps from a random start. "trades" seeks the largest change of the prediction in as many steps, and adds β
            times that to the loss at x. "noise" replaces the maximum by Gaussian noise of deviation ε, which prepares
            networks for randomised smoothing (Cohen et al., ICML 2019). "interval" is an upper bound of the
            maximum (Gowal et al., 2018, arXiv:1810.12715).
        eps: radius of the L∞ ball, in pixel units; the deviation of the noise.
        steps: of PGD.
        beta: β of "trades"; 0 is ordinary training.
        epochs: passes over the data.
        batch: digits of one step.
        rate: the largest step size of Adam. It rises over the first tenth of the training and falls to zero.
        ramp: the part of the training in which ε grows from 0. With a large ε from the start, a network may learn
            nothing at all.
        seed: of the first weights, the order of the data and the random starts.
    """

    inner: Inner = "pgd"
    eps: float = 0.1
    steps: int = 7
    beta: float = 6.0
    epochs: int = 5
    batch: int = 100
    rate: float = 2e-3
    ramp: float = 0.2
    seed: int = 0

    @property
    def gradients(self) -> int:
        """The number of gradients in x for each digit, added by the inner maximum to the one of the outer step."""
        return {"fgsm": 1, "bare_fgsm": 1, "pgd": self.steps, "trades": self.steps}.get(self.inner, 0)

    def check(self) -> None:
        """Refuse invalid settings.

        Raises:
            ValueError: an unknown inner maximum, or a number out of its range.
        """
        if self.inner not in get_args(Inner):
            raise ValueError(f"inner has to be one of {', '.join(get_args(Inner))}, not {self.inner!r}")
        check_bounds(self, eps=(0, 1), ramp=(0, 1), rate=(1e-9, 1), steps=(1, 100), epochs=(1, 1000))
        check_bounds(self, beta=(0, 1000), batch=(1, 10_000), seed=(0, 2**62))

    def size_at(self, share: float) -> float:
        """ε at that share of the training."""
        return self.eps * min(share / self.ramp, 1.0) if self.ramp else self.eps

    def rate_at(self, share: float) -> float:
        """Adam's step size at that share of the training."""
        return self.rate * min(share / 0.1, (1 - share) / 0.9)


@dataclass(frozen=True, eq=False)
class State:
    """The state of a training. A training resumed from it gives the same result as one that never stopped.

    Attributes:
        step: minibatches that are done.
        weights: the network's state.
        optimizer: Adam's state.
    """

    step: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]

    def to_bytes(self) -> bytes:
        """The state as bytes, for a file or another process (three times the size of the weights)."""
        buffer = io.BytesIO()
        torch.save(vars(self), buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "State":
        """Read the state of `to_bytes`. Only tensors and numbers are read: such a file cannot run a program.

        Raises:
            ValueError: the bytes hold no such state.
        """
        try:
            return cls(**torch.load(io.BytesIO(data), weights_only=True))
        except Exception as error:  # invalid bytes raise many kinds of exception
            raise ValueError("this is not the state of a training") from error


@dataclass(frozen=True, eq=False)
class Progress:
    """One minibatch of a training.

    Attributes:
        step: minibatches that are done, from 1; of: the number of all.
        epoch: passes over the data that are done, including the part of the current one.
        loss: the mean loss at x + δ*, which the step reduced.
        error: the share of the minibatch that was wrong at x + δ*, before the step.
        seconds: the duration of the minibatch.
        network: the network itself. It changes with the next minibatch.
    """

    step: int
    of: int
    epoch: float
    loss: float
    error: float
    seconds: float
    network: nn.Module = field(repr=False)
    _optimizer: torch.optim.Optimizer = field(repr=False)

    @property
    def ends_epoch(self) -> bool:
        return self.epoch == int(self.epoch)

    def state(self) -> State:
        """Copy the state of the training; call it before the next minibatch."""
        weights = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        return State(self.step, weights, _copied(self._optimizer.state_dict()))


def train(
    network: nn.Module,
    x: Tensor,
    labels: Tensor,
    recipe: Recipe,
    *,
    worst: Worst | None = None,
    resume: State | None = None,
) -> Iterator[Progress]:
    """Train by the lecture's loop. To stop, stop iterating.

    Args:
        network: pixels (N, ...) -> logits (N, K). It is trained in place, on the device where it is. Its mode
            (train or eval) is left as it is.
        x: pixels in [0, 1], (N, ...); labels: (N,) long. Each minibatch is moved to the network's device.
        recipe: everything else.
        worst: the inner maximum; None takes the recipe's. `worst_of` makes one of any solver.
        resume: the state to go on from. The records that follow, and the weights, are those of a training that never
            stopped.

    Yields:
        One record per minibatch. A rest of an epoch that is smaller than a minibatch is left out.

    Raises:
        ValueError: no whole minibatch; a loss that is not a number.
    """
    per_epoch = len(x) // recipe.batch
    if not per_epoch:
        raise ValueError(f"{len(x)} images are less than one minibatch of {recipe.batch}")
    worst = worst or inner_maximum(recipe)
    device = next(network.parameters()).device
    optimizer = torch.optim.Adam(network.parameters(), recipe.rate)
    done, of = 0, recipe.epochs * per_epoch
    if resume is not None:
        network.load_state_dict(resume.weights)
        optimizer.load_state_dict(resume.optimizer)
        done = resume.step
    for step in range(done, of):
        start = time.perf_counter()
        # Draws depend on the place alone, not on earlier draws, so that a training can be resumed.
        if step == done or step % per_epoch == 0:
            order = torch.from_numpy(np.random.default_rng([recipe.seed, step // per_epoch]).permutation(len(x)))
        rows = order[step % per_epoch * recipe.batch :][: recipe.batch]
        images, y = x[rows].to(device), labels[rows].to(device)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at((step + 1) / of)
        with torch.enable_grad():
            losses, logits = worst(network, images, y, recipe.size_at((step + 1) / of), recipe.seed * 1_000_003 + step)
            loss = losses.mean()
            optimizer.zero_grad()
            loss.backward()
        if not math.isfinite(value := float(loss.detach())):
            raise ValueError(f"the loss is {value} after {step} minibatches: the training has diverged")
        optimizer.step()
        error = float((logits.argmax(1) != y).float().mean())
        seconds = time.perf_counter() - start
        yield Progress(step + 1, of, (step + 1) / per_epoch, value, error, seconds, network, optimizer)


# ---------------------------------------------------------------------------------------------------- the inner maximum


def inner_maximum(recipe: Recipe) -> Worst:
    """The inner maximum of the recipe."""
    if recipe.inner == "none":
        return lambda network, x, y, eps, seed: _losses(network(x), y)
    if recipe.inner == "noise":
        return _in_noise
    if recipe.inner == "interval":
        return _in_interval
    if recipe.inner == "trades":
        return _trades(recipe)
    return worst_of(solver(recipe))


def solver(recipe: Recipe) -> Solver:
    """The recipe's attack as a solver, so that a caller can watch its steps on a minibatch."""
    if recipe.inner == "bare_fgsm":
        return lambda network, x, y, eps, seed: fgsm(network, x, Linf(eps), Untargeted(y), quantize=False)
    steps = 1 if recipe.inner == "fgsm" else recipe.steps
    # From a random start, one step has to be able to cross the ball, and several have to reach its edge from anywhere.
    factor = 1.25 if steps == 1 else 2.5 / steps

    def attack(network: nn.Module, x: Tensor, y: Tensor, eps: float, seed: int) -> Iterator[Step]:
        ball = Linf(eps)
        objective = Divergence(network(x).detach()) if recipe.inner == "trades" else Untargeted(y)
        alpha = factor * eps
        start: dict[str, int | bool] = {"steps": steps, "random_start": True, "seed": seed, "quantize": False}
        return pgd(network, x, ball, objective, step_size=alpha, **start)  # type: ignore[arg-type]

    return attack


def worst_of(attack: Solver) -> Worst:
    """Make an inner maximum of a solver (Danskin): run it, hold its δ* constant, and evaluate the loss there."""

    def worst(network: nn.Module, x: Tensor, y: Tensor, eps: float, seed: int) -> tuple[Tensor, Tensor]:
        return _losses(network(x + _worst_delta(attack, network, x, y, eps, seed)), y)

    return worst


def _worst_delta(attack: Solver, network: nn.Module, x: Tensor, y: Tensor, eps: float, seed: int) -> Tensor:
    with frozen(network):
        return run(attack(network, x, y, eps, seed), keep_steps=False).delta


def _trades(recipe: Recipe) -> Worst:
    attack = solver(recipe)

    def worst(network: nn.Module, x: Tensor, y: Tensor, eps: float, seed: int) -> tuple[Tensor, Tensor]:
        delta = _worst_delta(attack, network, x, y, eps, seed)
        untouched, moved = network(x), network(x + delta)
        return _losses(untouched, y)[0] + recipe.beta * Divergence(untouched)(moved), moved

    return worst


def _losses(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return F.cross_entropy(logits, y, reduction="none"), logits


def exact_worst(network: nn.Module, x: Tensor, y: Tensor, eps: float, seed: int) -> tuple[Tensor, Tensor]:
    """The inner maximum of a `LogisticRegression`, in closed form; see `adv_core.linear`."""
    assert isinstance(network, LogisticRegression)
    return _losses(network(x + worst_case(network.theta.detach(), y, eps, x)), y)


def _in_noise(network: nn.Module, x: Tensor, y: Tensor, eps: float, seed: int) -> tuple[Tensor, Tensor]:
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
    return _losses(network(x + eps * noise), y)  # not clipped: smoothing does not clip either


def _in_interval(network: nn.Module, x: Tensor, y: Tensor, eps: float, seed: int) -> tuple[Tensor, Tensor]:
    if not isinstance(network, nn.Sequential):
        raise ValueError("interval training needs a network of layers in a row")
    bound, logits = _losses(worst_logits(network, x, y, eps), y)
    return (bound + _losses(network(x), y)[0]) / 2, logits  # with the bound alone, a network learns nothing


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Turn off the gradients of all parameters inside the block: an attack needs the gradient of the input alone."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


class LogisticRegression(nn.Module):
    """h(x) = θᵀx + b with weights that can be trained; pixels (N, ...) -> logits (N, 2) = (0, h(x))."""

    def __init__(self, size: int, seed: int = 0) -> None:
        super().__init__()
        generator, reach = torch.Generator().manual_seed(seed), 1 / math.sqrt(size)
        self.theta = nn.Parameter((2 * torch.rand(size, generator=generator) - 1) * reach)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(1) @ self.theta + self.bias
        return torch.stack([torch.zeros_like(h), h], 1)

    def solved(self) -> LinearClassifier:
        """The same model as a `LinearClassifier`, whose exact error `adv_core.linear` computes."""
        return LinearClassifier(self.theta, self.bias)


# -------------------------------------------------------------------------------------------------------------- judging


@dataclass(frozen=True)
class Judge:
    """The attack that judges a network: stronger than any attack of the training.

    PGD runs from x itself first, then from random points; a digit that one run has fooled is not attacked again. Every
    second restart climbs the margin, since cross-entropy may have no slope left. δ is not rounded to 8 bits: these ε
    are not whole levels, and rounding would weaken the attack.

    Attributes:
        eps: radius of the L∞ ball.
        steps, restarts: of PGD; the step size is 2.5·ε/steps.
        seed: of the random points.
    """

    eps: float = 0.1
    steps: int = 40
    restarts: int = 1
    seed: int = 0

    def runs(self, network: nn.Module, x: Tensor, labels: Tensor, *, batch: int = 500) -> Iterator[Tensor]:
        """Yield which digits are wrong, (N,) bool, on the CPU: first without an attack, then after each restart."""
        device = next(network.parameters()).device
        parts = zip(x.split(batch), labels.split(batch), strict=True)
        wrong = torch.cat([wrong_at(network, images.to(device), y.to(device)) for images, y in parts])
        yield wrong.clone()
        for restart in range(self.restarts):
            objective = Margin if restart % 2 else Untargeted
            for rows in (~wrong).nonzero()[:, 0].split(batch):
                images, y = x[rows].to(device), labels[rows].to(device)
                attack = pgd(
                    network,
                    images,
                    Linf(self.eps),
                    objective(y),
                    steps=self.steps,
                    step_size=2.5 * self.eps / self.steps,
                    random_start=restart > 0,
                    seed=self.seed * 1000 + restart,
                    quantize=False,
                )
                with frozen(network):
                    found = run(attack, keep_steps=False).adversarial
                wrong[rows] = wrong_at(network, found, y)
            yield wrong.clone()

    def error(self, network: nn.Module, x: Tensor, labels: Tensor) -> tuple[float, float]:
        """The share of wrong digits, (untouched, attacked)."""
        clean, *_, attacked = [*self.runs(network, x, labels)]
        return float(clean.float().mean()), float(attacked.float().mean())


@torch.no_grad()
def wrong_at(network: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor) -> Tensor:
    """Tell which rows are misread, (N,) bool, on the CPU."""
    return (network(x).argmax(1) != labels).cpu()


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_copied(each) for each in value]
    return value


# --------------------------------------------------------------------------------------------- the shipped checkpoints

FEW = 200  # test digits that are also judged by themselves
# name -> its recipe, and the attacks that judge it
SHIPPED: dict[str, tuple[Recipe, tuple[Judge, ...]]] = {
    "standard": (Recipe("none", epochs=15), (Judge(0.1, 40, 10),)),
    "robust_01": (Recipe("pgd", 0.1, epochs=20, rate=4e-3), (Judge(0.1, 40, 10),)),
    "robust_03": (Recipe("pgd", 0.3, epochs=20, rate=4e-3), (Judge(0.1, 40, 10), Judge(0.3, 100, 10))),
    "fgsm_03": (Recipe("bare_fgsm", 0.3, epochs=6, rate=4e-3, ramp=0), (Judge(0.1, 40, 10), Judge(0.3, 40, 10))),
    "noise_025": (Recipe("noise", 0.25, epochs=15), (Judge(0.1, 40, 10),)),
    "interval_01": (Recipe("interval", 0.1, epochs=40, rate=4e-3, ramp=0.5), (Judge(0.1, 40, 10),)),
}


def ship(
    name: str, folder: Path = CHECKPOINTS, say: Callable[[str], object] = print, trades: float | None = None
) -> None:
    """Train one of `SHIPPED` on all 60 000 digits and save it, with the figures of `judge_shipped`.

    Args:
        trades: β, to train with TRADES in the place of the recipe's own inner maximum.
    """
    recipe, _ = SHIPPED[name]
    if trades is not None:
        recipe = replace(recipe, inner="trades", beta=trades)
    data = mnist("train", range(10))
    network, seconds, losses = DigitNetwork(recipe.seed).to(pick_device()), 0.0, []
    for now in train(network, data.images, data.labels, recipe):
        seconds += now.seconds
        losses.append(now.loss)
        if now.ends_epoch:
            say(f"{name}: epoch {now.epoch:.0f} of {recipe.epochs}, loss {np.mean(losses):.4f}, {seconds:.0f} s")
            losses.clear()
    save(network, {"recipe": asdict(recipe)}, name, folder)
    judge_shipped(name, folder, say)


def judge_shipped(name: str, folder: Path = CHECKPOINTS, say: Callable[[str], object] = print) -> None:
    """Judge a checkpoint on all 10 000 test digits, and write its figures beside it."""
    network, made = read(name, str(pick_device()), folder)
    test, judged = mnist("test", range(10)), []
    for judge in SHIPPED[name][1]:
        untouched, *_, wrong = judge.runs(network, test.images, test.labels)
        errors = {"untouched": _share(untouched), "attacked": _share(wrong)}
        judged.append({**asdict(judge), **errors, **few_judged(judge, network, test)})
        say(f"{name}: errors {errors} under PGD-{judge.steps} with {judge.restarts} restarts at ε = {judge.eps}")
    recipe = made["recipe"]
    command = f"python -m adv_core.training {name}"
    if recipe["inner"] == "trades":
        command += f" --trades {recipe['beta']:g}"
    save(network, {**made, "command": command, "judged": judged}, name, folder)


def few_judged(judge: Judge, network: nn.Module, test: Digits) -> dict[str, float]:
    """The figures of the first `FEW` test digits, judged by themselves, which is quick to repeat."""
    untouched, *_, wrong = judge.runs(network, test[:FEW].images, test.labels[:FEW])
    return {f"first {FEW}, untouched": _share(untouched), f"first {FEW}, attacked": _share(wrong)}


def _share(wrong: Tensor) -> float:
    return round(float(wrong.float().mean()), 4)


def main(arguments: list[str] | None = None) -> None:
    """The command line: names of checkpoints to make."""
    parser = argparse.ArgumentParser(
        prog="python -m adv_core.training", description="Train and judge the checkpoints of assets/digits."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHIPPED)}; all, where none is given")
    parser.add_argument("--judge", action="store_true", help="judge them as they are, without training")
    parser.add_argument("--trades", type=float, metavar="BETA", help="train with TRADES and this β; needs --folder")
    parser.add_argument("--folder", type=Path, default=CHECKPOINTS, help="where they lie")
    asked = parser.parse_args(arguments)
    if asked.trades is not None and asked.folder == CHECKPOINTS:
        parser.error("--trades needs a --folder, or it would replace the networks that come with the project")
    for name in asked.names or SHIPPED:
        if name not in SHIPPED:
            parser.error(f"there is no recipe for {name!r}")
        if asked.judge:
            judge_shipped(name, asked.folder)
        else:
            ship(name, asked.folder, trades=asked.trades)


if __name__ == "__main__":
    main()
