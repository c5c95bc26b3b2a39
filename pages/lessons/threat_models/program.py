"""The worst δ of three balls, equally visible, and one δ for many photographs, as a program."""

from pages.contents import title_of
from pages.lessons.threat_models.settings import STEPS, Settings, page
from pages.lessons.threat_models.universal_tasks import WINDOW
from pages.widgets.photograph import PHOTOS
from pages.widgets.program import Part, Program, network_and_photograph, section, side_by_side

VISIBLE = """\
def visibility(delta):
    brightness = 255 * torch.einsum("c,nchw->nhw", torch.tensor([0.2126, 0.7152, 0.0722]).double(), delta.double())
    return float(F.avg_pool2d(brightness.square()[:, None], 15, stride=1).max().sqrt())


def worst(ball):
    result = run(pgd(clf, x, ball, Untargeted(y), steps={steps}))
    return result.adversarial, visibility(result.delta)"""

BALLS = """\
eps = {eps} / 255
made = {{"L∞": worst(Linf(eps))}}
first, radii = made["L∞"][1], {{"L∞": eps}}
guesses = {{"L2": (L2, 0.28 * eps * x.numel() ** 0.5), "L1": (L1, 0.026 * (eps * 255 / 8) ** 0.45 * eps * x.numel())}}
for name, (ball, radius) in guesses.items():
    for attempt in range(3):
        radii[name] = radius = float(f"{{radius:.3g}}")
        made[name] = worst(ball(radius))
        seen = made[name][1]
        if not first or not seen or abs(seen / first - 1) < 0.1:
            break
        radius *= first / seen"""


UNIVERSAL = """\
names = {names}
photographs = torch.cat([clf.prepare(photograph(name)) for name in names])
known, unseen = photographs[0::2], photographs[1::2]
labels = clf(known).argmax(1)
training = universal(
    clf, known, {ball}, Untargeted(labels), epochs={passes}, batch=len(known), view={view}, seed={seed}
)
*_, end = training
for name, some in (("learnt from", known), ("never seen", unseen)):
    rate = fooling_rate(clf, some, end.delta, clf(some).argmax(1))
    print(f"one δ fools {{round(rate * len(some))}} of {{len(some)}} photographs {{name}}")"""


def program(settings: Settings) -> Program:
    """The three balls of section 1."""
    return Program(
        title_of(page.name),
        (
            network_and_photograph(settings.image),
            Part(
                "How visible a change is: the strongest change of brightness in any spot of 15 × 15 pixels. And the "
                "worst change in a ball, by PGD.",
                VISIBLE.format(steps=STEPS),
                ("import torch", "import torch.nn.functional as F", "from adv_core import Untargeted, pgd, run"),
            ),
            Part(
                "The L∞ ball; and the L2 and L1 balls in which the worst change is about as visible.",
                BALLS.format(eps=settings.eps),
                ("from adv_core import L1, L2, Linf",),
            ),
            Part(
                "What the network says of each, and how long each change is in every norm.",
                "for name, (picture, seen) in made.items():\n"
                "    delta = (picture - x).flatten()\n"
                "    sizes = [float(delta.norm(p)) for p in (torch.inf, 2, 1)]\n"
                '    print(f"{name}, eps = {radii[name]:.4g}: {clf.predict(picture, top=1)}, {seen:.1f} levels seen")\n'
                '    print("    L∞ {:.4f}, L2 {:.3f}, L1 {:.1f}".format(*sizes))',
            ),
            side_by_side(
                "to_pixels(x)",
                "*(to_pixels(picture) for picture, _ in made.values())",
                text="The original, and the worst picture of each ball.",
            ),
            one_for_all(settings),
        ),
    )


def one_for_all(settings: Settings) -> Part:
    """The universal perturbation of section 6."""
    eps = f"{settings.one_eps} / 255"
    ball = f"Linf({eps})" if settings.one_norm == "linf" else f"L2({eps} * x.numel() ** 0.5)"
    return Part(
        "One change for many photographs: it learns from every second one, and is counted on the others.",
        UNIVERSAL.format(
            names=list(PHOTOS),
            ball=ball,
            passes=settings.passes,
            view=f"Crop({WINDOW})" if settings.windows else None,
            seed=settings.seed,
        ),
        (
            "import torch",
            "from adv_core import Untargeted, universal",
            "from adv_core.attacks.universal import fooling_rate",
            "from adv_core.datasets import photograph",
            "from adv_core.transforms.geometry import Crop",
        ),
    )


in_python = section(page, program)
