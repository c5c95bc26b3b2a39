"""The loop of adversarial training, and the judgement of the networks, as a program."""

from pages.contents import title_of
from pages.lessons.adversarial_training.settings import IMAGES, Settings, page
from pages.lessons.adversarial_training.tasks import HELD_OUT
from pages.widgets.program import Part, Program, section


def program(settings: Settings) -> Program:
    """The training of section 3, and the networks that come with the project, judged alike."""
    return Program(
        title_of(page.name),
        (
            Part(
                f"The first {IMAGES} digits of MNIST to train on, and {HELD_OUT} test digits to judge on.",
                f'data, test = mnist("train", range(10))[:{IMAGES}], mnist("test", range(10))[:{HELD_OUT}]\n'
                f'recipe = Recipe("{settings.inner}", {settings.ball:g}, epochs={settings.epochs}, rate=4e-3, '
                f"seed={settings.seed})",
                ("from adv_core.datasets import mnist", "from adv_core.training import Recipe"),
            ),
            Part(
                "Training against the worst perturbation: in every minibatch the attack looks for it, then a step "
                "in the weights makes the loss there smaller.",
                "network = DigitNetwork(recipe.seed)\n"
                "for now in train(network, data.images, data.labels, recipe):\n"
                "    if now.ends_epoch:\n"
                '        print(f"epoch {now.epoch:.0f}: under attack, loss {now.loss:.3f}, error {now.error:.3f}")',
                (
                    "from adv_core.networks.digit_network import DigitNetwork",
                    "from adv_core.training import train",
                ),
            ),
            Part(
                "PGD with 20 steps judges this network, with weights of 16 bits as the page keeps it, and two that "
                "come with the project.",
                'networks = {name: checkpoint(name).network for name in ("standard", "robust_01")}\n'
                'networks["this one"] = unpack(pack(network))\n'
                "for name, each in networks.items():\n"
                "    clean, attacked = Judge(eps=recipe.eps, steps=20).error(each, test.images, test.labels)\n"
                '    print(f"{name}: error {clean:.3f} untouched, {attacked:.3f} at eps = {recipe.eps}")',
                (
                    "from adv_core.networks.digit_network import checkpoint, pack, unpack",
                    "from adv_core.training import Judge",
                ),
            ),
        ),
    )


in_python = section(page, program)
