"""The texts around the lesson's sections."""

from pages.lessons.linear_models.measured import test_error, trained
from pages.lessons.linear_models.settings import page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    eps, seed = 0.1, page.value.seed
    norm = float(trained(seed).theta.abs().sum())
    fall = round(eps * round(norm, 1), 2)
    return [
        Choice(
            "a",
            "Without the box [0, 1], δ\\* is the same for every 0, whatever the digit looks like. Why?",
            (
                (
                    "Because all zeros look alike.",
                    "They do not look alike. δ\\* would be the same even for a picture of a cat.",
                ),
                (
                    "Because h is linear: δ appears only in the term y·θᵀδ, which does not contain x.",
                    "Yes. That is line 2. For a deep network the gradient differs from picture to picture, and so "
                    "does δ\\*.",
                ),
                (
                    "Because ε is the same for all digits.",
                    "No: ε is only the size of the change of each pixel. The question is about its sign.",
                ),
            ),
            1,
        ),
        Number(
            "b",
            f"The standard model above has ‖θ‖₁ = {norm:.1f}. By how much can an attack with ε = {eps:g} reduce y·h(x) "
            "at most, without the box?",
            fall,
            0.06,
            f"Yes: ε‖θ‖₁ = {eps:g} × {norm:.1f} = {fall:.2f}. The attack flips each digit with y·h(x) below that.",
            lambda given: (
                "That is ‖θ‖₁ itself. But each pixel changes by ε, not by 1."
                if abs(given - norm) < 0.5
                else "It *falls* by that much. Enter the size, without the sign."
                if abs(given + fall) < 0.06
                else "See line 4: each pixel contributes ε·|θᵢ|. Add them up."
            ),
        ),
        Choice(
            "c",
            "Robust training reduces ‖θ‖₁. Does a division of θ and b by 10 make a model robust, too?",
            (
                (
                    "Yes: ‖θ‖₁ is ten times smaller, so the attack changes the score ten times less.",
                    "It does, but y·h(x) is ten times smaller, too. Only the sign of y·h(x) − ε‖θ‖₁ matters, and it "
                    "stays the same.",
                ),
                (
                    "No: y·h(x) becomes smaller by the same factor, so exactly the same digits flip.",
                    "Yes. Only |h(x)| / ‖θ‖₁ matters. Robust training changes the *direction* of θ: it drops the "
                    "weights that help less on clean digits than they cost under attack.",
                ),
            ),
            1,
        ),
        Choice(
            "d",
            "You switch the box on: pixels stay in [0, 1]. What happens to the standard model's error under ε = 0.2?",
            (
                (
                    "It rises: clipped pictures are harder to read.",
                    "No: the box leaves the attacker fewer δ. A maximum over fewer δ cannot be larger.",
                ),
                ("Nothing: δ\\* is ±ε anyway.", "No: a black pixel cannot change by −ε. See the table in section 5."),
                (
                    "It falls: the attacker has fewer δ to choose from.",
                    f"Yes, from {test_error(seed, 0.0, 0.2, False):.3f} to "
                    f"{test_error(seed, 0.0, 0.2, True):.3f}: black pixels cannot become darker, so they do not "
                    "change.",
                ),
            ),
            2,
        ),
        Choice(
            "e",
            "Square Attack finds nothing against some model within 200 queries. What do you know?",
            (
                (
                    "The model is robust.",
                    "No: only this attack found nothing. More queries, or another attack, may find something.",
                ),
                (
                    "Its worst case is at least as bad as what the attack found. Only a proof can tell how bad.",
                    "Yes. An attack gives a lower bound on the error. The closed form of this page is a proof, which "
                    "is rare.",
                ),
                (
                    "Models without a gradient cannot be attacked.",
                    "No: the tree has no gradient. See its column in the table of section 7.",
                ),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "For a linear classifier you can write down the worst perturbation in one line of algebra, and prove that "
        "nothing beats it. So you can also train the robust model exactly. On this page both happen on handwritten "
        "zeros and ones, and each line of the proof is checked on data."
    ),
    questions=questions,
    script=(
        "1. Open the link: the model is trained before you have read the title. One of 2115 digits is wrong.\n"
        "2. Ask the students how many are wrong when each pixel may change by 0.2. Point at the orange frames.\n"
        "3. Press *First line*. Let the students say each next line before you press. Each line is checked on data.\n"
        "4. Section 4: the maximum has become −ε‖θ‖₁, and the problem is convex. Compare the two pictures of θ."
    ),
    pitfalls=(
        "- Each seed gives another number: 0.0005 is one wrong digit of 2115, 0.0009 is two. See section 5.\n"
        "- “Pixels cannot be negative!” Right: switch the box on. The error falls, the argument still holds.\n"
        "- Students confuse −ε‖θ‖₁ with an ordinary ℓ1 penalty. It is inside Ψ. Outside of Ψ, it would act on every "
        "digit."
    ),
    references=(
        (
            "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 2: linear models",
            "https://adversarial-ml-tutorial.org/linear_models/",
        ),
        (
            "Goodfellow, Shlens & Szegedy, *Explaining and harnessing adversarial examples*, ICLR 2015",
            "https://arxiv.org/abs/1412.6572",
        ),
        (
            "Xu, Caramanis & Mannor, *Robustness and regularization of support vector machines*, JMLR 2009",
            "https://www.jmlr.org/papers/v10/xu09b.html",
        ),
        ("Andriushchenko, Croce, Flammarion & Hein, *Square Attack*, ECCV 2020", "https://arxiv.org/abs/1912.00049"),
        (
            "LeCun, Cortes & Burges, *The MNIST database of handwritten digits* (CC BY-SA 3.0)",
            "http://yann.lecun.com/exdb/mnist/",
        ),
    ),
)
