"""Tasks of the lesson on adversarial training: train a network on digits, attack it, look into it."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F

from adv_core import linear
from adv_core.attacks.pgd import pgd
from adv_core.attacks.smallest_epsilon import smallest_epsilon
from adv_core.attacks.step import input_gradient, run
from adv_core.landscape import decision_slice, line_order
from adv_core.networks.digit_network import DigitNetwork, pack, unpack
from adv_core.objectives import Margin, Untargeted
from adv_core.perturbation_sets import Linf
from adv_core.serving.engine.digits import Digit, Model, check_model, digits, network_of, pair, stacked
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, checked, number, required
from adv_core.serving.limits import LIMITS, Limits
from adv_core.training import Judge, LogisticRegression, Recipe, State, exact_worst, solver, train

CHUNK = 4  # minibatches of one record
HELD_OUT = 300  # test digits for the test of the network after every epoch


def training_digits() -> int:
    """The number of digits to train on."""
    return len(digits("train"))


@dataclass(frozen=True)
class TrainRecord:
    """The progress of a training.

    Attributes:
        step, of: the number of minibatches done, and of all.
        epoch: passes over the data.
        loss, error: means over the minibatches since the last record, at x + δ*.
        seconds: of training so far: computation alone, without judging and without waiting for other runs.
        clean, attacked: after an epoch, the errors on `HELD_OUT` test digits, untouched and under PGD-20 in the ball
            of the recipe; None between.
        weights: after an epoch, the network (see `digit_network.pack`); empty between.
        state: after some epochs, the state for `Train.resume`; empty otherwise.
    """

    step: int
    of: int
    epoch: float
    loss: float
    error: float
    seconds: float
    clean: float | None = None
    attacked: float | None = None
    weights: bytes = field(default=b"", repr=False)
    state: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Train(Task[TrainRecord]):
    """Train a `DigitNetwork`.

    Attributes:
        recipe: the settings of the training.
        images: the number of digits, the first ones of MNIST's training data.
        resume: the state of a record to resume from; empty for the beginning. ``seconds`` then start at zero again.
    """

    recipe: Recipe
    images: int = number(10_000, 1, training_digits)
    resume: bytes = field(default=b"", repr=False)

    rows = 2

    @property
    def length(self) -> int:
        minibatches = self.recipe.epochs * (self.images // self.recipe.batch)
        return -(-minibatches // CHUNK) + self.recipe.epochs

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        recipe = self.recipe
        if self.images < recipe.batch:
            raise ValueError(f"images has to be at least one batch of {recipe.batch}, not {self.images}")
        gradients = self.images * recipe.epochs * (recipe.gradients + 1)
        if gradients > limits.max_training:
            raise ValueError(
                f"This training takes {gradients} gradients, but this machine allows at most {limits.max_training}. "
                "Choose fewer epochs or fewer steps."
            )
        if self.resume:
            State.from_bytes(self.resume)

    def records(self, networks: Networks) -> Iterator[TrainRecord]:
        data, held, recipe = digits("train")[: self.images], digits("test")[:HELD_OUT], self.recipe
        network = DigitNetwork(recipe.seed).to(networks.device)
        resume = State.from_bytes(self.resume) if self.resume else None
        judge = Judge(eps=recipe.eps, steps=20)
        every = -(-recipe.epochs // 4)  # epochs from one state to the next: each is as large as three networks
        seconds, losses, errors = 0.0, [], []
        for now in train(network, data.images, data.labels, recipe, resume=resume):
            seconds += now.seconds
            losses.append(now.loss)
            errors.append(now.error)
            if now.step % CHUNK and not now.ends_epoch:
                continue
            mean = (sum(losses) / len(losses), sum(errors) / len(errors))
            record = TrainRecord(now.step, now.of, now.epoch, *mean, seconds)
            losses, errors = [], []
            if now.ends_epoch:
                state = now.state().to_bytes() if now.epoch % every == 0 else b""
                # The network is tested as it is kept and shown later: with weights of 16 bits.
                weights = pack(network)
                clean, attacked = judge.error(unpack(weights, str(networks.device)), held.images, held.labels)
                record = replace(record, clean=clean, attacked=attacked, weights=weights, state=state)
            yield record


# ----------------------------------------------------------------------------------------- one digit, and one minibatch


@dataclass(frozen=True, eq=False)
class Attacked:
    """One digit under attack, at every ε of a sweep.

    Attributes:
        pixels: x + δ, (E, 28, 28) uint8, as the network classified them.
        probabilities: (E, 10), of exactly these pictures.
        smallest: the least ε that was found to change the prediction, in pixel units; None where none was found.
            0 where it misclassifies the untouched digit.
    """

    pixels: np.ndarray
    probabilities: np.ndarray
    smallest: float | None


@dataclass(frozen=True)
class Sweep(Task[Attacked]):
    """Attack one digit at many ε side by side (PGD, away from the label), and look for the least ε (FMN).

    All pictures are rounded to 8 bits before they are judged, and the page shows these pictures.
    """

    model: Model = checked(..., check_model, repr=False)
    digit: Digit = required()
    eps: tuple[float, ...] = number(..., 0, 1, count=(1, 64))
    steps: int = number(40, 1, 50)

    def records(self, networks: Networks) -> Iterator[Attacked]:
        network = network_of(self.model, str(networks.device))
        x, eps = self.digit.tensor(networks.device), torch.tensor(self.eps, dtype=torch.float64)
        labels = [self.digit.label]
        rows, objective = x.expand(len(eps), -1, -1, -1), Untargeted(labels * len(eps))
        alpha = 2.5 * eps / self.steps
        found = run(pgd(network, rows, Linf(eps), objective, steps=self.steps, step_size=alpha), keep_steps=False)
        least = run(smallest_epsilon(network, x, Linf(1.0), Untargeted(labels), steps=60), keep_steps=False)
        smallest = float(Linf(1.0).norm(least.delta)) if int(least.logits.argmax()) != self.digit.label else None
        pixels = (found.adversarial[:, 0] * 255).round().to(torch.uint8)
        yield Attacked(pixels.cpu().numpy(), found.logits.softmax(1).cpu().numpy(), smallest)


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The gradient and the loss of a network around one digit.

    Attributes:
        gradient: (28, 28), of the margin, the nearest other class's logit less the label's: the effect of a little ink
            in each pixel. Where the network is confident, the gradient of the loss is almost zero.
        loss: (S, S), the cross-entropy at x + a·u + b·v, line b, column a: u is the sign of that gradient, v has
            random signs (see `landscape.decision_slice`).
        places: (S,), the values of a and b, in pixel units.
    """

    gradient: np.ndarray
    loss: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Explore(Task[Neighbourhood]):
    """The gradient in the input, and the loss on a plane through it."""

    model: Model = checked(..., check_model, repr=False)
    digit: Digit = required()
    reach: float = number(..., 0.001, 1)
    side: int = number(25, 3, 41)
    seed: int = number(0, 0, SEEDS)

    def records(self, networks: Networks) -> Iterator[Neighbourhood]:
        network = network_of(self.model, str(networks.device))
        x = self.digit.tensor(networks.device)
        labels = torch.tensor([self.digit.label] * self.side, device=networks.device)
        gradient = input_gradient(network, x, Margin(labels[:1])).gradient[0, 0]
        rows = x.expand(self.side, -1, -1, -1)
        loss = np.empty((self.side, self.side), np.float32)
        for step in decision_slice(network, rows, Margin(labels), reach=self.reach, seed=self.seed):
            losses = F.cross_entropy(step.logits, labels, reduction="none")
            loss[line_order(self.side)[step.index]] = losses.cpu().numpy()
        places = np.linspace(-self.reach, self.reach, self.side)
        yield Neighbourhood(gradient.cpu().numpy(), loss, places)


@dataclass(frozen=True, eq=False)
class Update:
    """The parts of one step of adversarial training on a minibatch.

    Attributes:
        images: x, (N, 28, 28) in [0, 1]; labels: (N,).
        deltas: δ after every step of the inner maximum, (K + 1, N, 28, 28); the last is δ*.
        losses: the mean loss at each x + δ, (K + 1,).
        untouched: the mean loss at x.
        wrong: which digits are misclassified at x + δ*, before the update, (N,) bool.
        filters: the first layer, (16, 4, 4), before the update; slope: its gradient at x + δ*.
        moved: the loss at the same x + δ* after the update; remaximised: the loss at a new δ* after it.
        slope_norm: ‖∇θ‖₂ over all weights.
    """

    images: np.ndarray
    labels: np.ndarray
    deltas: np.ndarray
    losses: np.ndarray
    untouched: float
    wrong: np.ndarray
    filters: np.ndarray
    slope: np.ndarray
    slope_norm: float
    moved: float
    remaximised: float


@dataclass(frozen=True)
class Walk(Task[Update]):
    """One step of the min-max loop, on a small minibatch, with plain gradient descent in θ.

    Attributes:
        model: θ before the step.
        first, count: the training digits: the index of the first, and their number.
        recipe: the inner maximum and its ε.
        rate: the step size in θ.
    """

    model: Model = checked(..., check_model, repr=False)
    first: int = number(..., 0, lambda: training_digits() - 1)
    recipe: Recipe = required()
    count: int = number(8, 1, 16)
    rate: float = number(0.05, 1e-6, 1)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if self.recipe.inner not in ("fgsm", "pgd"):
            raise ValueError(f"inner has to be one of fgsm, pgd, not {self.recipe.inner!r}")
        if self.recipe.steps > 40:
            raise ValueError(f"steps has to lie in 1 ... 40, not {self.recipe.steps}")
        if self.first + self.count > training_digits():
            raise ValueError(f"first + count has to be at most {training_digits()}, not {self.first + self.count}")

    def records(self, networks: Networks) -> Iterator[Update]:
        network = copy.deepcopy(network_of(self.model, str(networks.device)))
        data = digits("train")[self.first : self.first + self.count]
        x, labels = data.images.to(networks.device), data.labels.to(networks.device)
        attack = solver(self.recipe)
        steps = [*attack(network, x, labels, self.recipe.eps, self.recipe.seed)]
        losses = np.array([float(step.loss.mean()) for step in steps])  # read before θ moves
        wrong = (steps[-1].logits.argmax(1) != labels).cpu().numpy()
        untouched = float(F.cross_entropy(network(x), labels))
        weights = list(network.requires_grad_(True).parameters())
        filters = weights[0][:, 0].detach().clone()
        with torch.enable_grad():
            slopes = torch.autograd.grad(F.cross_entropy(network(steps[-1].adversarial), labels), weights)
        network.requires_grad_(False)
        for weight, slope in zip(weights, slopes, strict=True):
            weight.sub_(self.rate * slope)
        again = run(attack(network, x, labels, self.recipe.eps, self.recipe.seed), keep_steps=False)
        yield Update(
            images=x[:, 0].cpu().numpy(),
            labels=labels.cpu().numpy(),
            deltas=torch.stack([step.delta[:, 0] for step in steps]).cpu().numpy(),
            losses=losses,
            untouched=untouched,
            wrong=wrong,
            filters=filters.cpu().numpy(),
            slope=slopes[0][:, 0].cpu().numpy(),
            slope_norm=float(torch.cat([slope.flatten() for slope in slopes]).norm()),
            moved=float(F.cross_entropy(network(steps[-1].adversarial), labels)),
            remaximised=float(again.loss.mean()),
        )


@dataclass(frozen=True)
class TwoWays:
    """Robust logistic regression, 0 against 1, trained twice: with the formula and with PGD as the inner maximum.

    Attributes:
        step, of: the number of minibatches done, and of all.
        by_formula, by_pgd: the mean losses of the last minibatches, at x + δ*.
        apart: the largest difference of two weights.
        errors: at the end, the exact errors on the test digits under δ* in the box: (of the first, of the second).
        seconds: (for the first, for the second), so far.
    """

    step: int
    of: int
    by_formula: float
    by_pgd: float
    apart: float
    seconds: tuple[float, float]
    errors: tuple[float, float] | None = None


@dataclass(frozen=True)
class SolvedCase(Task[TwoWays]):
    """Train a linear model, whose inner maximum has a closed form, with the formula and with PGD."""

    recipe: Recipe

    background = True

    @property
    def length(self) -> int:
        return -(-self.recipe.epochs * (len(pair("train")) // self.recipe.batch) // 10)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if self.recipe.inner != "pgd":
            raise ValueError(f"inner has to be pgd, not {self.recipe.inner!r}")
        gradients = len(pair("train")) * self.recipe.epochs * self.recipe.steps
        if gradients > 1_000_000:
            raise ValueError(f"epochs and steps have to make at most 1000000 gradients, not {gradients}")

    def records(self, networks: Networks) -> Iterator[TwoWays]:
        data, test, recipe = pair("train"), pair("test"), self.recipe
        one, other = LogisticRegression(28 * 28, recipe.seed), LogisticRegression(28 * 28, recipe.seed)
        loops = (train(one, *stacked(data), recipe, worst=exact_worst), train(other, *stacked(data), recipe))
        seconds = [0.0, 0.0]
        for by_formula, by_pgd in zip(*loops, strict=True):
            seconds = [seconds[0] + by_formula.seconds, seconds[1] + by_pgd.seconds]
            ended = by_pgd.step == by_pgd.of
            if by_pgd.step % 10 and not ended:
                continue
            apart = float((one.theta - other.theta).detach().abs().max())
            record = TwoWays(by_pgd.step, by_pgd.of, by_formula.loss, by_pgd.loss, apart, (seconds[0], seconds[1]))
            if ended:
                errors = [linear.error(each.solved(), *stacked(test), recipe.eps, box=True) for each in (one, other)]
                record = replace(record, errors=(errors[0], errors[1]))
            yield record
