"""The two-pixel picture, its network and its attacks as a program."""

from adv_core.classifiers import DEFAULT
from pages.contents import title_of
from pages.lessons.fgsm_and_pgd.settings import STEPS, Settings, page
from pages.widgets.program import Part, Program, section

DATA = """\
chance = torch.Generator().manual_seed(0)
angle = math.pi * torch.rand(2, 150, generator=chance, dtype=torch.float64)
upper = torch.stack([angle[0].cos(), angle[0].sin()], 1)
lower = torch.stack([1 - angle[1].cos(), 0.5 - angle[1].sin()], 1)
points = torch.cat([upper, lower])
points += 0.15 * torch.randn(points.shape, generator=chance, dtype=torch.float64)
points = (0.5 + (points - torch.tensor([0.5, 0.25])) / 3.4).clamp(0, 1)
labels = torch.arange(2).repeat_interleave(150)"""

NETWORK = """\
chance = torch.Generator().manual_seed(0)
layers = [
    (torch.randn(n, m, generator=chance, dtype=torch.float64) / m**0.5, torch.zeros(n).double())
    for m, n in itertools.pairwise({sizes})
]


def network(x):
    value = 6 * (x - 0.5)
    for place, (weight, bias) in enumerate(layers):
        value = F.linear(value.tanh() if place else value, weight, bias)
    return value


optimizer = torch.optim.Adam([each.requires_grad_() for layer in layers for each in layer], lr=0.05)
for _ in range(250):
    optimizer.zero_grad()
    F.cross_entropy(network(points), labels).backward()
    optimizer.step()"""

ATTACK = """\
x = torch.tensor([[{x1:g}, {x2:g}]], dtype=torch.float64)
y = int(network(x).argmax())
ball, aim = {ball}({eps:g}), Untargeted(y)
runs = {{
    "FGSM, one step": fgsm(network, x, ball, aim, quantize=False),
    "PGD, 40 steps": pgd(network, x, ball, aim, steps=40, step_size={eps:g} / 8, quantize=False),
    "PGD, {steps} steps of {alpha:g}": pgd(
        network, x, ball, aim, steps={steps}, step_size={alpha:g}, projected="{projected}", quantize=False
    ),
}}
for name, attack in runs.items():
    result = run(attack)
    loss, p = float(result.loss), float(result.logits.softmax(1)[0, y])
    print(name, "ends at", result.adversarial[0].tolist(), f"loss {{loss:.4g}}, p({{y}}) = {{p:.3f}}")"""


TARGETED = """\
photo = clf.prepare(photograph("{image}"))
now, target, room = int(clf(photo).argmax()), {target}, Linf({levels} / 255)
aims = {{"L(y) - L(target)": TargetedDifference(now, target), "-L(target)": Targeted(target)}}
ends = {{name: run(pgd(clf, photo, room, aim, steps={steps})) for name, aim in aims.items()}}
ends["one step, -L(target)"] = run(fgsm(clf, photo, room, Targeted(target)))
for name, end in ends.items():
    print(f"{{name}}: {{clf.predict(end.adversarial, top=1)}}")"""


def program(settings: Settings) -> Program:
    """FGSM and PGD from the point of the controls."""
    ball = {"linf": "Linf", "l2": "L2"}[settings.ball]
    attack = ATTACK.format(**{**vars(settings), "ball": ball})
    sizes = "(2, 16, 16, 2)" if settings.model == "network" else "(2, 2)"
    return Program(
        title_of(page.name),
        (
            Part(
                "Pictures of two pixels: two half circles of points, one a class.",
                DATA,
                ("import math", "import torch"),
            ),
            Part(
                "The classifier, trained on all of them.",
                NETWORK.replace("{sizes}", sizes),
                ("import itertools", "import torch", "import torch.nn.functional as F"),
            ),
            Part(
                "The attacks, away from the classifier's answer. No value is rounded to 8 bits here.",
                attack,
                (f"from adv_core import {ball}, Untargeted, fgsm, pgd, run",),
            ),
            Part(
                "A photograph towards a class, with two objectives; and one step towards it.",
                f'clf = load_classifier("{DEFAULT}", device="cpu")\n'
                + TARGETED.format(**vars(settings) | {"steps": STEPS}),
                (
                    "from adv_core import Linf, Targeted, TargetedDifference, load_classifier",
                    "from adv_core.datasets import photograph",
                ),
            ),
        ),
    )


in_python = section(page, program)
