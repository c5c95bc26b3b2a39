"""The questions of the lesson."""

from adv_core.linear import (
    LinearClassifier,
)
from pages.lessons.linear_models.measured import test_error
from pages.lessons.linear_models.settings import Settings
from pages.widgets.quiz import Choice, Number


def questions(settings: Settings, standard: LinearClassifier, robust: LinearClassifier) -> list[Choice | Number]:
    eps = 0.1
    norm = float(standard.theta.abs().sum())
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
                    f"Yes, from {test_error(settings.seed, 0.0, 0.2, False):.3f} to "
                    f"{test_error(settings.seed, 0.0, 0.2, True):.3f}: black pixels that should get darker stay as "
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
