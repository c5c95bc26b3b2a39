"""A filter, attacked by one who does not know of it and by one who does, as a program."""

from pages.contents import title_of
from pages.lessons.defences.settings import DETECTOR_STEPS, DIGITS, Settings, page
from pages.widgets.program import Part, Program, network_and_photograph, section, side_by_side


def program(settings: Settings) -> Program:
    """Both attacks on the photograph, judged behind the defence."""
    defence, eps = settings.defended(settings.defence), f"Linf({settings.eps} / 255)"
    return Program(
        title_of(page.name),
        (
            network_and_photograph(settings.image),
            Part(
                "The defence: a filter before the network. Only what the network says behind it counts.",
                f'defence = Defence("{defence.kind}", {defence.strength:g})\n\n\n'
                "def say(name, picture):\n"
                f"    behind = opinions(clf, seen_through(defence.chain(seed={settings.seed}), picture))[0]\n"
                "    now = int(behind.argmax())\n"
                '    print(f"{name}: {clf.categories[now]}, {behind[now]:.1%}; at first {behind[y]:.1%}")',
                (
                    "from adv_core.defences.filters import Defence",
                    "from adv_core.transforms.transform import opinions, seen_through",
                ),
            ),
            Part(
                "The attack that does not know climbs the network alone.",
                f"plain = run(pgd(clf, x, {eps}, Untargeted(y), steps={settings.steps})).adversarial",
                ("from adv_core import Linf, Untargeted, pgd, run",),
            ),
            Part(
                "The attack that knows climbs the network behind the filter. Where the filter rounds, the gradient "
                "passes as if it did not (BPDA); where it is random, the gradient is a mean over draws (EOT).",
                "through = defence.before(clf)\n"
                f"aware = run(pgd(through, x, {eps}, ExpectedUntargeted(y), steps={settings.steps})).adversarial",
                ("from adv_core import ExpectedUntargeted",),
            ),
            Part(
                "What the defended network says.",
                'say("untouched", x)\nsay("attacked, not knowing", plain)\nsay("attacked, knowing", aware)',
            ),
            side_by_side(
                "to_pixels(x)",
                "to_pixels(plain)",
                "to_pixels(aware)",
                text="Untouched, attacked without the defence, attacked through it.",
            ),
            detected(settings),
        ),
    )


def detected(settings: Settings) -> Part:
    """A detector before both attacks on digits, and what they are worth."""
    work = settings.detection("aware")
    return Part(
        "Can one tell? A detector of attacked digits, before noise, a plain attack, and an adaptive one. With an "
        "AUC of 1 it tells all of them from untouched digits; with 0.5 it guesses.",
        'network = checkpoint("standard").network\n'
        f'digits = mnist("test", range(10))[:{DIGITS}]\n'
        f'score = detector(network, "{work.detector}", bits={work.bits})\n'
        'usual = usual_scores(score, mnist("train", range(10))[-1000:].images)\n'
        'for attack in ("noise", "plain", "aware"):\n'
        f"    given = (network, digits.images, digits.labels, {settings.level} / 255, attack, score, usual)\n"
        f"    steps = attack_digits(*given, weight={work.weight:g}, steps={DETECTOR_STEPS}, seed={settings.seed})\n"
        "    pictures = run(steps, keep_steps=False).adversarial\n"
        "    misread = network(pictures).argmax(1) != digits.labels\n"
        '    counted = score(pictures) if attack == "noise" else score(pictures)[misread]\n'
        "    area = auc(score(digits.images), counted) if len(counted) else float('nan')\n"
        '    print(f"{attack}: {int(misread.sum())} misread, AUC {area:.3f}")',
        (
            "from adv_core.datasets import mnist",
            "from adv_core.defences.detection import auc",
            "from adv_core.defences.detectors import attack_digits, detector, usual_scores",
            "from adv_core.networks.digit_network import checkpoint",
        ),
    )


in_python = section(page, program)
