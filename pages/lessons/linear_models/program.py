"""The training, the worst δ and the robust training of the lesson as a program."""

from pages.contents import title_of
from pages.lessons.linear_models.settings import Settings, page
from pages.widgets.program import Part, Program, section


def program(settings: Settings) -> Program:
    """Both trainings, and both models under the worst δ."""
    box = ", box=True" if settings.box else ""
    inside = ", test.images" if settings.box else ""
    return Program(
        title_of(page.name),
        (
            Part(
                "Zeros and ones of MNIST, and logistic regression on them.",
                'digits, test = mnist("train", (0, 1)), mnist("test", (0, 1))\n'
                "images, labels = digits.images, digits.labels\n"
                f"*_, last = train(images, labels, epochs=10, rate=1.0, seed={settings.seed})\n"
                "standard = last.model\n"
                'print("error on the test digits, untouched:", error(standard, test.images, test.labels))',
                ("from adv_core.datasets import mnist", "from adv_core.linear import error, train"),
            ),
            Part(
                "The worst perturbation of each test digit, -y·ε·sign(θ), without a search.",
                f"eps = {settings.eps:g}\n"
                f"delta = worst_case(standard.theta, test.labels, eps{inside}).view_as(test.images)\n"
                "wrong = standard(test.images + delta).argmax(1) != test.labels\n"
                'print(f"error under it, eps = {eps}:", float(wrong.float().mean()))',
                ("from adv_core.linear import worst_case",),
            ),
            Part(
                "PGD on the first digit, for comparison: y·θᵀδ by the formula, and by the search.",
                "x, y = test.images[:1], test.labels[:1]\n"
                f"search = pgd(standard, x, ball(eps, box={settings.box}), Untargeted(y), steps=40, quantize=False)\n"
                "for found in (delta[:1], run(search).delta):\n"
                "    print(float(signs(y) * (found.flatten(1) @ standard.theta)))",
                ("from adv_core import Untargeted, pgd, run", "from adv_core.linear import ball, signs"),
            ),
            Part(
                "Training against the worst perturbation: the loss is log(1 + exp(-y·(θᵀx + θ₀) + ε·‖θ‖₁)).",
                f"*_, last = train(images, labels, eps={settings.against:g}, epochs=20, rate=0.1, "
                f"seed={settings.seed})\n"
                'for name, model in (("standard", standard), ("robust", last.model)):\n'
                "    untouched = error(model, test.images, test.labels)\n"
                f"    attacked = error(model, test.images, test.labels, eps{box})\n"
                '    print(f"{name}: error {untouched:.4f} untouched, {attacked:.4f} under eps = {eps}")',
            ),
        ),
    )


in_python = section(page, program)
