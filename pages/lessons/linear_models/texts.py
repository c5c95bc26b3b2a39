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
            "Without the box, every 0 gets the very same δ\\*, whatever it looks like. Why?",
            (
                (
                    "Because all zeros look alike.",
                    "They do not, and δ\\* would be the same even for a picture of a cat.",
                ),
                (
                    "Because h is linear: δ enters by y·θᵀδ alone, and x is not in it.",
                    "Yes. That is line 2. For a deep network the gradient changes from picture to picture, and so "
                    "does δ\\*.",
                ),
                ("Because ε is the same for all.", "ε says how far. Which way each pixel goes is the question here."),
            ),
            1,
        ),
        Number(
            "b",
            f"The standard model above has ‖θ‖₁ = {norm:.1f}. By how much can an attack with ε = {eps:g} lower y·h(x) "
            "at most, without the box?",
            fall,
            0.06,
            f"Yes: ε‖θ‖₁ = {eps:g} × {norm:.1f} = {fall:.2f}. A digit with y·h(x) below that can be turned.",
            lambda given: (
                "That is ‖θ‖₁ itself. Each pixel moves by ε, not by 1."
                if abs(given - norm) < 0.5
                else "It *falls* by that much: give the size, without the sign."
                if abs(given + fall) < 0.06
                else "Line 4: every pixel costs ε·|θᵢ|. Add them up."
            ),
        ),
        Choice(
            "c",
            "Robust training shrinks ‖θ‖₁. Does dividing θ and b by 10 make a model robust as well?",
            (
                (
                    "Yes: ‖θ‖₁ is ten times smaller, so the attack costs ten times less.",
                    "It does, but y·h(x) is ten times smaller too. The sign of y·h(x) − ε‖θ‖₁ is what counts, and it "
                    "is the same.",
                ),
                (
                    "No: y·h(x) shrinks by the same factor, so exactly the same digits flip.",
                    "Yes. What counts is |h(x)| / ‖θ‖₁. Robust training changes the *direction* of θ: it drops the "
                    "weights that earn less than they cost.",
                ),
            ),
            1,
        ),
        Choice(
            "d",
            "You switch the box on. What happens to the standard model's error under ε = 0.2?",
            (
                (
                    "It rises: clipped pictures are harder to read.",
                    "The box takes choices away from the attacker. A maximum over fewer δ cannot be larger.",
                ),
                ("Nothing: δ\\* is ±ε anyway.", "A black pixel cannot go to −ε. Look at the table under 5."),
                (
                    "It falls: the attacker has fewer δ to choose from.",
                    f"Yes, from {test_error(seed, 0.0, 0.2, False):.3f} to "
                    f"{test_error(seed, 0.0, 0.2, True):.3f}: black pixels that should get darker stay as "
                    "they are.",
                ),
            ),
            2,
        ),
        Choice(
            "e",
            "Square Attack finds nothing against some model within 200 questions. What do you know?",
            (
                (
                    "The model is robust.",
                    "Only that this attack found nothing. More questions, or another attack, may.",
                ),
                (
                    "Its worst case is at least as bad as what was found; how bad, only a proof can tell.",
                    "Yes. An attack gives a lower bound on the error. The closed form of this page is the rare case "
                    "of a proof.",
                ),
                (
                    "Models without a gradient cannot be attacked.",
                    "The tree has none, and look at its row in the table under 7.",
                ),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "For a linear classifier the worst perturbation is one line of algebra: no steps, no luck, and a proof that "
        "nothing beats it. So the robust model can be trained exactly, too."
    ),
    questions=questions,
    script=(
        "1. Open the link: the model is trained before you have read the title. Out of 2115 digits, one is wrong.\n"
        "2. Ask the room how many will be wrong when every pixel may move by 0.2. Point at the orange frames.\n"
        "3. Press *First line*, and let the room say each next line before you press. Every line is checked on data.\n"
        "4. Section 4: the maximum has become −ε‖θ‖₁. Train, and compare the two pictures of θ."
    ),
    pitfalls=(
        "- Another seed, another number: 0.0005 is one wrong digit of 2115, 0.0009 is two; section 5.\n"
        "- “Pixels cannot be negative!” Right: switch the box on. The error falls, the argument stays.\n"
        "- Students take −ε‖θ‖₁ for an ordinary ℓ1 penalty. It is inside Ψ; outside, it would pull on every digit."
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
