"""The search for a turn, a shift, another colour or a crop as a program."""

from pages.contents import title_of
from pages.lessons.unrestricted.settings import NAMES, QUERIES, Settings, page
from pages.lessons.unrestricted.tasks import HALVINGS, RUNGS
from pages.widgets.program import Part, Program, network_and_photograph, section, side_by_side

LADDER = """\
kind, rungs = "{kind}", {rungs}


def fools(size):
    held = poses(kind, size, frameless={frameless})
    pixels, said = asked(clf, x, held)
    fooled = [n for n in range(len(held)) if said[n].argmax() != y]
    best = min(fooled, key=lambda n: said[n, y], default=None)
    return None if best is None else (size, held[best], pixels[best], said[best])


step = FARTHEST[kind] / rungs
found = next(filter(None, (fools(rank * step) for rank in range(1, rungs + 1))), None)
if found:
    low, high = found[0] - step, found[0]
    for _ in range({halvings}):
        less = fools((low + high) / 2)
        low, high = (low, less[0]) if less else ((low + high) / 2, high)
        found = less or found"""

SEARCH = """\
budget = Budget(turn={budget.turn:g}, shift={budget.shift:g}, colour={budget.colour:g}, crop={budget.crop:g})
picture = to_pixels(x)
for now in search(clf, x, y, budget, queries={queries}, seed={seed}, frameless={frameless}):
    if now.pixels.size:
        picture = now.pixels
if now.first:
    print(f"question {{now.first}} fooled it first; the smallest takes {{now.size:.0%}} of the budget:", now.pose)"""


def program(settings: Settings) -> Program:
    """The search of section 1."""
    shown = side_by_side("to_pixels(x)", "picture", text="As it is, and as it was found.")
    return Program(
        title_of(page.name),
        (
            network_and_photograph(settings.image),
            *(_search(settings) if settings.kind == "all" else _ladder(settings)),
            shown,
        ),
    )


def _search(settings: Settings) -> tuple[Part, ...]:
    return (
        Part(
            "A search within the budget, by the network's answers alone: at random first, then around the best pose "
            "so far, which becomes smaller and smaller.",
            SEARCH.format(budget=settings.budget, queries=QUERIES, seed=settings.seed, frameless=settings.frameless),
            ("from adv_core.attacks.spatial import Budget, search", "from adv_core.images import to_pixels"),
        ),
        Part(
            "The network's answer.",
            'print(f"after {now.queries} questions: {clf.categories[now.answer]}, {now.certainty:.1%}")',
        ),
    )


def _ladder(settings: Settings) -> tuple[Part, ...]:
    assert settings.kind != "all"
    return (
        Part(
            f"The smallest {NAMES[settings.kind]} that fools: all sizes in turn, in all directions; then the interval "
            "of the first success is halved a few times.",
            LADDER.format(
                kind=settings.kind,
                rungs=RUNGS[settings.kind],
                halvings=HALVINGS,
                frameless=settings.frameless,
            ),
            ("from adv_core.attacks.spatial import FARTHEST, asked, poses",),
        ),
        Part(
            "The network's answer.",
            "picture = to_pixels(x)\n"
            "if found:\n"
            "    size, pose, picture, said = found\n"
            '    print(f"size {size:.4g}: {clf.categories[said.argmax()]}, {said.max():.1%};", pose)\n'
            "else:\n"
            '    print("none of them fools the network")',
        ),
    )


in_python = section(page, program)
