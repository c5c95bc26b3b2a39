"""The attack by questions, the attack by transfer, and equal budgets on digits, as a program."""

from adv_core.classifiers import DEFAULT
from adv_core.norms import NORMS
from pages.contents import title_of
from pages.lessons.black_box.budget_tasks import SISTER, TRANSFER_STEPS
from pages.lessons.black_box.settings import RACED, Settings, page
from pages.widgets.program import Part, Program, network_and_photograph, section, three_pictures

OTHER = "efficientnet_lite1"
BUDGETS = """\
victim, sister = checkpoint("{victim}").network, checkpoint("{sister}").network
digits, ball = mnist("test", range(10))[:{count}].images, {ball}({radius:g})
truth, guess = victim(digits).argmax(1), sister(digits).argmax(1)
attacks = {{
    "transfer": mi_fgsm(sister, digits, ball, Untargeted(guess), steps={steps}, decay=1.0),
    "Square": square_attack(victim, digits, ball, Margin(truth), queries={queries}, seed={seed}),
    "HopSkipJump": hop_skip_jump(victim, digits, {ball}(torch.inf), Untargeted(truth), queries={queries}, seed={seed}),
}}
share = {{}}
for name, attack in attacks.items():
    fooled = torch.zeros({count}, dtype=torch.bool)
    for step in attack:  # stretched or cut to the ball's radius, and rounded to 8 bits
        longer = (ball.eps / ball.norm(step.delta).clamp_min(1e-12)).clamp_min(1).to(digits)
        made = ball.project(step.delta * longer[:, None, None, None], digits)
        made = digits + ball.quantize(made, digits)
        now = victim(made).argmax(1) != truth
        fooled = now if name == "transfer" else fooled | now  # who asks nothing does not know when to stop
    share[name] = float(fooled.float().mean())
    print(f"{{name}}: {{share[name]:.0%}} of the digits are fooled")"""


def program(settings: Settings) -> Program:
    """Square Attack on the photograph, and what is made on this network shown to another one."""
    solver = {"momentum": "mi_fgsm", "pgd": "pgd"}[settings.method]
    return Program(
        title_of(page.name),
        (
            network_and_photograph(settings.image),
            Part(
                "Square Attack: it paints squares at random and keeps those that help. It sees answers only, and "
                "each answer counts as a question.",
                f"attack = square_attack(clf, x, Linf({settings.eps} / 255), Margin(y), "
                f"queries={settings.queries}, seed={settings.seed})\n"
                "for questions, result in enumerate(attack, start=1):\n"
                "    pass\n"
                'print(f"after {questions} questions:", clf.predict(result.adversarial, top=1))',
                ("from adv_core import Linf, Margin, square_attack",),
            ),
            Part(
                f"By transfer, without any question: a picture that is made on {DEFAULT} is shown to {OTHER}.",
                f"made = run({solver}(clf, x, Linf({settings.transfer} / 255), Untargeted(y), "
                f"steps={settings.steps})).adversarial\n"
                f'other = load_classifier("{OTHER}", device="cpu")\n'
                'for name, each in (("made on", clf), ("shown to", other)):\n'
                '    print(name, each.info.title, each.predict(x, top=1), "->", each.predict(made, top=1))',
                (f"from adv_core import Untargeted, load_classifier, {solver}, run",),
            ),
            three_pictures(),
            on_digits(settings),
        ),
    )


def on_digits(settings: Settings) -> Part:
    """Equal budgets: scores, labels and transfer on the same digits, in one ball."""
    ball = NORMS[settings.ball].ball.__name__
    return Part(
        "Equal budgets, on digits: how many are fooled inside one ball by scores, by labels alone, and by transfer "
        "from a network that was trained on noisy digits.",
        BUDGETS.format(
            victim=settings.against,
            sister=SISTER,
            count=RACED,
            ball=ball,
            radius=settings.radius,
            queries=settings.budget,
            seed=settings.seed,
            steps=TRANSFER_STEPS,
        ),
        (
            "import torch",
            f"from adv_core import Margin, Untargeted, {ball}, mi_fgsm, square_attack",
            "from adv_core.attacks.hop_skip_jump import hop_skip_jump",
            "from adv_core.datasets import mnist",
            "from adv_core.networks.digit_network import checkpoint",
        ),
    )


in_python = section(page, program)
