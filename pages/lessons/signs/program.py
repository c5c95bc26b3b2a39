"""The stickers and the drives as a program."""

from pages.contents import title_of
from pages.lessons.signs.settings import DRIVES, FRAMES, JUDGED, STEPS, VIEWS, Settings, page
from pages.lessons.signs.tasks import PutStickers
from pages.widgets.program import Part, Program, photograph, section, side_by_side


def program(settings: Settings) -> Program:
    """The stickers of section 1, and the drives of section 2."""
    opened = photograph(settings.image)
    bars = ", ".join(f"Bar({bar.row}, {bar.column}, {bar.rows}, {bar.columns})" for bar in settings.bars)
    if settings.large:
        half = f"half = {settings.large / 200:g} * x.shape[3]\n"
        middle = f"u, v = {settings.across / 100:g} * x.shape[3], {settings.down / 100:g} * x.shape[2]\n"
        boxed = half + middle + "box = SignBox(u - half, v - half, u + half, v + half)\n"
        text, needs = "The box of the sign, as on the page.", ["from adv_core.signs.driving import SignBox"]
    else:
        boxed = "*_, found = find_sign(network, x)\nbox = found.box\n"
        text, needs = (
            "The box of the sign, as the network proposes it.",
            ["from adv_core.signs.finding import find_sign"],
        )
    return Program(
        title_of(page.name),
        (
            Part(
                "A network for traffic signs, and a photograph.",
                "network = sign_network()\n"
                f'pixels = np.asarray({opened.code}.convert("RGB"))\n'
                "x = from_pixels(pixels[None])",
                (
                    *opened.imports,
                    "import numpy as np",
                    "from adv_core.images import from_pixels",
                    "from adv_core.signs.network import sign_network",
                ),
            ),
            Part(
                text,
                boxed + 'print("read without stickers:", CLASSES[int(read(network, x, box).argmax())].title)',
                (*needs, "from adv_core.signs.classes import CLASSES", "from adv_core.signs.finding import read"),
            ),
            Part(
                "Stickers of black and white squares, chosen for the mean over random views from the road: expectation "
                "over transformation. The attack works on a smaller copy, which is quicker.",
                f"bars = ({bars})\n"
                f'target = INDEX["{settings.target}"]\n'
                "small, small_box = working_copy(x, box)\n"
                f"views = Transformed(network, [DriveBy(small_box)], samples={VIEWS}, seed={settings.seed})\n"
                "clf = Stickered(views, small, places(bars, small_box, *small.shape[2:]))\n"
                "attack = mi_fgsm(\n"
                f"    clf, grey(bars), Box(), ExpectedTargeted(target), steps={STEPS}, "
                f"step_size={PutStickers.alpha} / 255\n"
                ")\n"
                "squares = np.where(run(attack, keep_steps=False).adversarial.flatten() > 0.5, 255, 0)\n"
                "pictures = {\n"
                '    "untouched": pixels,\n'
                '    "grey stickers": with_stickers(pixels, bars, box, 128),\n'
                '    "stickers": with_stickers(pixels, bars, box, squares),\n'
                "}\n"
                'print(f"{share(bars):.1%} of the sign")',
                (
                    "from adv_core import Box, mi_fgsm, run",
                    "from adv_core.objectives import ExpectedTargeted",
                    "from adv_core.signs.classes import INDEX",
                    "from adv_core.signs.driving import DriveBy",
                    "from adv_core.signs.stickers import Bar, Stickered, grey, places",
                    "from adv_core.signs.stickers import share, with_stickers, working_copy",
                    "from adv_core.transforms.expectation import Transformed",
                ),
            ),
            Part(
                f"{DRIVES} drives up to the sign, of {FRAMES} frames each: how often is the target read?",
                "for name, picture in pictures.items():\n"
                "    wanted = 0\n"
                f"    for place in range({DRIVES}):\n"
                f"        seed = {JUDGED} + {settings.seed} * {DRIVES} + place\n"
                f"        frames = DriveBy(box).at(from_pixels(picture[None]), *drive({FRAMES}, seed))\n"
                "        wanted += int((network(frames).argmax(1) == target).sum())\n"
                '    print(f"{name}: {CLASSES[target].title} in {wanted} of '
                f'{DRIVES * FRAMES} frames")',
                ("from adv_core.signs.driving import drive",),
            ),
            side_by_side("*pictures.values()", text="The sign without stickers, with grey ones and with those found."),
        ),
    )


in_python = section(page, program)
