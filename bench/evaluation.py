"""Benchmark of our attacks beside those of the same name in five libraries, by the protocol of AttackBench.

    make bench-evaluation                             # about ten minutes on two idle cores
    .venv-peers/bin/python -m bench.evaluation --examples 64 --budget 2000
    .venv-peers/bin/python -m bench.evaluation --networks digits/robust_03 --norms l2 --attacks DDN FMN
    .venv-peers/bin/python -m bench.evaluation --curves curves.json   # the security curves, beside the table
    .venv-peers/bin/python -m bench.evaluation standard               # the verdict beside pyautoattack's

The protocol is that of Cinà et al. (2024, arXiv:2404.19460). All attacks get the same network in the same wrapper. It
counts the forward and backward passes of each example; once they are used up, it keeps no more δ of this example, and
once all are, it ends the attack. The result is the smallest δ at which the wrapper has seen a wrong answer, whatever
the attack returns. An attack in a ball of given radius runs once for each radius of a grid, the same for all, with an
equal part of the budget: quantiles of the smallest δ that FMN finds beforehand. It is asked for a point of the ball,
not for a short one, so that its size is the smallest radius at which it fools. A black-box attack depends on its draws:
it runs with three seeds, and its figures are means.

The security curve is the share of examples whose smallest δ is longer than ε. Optimality compares the area above it
with that above the envelope, the curve of the pointwise best of all attacks of the table, up to the ε at which the
envelope is zero. 100 % is the best attack on every example. Of our attacks, those of `ENVELOPE` count for it even if
they are not in the table.

Everything runs on one thread, and times are those of the processor, so that other programs disturb them less.
"""

import startup

startup.prepare()  # as the app does, before torch is imported

import argparse
import contextlib
import io
import json
import logging
import math
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from adv_core import L2, Linf, Untargeted, load_classifier, run, smallest_epsilon
from adv_core.datasets import mnist, photograph, photographs
from adv_core.evaluation import Budget, evaluate, judged
from adv_core.evaluation.networks import network_of
from adv_core.evaluation.record import limit
from adv_core.networks.digit_network import checkpoint
from adv_core.norms import NORMS, NormKey
from bench import peers
from bench.contestants import OURS, BudgetSpent, Contestant, contestants

GRID = {"FGSM": 20, "Square": 4}  # radii; ten for the others
SEEDS = 3  # of a black-box attack
ENVELOPE = ("APGD", "FMN", "FAB", "DDN")
NETWORKS = ["digits/standard", "digits/robust_03", "efficientnet_lite0"]
CURVE = 20  # places of a security curve
PHOTOGRAPHS = ("PGD", "APGD", "FMN", "FAB", "DeepFool", "DDN")  # the attacks that get somewhere with a small budget


class Watched(nn.Module):
    """The network, with a counter and the smallest adversarial δ of each example.

    A row of a batch belongs to the example of its place if the batch has one row for each, and otherwise to the nearest
    one: attacks leave out rows, and repeat them.
    """

    def __init__(self, network: nn.Module, x: Tensor, y: Tensor, norm: NormKey, budget: int) -> None:
        super().__init__()
        self.network, self.x, self.y, self.budget = network, x, y, budget
        self.ball = NORMS[norm].ball(1.0)
        self.forwards, self.backwards = torch.zeros(len(x)), torch.zeros(len(x))
        self.limit, self.radius = float(budget), math.inf
        with torch.no_grad():
            self.sizes = torch.where(network(x).argmax(1) == y, torch.inf, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.x.dtype)
        with torch.no_grad():
            seen = x.detach()
            rows = torch.arange(len(x)) if len(x) == len(self.x) else self._nearest(seen)
        if bool((self.spent[rows] >= self.limit).all()):
            raise BudgetSpent
        logits: Tensor = self.network(x)
        with torch.no_grad():
            self._look(seen, logits.detach(), rows)
            self.forwards += rows.bincount(minlength=len(self.x))
        if logits.requires_grad:
            logits.register_hook(lambda gradient: self._passed_back(rows))
        return logits

    def check(self, adversarial: Tensor) -> None:
        """Look at the point that an attack returns; this pass is not counted."""
        with torch.no_grad():
            self._look(adversarial, self.network(adversarial), torch.arange(len(self.x)))

    @property
    def spent(self) -> Tensor:
        return self.forwards + self.backwards

    def _passed_back(self, rows: Tensor) -> None:
        self.backwards += rows.bincount(minlength=len(self.x))

    def _nearest(self, x: Tensor) -> Tensor:
        return torch.cdist(x.flatten(1), self.x.flatten(1)).argmin(1)

    def _look(self, x: Tensor, logits: Tensor, rows: Tensor) -> None:
        inside = ((x >= -1e-6) & (x <= 1 + 1e-6)).flatten(1).all(1)
        fooled = (logits.argmax(1) != self.y[rows]) & inside & (self.spent[rows] < self.limit)
        sizes = self.ball.norm(x - self.x[rows])
        if self.radius < math.inf:
            sizes = torch.where(sizes <= limit(self.radius), self.radius, math.inf)
        sizes = torch.where(fooled, sizes, math.inf)
        self.sizes = self.sizes.scatter_reduce(0, rows, sizes, "amin")


@dataclass
class Result:
    """The finds and the costs of one contestant: sizes (R, N) of its runs; passes of an example; processor seconds."""

    contestant: Contestant
    sizes: Tensor
    forward: float
    backward: float
    seconds: float
    failure: str = ""

    def optimality(self, best: Tensor) -> float:
        """The area above the security curve, as a part of that above the envelope."""
        end = best.max()
        return float((end - self.sizes).clamp_min(0).mean() / (end - best).mean().clamp_min(1e-12))

    def curve(self, places: Tensor) -> list[float]:
        """The share of examples that stand at each ε."""
        return [round(float((self.sizes > place).float().mean()), 4) for place in places]


def contest(contestant: Contestant, network: nn.Module, x: Tensor, y: Tensor, reference: Tensor, budget: int) -> Result:
    """Run one contestant until its budget is used up, or it ends; a black-box attack once for each seed."""
    radii = [math.inf]
    if contestant.fixed:
        count = GRID.get(contestant.attack, 10)
        radii = reference.quantile(torch.arange(1, count + 1) / count).mul(1.02).tolist()
    seeds = range(SEEDS if contestant.black_box else 1)
    runs = [Watched(network, x, y, contestant.norm, budget).eval() for _ in seeds]
    # what a library imports and prepares at its first call is not counted
    _run(contestant, Watched(network, x[:1], y[:1], contestant.norm, 4).eval(), radii[:1], 0)
    failure, start = "", time.process_time()
    for seed, watched in zip(seeds, runs, strict=True):
        failure = failure or _run(contestant, watched, radii, seed)
    seconds = (time.process_time() - start) / len(runs)
    sizes = torch.stack([watched.sizes for watched in runs])
    forward, backward = (
        float(torch.stack([getattr(watched, kind) for watched in runs]).mean()) for kind in ("forwards", "backwards")
    )
    return Result(contestant, sizes, forward, backward, seconds, failure)


def _run(contestant: Contestant, watched: Watched, radii: list[float], seed: int) -> str:
    """Run one contestant on all radii. Return the name of an error that ended it, or nothing."""
    x, y, budget = watched.x, watched.y, watched.budget
    torch.manual_seed(seed)
    for number, eps in enumerate(radii):
        watched.limit, watched.radius = budget * (number + 1) / len(radii), eps
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                end = contestant.launch(watched, x.clone(), y.clone(), eps, budget // len(radii))
            watched.check(end)
        except BudgetSpent:
            pass
        except Exception as error:  # a peer that fails is reported, and the others go on
            logging.error("%s of %s: %s", contestant.attack, contestant.library, error)
            return type(error).__name__
    return ""


def networks(name: str, count: int, pictures: int) -> tuple[nn.Module, Tensor, Tensor]:
    """(network, examples, labels); a photograph's label is the network's own answer."""
    if name.startswith("digits/"):
        digits = mnist("test", range(10))[:count]
        network = checkpoint(name.removeprefix("digits/")).network.eval().requires_grad_(False)
        return network, digits.images, digits.labels
    classifier = load_classifier(name, "cpu")
    x = torch.cat([classifier.prepare(photograph(each)) for each in photographs()[:pictures]])
    with torch.no_grad():
        return classifier, x, classifier(x).argmax(1)


def compare(name: str, norm: NormKey, wanted: list[str], asked: argparse.Namespace) -> list[Result]:
    """Run all contestants in one norm on one network, and print their table."""
    network, x, y = networks(name, asked.examples, asked.photographs)
    small = not name.startswith("digits/")
    budget = asked.small_budget if small else asked.budget
    reference = run(
        smallest_epsilon(network, x, NORMS[norm].ball(math.inf), Untargeted(y), steps=100, quantize=False),
        keep_steps=False,
    )
    reference_sizes = NORMS[norm].ball(1.0).norm(reference.delta)
    results, best = [], torch.full_like(reference_sizes, math.inf)
    for contestant in contestants(norm):
        shown = not wanted or contestant.attack in wanted
        needed = contestant.library == OURS and contestant.attack in ENVELOPE
        if (small and contestant.attack not in PHOTOGRAPHS) or not (shown or needed):
            continue
        result = contest(contestant, network, x, y, reference_sizes, budget)
        best = torch.minimum(best, result.sizes.amin(0))
        if not shown:
            continue
        results.append(result)
        if asked.verbose:
            last = results[-1]
            print(f"  {contestant.attack} {contestant.library} {last.seconds:.1f} s {last.failure}", flush=True)
    if results:
        print(f"\n{name}, {NORMS[norm].title}, {len(x)} examples, {budget} passes each\n")
        print(table(results, best), flush=True)
        if asked.curves:
            _keep(asked.curves, f"{name}, {NORMS[norm].title}", results, best)
    return results


def _keep(file: Path, title: str, results: list[Result], best: Tensor) -> None:
    """Add the security curves of a table to a JSON file."""
    kept = json.loads(file.read_text()) if file.is_file() else {}
    places = torch.linspace(0, float(best.max()), CURVE + 1)
    curves = {f"{each.contestant.attack}, {each.contestant.library}": each.curve(places) for each in results}
    envelope = [round(float((best > place).float().mean()), 4) for place in places]
    kept[title] = {"eps": [round(float(place), 5) for place in places], "envelope": envelope, "stand": curves}
    file.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")


def table(results: list[Result], best: Tensor) -> str:
    """One row for each attack, one column for each library; best: the smallest δ of each example, (N,)."""
    libraries = list(dict.fromkeys([OURS, *(result.contestant.library for result in results)]))
    lines = ["| attack | " + " | ".join(libraries) + " | best peer: optimality | fastest peer: time |"]
    lines.append("|---" * (len(libraries) + 3) + "|")
    for attack in dict.fromkeys(result.contestant.attack for result in results):
        found = {result.contestant.library: result for result in results if result.contestant.attack == attack}
        ours = found[OURS]
        peers = [result for library, result in found.items() if library != OURS and not result.failure]
        cells = [_cell(found.get(library), best, ours) for library in libraries]
        if peers:
            gap = ours.optimality(best) - max(peer.optimality(best) for peer in peers)
            pace = min(peer.seconds for peer in peers) / ours.seconds
            cells += [f"**{100 * gap:+.1f}**", f"**{pace:.2f}**"]
        lines.append(f"| {attack} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(result: Result | None, best: Tensor, ours: Result) -> str:
    """Optimality in per cent, forward + backward passes of an example, and its time divided by ours."""
    if result is None:
        return ""
    if result.failure:
        return result.failure
    passes = f"{result.forward:.0f}+{result.backward:.0f}"
    return f"{100 * result.optimality(best):.1f} ({passes}; {result.seconds / ours.seconds:.2f})"


def standard(asked: argparse.Namespace) -> None:
    """Print the robust accuracy of *standard* and its time beside pyautoattack's, with equal budgets.

    Each judges the network that its user would have: ours the packaged one, rewritten by `fast_network`, as
    `python -m adv_core.evaluate` does, and pyautoattack the plain one.
    """
    from pyautoattack import AutoAttack

    small = Budget(steps=10, targets=2, queries=60)
    cases = (
        ("digits/robust_03", Linf(0.3), "Linf", Budget()),
        ("digits/robust_01", Linf(0.1), "Linf", Budget()),
        ("digits/robust_01", L2(1.5), "L2", Budget()),
        ("efficientnet_lite0", Linf(0.25 / 255), "Linf", small),
    )
    print(
        "| network | ball | examples | ours stand | pyautoattack's stand | its time / ours |\n|---|---|---|---|---|---|"
    )
    for name, ball, key, budget in cases:
        if asked.networks and name not in asked.networks:
            continue
        plain, x, y = networks(name, asked.examples, asked.photographs)
        if not name.startswith("digits/"):
            plain = peers.networks(name, "cpu")[0]
        packaged = network_of(name, device="cpu").classifier
        start = time.process_time()
        ours = judged(evaluate(packaged, x, y, ball, budget=budget, batch=len(x), diagnose=0))
        middle = time.process_time()
        judge = AutoAttack(plain, norm=key, eps=float(ball.radius), seed=0, version="standard", device="cpu")
        _give(judge, budget)
        with contextlib.redirect_stdout(io.StringIO()):
            adversarial, _ = judge.run_standard_evaluation(x, y, batch_size=len(x))
        end = time.process_time()
        with torch.no_grad():
            stands = int((plain(adversarial).argmax(1) == y).sum())
        ratio = (end - middle) / (middle - start)
        told = NORMS[ours.norm]
        row = f"{told.title}, ε = {told.text(ours.eps)} | {len(x)} | {int(ours.stands.sum())} | {stands}"
        print(f"| {name} | {row} | **{ratio:.2f}** |", flush=True)


def _give(judge: object, budget: Budget) -> None:
    """Set the budgets of pyautoattack's attacks."""
    for attack in (judge.apgd, judge.apgd_targeted):  # type: ignore[attr-defined]
        attack.n_iter = attack.n_iter_orig = budget.steps
        attack.n_iter_2 = max(int(0.22 * budget.steps), 1)
        attack.n_iter_min = max(int(0.06 * budget.steps), 1)
        attack.size_decr = max(int(0.03 * budget.steps), 1)
    judge.apgd_targeted.n_target_classes = judge.fab.n_target_classes = budget.targets  # type: ignore[attr-defined]
    judge.fab.n_iter, judge.square.n_queries = budget.steps, budget.queries  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("attacks", "standard"), default="attacks")
    parser.add_argument("--networks", nargs="+", default=[])
    parser.add_argument("--norms", nargs="+", choices=("linf", "l2", "l1"), default=["linf", "l2", "l1"])
    parser.add_argument("--attacks", nargs="+", default=[], help="such as PGD FMN; all of them otherwise")
    parser.add_argument("--examples", type=int, default=32, help="digits (%(default)s)")
    parser.add_argument("--photographs", type=int, default=4, help="(%(default)s)")
    parser.add_argument("--budget", type=int, default=1000, help="passes of a digit (%(default)s)")
    parser.add_argument("--small-budget", type=int, default=100, help="passes of a photograph (%(default)s)")
    parser.add_argument("--curves", type=Path, help="a JSON file to add the security curves to")
    parser.add_argument("--verbose", action="store_true", help="print each contestant")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    start = time.time()
    print(f"torch {torch.__version__}, one thread")
    if asked.what == "standard":
        standard(asked)
    else:
        for name in asked.networks or NETWORKS:
            for norm in asked.norms:
                compare(name, norm, asked.attacks, asked)
    print(f"\n{(time.time() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
