"""The texts around the lesson's sections."""

from pages.lessons.adversarial_training.settings import INNER
from pages.lessons.adversarial_training.training import recipes
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def questions() -> list[Question]:
    recipe = recipes()[1]

    def cost(attack: str, gradients: int, told: str) -> Number:
        passes = 2 * gradients + 2
        return Number(
            "A forward pass and a backward pass cost 1 each. Ordinary training needs one of each for every digit: 2. "
            f"What is the cost of a digit in adversarial training with {attack}?",
            passes,
            0.01,
            f"{gradients} × 2 for the attack and 2 for the update: {passes} instead of 2.{told}",
            lambda given: (
                "That is the cost of the attack alone. The update of θ needs a gradient, too."
                if given == passes - 2
                else "Each step of the attack needs a forward and a backward pass. Then the update needs one of each."
            ),
        )

    return [
        Question(
            "a",
            cost(INNER[recipe.inner], recipe.gradients, " Section 6 shows the time of an epoch for your networks."),
            cost("PGD, 20 steps", 20, ""),
        ),
        Question(
            "b",
            Choice(
                "δ\\* depends on θ. Why may you keep δ\\* fixed when you differentiate by θ?",
                (
                    (
                        "At the maximum, no allowed change of δ raises the loss, so it has no effect in first order.",
                        "This is Danskin's theorem. It needs the exact maximum. PGD on a network finds only a good δ, "
                        "so there it holds only approximately.",
                    ),
                    (
                        "You may not. It is done only because a derivative of the attack would cost too much time.",
                        "It saves time, but at the exact maximum it is also right: there, a small change of δ has no "
                        "effect in first order.",
                    ),
                    (
                        "δ\\* depends only on the picture and on its label, and is therefore the same for every θ.",
                        "See section 2: after the update, the attack finds another, worse δ.",
                    ),
                ),
            ),
            Choice(
                "The inner maximum of a network is found by PGD, not exactly. What does this mean for the gradient "
                "by θ?",
                (
                    (
                        "It is the gradient at a good δ: near that of the maximum, without a guarantee.",
                        "Danskin's theorem needs the exact maximum. The training works in practice: see section 5.",
                    ),
                    (
                        "It has the wrong sign, so that each update raises the error under attack.",
                        "The update still reduces the loss at the δ that PGD has found.",
                    ),
                    (
                        "Nothing: Danskin's theorem holds at any δ, whether it is a maximum or not.",
                        "The theorem is about the maximum. At another δ, the change of δ with θ has an effect.",
                    ),
                ),
            ),
        ),
        Question(
            "c",
            Choice(
                "A network trained at ε = 0.1 is attacked at ε = 0.3. What do you expect?",
                (
                    (
                        "Many errors, though they begin at a larger ε than for the standard network.",
                        "The network is robust up to about the ε of its training.",
                    ),
                    (
                        "Still few errors: the network has learnt to ignore perturbations of every size.",
                        "See the curve: training covers only ε up to 0.1. Beyond 0.1 the error rises.",
                    ),
                    (
                        "At every ε as many errors as the standard network: training is of no use here.",
                        "Its error rises at a larger ε. Compare the two curves at 0.15.",
                    ),
                ),
            ),
            Choice(
                "A network was trained against every δ with ‖δ‖∞ ≤ 0.1. Which of these changes did its training cover?",
                (
                    (
                        "A change of each of the 784 pixels by 0.05.",
                        "The largest change is 0.05, so this δ lies in the ball.",
                    ),
                    (
                        "A change of only one of the 784 pixels by 0.5.",
                        "One pixel is enough: its change of 0.5 is larger than 0.1.",
                    ),
                    (
                        "A turn of the digit by 10°, which all can read.",
                        "At the edges of the strokes, a turn changes pixels by far more than 0.1.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "A student trains with FGSM as the inner maximum, tests with FGSM, and reports an error of 1 %. What "
                "do you ask first?",
                (
                    (
                        "What is the error under PGD with many steps and several restarts?",
                        "A network can learn to defeat only the attack of its training. Test with a stronger attack "
                        "than the one in training.",
                    ),
                    (
                        "How many epochs were there? More of them would give a smaller error.",
                        "Perhaps, but is the 1 % the true error?",
                    ),
                    (
                        "What is the clean error? For a robust network it is often larger.",
                        "That is worth knowing, but it does not show whether the network is robust.",
                    ),
                ),
            ),
            Choice(
                "A network was trained with FGSM. Its error is 2 % under FGSM and 95 % under PGD, at the same ε. What "
                "has happened?",
                (
                    (
                        "The network has learnt to defeat the one step of its training, and no other attack.",
                        "This is called catastrophic overfitting.",
                    ),
                    (
                        "PGD has left the ball with its many steps, and has found a δ that is not allowed.",
                        "The projection brings δ back into the ball after each step.",
                    ),
                    (
                        "The network is robust, and PGD shows digits that people misread as well.",
                        "At the same ε, FGSM's δ is as large as PGD's. People read both.",
                    ),
                ),
            ),
        ),
        Question(
            "e",
            Choice(
                "Why do the robust network's input gradients look like strokes?",
                (
                    (
                        "It uses only pixels that help more than a change by ε costs: those of the strokes.",
                        "*Linear models* shows the same in a formula: the term −ε‖θ‖₁ removes the weights that help "
                        "too little.",
                    ),
                    (
                        "It was trained on sharper pictures, in which the strokes stand out from the ground.",
                        "It was trained on the same pictures with the worst δ added.",
                    ),
                    (
                        "By chance: a network that starts from another seed has gradients that look like noise.",
                        "Try it: train your own network with another seed, and compare.",
                    ),
                ),
            ),
            Choice(
                "Which pixels does a network use less after adversarial training?",
                (
                    (
                        "Those whose help on clean digits is smaller than the harm of a change by ε.",
                        "An attacker can use each pixel that the network uses. It has to be worth this price.",
                    ),
                    (
                        "Those that are black in the digit, since an attacker cannot make them darker.",
                        "An attacker can make them brighter, and a stroke in a wrong place changes a digit.",
                    ),
                    (
                        "Those in the middle of the picture, where the strokes of all the digits overlap.",
                        "There the strokes tell digits apart, so these pixels help a lot.",
                    ),
                ),
            ),
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
