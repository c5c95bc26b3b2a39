"""The attack by questions, and the attack by transfer, as a program."""

from adv_core.classifiers import DEFAULT
from pages.contents import title_of
from pages.lessons.black_box.settings import Settings, page
from pages.widgets.program import Part, Program, network_and_photograph, section, three_pictures

OTHER = "efficientnet_lite1"


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
        ),
    )


in_python = section(page, program)
