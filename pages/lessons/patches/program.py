"""Glasses or stickers for a photograph as a program."""

from pages.contents import title_of
from pages.lessons.patches.settings import STEPS, Settings, page
from pages.lessons.patches.tasks import PRICE, Wear
from pages.widgets.program import REPEATS, Part, Program, network_and_photograph, section, three_pictures


def program(settings: Settings) -> Program:
    """The attack of section 2."""
    left, right = settings.points
    aim = "Untargeted(y)" if settings.anything else f"Targeted({settings.target})"
    network, needs = "clf", ["from adv_core import Box, Masked, Targeted, Untargeted, pgd, run"]
    if settings.smooth or settings.printable:
        network = "Priced(clf, mask)"
        aim = f"Costly({aim}, smooth={PRICE * settings.smooth:g}, printable={PRICE * settings.printable:g})"
        needs.append("from adv_core.patches import Costly, Priced")
    return Program(
        title_of(page.name),
        (
            network_and_photograph(settings.image),
            Part(
                "The places that may change.",
                f"mask = {settings.thing}({left}, {right}, *x.shape[2:], size={settings.size / 100:g})\n"
                "mask = torch.from_numpy(mask)\n"
                'print(f"{float(mask.float().mean()):.1%} of the picture")',
                ("import torch", f"from adv_core.patches import {settings.thing}"),
            ),
            Part(
                "Within the mask every value is allowed, outside of it none."
                + (" Roughness or colours without ink have a price." if network != "clf" else ""),
                f"attack = pgd({network}, x, Masked(Box(), mask), {aim}, steps={STEPS}, step_size={Wear.alpha} / 255)\n"
                "result = run(attack, keep_steps=False)",
                needs,
            ),
            Part(
                "What the network says, and the largest change outside of the mask.",
                'print("with it:", clf.predict(result.adversarial, top=3))\n'
                'print("elsewhere:", float(result.delta[..., ~mask].abs().max()))',
            ),
            three_pictures(factor=1),
        ),
    )


in_python = section(page, program, f"This is the attack of section 2. {REPEATS}")
