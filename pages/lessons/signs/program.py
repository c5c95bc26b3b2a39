"""The stickers and the drives as a program."""

from pages.contents import title_of
from pages.lessons.signs.settings import DRIVES, FRAMES, JUDGED, STEPS, VIEWS, Settings, page
from pages.widgets.program import Part, Program, photograph, section, side_by_side


def program(settings: Settings) -> Program:
    """The stickers of section 1, and the drives of section 2."""
    opened = photograph(settings.image)
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
                "Stickers on some squares of the sign, black or white, chosen for the mean over random views from the "
                "road: expectation over transformation. The attack works on a smaller copy, which is quicker.",
                f'target = INDEX["{settings.target}"]\n'
                "small, small_box = working_copy(x, box)\n"
                f"views = Transformed(network, [DriveBy(small_box)], samples={VIEWS}, seed={settings.seed})\n"
                f'where, most = allowed("{settings.where}"), most_squares({settings.part} / 100)\n'
                "aim = ExpectedTargeted(target)\n"
                f"attack = stick(Stickered(views, small, small_box), where, aim, most=most, steps={STEPS})\n"
                "squares = squares_of(run(attack, keep_steps=False).delta)\n"
                "pictures = {\n"
                '    "untouched": pixels,\n'
                '    "grey stickers": with_stickers(pixels, box, squares, 128),\n'
                '    "stickers": with_stickers(pixels, box, squares),\n'
                "}\n"
                'print(f"{covered(squares):.1%} of the sign")',
                (
                    "from adv_core import run",
                    "from adv_core.objectives import ExpectedTargeted",
                    "from adv_core.signs.classes import INDEX",
                    "from adv_core.signs.driving import DriveBy",
                    "from adv_core.signs.stickers import Stickered, allowed, covered, most_squares",
                    "from adv_core.signs.stickers import squares_of, stick, with_stickers, working_copy",
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
