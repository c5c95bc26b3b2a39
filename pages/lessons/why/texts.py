"""The texts around the lesson's sections."""

from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def margin(score: float, weight: float) -> Number:
    """A question for the ε that takes a margin away."""
    return Number(
        f"A linear classifier has ‖θ‖₁ = {weight:g}, and a digit has the margin y·s(x) = {score:g}. Which ε brings its "
        "score to zero, without the box?",
        score / weight,
        0.02 * score / weight,
        f"ε‖θ‖₁ = {score:g} for ε = {score:g} / {weight:g} = {score / weight:g}.",
        lambda given: f"With this ε the score moves by ε‖θ‖₁ = {given * weight:g}.",
    )


def dimension_questions() -> list[Question]:
    """The questions of section 1."""
    return [
        Question("a", margin(5, 50), margin(3, 120)),
        Question(
            "b",
            Choice(
                "Plain digits have ten times as many pixels, and ε₅₀ hardly changes. Why?",
                (
                    (
                        "The new pixels repeat what their neighbours say.",
                        "A classifier of the coarse digits is one of the fine digits, too, with the same ‖θ‖₁.",
                    ),
                    (
                        "The linear classifier ignores most of the new pixels.",
                        "It uses them: it shares the weight of a pixel among the new ones.",
                    ),
                    (
                        "The attack is too weak for so many pixels.",
                        "For a linear classifier, one signed step is the strongest attack.",
                    ),
                ),
            ),
            Choice(
                "Faint digits in noise have ten times as many pixels and the same error. Why does ε₅₀ fall?",
                (
                    (
                        "Each pixel carries less, so a smaller ε outweighs it.",
                        "The contrast has fallen as 1/√D, and ε₅₀ with it.",
                    ),
                    (
                        "The noise itself moves the score more than before.",
                        "Noise of any signs averages out; look at the error with random noise.",
                    ),
                    (
                        "The classifier of more pixels is trained worse.",
                        "Its error on untouched digits is the same.",
                    ),
                ),
            ),
        ),
    ]


def gradient_questions() -> list[Question]:
    """The questions of section 2."""
    return [
        Question(
            "g",
            Choice(
                "Four networks read a pushed digit as “3”. The nearest real digit is still a 7. What was changed?",
                (
                    (
                        "Something that networks share, and that people hardly see.",
                        "It transfers, so it is no accident of one network. Section 3 calls it a feature.",
                    ),
                    (
                        "Nothing but noise, which fools one network by accident.",
                        "An accident of one network would not be read in the same way by the others.",
                    ),
                    (
                        "The strokes, so that a person sees a 3 as well.",
                        "Then the nearest real digit would be a 3.",
                    ),
                ),
            ),
            Choice(
                "A network is robust to δ with ‖δ‖∞ ≤ 0.3. Do its gradients draw digits, then?",
                (
                    (
                        "Not necessarily: see the third picture.",
                        "It has learnt a threshold, which hides the gradient.",
                    ),
                    (
                        "Yes, every robust network has such gradients.",
                        "The one that is robust in L2 has; the ones in L∞ do not, on these digits.",
                    ),
                    (
                        "No, gradients are noise in every network.",
                        "The gradient of the network that is robust in L2 draws.",
                    ),
                ),
            ),
        ),
    ]


def feature_questions() -> list[Question]:
    """The questions of section 3."""
    return [
        Question(
            "c",
            Choice(
                "A network is trained on relabelled digits alone, whose labels are all wrong to a person. It reads "
                "untouched digits. How can that be?",
                (
                    (
                        "The perturbations hold features of the new class, which untouched digits of it have, too.",
                        "These are non-robust features: useful on untouched digits, and easily changed by an attacker.",
                    ),
                    (
                        "A few of the digits have kept their right label by chance, and the network learns from those.",
                        "The new label is never the true class. The control has the same labels, and reads nothing.",
                    ),
                    (
                        "Training on random noise is enough to read digits, if there is a sufficient number of them.",
                        "The control is such a training. It does worse than guessing.",
                    ),
                ),
            ),
            Choice(
                "What does the control of the experiment rule out?",
                (
                    (
                        "That the labels alone, without the perturbation, teach the network to read.",
                        "It has the same digits, labels and ε. Only the direction of δ differs.",
                    ),
                    (
                        "That a person would find the new labels right after all, once δ is added.",
                        "A robust network judges that: it still reads the true class of nearly all moved digits.",
                    ),
                    (
                        "That another network, trained with another seed, would learn something else.",
                        "The seeds of the search show that.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "The new label is always y + 1, and the network trained on it fails on untouched digits. Why?",
                (
                    (
                        "The strokes of y explain the label y + 1 as well, and are easier to learn.",
                        "On an untouched y it answers y + 1. With random labels the strokes explain nothing.",
                    ),
                    (
                        "A targeted attack cannot reach y + 1, since the two digits look too different.",
                        "The attacked network reads about as many digits as their new label as with random ones.",
                    ),
                    (
                        "The perturbations towards y + 1 hold no features at all, only noise.",
                        "They are made in the same way, by the same attack on the same network.",
                    ),
                ),
            ),
            Choice(
                "You move the digits against a robust network instead. The new network reads far fewer untouched "
                "digits. Why?",
                (
                    (
                        "A robust network uses few non-robust features, so its perturbations hold few.",
                        "With the same ε, fewer digits reach their new label, and there is less to learn from them.",
                    ),
                    (
                        "Its perturbations are larger, so that the strokes of the digits disappear.",
                        "The ε is the same, and the true class is still read from nearly all of them.",
                    ),
                    (
                        "Its gradients are zero, so that the attack does not change the digits at all.",
                        "Its gradients are not zero: section 2 shows what they draw.",
                    ),
                ),
            ),
        ),
    ]


def price_questions() -> list[Question]:
    """The questions of section 4."""
    return [
        Question(
            "e",
            Choice(
                "One feature is always right, but an attacker can change it. Another is robust, and right in 90 % of "
                "the pictures. What is the clean accuracy of a classifier that the attacker cannot fool?",
                (
                    ("90 %.", "It may use the robust feature alone. The missing 10 % are the price."),
                    ("100 %.", "For that it would have to use the first feature, and the attacker could fool it."),
                    ("95 %.", "A mixture of both features is still changed by whoever changes the first one."),
                ),
            ),
            Choice(
                "The robust feature is right in 75 % of the pictures, the other one in all. How much clean accuracy "
                "does robustness cost here?",
                (
                    ("25 %.", "100 % with the sure feature, 75 % with the robust one alone."),
                    ("Nothing.", "It would be nothing if the robust feature were always right, too."),
                    ("75 %.", "75 % is what is left, not what is lost."),
                ),
            ),
        ),
        Question(
            "f",
            Choice(
                "TRADES with a larger β: what do you expect?",
                (
                    (
                        "More robust accuracy, at the price of clean accuracy, up to a point.",
                        "β weighs the change of the prediction against the loss at x. Move it and see.",
                    ),
                    (
                        "More clean accuracy, at the price of robust accuracy, up to a point.",
                        "That is what a smaller β does. β = 0 is ordinary training.",
                    ),
                    (
                        "More of both, as with every stronger regularisation of a network.",
                        "Where the two data sets allow only one of them, β chooses between them.",
                    ),
                ),
            ),
            Choice(
                "Ten times as many training digits: what happens to the gap between clean and robust accuracy?",
                (
                    (
                        "It narrows: robust accuracy gains more.",
                        "See the table of the digits. Robust accuracy needs more data (Schmidt et al., 2018).",
                    ),
                    (
                        "It widens: clean accuracy gains more.",
                        "Clean accuracy is high with few digits already. Robust accuracy has more to gain.",
                    ),
                    (
                        "It stays: both depend on ε alone.",
                        "See the table of the digits: ε is the same for all of them.",
                    ),
                ),
            ),
        ),
    ]


def questions() -> list[Question]:
    return [*dimension_questions(), *gradient_questions(), *feature_questions(), *price_questions()]


TEXTS = Texts(
    lead=(
        "Every other lesson makes adversarial examples. This one asks why there are any. "
        "The field has several answers. Each stands here with an experiment that runs now."
    ),
    questions=questions,
    script=(
        "1. Open the link. “Can you read this digit? The classifier can, in nine cases of ten.” It adds up 784 pixels "
        "that say next to nothing. So does δ: drag the side to 4 with the same ε, and the attack fails.\n"
        "2. “So it is the number of pixels?” Choose *plain digits*: the line is flat. It is the weak evidence.\n"
        "3. Section 2, from left to right: veil, crumbs, nothing, a digit. “Which of these networks sees as we do?” "
        "Let the room play *Which network made this?*\n"
        "4. Paint: a student names a class.\n"
        "5. Section 3: press *Run this*. “All labels are wrong. What will it learn?” Compare with the noise. Then take "
        "*always y + 1*: now the strokes explain the wrong label, and they win.\n"
        "6. Section 4: “Why not simply use what is right?” Drag the ε of the training: the border turns, and ten per "
        "cent are lost. Then ask of each row of the map what it cannot explain."
    ),
    pitfalls=(
        "- “More dimensions are the cause.” Only where each of them carries less; compare the two lines of section 1.\n"
        "- “Robust networks have gradients that people understand.” It depends on the threat model: the networks that "
        "are robust in L∞ do not draw here.\n"
        "- The pushed digits have ε = 8 in L2, which is no small perturbation. A person may well call the last one a "
        "real digit: that is the point, and no attack.\n"
        "- “So every adversarial example is a feature.” There are attacks from which a network learns nothing "
        "(Nakkiran, 2019), and here a network that is robust already gives little.\n"
        "- “Robustness always costs accuracy.” It does where the sure features are not robust. On digits the table of "
        "section 4 shows hardly any price."
    ),
    references=(
        ("Szegedy et al., *Intriguing properties of neural networks*, ICLR 2014", "https://arxiv.org/abs/1312.6199"),
        (
            "Goodfellow, Shlens & Szegedy, *Explaining and harnessing adversarial examples*, ICLR 2015",
            "https://arxiv.org/abs/1412.6572",
        ),
        (
            "Simon-Gabriel et al., *First-order adversarial vulnerability of neural networks and input dimension*, "
            "ICML 2019",
            "https://arxiv.org/abs/1802.01421",
        ),
        ("Shafahi et al., *Are adversarial examples inevitable?*, ICLR 2019", "https://arxiv.org/abs/1809.02104"),
        ("Gilmer et al., *Adversarial spheres*, 2018", "https://arxiv.org/abs/1801.02774"),
        (
            "Fawzi, Fawzi & Fawzi, *Adversarial vulnerability for any classifier*, NeurIPS 2018",
            "https://arxiv.org/abs/1802.08686",
        ),
        ("Tsipras et al., *Robustness may be at odds with accuracy*, ICLR 2019", "https://arxiv.org/abs/1805.12152"),
        (
            "Santurkar et al., *Image synthesis with a single (robust) classifier*, NeurIPS 2019",
            "https://arxiv.org/abs/1906.09453",
        ),
        (
            "Schott et al., *Towards the first adversarially robust neural network model on MNIST*, ICLR 2019",
            "https://arxiv.org/abs/1805.09190",
        ),
        (
            "Ilyas et al., *Adversarial examples are not bugs, they are features*, NeurIPS 2019",
            "https://arxiv.org/abs/1905.02175",
        ),
        (
            "Nakkiran, *Adversarial examples are just bugs, too*, Distill 2019",
            "https://distill.pub/2019/advex-bugs-discussion/response-5/",
        ),
        (
            "Zhang et al., *Theoretically principled trade-off between robustness and accuracy* (TRADES), ICML 2019",
            "https://arxiv.org/abs/1901.08573",
        ),
        (
            "Schmidt et al., *Adversarially robust generalization requires more data*, NeurIPS 2018",
            "https://arxiv.org/abs/1804.11285",
        ),
        (
            "Shamir, Melamed & BenShmuel, *The dimpled manifold model of adversarial examples in machine learning*, "
            "2021",
            "https://arxiv.org/abs/2106.10151",
        ),
    ),
)
