"""The texts around the lesson's sections."""

from pages.lessons.adversarial_training.settings import INNER
from pages.lessons.adversarial_training.training import recipes
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    recipe = recipes()[1]
    passes = 2 * recipe.gradients + 2
    return [
        Number(
            "a",
            "A forward pass and a backward pass cost 1 each. Ordinary training needs one of each for every digit: 2. "
            f"What is the cost of a digit in adversarial training with {INNER[recipe.inner]}?",
            passes,
            0.01,
            f"Yes: {recipe.gradients} × 2 for the attack and 2 for the update, {passes} instead of 2. Section 6 shows "
            "the time of an epoch for your networks.",
            lambda given: (
                "That is the cost of the attack alone. The update of θ needs a gradient, too."
                if given == passes - 2
                else "Each step of the attack needs a forward and a backward pass. Then the update needs one of each."
            ),
        ),
        Choice(
            "b",
            "δ\\* depends on θ. Why may you keep δ\\* fixed when you differentiate by θ?",
            (
                (
                    "You may not. It is done because it is cheap.",
                    "It is cheap, but also right: at a maximum, a small change of δ has no effect in first order.",
                ),
                (
                    "At the maximum, the loss does not rise in any direction that Δ allows. So a change of δ\\* has no "
                    "effect on the loss in first order.",
                    "Yes: this is Danskin's theorem. It holds at the exact maximum. PGD comes close to it.",
                ),
                (
                    "δ\\* is the same for every θ.",
                    "No. See section 2: after the update, the attack finds a new, worse δ.",
                ),
            ),
            1,
        ),
        Choice(
            "c",
            "A network trained at ε = 0.1 is attacked at ε = 0.3. What do you expect?",
            (
                (
                    "Still few errors: it has learnt to ignore perturbations.",
                    "No. See the curve: training covers only ε up to 0.1. Beyond 0.1 the error rises.",
                ),
                (
                    "Many errors, though later than for the standard network.",
                    "Yes. The network is robust up to about the ε of its training.",
                ),
                (
                    "As many errors as the standard network.",
                    "No: its error rises at a larger ε. Compare the two curves at 0.15.",
                ),
            ),
            1,
        ),
        Choice(
            "d",
            "A student trains with FGSM as the inner maximum, tests with FGSM, and reports an error of 1 %. What do "
            "you ask first?",
            (
                ("How many epochs? More epochs would give a smaller error.", "Perhaps, but is the 1 % the true error?"),
                (
                    "What is the error under PGD with many steps and restarts?",
                    "Yes. A network can learn to defeat only the attack of its training. Test with a stronger attack "
                    "than the one in training.",
                ),
                (
                    "What is the clean error?",
                    "That is worth knowing, but it does not show whether the network is robust.",
                ),
            ),
            1,
        ),
        Choice(
            "e",
            "Why do the robust network's input gradients look like strokes?",
            (
                (
                    "It was trained on sharper pictures.",
                    "No: it was trained on the same pictures with the worst δ added.",
                ),
                (
                    "The attack can change each pixel by up to ε. So the network uses only pixels that help more than "
                    "this costs, and those are the strokes of the digit.",
                    "Yes. *Linear models* shows the same in a formula: the term −ε‖θ‖₁ removes the weights that help "
                    "too little.",
                ),
                (
                    "By chance: with another seed they would look like noise.",
                    "No. Try it: train your own network with another seed, and compare.",
                ),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "An attack finds the worst δ. Adversarial training runs an attack in each step of the training, and the "
        "network learns to be robust to it. On this page you compare two networks for handwritten digits, follow one "
        "step of the training, train a robust network yourself, and see what robustness costs."
    ),
    questions=questions,
    script=(
        "1. Open the link and raise ε: the standard network fails first, the robust one is still right.\n"
        "2. Section 2: press *Next*, and let the students say which term of the formula comes next.\n"
        "3. Section 3: press *Train both* and talk about the cost meanwhile. After the first steps, the bar says how "
        "long this machine needs.\n"
        "4. Section 5: ask which of the two gradients belongs to which network."
    ),
    pitfalls=(
        "- On a busy server a training waits for its turn. All other sections work with the supplied networks.\n"
        "- After only one or two epochs, the robust network may be far worse than the supplied one. The reason is the "
        "short training, not the method.\n"
        "- At ε = 0.3 a network may learn nothing for some epochs. To prevent this, ε grows over the first fifth of "
        "the training."
    ),
    references=(
        (
            "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 4: adversarial training",
            "https://adversarial-ml-tutorial.org/adversarial_training/",
        ),
        (
            "Madry, Makelov, Schmidt, Tsipras & Vladu, *Towards deep learning models resistant to adversarial "
            "attacks*, ICLR 2018",
            "https://arxiv.org/abs/1706.06083",
        ),
        ("Wong, Rice & Kolter, *Fast is better than free*, ICLR 2020", "https://arxiv.org/abs/2001.03994"),
        (
            "Tsipras, Santurkar, Engstrom, Turner & Madry, *Robustness may be at odds with accuracy*, ICLR 2019",
            "https://arxiv.org/abs/1805.12152",
        ),
        ("Danskin, *The theory of max–min*, 1967", "https://doi.org/10.1007/978-3-642-46092-0"),
    ),
)
