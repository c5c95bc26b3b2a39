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
            "One forward and one backward pass cost the same, say 1 each. Ordinary training needs both once for every "
            f"digit: 2. What does a digit cost with {INNER[recipe.inner]} inside?",
            passes,
            0.01,
            f"Yes: {recipe.gradients} × 2 for the attack and 2 for the update, {passes} instead of 2. Your own seconds "
            "an epoch are in section 6.",
            lambda given: (
                "That is the attack alone. θ wants its own gradient, too."
                if given == passes - 2
                else "Each step of the attack needs a forward and a backward pass; then the update needs one of each."
            ),
        ),
        Choice(
            "b",
            "Why may δ\\* be held fast when θ is differentiated, although δ\\* depends on θ?",
            (
                (
                    "It may not; it is done because it is cheap.",
                    "It is cheap, but it is also right: at a maximum a small move of δ changes nothing in first order.",
                ),
                (
                    "Because at the maximum the loss does not change with δ in any direction that Δ allows: what θ "
                    "does to δ\\* has no effect in first order.",
                    "Yes: Danskin's theorem. It holds at the exact maximum; PGD's is nearly one.",
                ),
                (
                    "Because δ\\* is the same for every θ.",
                    "Look at section 2: after the update the attacker finds a new, worse δ.",
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
                    "Look at the curve: it was promised nothing beyond 0.1, and beyond 0.1 it falls.",
                ),
                (
                    "Many errors, though later than for the standard network.",
                    "Yes. Robustness ends about where the training ended.",
                ),
                (
                    "As many errors as the standard network.",
                    "It falls later: compare the two curves at 0.15.",
                ),
            ),
            1,
        ),
        Choice(
            "d",
            "A student trains with FGSM inside, tests with FGSM, and finds 1 % error. What would you ask first?",
            (
                ("How many epochs? More would give less.", "Perhaps; but is the 1 % true?"),
                (
                    "What does PGD with many steps and restarts find?",
                    "Yes. A network can learn to fool the one attack that it knows. Judge by a stronger one than you "
                    "trained against.",
                ),
                ("What is the clean error?", "Worth knowing, but it does not tell whether the robustness is real."),
            ),
            1,
        ),
        Choice(
            "e",
            "Why do the robust network's input gradients look like strokes?",
            (
                (
                    "Because it was shown sharper pictures.",
                    "It was shown the same pictures, made worse.",
                ),
                (
                    "Because every pixel that it relies on costs it up to ε under attack: it keeps only what earns "
                    "more than that, and that is the ink of the digit.",
                    "Yes. The linear lesson shows the same as a formula: −ε‖θ‖₁ drops the weights that earn too "
                    "little.",
                ),
                (
                    "By chance: another seed would look like noise.",
                    "Try it: train your own with another seed, and compare.",
                ),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead="Attacks find the worst δ. Put that search inside the training loop, and the network learns to withstand it.",
    questions=questions,
    script=(
        "1. Open the link and move ε: the standard network falls first, the robust one holds on.\n"
        "2. Section 2, with *Next*: let the room say which term of the formula comes next.\n"
        "3. Press *Train both* while you talk about the price: the whole training takes less than a minute.\n"
        "4. Section 5: ask which of the two gradients belongs to which network."
    ),
    pitfalls=(
        "- On a busy host a training waits for its turn. The shipped networks answer everything without one.\n"
        "- Trained for one or two epochs only, the robust network may be worse than the shipped one by far: that is "
        "training time, not the method.\n"
        "- At ε = 0.3 a network may learn nothing for some epochs: ε grows over the first fifth of the training to "
        "prevent that."
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
