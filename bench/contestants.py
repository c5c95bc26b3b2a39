"""The attacks of `bench.evaluation`: ours, and those of the same name in five libraries.

Each is a function (model, x, y, ε, budget) that returns x + δ. ε is infinite for an attack that looks for the smallest
δ. The budget is the number of forward and backward passes of an example; it decides the number of steps, and the
schedule that follows from it. PGD starts at x. Settings that libraries share are equal, and all else is the library's
default.
"""

import contextlib
import importlib
import math
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import adv_core as lab
from adv_core.networks.torchvision_compat import ensure_torchvision_imports
from adv_core.norms import NORMS, NormKey

OURS = "ours"
ORDER = {"linf": math.inf, "l2": 2.0, "l1": 1.0}
AUTOATTACK_NORM = {"linf": "Linf", "l2": "L2", "l1": "L1"}
CONSTANT = 1.0  # c of Carlini & Wagner; torchattacks does not search for it, so that nobody does here
GRADIENTS = 10  # classes that DeepFool and FAB differentiate at each step

Attack = Callable[[nn.Module, Tensor, Tensor, float, int], Tensor]


class BudgetSpent(Exception):
    """Every example of a batch has used up its passes."""


@dataclass(frozen=True)
class Contestant:
    """An attack of one library.

    Attributes:
        attack: the name that it shares with the others'; norm; library.
        launch: runs it; fixed: whether it needs a radius; black_box: whether it makes queries alone.
    """

    attack: str
    norm: NormKey
    library: str
    launch: Attack
    fixed: bool = False
    black_box: bool = False


def _ours(solver: Callable[..., Iterator[lab.Step]], norm: NormKey, places: str, **options: Any) -> Attack:
    def launch(model: nn.Module, x: Tensor, y: Tensor, eps: float, budget: int) -> Tensor:
        given = {"set": NORMS[norm].ball(eps), "objective": lab.Untargeted(y), "margin": lab.Margin(y), "y": y}
        chosen = {name: value(eps, budget) for name, value in options.items()}
        steps = solver(model, x, *(given[place] for place in places.split()), quantize=False, **chosen)
        return lab.run(steps, keep_steps=False).adversarial

    return launch


def _torchattacks(name: str, **options: Any) -> Attack:
    def launch(model: nn.Module, x: Tensor, y: Tensor, eps: float, budget: int) -> Tensor:
        library = importlib.import_module("torchattacks")
        attack = getattr(library, name)(model, **{key: value(eps, budget) for key, value in options.items()})
        adversarial: Tensor = attack(x, y)
        return adversarial

    return launch


def _foolbox(name: str, **options: Any) -> Attack:
    def launch(model: nn.Module, x: Tensor, y: Tensor, eps: float, budget: int) -> Tensor:
        library = importlib.import_module("foolbox")
        chosen = {key: value(eps, budget) for key, value in options.items()}
        wrapped = library.PyTorchModel(model, bounds=(0, 1), device=x.device)
        aim = library.criteria.Misclassification(y)
        attack = getattr(library.attacks, name)(**chosen)
        adversarial: Tensor = attack(wrapped, x, aim, epsilons=eps if math.isfinite(eps) else None)[1]
        return adversarial

    return launch


def _one_by_one(launch: Attack) -> Attack:
    """For an attack that goes on to the next example only when one is finished: each ends when its budget is spent."""

    def each(model: nn.Module, x: Tensor, y: Tensor, eps: float, budget: int) -> Tensor:
        found = x.clone()
        for row in range(len(x)):
            with contextlib.suppress(BudgetSpent):
                found[row : row + 1] = launch(model, x[row : row + 1], y[row : row + 1], eps, budget)
        return found

    return each


def _art(name: str, **options: Any) -> Attack:
    def launch(model: nn.Module, x: Tensor, y: Tensor, eps: float, budget: int) -> Tensor:
        evasion = importlib.import_module("art.attacks.evasion")
        estimators = importlib.import_module("art.estimators.classification")
        with torch.no_grad():
            classes = model.network(x[:1]).shape[1]
        shape = tuple(x.shape[1:])
        wrapped = estimators.PyTorchClassifier(
            model, nn.CrossEntropyLoss(), shape, classes, device_type="cpu", clip_values=(0.0, 1.0)
        )
        chosen = {key: value(eps, budget) for key, value in options.items()}
        np.random.seed(drawn(eps, budget))
        one_hot = np.eye(classes, dtype=np.float32)[y.numpy()]
        return torch.from_numpy(getattr(evasion, name)(wrapped, **chosen).generate(x.numpy(), one_hot))

    return launch


def _adv_lib(name: str, **options: Any) -> Attack:
    def launch(model: nn.Module, x: Tensor, y: Tensor, eps: float, budget: int) -> Tensor:
        ensure_torchvision_imports()
        # adv-lib imports visdom for its plots alone
        sys.modules.setdefault("visdom", types.ModuleType("visdom")).Visdom = object  # type: ignore[attr-defined]
        library = importlib.import_module("adv_lib.attacks")
        chosen = {key: value(eps, budget) for key, value in options.items()}
        adversarial: Tensor = getattr(library, name)(model, x, y, **chosen)
        return adversarial

    return launch


def _autoattack(module: str, name: str, **options: Any) -> Attack:
    def launch(model: nn.Module, x: Tensor, y: Tensor, eps: float, budget: int) -> Tensor:
        library = importlib.import_module(f"pyautoattack.{module}")
        chosen = {key: value(eps, budget) for key, value in options.items()}
        attack = getattr(library, name)(model, device="cpu", seed=drawn(eps, budget), **chosen)
        adversarial: Tensor = attack.perturb(x, y)
        return adversarial

    return launch


def always(value: object) -> Callable[[float, int], object]:
    return lambda eps, budget: value


def radius(eps: float, budget: int) -> float:
    return eps


def quarter(eps: float, budget: int) -> float:
    return eps / 4


def steps(eps: float, budget: int) -> int:
    """Steps of one forward and one backward pass."""
    return max(budget // 2, 1)


def boundary_steps(eps: float, budget: int) -> int:
    """Steps that linearise the boundary to each of the candidates."""
    return max(budget // (GRADIENTS + 1), 1)


def queries(eps: float, budget: int) -> int:
    return budget


def drawn(eps: float, budget: int) -> int:
    """The seed that torch was given last: that of the run."""
    return torch.initial_seed()


NO, ZERO, ALL = always(False), always(0), always(4096)


def _fixed(norm: NormKey) -> list[tuple[str, str, Attack]]:
    """(attack, library, function) of the attacks in a ball of radius ε."""
    order, key = ORDER[norm], AUTOATTACK_NORM[norm]
    found = [
        ("PGD", OURS, _ours(lab.pgd, norm, "set objective", steps=steps, step_size=quarter)),
        ("APGD", OURS, _ours(lab.apgd, norm, "set objective", steps=steps, random_start=always(True))),
        ("APGD", "adv-lib", _adv_lib("apgd", eps=radius, norm=always(order), n_iter=steps, loss_function=always("ce"))),
        (
            "APGD",
            "pyautoattack",
            _autoattack("autopgd_base", "APGDAttack", norm=always(key), eps=radius, n_iter=steps),
        ),
    ]
    if norm == "l1":
        small = {"abs_stepsize": quarter, "steps": steps, "random_start": NO}
        return [*found, ("PGD", "foolbox", _foolbox("SparseL1DescentAttack", **small))]
    prefix, l2 = ("Linf", "") if norm == "linf" else ("L2", "L2")
    iterated = {"abs_stepsize": quarter, "steps": steps, "random_start": NO}
    art = {"norm": always(order), "eps": radius, "eps_step": quarter, "max_iter": steps, "batch_size": ALL}
    found += [
        ("FGSM", OURS, _ours(lab.fgsm, norm, "set objective")),
        ("FGSM", "foolbox", _foolbox(f"{prefix}FastGradientAttack")),
        ("FGSM", "ART", _art("FastGradientMethod", norm=always(order), eps=radius, batch_size=ALL)),
        (
            "PGD",
            "torchattacks",
            _torchattacks(f"PGD{l2}", eps=radius, alpha=quarter, steps=steps, random_start=NO),
        ),
        ("PGD", "foolbox", _foolbox(f"{prefix}PGD", **iterated)),
        ("PGD", "ART", _art("ProjectedGradientDescentPyTorch", **art, num_random_init=ZERO, verbose=NO)),
        ("APGD", "torchattacks", _torchattacks("APGD", norm=always(key), eps=radius, steps=steps)),
        ("APGD", "ART", _art("AutoProjectedGradientDescent", **art, nb_random_init=always(1), verbose=NO)),
        ("Square", OURS, _ours(lab.square_attack, norm, "set margin", queries=queries, seed=drawn)),
        (
            "Square",
            "torchattacks",
            _torchattacks("Square", norm=always(key), eps=radius, n_queries=queries, seed=drawn),
        ),
        (
            "Square",
            "ART",
            _art("SquareAttack", norm=always(order), eps=radius, max_iter=queries, batch_size=ALL, verbose=NO),
        ),
        (
            "Square",
            "pyautoattack",
            _autoattack("square", "SquareAttack", norm=always(key), eps=radius, n_queries=queries),
        ),
    ]
    if norm == "linf":
        found += [
            ("FGSM", "torchattacks", _torchattacks("FGSM", eps=radius)),
            (
                "PGD",
                "adv-lib",
                _adv_lib("pgd_linf", ε=radius, steps=steps, random_init=NO, absolute_step_size=quarter),
            ),
            ("MI-FGSM", OURS, _ours(lab.mi_fgsm, norm, "set objective", steps=steps, step_size=quarter)),
            ("MI-FGSM", "torchattacks", _torchattacks("MIFGSM", eps=radius, alpha=quarter, steps=steps)),
            ("MI-FGSM", "foolbox", _foolbox("LinfMomentumIterativeFastGradientMethod", **iterated)),
            ("MI-FGSM", "ART", _art("MomentumIterativeMethod", **art, verbose=NO)),
        ]
    return found


def _minimal(norm: NormKey) -> list[tuple[str, str, Attack]]:
    """(attack, library, function) of the attacks that look for the smallest δ."""
    order, key, candidates = ORDER[norm], AUTOATTACK_NORM[norm], always(GRADIENTS)
    foolbox = {"linf": "LInf", "l2": "L2", "l1": "L1"}[norm]
    found = [
        ("FMN", OURS, _ours(lab.smallest_epsilon, norm, "set objective", steps=steps)),
        ("FMN", "foolbox", _foolbox(f"{foolbox}FMNAttack", steps=steps)),
        ("FMN", "adv-lib", _adv_lib("fmn", norm=always(order), steps=steps)),
        ("FAB", OURS, _ours(lab.fab, norm, "set y", steps=boundary_steps, candidates=candidates)),
        ("FAB", "adv-lib", _adv_lib("fab", norm=always(order), n_iter=boundary_steps)),
        (
            "FAB",
            "pyautoattack",
            _autoattack("fab_pt", "FABAttack_PT", norm=always(key), eps=always(1e3), n_iter=boundary_steps),
        ),
    ]
    if norm == "l1":
        return found
    deepfool = {"steps": boundary_steps, "candidates": candidates}
    jump = {"norm": always(order), "max_eval": queries, "init_eval": always(100), "batch_size": ALL, "verbose": NO}
    found += [
        ("DeepFool", OURS, _ours(lab.deepfool, norm, "set y", **deepfool)),
        ("DeepFool", "foolbox", _foolbox("LinfDeepFoolAttack" if norm == "linf" else "L2DeepFoolAttack", **deepfool)),
        ("DeepFool", "adv-lib", _adv_lib("df", norm=always(order), steps=boundary_steps)),
        ("HopSkipJump", OURS, _ours(lab.hop_skip_jump, norm, "set margin", queries=queries, seed=drawn)),
        ("HopSkipJump", "ART", _one_by_one(_art("HopSkipJump", **jump))),
        (
            "HopSkipJump",
            "foolbox",
            _foolbox("HopSkipJumpAttack", constraint=always(norm), steps=lambda eps, budget: max(budget // 130, 1)),
        ),
    ]
    if norm == "linf":
        return found
    constants = {"binary_search_steps": always(1), "initial_const": always(CONSTANT)}
    own = {"searches": always(1), "first_c": always(CONSTANT)}
    art = {"max_iter": steps, "batch_size": ALL, "verbose": NO}
    return [
        *found,
        ("DeepFool", "torchattacks", _torchattacks("DeepFool", steps=boundary_steps)),
        ("DeepFool", "ART", _art("DeepFool", max_iter=boundary_steps, nb_grads=candidates, batch_size=ALL, verbose=NO)),
        ("DDN", OURS, _ours(lab.ddn, norm, "objective", steps=steps)),
        ("DDN", "foolbox", _foolbox("DDNAttack", steps=steps)),
        ("DDN", "adv-lib", _adv_lib("ddn", steps=steps, levels=always(None))),
        (
            "Carlini–Wagner",
            OURS,
            _ours(lab.carlini_wagner, norm, "objective", steps=steps, **own),
        ),
        ("Carlini–Wagner", "torchattacks", _torchattacks("CW", c=always(CONSTANT), steps=steps)),
        ("Carlini–Wagner", "foolbox", _foolbox("L2CarliniWagnerAttack", steps=steps, **constants)),
        ("Carlini–Wagner", "adv-lib", _adv_lib("carlini_wagner_l2", max_iterations=steps, **constants)),
        ("Carlini–Wagner", "ART", _art("CarliniL2Method", **constants, **art)),
        ("Boundary", OURS, _ours(lab.boundary_attack, norm, "set margin", queries=queries, seed=drawn)),
        ("Boundary", "foolbox", _foolbox("BoundaryAttack", steps=queries)),
        (
            "Boundary",
            "ART",
            _one_by_one(_art("BoundaryAttack", targeted=NO, max_iter=queries, verbose=NO)),
        ),
    ]


BLACK_BOX = ("Square", "HopSkipJump", "Boundary")


def contestants(norm: NormKey) -> list[Contestant]:
    """All contestants in that norm, those of one attack beside each other, ours first."""
    everyone = [(*each, True) for each in _fixed(norm)] + [(*each, False) for each in _minimal(norm)]
    names = list(dict.fromkeys(attack for attack, *_ in everyone))
    made = [
        Contestant(attack, norm, library, launch, fixed, attack in BLACK_BOX)
        for attack, library, launch, fixed in everyone
    ]
    return sorted(made, key=lambda each: (names.index(each.attack), each.library != OURS))
