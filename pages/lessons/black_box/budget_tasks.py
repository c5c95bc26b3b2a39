"""The task of the section on equal budgets: how many digits an attack has fooled after each number of queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from adv_core.attacks.boundary import boundary_attack
from adv_core.attacks.hop_skip_jump import hop_skip_jump
from adv_core.attacks.mi_fgsm import mi_fgsm
from adv_core.attacks.square import square_attack
from adv_core.attacks.step import Step, run
from adv_core.networks.digit_network import DigitNetwork
from adv_core.norms import NORMS
from adv_core.objectives import Margin, Untargeted
from adv_core.perturbation_sets import PerturbationSet, per_row
from adv_core.serving.engine.digits import check_model, digits, network_of
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, checked, number
from adv_core.serving.limits import LIMITS, Limits

Way = Literal["square", "hop_skip_jump", "boundary", "transfer"]
BallNorm = Literal["linf", "l2"]
SISTER = "noise_025"  # the attacker's own network: the design of the victim, trained on noisy digits
TRANSFER_STEPS = 20
APART = 25  # queries between two records, at most


@dataclass(frozen=True)
class Tally:
    """The count after some queries.

    Attributes:
        queries: that the victim has answered for each digit.
        fooled: the share of the digits that were fooled by then, 0 ... 1.
    """

    queries: int
    fooled: float


@dataclass(frozen=True)
class Spend(Task[Tally]):
    """Attack MNIST's first test digits with at most so many queries each, and count the fooled ones meanwhile.

    A digit counts as soon as its 8-bit picture in the ball of radius ε changes the victim's prediction. HopSkipJump
    and the Boundary Attack make δ small without a limit; their δ is stretched or cut to ε for this. The judge's own
    looks at the victim are no queries.

    Attributes:
        way: "transfer" makes no query: MI-FGSM on a sister network.
        victim: a checkpoint (`digit_network.names`).
        norm, eps: of the ball, in pixel units. The Boundary Attack supports L2 alone.
        queries: for each digit, at most.
        images: the number of digits.
    """

    way: Way
    victim: str = checked("standard", check_model)
    norm: BallNorm = "linf"
    eps: float = number(0.2, 0, 28)
    queries: int = number(1000, 1, "max_queries")
    images: int = number(50, 1, 300)
    seed: int = number(0, 0, SEEDS)

    background = True

    @property
    def length(self) -> int:
        return 60 + self.queries // APART

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if self.way == "boundary" and self.norm != "l2":
            raise ValueError(f"norm has to be l2 for the Boundary Attack, not {self.norm!r}")

    def records(self, networks: Networks) -> Iterator[Tally]:
        device = networks.device
        victim, x = network_of(self.victim, str(device)), digits("test")[: self.images].images.to(device)
        ball = NORMS[self.norm].ball(self.eps)
        with torch.no_grad():
            truth = victim(x).argmax(1)
        fooled, last = torch.zeros_like(truth, dtype=torch.bool), 0
        if self.way == "transfer":
            made = run(self.transfer(network_of(SISTER, str(device)), x, ball), keep_steps=False)
            yield Tally(0, share(changes(victim, x, made.delta, ball, truth)))
            return
        for step in self.attack(victim, x, truth, ball):
            asked = step.index + 1
            if step.final or asked >= min(1.1 * last, last + APART):
                fooled |= changes(victim, x, step.delta, ball, truth)
                last = asked
                yield Tally(asked, share(fooled))

    def transfer(self, sister: DigitNetwork, x: Tensor, ball: PerturbationSet) -> Iterator[Step]:
        """Start the attack on the attacker's own network, away from its own predictions."""
        with torch.no_grad():
            guess = sister(x).argmax(1)
        return mi_fgsm(sister, x, ball, Untargeted(guess), steps=TRANSFER_STEPS, decay=1.0)

    def attack(self, victim: DigitNetwork, x: Tensor, truth: Tensor, ball: PerturbationSet) -> Iterator[Step]:
        """Start the solver that queries the victim."""
        if self.way == "square":
            return square_attack(victim, x, ball, Margin(truth), queries=self.queries, seed=self.seed)
        solver = hop_skip_jump if self.way == "hop_skip_jump" else boundary_attack
        anywhere = ball.with_radius(float("inf"))
        return solver(victim, x, anywhere, Untargeted(truth), queries=self.queries, seed=self.seed)


def changes(victim: DigitNetwork, x: Tensor, delta: Tensor, ball: PerturbationSet, truth: Tensor) -> Tensor:
    """Tell for which rows δ, stretched or cut to the ball's radius, changes the prediction of the 8-bit picture."""
    longer = (ball.radius / ball.norm(delta).clamp_min(1e-12)).clamp_min(1)
    made = ball.quantize(ball.project(delta * per_row(longer, x), x), x)
    with torch.no_grad():
        return victim(x + made).argmax(1) != truth


def share(rows: Tensor) -> float:
    return float(rows.float().mean())
