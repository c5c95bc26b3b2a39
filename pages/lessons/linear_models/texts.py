"""The texts around the lesson's sections."""

from pages.lessons.linear_models.measured import test_error, trained
from pages.lessons.linear_models.settings import page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def largest_fall(model: str, norm: float, eps: float, tolerance: float, told: str) -> Number:
    """A question for the most that an attack takes from y·(θᵀx + θ₀)."""
    fall = round(eps * round(norm, 1), 2)
    return Number(
        f"{model} has ‖θ‖₁ = {norm:.1f}. By how much can an attack with ε = {eps:g} reduce y·(θᵀx + θ₀) at most, "
        "without the box?",
        fall,
        tolerance,
        f"ε‖θ‖₁ = {eps:g} × {norm:.1f} = {fall:.2f}.{told}",
        lambda given: (
            f"That is ‖θ‖₁ itself. But each pixel changes by {eps:g}, not by 1."
            if abs(given - norm) < 0.5
            else "It *falls* by that much. Enter the size, without the sign."
            if abs(given + fall) <= tolerance
            else "See line 4: each pixel contributes ε·|θᵢ|. Add them up."
        ),
    )


def questions() -> list[Question]:
    seed = page.value.seed
    norm = float(trained(seed).theta.abs().sum())
    return [
        Question(
            "b",
            largest_fall(
                "The standard model above", norm, 0.1, 0.06, " The attack flips each digit whose y·(θᵀx + θ₀) is less."
            ),
            largest_fall("Another model", 12.5, 0.2, 0.02, ""),
        ),
        Question(
            "d",
            Choice(
                "You switch the box on: pixels stay in [0, 1]. What happens to the standard model's error under ε = "
                "0.2?",
                (
                    (
                        "It falls: fewer δ are left to the attacker.",
                        f"It falls from {test_error(seed, 0.0, 0.2, False):.3f} to "
                        f"{test_error(seed, 0.0, 0.2, True):.3f}: black pixels cannot become darker, so they do not "
                        "change.",
                    ),
                    (
                        "It rises: clipped pictures are harder to read.",
                        "The box leaves the attacker fewer δ. A maximum over fewer δ cannot be larger.",
                    ),
                    (
                        "Nothing: each pixel of δ\\* is ±ε in any case.",
                        "A black pixel cannot change by −ε. See the table in section 5.",
                    ),
                ),
            ),
            Choice(
                "Without the box, δ\\* of some black pixel is −ε. What does this pixel add to the attack with the box?",
                (
                    ("Nothing: black cannot become darker.", "The best allowed change of this pixel is 0."),
                    (
                        "ε·|θᵢ|, as it does without the box.",
                        "For that, the pixel would have to become darker than black.",
                    ),
                    (
                        "ε·|θᵢ| again, by a change of +ε instead.",
                        "A change of +ε would help the model: it has the wrong sign.",
                    ),
                ),
            ),
        ),
        Question(
            "a",
            Choice(
                "Without the box [0, 1], δ\\* is the same for every 0, whatever the digit looks like. Why?",
                (
                    (
                        "δ appears only in the term y·θᵀδ of the score, and this term does not contain x.",
                        "That is line 2. For a deep network the gradient differs from picture to picture, and so "
                        "does δ\\*.",
                    ),
                    (
                        "All zeros look alike to a model that has learnt from thousands of other zeros.",
                        "They do not look alike. δ\\* would be the same even for a picture of a cat.",
                    ),
                    (
                        "ε is the same for all digits, and each pixel of δ\\* changes by exactly this ε.",
                        "ε is only the size of the change of each pixel. The question is about its sign.",
                    ),
                ),
            ),
            Choice(
                "What changes the sign of every pixel of δ\\* (linear model, no box)?",
                (
                    ("The other label y, for the same picture.", "δ\\* = −y·ε·sign(θ): y turns every sign round."),
                    ("Another picture x with the same label y.", "δ\\* = −y·ε·sign(θ) does not contain x."),
                    ("Another θ₀, which moves the boundary.", "δ\\* = −y·ε·sign(θ) does not contain θ₀."),
                ),
            ),
        ),
        Question(
            "c",
            Choice(
                "Robust training reduces ‖θ‖₁. Does a division of θ and θ₀ by 10 make a model robust, too?",
                (
                    (
                        "No: y·(θᵀx + θ₀) becomes ten times smaller as well, so the same digits flip.",
                        "Only |θᵀx + θ₀| / ‖θ‖₁ matters. Robust training changes the *direction* of θ: it drops the "
                        "weights that help less on clean digits than they cost under attack.",
                    ),
                    (
                        "Yes: ‖θ‖₁ is ten times smaller, so the attack changes the score ten times less.",
                        "It does, but y·(θᵀx + θ₀) is ten times smaller, too. Only the sign of "
                        "y·(θᵀx + θ₀) − ε‖θ‖₁ matters, and it stays the same.",
                    ),
                    (
                        "It depends on ε: for small ε the division helps, for large ε it does harm.",
                        "ε‖θ‖₁ and y·(θᵀx + θ₀) shrink by the same factor, whatever ε is.",
                    ),
                ),
            ),
            Choice(
                "For the same digit with y = 1, one model has θᵀx + θ₀ = 8 and ‖θ‖₁ = 40, another 3 and 10. Which "
                "model still classifies it right under ε = 0.25?",
                (
                    (
                        "Only the other: 3 − 0.25 · 10 is above 0, 8 − 0.25 · 40 is not.",
                        "What counts is the score divided by ‖θ‖₁: 0.2 for the first, 0.3 for the other.",
                    ),
                    (
                        "Only the first: its score of 8 is further from 0 than the 3 is.",
                        "The attack on it is stronger, too: it reduces the score by up to 0.25 · 40 = 10.",
                    ),
                    (
                        "Both: an ε of 0.25 is smaller than each of the two scores.",
                        "ε is the change of a pixel. The score falls by up to ε‖θ‖₁.",
                    ),
                ),
            ),
        ),
        Question(
            "e",
            Choice(
                "Square Attack finds nothing against some model within 200 queries. What do you know?",
                (
                    (
                        "Its worst case is at least as bad as what was found. Only a proof tells how bad it is.",
                        "An attack gives a lower bound on the error. The closed form of this page is a proof, which "
                        "is rare.",
                    ),
                    (
                        "The model is robust, since 200 queries are more than most attackers would ever send.",
                        "Only this attack found nothing. More queries, or another attack, may find something.",
                    ),
                    (
                        "Models without a gradient cannot be attacked, and this one seems to be one of them.",
                        "The tree has no gradient. See its column in the table of section 7.",
                    ),
                ),
            ),
            Choice(
                "An attack flips 12 of 100 digits. For 80 of the 100, a proof says that nothing flips them. How many "
                "can the best attack flip?",
                (
                    ("Between 12 and 20.", "The attack shows that 12 can flip. The proof shows that 80 cannot."),
                    (
                        "Exactly 12: those were found.",
                        "Eight others have no proof. They may flip, too.",
                    ),
                    ("Exactly 20: all unproved ones.", "A digit without a proof may still withstand every attack."),
                ),
            ),
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
