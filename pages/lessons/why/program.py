"""Sections 1 to 3 as a program."""

from pages.contents import title_of
from pages.lessons.why.feature_tasks import HELD_OUT
from pages.lessons.why.settings import FEATURE_EPOCHS, FEATURE_IMAGES, IMAGES, REFERENCE, STEPS, TESTED, Settings, page
from pages.widgets.program import Part, Program, section


def program(settings: Settings) -> Program:
    """The ε that fools half of the digits; one digit pushed in four networks; a training on wrong labels."""
    moved = settings.relabelled()
    camera = f"faint({settings.side})" if settings.kind == "faint" else f"Camera({settings.side})"
    return Program(
        title_of(page.name),
        (
            Part(
                "Zeros and ones as pictures of one side.",
                f'data, test = mnist("train", (0, 1))[:{IMAGES}], mnist("test", (0, 1))[:{TESTED}]\n'
                f"camera = {camera}\n"
                "x, y = camera.pictures(test.images, seed=1), test.labels",
                ("from adv_core.datasets import mnist", f"from adv_core.dimension import {camera.split('(')[0]}"),
            ),
            Part(
                "A linear classifier, and the ε that fools half: the median margin over the 1-norm of its weights.",
                "*_, last = fitted(camera.pictures(data.images, seed=0), data.labels)\n"
                "model = last.model\n"
                'print(f"error, untouched: {error(model, x, y):.1%}")\n'
                'print(f"half are wrong at eps = {255 * predicted(model, x, y):.2f}/255, predicted")',
                ("from adv_core.dimension import fitted, predicted", "from adv_core.linear import error"),
            ),
            Part(
                "The same ε, measured: FGSM on 8-bit pictures, and one ε.",
                "*_, found = measured(model, x, y)\n"
                'print(f"measured: {255 * found.measured:.2f}/255" if found.measured else "not reached")\n'
                f"wrong = wrong_at(model, attacked(model, x, y, {settings.eps}), y).float().mean()\n"
                f'print(f"error under eps = {settings.eps}/255: {{float(wrong):.1%}}")',
                ("from adv_core.dimension import attacked, measured", "from adv_core.training import wrong_at"),
            ),
            Part(
                "One digit, pushed far towards another class in four networks; the class of the nearest real digit.",
                f'digit = mnist("test", range(10))[{settings.digit}]\n'
                f'real = mnist("train", range(10))[:{REFERENCE}]\n'
                f"target = torch.tensor([{settings.target}])\n"
                "for name in NAMES:\n"
                f"    steps = push(network(name), digit.images[None], target, {settings.reach:g}, {STEPS})\n"
                "    picture = run(steps, keep_steps=False).adversarial\n"
                "    said = int(network(name)(picture).argmax())\n"
                "    like = int(real.labels[nearest(picture, real)])\n"
                '    print(f"{name}: says {said}, the nearest real digit is a {like}")',
                (
                    "import torch",
                    "from adv_core import run",
                    "from adv_core.aligned import NAMES, nearest, network, push",
                ),
            ),
            Part(
                "Training digits moved towards other classes and relabelled; a fresh network trained on them alone.",
                f'data, test = mnist("train", range(10))[:{FEATURE_IMAGES}], mnist("test", range(10))[:{HELD_OUT}]\n'
                f'labels = new_labels(data.labels, "{moved.rule}")\n'
                f'source = network("{settings.attacked}")\n'
                f'ball = NORMS["{moved.norm}"].ball({moved.eps:g})\n'
                f"*_, made = relabelled(source, data.images, labels, ball, steps={moved.steps})\n"
                "fresh = DigitNetwork(1)\n"
                f'for _ in train(fresh, made.x, made.labels, Recipe("none", epochs={FEATURE_EPOCHS})):\n'
                "    pass\n"
                "wrong = wrong_at(fresh, test.images, test.labels).float().mean()\n"
                'print(f"it reads {1 - float(wrong):.1%} of untouched digits")',
                (
                    "from adv_core.networks.digit_network import DigitNetwork",
                    "from adv_core.norms import NORMS",
                    "from adv_core.relabelling import new_labels, relabelled",
                    "from adv_core.training import Recipe, train",
                ),
            ),
        ),
    )


in_python = section(page, program)
