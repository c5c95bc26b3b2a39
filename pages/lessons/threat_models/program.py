"""The worst δ of three balls, equally visible, as a program."""

from pages.contents import title_of
from pages.lessons.threat_models.settings import STEPS, Settings, page
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
        ),
    )


in_python = section(page, program)
