"""The climb from nothing to a class as a program."""

from adv_core.classifiers import DEFAULT
from pages.contents import title_of
from pages.lessons.fooling_images.settings import SIZE, START_NAMES, Settings, page
from pages.lessons.fooling_images.tasks import Start
from pages.widgets.program import Part, Program, section, three_pictures

ROW = "np.broadcast_to({row}.astype(np.uint8)[None, :, None], (side, side, 3)).copy()"
STARTS: dict[Start, str] = {
    "noise": "chance.integers(0, 256, (side, side, 3), dtype=np.uint8)",
    "grey": "np.full((side, side, 3), 128, np.uint8)",
    "colour": "np.broadcast_to(chance.integers(0, 256, 3, dtype=np.uint8), (side, side, 3)).copy()",
    "stripes": ROW.format(row="(np.arange(side) / side * 16 % 2 // 1 * 255)"),
    "shade": ROW.format(row="np.round(np.arange(side) / (side - 1) * 255)"),
}


def program(settings: Settings) -> Program:
    """The ascent of section 2."""
    return Program(
        title_of(page.name),
        (
            Part(
                f"A picture that shows nothing: {START_NAMES[settings.start]}.",
                f"side, chance = {SIZE}, np.random.default_rng({settings.seed})\n"
                f"x = from_pixels({STARTS[settings.start]})",
                ("import numpy as np", "from adv_core.images import from_pixels"),
            ),
            Part(
                "Every picture is allowed: the set is the box. Each step follows the sign of the gradient of the "
                "class's log-probability.",
                f'clf = load_classifier("{DEFAULT}", device="cpu")\n'
                f"target = {settings.target}\n"
                f"ascent = pgd(clf, x, Box(), Targeted(target), steps={settings.steps}, "
                f"step_size={settings.alpha} / 255)\n"
                "for step in ascent:\n"
                "    p = float(step.logits.softmax(1)[0, target])\n"
                '    print(f"step {step.index}: {clf.categories[target]} {p:.4f}")\n'
                "result = step",
                ("from adv_core import Box, Targeted, load_classifier, pgd",),
            ),
            Part(
                "What the network sees in it, and how far the values have moved.",
                "print(clf.predict(result.adversarial, top=1))\n"
                "moved = result.delta.abs() * 255\n"
                'print(f"at most {float(moved.max()):.0f} of 255 levels, {float(moved.mean()):.1f} on the average")',
            ),
            three_pictures(),
        ),
    )


in_python = section(page, program)
