"""A Python program that repeats the current run."""

import inspect

from adv_core.norms import NORMS, Norm
from adv_core.serving.engine.attack import Attack
from pages.lab.settings import TITLE
from pages.widgets.program import Part, Program, photograph, three_pictures


def snippet(
    request: Attack, photo: str, *, whole: bool = False, device: str = "cpu", threads: int = 2, amp: int = 10
) -> Program:
    """Return a runnable program.

    On the same processor, with the same number of threads, it reproduces δ bit for bit, if the engine computed the
    request alone and no other program took a core. In other cases the gradient is rounded differently: δ differs, with
    about the same loss.

    Args:
        request: one attack with one ε.
        photo: the sample's name, or `OWN`.
        whole: the photograph is attacked at its own size.
        amp: the factor by which the program amplifies the perturbation to show it.
    """
    info = request.info
    objective, norm = _objective(request), NORMS[request.norm]
    ball = norm.ball.__name__
    eps = "math.inf" if info.minimal else _number(request.eps[0], norm)
    places = {"set": f"{ball}({eps})", "objective": objective, "y": "y"}
    seen = f"Transformed(clf, CAMERA, samples={request.views}, seed={request.seed})" if request.views else "clf"
    arguments = [seen, "x", *(places[name] for name in info.arguments)]
    defaults = inspect.signature(info.solver).parameters
    for name, value in request.options.items():
        if value != defaults[name].default:
            number = isinstance(value, float) and request.step == "steepest"
            arguments.append(f"{name}={_number(value, norm) if number else repr(value)}")
    solver = info.solver.__name__
    names = [solver, "run"]
    names += [ball] * ("set" in info.arguments) + [objective.split("(")[0]] * (objective in arguments)
    needs = [f"from adv_core import {', '.join(names)}"]
    if "math" in "".join(arguments):
        needs.append("import math")
    if request.views:
        needs.append("from adv_core.transforms.expectation import CAMERA, Transformed")
    opened = photograph(photo)
    look = Part(
        "The network, the photograph as it sees it, and its prediction for the untouched picture.",
        f"torch.set_num_threads({threads})\n"
        f'clf = load_classifier("{request.classifier}", device="{device}")\n'
        f"x = clf.{'prepare_whole' if whole else 'prepare'}({opened.code})\n"
        f"y = {request.label}",
        (*opened.imports, "import torch", "from adv_core import load_classifier"),
    )
    attack = Part(f"The attack: {info.title}.", f"result = run({solver}({', '.join(arguments)}))", needs)
    keep = Part(
        "The adversarial picture as a file, and the predictions before and after the attack.",
        'Path("adversarial.png").write_bytes(to_png(to_pixels(result.adversarial)))\n'
        'print(clf.predict(x, top=1), "->", clf.predict(result.adversarial, top=1))',
        ("from pathlib import Path", "from adv_core.images import to_pixels, to_png"),
    )
    return Program(TITLE, (look, attack, keep, three_pictures(factor=amp)))


def _objective(request: Attack) -> str:
    target = request.target
    if request.objective == "margin":
        return "Margin(y)" if target is None else f"Margin(target={target})"
    if request.objective == "dlr":
        return "LogitsRatio(y)" if target is None else f"LogitsRatio(y, {target})"
    if target is None:
        return "Untargeted(y)"
    return f"TargetedDifference(y, {target})" if request.objective == "difference" else f"Targeted({target})"


def _number(value: object, norm: Norm) -> str:
    """Return the number as text: as k / 255 where that is exact."""
    assert isinstance(value, float)
    if norm.scale == 255:
        for levels in (float(round(value * 255)), round(value * 255, 6)):
            if levels / 255 == value:
                return f"{levels:g} / 255"
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
