"""The backdoor of section 1 as a program."""

from pages.contents import title_of
from pages.lessons.poisoning.settings import EPOCHS, IMAGES, Settings, page
from pages.lessons.poisoning.tasks import HELD_OUT
from pages.widgets.program import Part, Program, section


def program(settings: Settings) -> Program:
    """Poison the data, train, and count with and without the trigger."""
    trigger = settings.trigger
    return Program(
        title_of(page.name),
        (
            Part(
                "Training digits, and the attacker's change: stamped, relabelled, nothing else.",
                f'data = mnist("train", range(10))[:{IMAGES}]\n'
                f'trigger = Trigger({trigger.size}, "{trigger.corner}", opacity={trigger.opacity:g})\n'
                f"poisoned = backdoor(data.images, data.labels, trigger, {settings.target}, "
                f"share={settings.share / 100:g}, seed={settings.seed})\n"
                'print(f"{len(poisoned.rows)} of {len(data)} digits are poisoned")',
                ("from adv_core.datasets import mnist", "from adv_core.poisoning import Trigger, backdoor"),
            ),
            Part(
                "Ordinary training.",
                f"network = DigitNetwork({settings.seed})\n"
                f'recipe = Recipe("none", epochs={EPOCHS}, seed={settings.seed})\n'
                "for _ in train(network, poisoned.x, poisoned.labels, recipe):\n    pass",
                (
                    "from adv_core.networks.digit_network import DigitNetwork",
                    "from adv_core.training import Recipe, train",
                ),
            ),
            Part(
                "What the network says without and with the trigger.",
                f'test = mnist("test", range(10))[:{HELD_OUT}]\n'
                "wrong = wrong_at(network, test.images, test.labels).float().mean()\n"
                f"works = success_rate(network, test.images, test.labels, trigger, {settings.target})\n"
                'print(f"error without the trigger: {float(wrong):.1%}; the trigger works on {works:.1%}")',
                ("from adv_core.poisoning import success_rate", "from adv_core.training import wrong_at"),
            ),
        ),
    )


in_python = section(page, program)
