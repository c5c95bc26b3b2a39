"""Benchmark of our attacks beside torchattacks, foolbox, ART, CleverHans and adv-lib: time and result of equal work.

    make bench-peers                  # 15 to 20 minutes on two cores
    .venv-peers/bin/python -m bench.peers --quick
    .venv-peers/bin/python -m bench.peers --device cuda

Every peer runs twice: on the plain module that its user would pass (normalisation in front, the network as its authors
wrote it), and on our rewritten network. So the table separates the gain of the network from the gain of the loop. The
bare loop is forward + gradient to the input, once for each step of the attack, and nothing else. Contestants take turns
within a row, single steps after one turn that is not counted; times are medians. The loss is that of the plain module
on the final picture, as the attack maximises it, so a weaker attack is visible beside its speed. Peers do not round to
8 bits; in this comparison, our attacks do not either.
"""

import startup

startup.prepare()  # as the app does, before torch is imported

import argparse
import contextlib
import copy
import importlib
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core import L2, Classifier, Linf, Targeted, Untargeted, fgsm, open_image, pgd, run
from adv_core.classifiers import info_of
from adv_core.networks.fast_network import fast_network

PHOTOS = sorted((Path(__file__).parents[1] / "assets" / "photos").glob("*.jpg"))
warnings.filterwarnings("ignore")


@dataclass(frozen=True)
class Work:
    """One attack with its settings."""

    title: str
    norm: str
    eps: float
    alpha: float
    steps: int
    targeted: bool = False

    def loss(self, logits: Tensor, labels: Tensor) -> float:
        """The loss that the attack maximises, the mean over the batch."""
        value = float(F.cross_entropy(logits, labels))
        return -value if self.targeted else value


WORKS = (
    Work("FGSM", "linf", 8 / 255, 8 / 255, 1),
    Work("PGD-10", "linf", 8 / 255, 2 / 255, 10),
    Work("PGD-40", "linf", 8 / 255, 2 / 255, 40),
    Work("PGD-40 L2", "l2", 3.0, 0.3, 40),
    Work("targeted PGD-40", "linf", 8 / 255, 2 / 255, 40, True),
)
Attack = Callable[[nn.Module, Tensor, Tensor, Work], Tensor]


class Plain(nn.Module):
    """The plain module of a peer's user: pixels in, the network as its authors wrote it."""

    def __init__(self, network: nn.Module, classifier: Classifier) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", classifier.mean)
        self.register_buffer("std", classifier.std)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network((x - self.mean) / self.std)
        return logits


def bare_loop(model: nn.Module, x: Tensor, labels: Tensor, work: Work) -> Tensor:
    for _ in range(work.steps):
        point = x.clone().requires_grad_()
        torch.autograd.grad(F.cross_entropy(model(point), labels), point)
    return x


def ours(model: nn.Module, x: Tensor, labels: Tensor, work: Work) -> Tensor:
    ball = Linf(work.eps) if work.norm == "linf" else L2(work.eps)
    objective = Targeted(labels) if work.targeted else Untargeted(labels)
    if work.title == "FGSM":
        return run(fgsm(model, x, ball, objective, quantize=False), keep_steps=False).adversarial
    steps = pgd(model, x, ball, objective, steps=work.steps, step_size=work.alpha, quantize=False)
    return run(steps, keep_steps=False).adversarial


def torchattacks(model: nn.Module, x: Tensor, labels: Tensor, work: Work) -> Tensor:
    lib = importlib.import_module("torchattacks")
    if work.title == "FGSM":
        attack = lib.FGSM(model, eps=work.eps)
    elif work.norm == "linf":
        attack = lib.PGD(model, eps=work.eps, alpha=work.alpha, steps=work.steps, random_start=False)
    else:
        attack = lib.PGDL2(model, eps=work.eps, alpha=work.alpha, steps=work.steps, random_start=False)
    if work.targeted:
        attack.set_mode_targeted_by_label(quiet=True)
    result: Tensor = attack(x, labels)
    return result


def foolbox(model: nn.Module, x: Tensor, labels: Tensor, work: Work) -> Tensor:
    lib = importlib.import_module("foolbox")
    wrapped = lib.PyTorchModel(model, bounds=(0, 1), device=x.device)
    aim = lib.criteria.TargetedMisclassification(labels) if work.targeted else lib.criteria.Misclassification(labels)
    if work.title == "FGSM":
        attack = lib.attacks.LinfFastGradientAttack()
    else:
        kind = lib.attacks.LinfPGD if work.norm == "linf" else lib.attacks.L2PGD
        attack = kind(abs_stepsize=work.alpha, steps=work.steps, random_start=False)
    result: Tensor = attack(wrapped, x, aim, epsilons=work.eps)[1]
    return result


def art(model: nn.Module, x: Tensor, labels: Tensor, work: Work) -> Tensor:
    estimators = importlib.import_module("art.estimators.classification")
    evasion = importlib.import_module("art.attacks.evasion")
    device = "gpu" if x.is_cuda else "cpu"
    shape = tuple(x.shape[1:])
    wrapped = estimators.PyTorchClassifier(
        model, nn.CrossEntropyLoss(), shape, 1000, device_type=device, clip_values=(0, 1)
    )
    norm = np.inf if work.norm == "linf" else 2
    if work.title == "FGSM":
        attack = evasion.FastGradientMethod(wrapped, norm=norm, eps=work.eps, batch_size=len(x))
    else:
        attack = evasion.ProjectedGradientDescentPyTorch(
            wrapped,
            norm=norm,
            eps=work.eps,
            eps_step=work.alpha,
            max_iter=work.steps,
            targeted=work.targeted,
            num_random_init=0,
            batch_size=len(x),
            verbose=False,
        )
    return torch.from_numpy(attack.generate(x.cpu().numpy(), labels.cpu().numpy())).to(x)


def cleverhans(model: nn.Module, x: Tensor, labels: Tensor, work: Work) -> Tensor:
    norm = np.inf if work.norm == "linf" else 2
    options = {"clip_min": 0.0, "clip_max": 1.0, "y": labels, "targeted": work.targeted, "sanity_checks": False}
    if work.title == "FGSM":
        lib = importlib.import_module("cleverhans.torch.attacks.fast_gradient_method")
        once: Tensor = lib.fast_gradient_method(model, x, work.eps, norm, **options)
        return once.detach()
    lib = importlib.import_module("cleverhans.torch.attacks.projected_gradient_descent")
    many: Tensor = lib.projected_gradient_descent(
        model, x, work.eps, work.alpha, work.steps, norm, rand_init=False, **options
    )
    return many.detach()


def adv_lib(model: nn.Module, x: Tensor, labels: Tensor, work: Work) -> Tensor:
    if work.norm != "linf" or work.title == "FGSM":
        raise NotImplementedError("not in this library")
    sys.modules.setdefault("visdom", types.ModuleType("visdom")).Visdom = object  # type: ignore[attr-defined]
    lib = importlib.import_module("adv_lib.attacks")
    result: Tensor = lib.pgd_linf(
        model,
        x,
        labels,
        work.eps,
        targeted=work.targeted,
        steps=work.steps,
        random_init=False,
        absolute_step_size=work.alpha,
    )
    return result


PEERS: dict[str, Attack] = {
    "torchattacks": torchattacks,
    "adv-lib": adv_lib,
    "foolbox": foolbox,
    "ART": art,
    "CleverHans": cleverhans,
}
QUICK_PEERS = ("torchattacks", "adv-lib")  # the others compute parameter gradients, too slow for long rows


def networks(name: str, device: str) -> tuple[nn.Module, Classifier]:
    """(plain, ours) with the same weights; ResNet50 with random ones."""
    info = info_of(name)
    if name == "resnet50":
        models = importlib.import_module("torchvision.models")
        torch.manual_seed(0)
        network = models.resnet50(weights=None)
    else:
        network = info.load()
    network = network.eval().requires_grad_(False)
    classifier = Classifier(fast_network(copy.deepcopy(network)), info).to(device)
    # A peer's user does not freeze parameters; a peer that differentiates to the input alone loses nothing by that.
    return Plain(network, classifier).to(device).eval().requires_grad_(True), classifier


def contest(plain: nn.Module, fast: nn.Module, rounds: list[Tensor], work: Work, peers: tuple[str, ...]) -> str:
    """Measure a row of the table: every round has new photographs, the same for all contestants."""
    runners: dict[str, tuple[Attack, nn.Module]] = {
        "ours": (ours, fast),
        "bare ours": (bare_loop, fast),
        "bare plain": (bare_loop, copy.deepcopy(plain).requires_grad_(False)),
    }
    for name in peers:
        runners[name] = (PEERS[name], plain)
        runners[f"{name} on ours"] = (PEERS[name], fast)
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    losses: dict[str, list[float]] = {name: [] for name in runners}
    missing: dict[str, str] = {}
    for x in rounds:
        with torch.no_grad():
            labels = plain(x).argmax(1)
        if work.targeted:
            labels = (labels + 404) % 1000
        for name, (attack, model) in runners.items():
            try:
                if work.steps == 1:  # so short that the contents of the processor's cache matter
                    attack(model, x, labels, work)
                synchronise(x)
                start = time.perf_counter()
                result = attack(model, x, labels, work)
            except Exception as error:  # a peer that fails is reported, and the others go on
                missing[name] = "-" if isinstance(error, NotImplementedError) else type(error).__name__
                continue
            synchronise(x)
            seconds[name].append(time.perf_counter() - start)
            if attack is not bare_loop:
                with torch.no_grad():
                    losses[name].append(work.loss(plain(result.to(x)), labels))
    medians = {name: statistics.median(times) for name, times in seconds.items() if times}
    final = {name: f"{statistics.mean(values):.3g}" for name, values in losses.items() if values}
    mine = medians["ours"]
    cells = [f"{mine * 1e3:.0f} ms ({final['ours']})", f"{mine / medians['bare ours']:.2f}"]
    cells.append(f"{medians['bare plain'] / mine:.2f}")
    for name in PEERS:
        for key in (name, f"{name} on ours"):
            if key in medians:
                cells.append(f"{medians[key] / mine:.2f} ({final[key]})")
            else:
                cells.append(missing.get(key, "-"))
    fastest = min((medians[name] for name in peers if name in medians), default=float("nan"))
    cells.append(f"**{fastest / mine:.2f}**")
    return " | ".join(cells)


def batch_of(pictures: list[Tensor], size: int, start: int) -> Tensor:
    return torch.cat([pictures[(start * size + i) % len(pictures)] for i in range(size)])


def synchronise(x: Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--only", default="", help="the rows of one attack, such as 'PGD-40 L2'")
    parser.add_argument("--rows", nargs="+", default=[], help="such as efficientnet_lite0:8")
    asked = parser.parse_args()
    start = time.time()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {asked.device}")
    heads = ["network", "batch", "attack", "ours (loss)", "ours / bare loop of ours", "plain bare loop / ours"]
    heads += [f"{name}{on} / ours (loss)" for name in PEERS for on in ("", " on ours")]
    heads.append("fastest peer on the plain module / ours")
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|", flush=True)
    for network, batches in {"efficientnet_lite0": (1, 8, 32), "resnet50": (1,)}.items():
        plain, fast = networks(network, asked.device)
        pictures = [fast.prepare(open_image(path.read_bytes())) for path in PHOTOS]
        if asked.device != "cpu":
            batches = (128,) if network == "efficientnet_lite0" else (1,)
        for batch in batches[:1] if asked.quick else batches:
            if asked.rows and f"{network}:{batch}" not in asked.rows:
                continue
            x = batch_of(pictures, batch, 0)
            labels = torch.zeros(batch, dtype=torch.long, device=x.device)
            for model in (plain, fast):  # warm up: imports, packed weights, caches
                for attack in (bare_loop, ours, *PEERS.values()):
                    with contextlib.suppress(Exception):
                        attack(model, x, labels, WORKS[0] if attack is not adv_lib else replace(WORKS[1], steps=1))
            for work in WORKS[:2] if asked.quick else WORKS:
                if asked.only not in ("", work.title):
                    continue
                if batch == 32 and work.title in ("PGD-40 L2", "targeted PGD-40"):
                    continue  # it takes a minute for each contestant, and PGD-40 shows the same
                long = batch > 1 or (work.steps == 40 and network == "resnet50")
                repeats = 5 if work.steps == 1 else 3
                if asked.quick or (long and work.steps > 1):
                    repeats = 1 if batch == 32 or asked.quick else 2 if work.steps == 40 else 3
                rounds = [batch_of(pictures, batch, round) for round in range(repeats)]
                row = contest(plain, fast, rounds, work, QUICK_PEERS if long else tuple(PEERS))
                print(f"| {network} | {batch} | {work.title} | {row} |", flush=True)
    print(f"\n{(time.time() - start) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
