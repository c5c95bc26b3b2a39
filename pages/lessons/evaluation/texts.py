"""The texts around the lesson's sections."""

from adv_core.defences.masking import QUERIES, SERIES
from pages.lessons.evaluation.settings import page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def radius(sigma: float, p: float, quantile: float, told: str) -> Number:
    """A question for a certified radius."""
    return Number(
        f"Given σ = {sigma:g}{told} and a lower bound of the vote p = {p:g}, so Φ⁻¹(p) = {quantile:.1f}. Compute the "
        "certified L2 radius.",
        sigma * quantile,
        0.01,
        f"σ·Φ⁻¹(p) = {sigma:g} · {quantile:.1f} = {sigma * quantile:g}.",
        lambda given: "Multiply σ by Φ⁻¹(p).",
    )


def standing(count: int, broken: dict[str, tuple[int, ...]]) -> Number:
    """A question for the pointwise worst case."""
    found = sorted(set().union(*broken.values()))
    told = "; ".join(f"attack {name} breaks numbers {', '.join(map(str, rows))}" for name, rows in broken.items())
    return Number(
        f"A network is right on all of {count} digits. Alone, {told}. How many digits stand under the pointwise worst "
        "case?",
        count - len(found),
        0.1,
        f"Numbers {', '.join(map(str, found))} are broken by some attack, so {count} − {len(found)} = "
        f"{count - len(found)} stand.",
        lambda given: "Count each digit that at least one attack breaks, once.",
    )


def questions() -> list[Question]:
    return [
        Question(
            "f",
            standing(10, {"A": (1, 2, 3), "B": (3, 4), "C": (1, 5)}),
            standing(20, {"A": (4, 5, 6, 7), "B": (6, 7, 8), "C": (4,)}),
        ),
        Question(
            "d",
            radius(float(page.value.sigma), 0.977, 2.0, ", as in section 6,"),
            radius(0.3, 0.933, 1.5, ""),
        ),
        Question(
            "a",
            Choice(
                "A paper reports an error of 0 % under PGD with 40 steps, and of 30 % under FGSM. What do you "
                "conclude?",
                (
                    (
                        "Something is broken: a correct PGD is not weaker than one of its own steps.",
                        "The gradient is hidden, or the attack has a bug.",
                    ),
                    (
                        "The defence is strong: the strongest of the usual attacks finds nothing at all.",
                        "PGD contains FGSM: a correct PGD cannot find less.",
                    ),
                    (
                        "FGSM has used a larger ε than PGD, so that the two numbers say nothing.",
                        "Perhaps. But with the same ε there is another explanation.",
                    ),
                ),
            ),
            Choice(
                "A network survives PGD at ε = 0.1, and also at ε = 1, where every picture is allowed. What do you "
                "conclude?",
                (
                    (
                        "The attack is broken: at ε = 1, it could show any other digit.",
                        "An attack that may do everything has to succeed. Here it follows a gradient that is hidden.",
                    ),
                    (
                        "The network is robust: it withstands the largest perturbation.",
                        "At ε = 1 an attacker may replace a 7 by a 3, and no network should still say 7.",
                    ),
                    (
                        "PGD is right at ε = 0.1, but ε = 1 is too large for its steps.",
                        "A larger ball contains the smaller one, and much more. PGD should find more there.",
                    ),
                ),
            ),
        ),
        Question(
            "g",
            Choice(
                "Four attacks draw security curves of the same network. Which curve is the honest one?",
                (
                    (
                        "The envelope: at each ε, the lowest that all of them reach together.",
                        "Every attack gives an upper bound of the robust accuracy, and together they give the lowest.",
                    ),
                    (
                        "The curve of the attack with the most steps, since it has searched for the longest time.",
                        "Many steps along a hidden gradient find nothing. Cost is no proof of strength.",
                    ),
                    (
                        "The mean of the four curves, since each of the attacks errs in its own direction.",
                        "All of them err in the same direction: an attack can only miss δ, never invent one.",
                    ),
                ),
            ),
            Choice(
                "A security curve is still at 60 % at ε = 1, where every picture is allowed. What does it show?",
                (
                    (
                        "The attack has failed: a digit of another class lies in this ball.",
                        "The true curve is 0 there, since x + δ can be any picture.",
                    ),
                    (
                        "The network is robust on 60 % of the digits, for an L∞ ball of any size.",
                        "No network should still say 7 where the attacker has drawn a 3.",
                    ),
                    (
                        "The steps were too large: at ε = 1 they jump over the examples in between.",
                        "Wherever the steps end, a working attack ends at a wrong class.",
                    ),
                ),
            ),
        ),
        Question(
            "b",
            Choice(
                "The saturated network makes the same predictions as the undefended one. Why does FGSM fail on it?",
                (
                    (
                        "In float32 its probabilities are exactly 0 and 1, so the gradient is zero.",
                        "An attack on the margin of the logits finds a gradient again.",
                    ),
                    (
                        "Its loss surface is flat, since the factor has made the network robust.",
                        "All predictions are the same, so it is exactly as robust as before.",
                    ),
                    (
                        "One step is too short for its large logits, and more steps would be needed.",
                        "200 steps along a zero gradient do not move x either.",
                    ),
                ),
            ),
            Choice(
                "All logits of a network are multiplied by 20, and the cross-entropy has a zero gradient. Which "
                "attack does not mind?",
                (
                    (
                        "PGD on the margin between the two largest logits.",
                        "The margin is a difference of logits. Only softmax saturates.",
                    ),
                    (
                        "PGD on the cross-entropy with a larger step size.",
                        "A longer step along a zero gradient does not move x either.",
                    ),
                    (
                        "Random noise from the same ball, drawn many times.",
                        "Random noise does not use the gradient, but it hardly ever fools a network.",
                    ),
                ),
            ),
        ),
        Question(
            "c",
            Choice(
                "With rounding to 8 levels, the network is *easier* to fool than without rounding. For which attacker?",
                (
                    (
                        "For one who knows the rounding: a small change may become one by 1/7.",
                        "At ε = 0.1 that is more than ε. The attack rounds in the forward pass, and ignores the "
                        "rounding in the backward pass.",
                    ),
                    (
                        "For none of them: rounding removes all changes that are small enough.",
                        "A tiny change of a pixel just below a step becomes a change of 1/7.",
                    ),
                    (
                        "For one who adds random noise: it pushes pixels to the next level.",
                        "See the first bar, that of random noise.",
                    ),
                ),
            ),
            Choice(
                "Each pixel is rounded to 0, 1/3, 2/3 or 1. By how much can an attack with ε = 0.05 change what the "
                "network sees of a pixel?",
                (
                    (
                        "By 1/3, where the pixel is near the middle of two levels.",
                        "A change by 0.05 is enough to round to the other level.",
                    ),
                    (
                        "By 0.05 at most, since ε limits the change of each pixel.",
                        "ε limits the change before the rounding. The network sees the pixel after it.",
                    ),
                    (
                        "By nothing, since 0.05 is less than half the step of 1/3.",
                        "That holds only for pixels that are far from the middle of two levels.",
                    ),
                ),
            ),
        ),
        Question(
            "e",
            Choice(
                "An attack finds nothing within ε, and interval bounds prove nothing at ε. What do you know?",
                (
                    (
                        "Nothing yet: the attack may be too weak, the intervals may be too wide.",
                        "An attack shows what can happen, a proof shows what cannot happen. This digit is in the grey "
                        "area of section 7.",
                    ),
                    (
                        "The network is robust there: otherwise the attack would have found a δ.",
                        "The attack may be too weak.",
                    ),
                    (
                        "The network is not robust there: otherwise the proof would have succeeded.",
                        "The intervals may be too wide.",
                    ),
                ),
            ),
            Choice(
                "Interval bounds prove a digit at ε = 0.1. What may an attack find at ε = 0.05?",
                (
                    (
                        "Nothing: its ball lies inside the ball of the proof.",
                        "No δ of the larger ball changes the prediction, so no δ of the smaller one does.",
                    ),
                    (
                        "Perhaps a δ: the proof is only about ε = 0.1.",
                        "The proof is about all δ up to 0.1, and so also about those up to 0.05.",
                    ),
                    (
                        "A δ, if it has enough steps: no proof is perfect.",
                        "A proof holds for every attack, with any number of steps.",
                    ),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "A paper reports that its network survives an attack. Should you believe that it is robust? The page opens "
        f"with a network on which FGSM fails. You attack it in {len(SERIES) - 1} other ways, one of them with "
        f"{QUERIES} queries and without a gradient, and see whether it is robust or only hides its gradient. Then you "
        "judge networks as the field does: by the worst case of several attacks, by security curves and by warnings. "
        "At the end you compute certificates: proofs that no attack in a ball succeeds."
    ),
    questions=questions,
    script=(
        "1. Open the link and cover everything below the second number: “1 % under FGSM. Would you buy it?” Then "
        "scroll down.\n"
        "2. Switch to *rounding*, then to *no defence*: the defence has made it worse.\n"
        "3. *FGSM training*: robust to FGSM, but not to a few steps. *PGD training*: all bars agree. Then raise ε to "
        "0.2, and look at the last bar.\n"
        "4. Section 2: which attack will be the strongest? Let the students bet, then read the bars. The last bar is "
        "below all others. Click a digit that only one attack breaks.\n"
        "5. Section 3: ask for the guess before you press the button. Which curves do not reach 0 at ε = 1?\n"
        "6. Section 6: wait for the votes, and press *Run this* below them. Ask which radius a unanimous vote of "
        "10 000 copies certifies. With σ = 1 the vote abstains."
    ),
    pitfalls=(
        "- “So gradient attacks are useless?” No: they are the strongest attacks, where the gradient is not hidden.\n"
        "- “The strongest attack is the worst case.” Each attack misses digits that a weaker one breaks. Count the "
        "digits, and do not compare the averages alone.\n"
        "- “Then we always need a certificate.” A certificate guarantees a smaller radius than attacks suggest, costs "
        "thousands of forward passes, and holds for one norm only.\n"
        "- There are 100 digits in section 1, so one digit is one per cent; in section 2, with 30 digits, it is three."
    ),
    references=(
        (
            "Athalye, Carlini & Wagner, *Obfuscated gradients give a false sense of security*, ICML 2018",
            "https://arxiv.org/abs/1802.00420",
        ),
        ("Carlini et al., *On evaluating adversarial robustness*, 2019", "https://arxiv.org/abs/1902.06705"),
        (
            "Croce & Hein, *Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free "
            "attacks* (AutoAttack), ICML 2020",
            "https://arxiv.org/abs/2003.01690",
        ),
        (
            "Croce & Hein, *Minimally distorted adversarial examples with a fast adaptive boundary attack* (FAB), ICML "
            "2020",
            "https://arxiv.org/abs/1907.02044",
        ),
        (
            "Cinà et al., *AttackBench: evaluating gradient-based attacks for adversarial examples*, 2024",
            "https://arxiv.org/abs/2404.19460",
        ),
        (
            "Pintor et al., *Indicators of attack failure: debugging and improving optimization of adversarial "
            "examples*, NeurIPS 2022",
            "https://arxiv.org/abs/2106.09947",
        ),
        (
            "Carlini & Wagner, *Towards evaluating the robustness of neural networks*, S&P 2017",
            "https://arxiv.org/abs/1608.04644",
        ),
        (
            "Engstrom et al., *Exploring the landscape of spatial robustness*, ICML 2019",
            "https://arxiv.org/abs/1712.02779",
        ),
        (
            "Cohen, Rosenfeld & Kolter, *Certified adversarial robustness via randomized smoothing*, ICML 2019",
            "https://arxiv.org/abs/1902.02918",
        ),
        (
            "Salman et al., *Provably robust deep learning via adversarially trained smoothed classifiers*, "
            "NeurIPS 2019",
            "https://arxiv.org/abs/1906.04584",
        ),
        (
            "Gowal et al., *On the effectiveness of interval bound propagation*, 2018",
            "https://arxiv.org/abs/1810.12715",
        ),
        (
            "Kolter & Madry, *Adversarial robustness: theory and practice*, chapters 3 and 4",
            "https://adversarial-ml-tutorial.org/adversarial_training/",
        ),
    ),
)
