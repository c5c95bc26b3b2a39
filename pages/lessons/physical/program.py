"""The ordinary attack and the attack over views as a program."""

from pages.contents import title_of
from pages.lessons.physical.settings import NEW_VIEWS, STEPS, Settings, page
from pages.widgets.program import Part, Program, network_and_photograph, section, side_by_side


def program(settings: Settings) -> Program:
    """Both attacks, and the count of new views in which each of them reaches the target."""
    attack = f"x, Linf({settings.eps} / 255), Targeted(target), steps={STEPS}"
    return Program(
        title_of(page.name),
        (
            network_and_photograph(settings.image),
            Part(
                "The ordinary attack, and the attack on the mean over random views, new ones in each step: "
                "expectation over transformation.",
                f"target = {settings.target}\n"
                f"views = Transformed(clf, CAMERA, samples={settings.views}, seed={settings.seed})\n"
                "made = {\n"
                f'    "ordinary attack": run(pgd(clf, {attack}), keep_steps=False).adversarial,\n'
                f'    "attack over views": run(pgd(views, {attack}), keep_steps=False).adversarial,\n'
                "}",
                (
                    "from adv_core import Linf, Targeted, pgd, run",
                    "from adv_core.transforms.expectation import CAMERA, Transformed",
                ),
            ),
            Part(
                f"Both pictures straight on, and in {NEW_VIEWS} new views: turned, scaled, cropped, lit, blurred and "
                "saved as JPEG.",
                "for name, picture in made.items():\n"
                f"    new = Transformed(clf, CAMERA).views(picture, {NEW_VIEWS}, seed={settings.seed + 1})[:, 0]\n"
                "    reached = int((clf(new).argmax(1) == target).sum())\n"
                '    print(f"{name}: {clf.predict(picture, top=1)}; '
                f'{{clf.categories[target]}} in {{reached}} of {NEW_VIEWS} views")',
            ),
            side_by_side(
                "to_pixels(x)",
                "*(to_pixels(picture) for picture in made.values())",
                text="The original and both pictures.",
            ),
        ),
    )


in_python = section(page, program)
