"""A filter, attacked by one who does not know of it and by one who does, as a program."""

from pages.contents import title_of
from pages.lessons.defences.settings import Settings, page
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
        ),
    )


in_python = section(page, program)
