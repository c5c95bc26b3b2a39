"""The defended network under three attacks as a program."""

from pages.contents import title_of
from pages.lessons.evaluation.settings import IMAGES, Settings, page
from pages.widgets.program import Part, Program, section

MADE = {
    "saturated": ("saturated(network)", "saturated"),
    "quantized": ("quantized(network, {levels})", "quantized"),
}


def program(settings: Settings) -> Program:
    """The defence of section 1 under FGSM, under PGD through it, and under PGD through its twin."""
    model = {"robust": "robust_01", "fgsm": "fgsm_03"}.get(settings.defence, "standard")
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
        ),
    )


in_python = section(page, program)
