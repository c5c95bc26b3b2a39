"""The defence under attacks, and the verdicts of an evaluation, as a program."""

from adv_core.norms import NORMS
from pages.contents import title_of
from pages.lessons.evaluation.settings import (
    IMAGES,
    Settings,
    network_and_defence,
    page,
)
from pages.widgets.program import Part, Program, section

MADE = {
    "saturated": ("saturated(network)", "saturated"),
    "quantized": ("quantized(network, {levels})", "quantized"),
}


def program(settings: Settings) -> Program:
    """The defence of section 1 under FGSM, PGD through it and through its twin; the verdicts of sections 2 and 4."""
    model, _ = network_and_defence(settings.defence)
    made, name = MADE.get(settings.defence, ("undefended(network)", "undefended"))
    return Program(
        title_of(page.name),
        (
            Part(
                "A network that reads digits, its defence, and test digits. The twin is what an attacker who knows "
                "the defence puts in its place.",
                f'network = checkpoint("{model}").network\n'
                f"defence = {made.format(levels=settings.levels)}\n"
                f'test = mnist("test", range(10))[:{IMAGES}]\n'
                "x, y = test.images, test.labels",
                (
                    "from adv_core.datasets import mnist",
                    f"from adv_core.defences.masking import {name}",
                    "from adv_core.networks.digit_network import checkpoint",
                ),
            ),
            Part(
                "The same ball and as many steps each time; what differs is the gradient that the attack follows.",
                f"ball, steps = Linf({settings.eps:g}), 40\n"
                f"climb = partial(pgd, steps=steps, step_size=2.5 * {settings.eps:g} / steps, quantize=False)\n"
                "attacks = {\n"
                '    "FGSM": fgsm(defence.classifier, x, ball, Untargeted(y), quantize=False),\n'
                '    "PGD, 40 steps": climb(defence.classifier, x, ball, Untargeted(y)),\n'
                '    "PGD on the margin": climb(defence.classifier, x, ball, Margin(y)),\n'
                '    "PGD on the twin": climb(defence.twin, x, ball, Margin(y)),\n'
                "}",
                ("from functools import partial", "from adv_core import Linf, Margin, Untargeted, fgsm, pgd"),
            ),
            Part(
                "The defended network judges all of them.",
                'print(f"{without_slope(defence.classifier, x, y):.0%} of the digits have no gradient at all")\n'
                "for name, attack in attacks.items():\n"
                "    wrong = answers(defence.classifier, run(attack, keep_steps=False).adversarial) != y\n"
                '    print(f"{name}: {float(wrong.float().mean()):.0%} wrong")',
                ("from adv_core import run", "from adv_core.defences.masking import answers, without_slope"),
            ),
            *verdicts(settings),
        ),
    )


def verdicts(settings: Settings) -> tuple[Part, Part]:
    """The leaderboard of section 2, and the diagnosis of the defence of section 1."""
    ball, work, budget = NORMS[settings.norm].ball.__name__, settings.board, settings.board.effort
    diagnose = settings.diagnosis(settings.defence)
    board = (
        f'judge = checkpoint("{settings.network}").network\n'
        f'few = mnist("test", range(10))[:{settings.digits}]\n'
        f"where = {ball}({work.eps:g})\n"
        f"names = {work.attacks!r}\n"
        f"budget = Budget(steps={budget.steps}, targets={budget.targets}, queries={budget.queries})\n"
        "options = dict(budget=budget, cascade=False, diagnose=0)\n"
        "alone = [judged(evaluate(judge, few.images, few.labels, where, [each], **options)) for each in names]\n"
        "for verdict in alone:\n"
        '    print(f"{verdict.attacks[0].title}: {verdict.accuracy:.0%} stand")\n'
        "stands = torch.stack([verdict.stands for verdict in alone]).all(0)\n"
        'print(f"pointwise worst case: {float(stands.double().mean()):.0%} stand")'
    )
    warnings = (
        f"some, ball = slice({diagnose.images}), Linf({diagnose.eps:g})\n"
        f'options |= dict(diagnose={diagnose.images}, surrogate=checkpoint("{diagnose.other}").network)\n'
        f"attacks = {diagnose.attacks!r}\n"
        "verdict = judged(evaluate(defence.classifier, x[some], y[some], ball, attacks, **options))\n"
        'print(*(verdict.warnings or ["no warning"]), sep="\\n")'
    )
    known = ("import torch", f"from adv_core import {ball}", "from adv_core.evaluation import Budget, evaluate, judged")
    return (
        Part(
            "The leaderboard of one network: each attack alone on the same digits, and the digits that stand under all "
            "of them.",
            board,
            known,
        ),
        Part("The diagnosis of the defence: each warning, with its measurement.", warnings),
    )


in_python = section(page, program)
