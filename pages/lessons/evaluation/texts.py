"""The texts around the lesson's sections."""

from adv_core.defences.masking import QUERIES, SERIES
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "A paper reports an error of 0 % under PGD with 40 steps, and of 30 % under FGSM. What do you conclude?",
            (
                (
                    "The defence is strong: the stronger attack finds nothing.",
                    "No. PGD contains FGSM: a correct PGD cannot find less.",
                ),
                (
                    "Something is broken: a correct PGD cannot be weaker than one of its own steps.",
                    "Yes. The gradient is hidden, or the attack has a bug.",
                ),
                ("FGSM used a larger ε.", "Perhaps. But with the same ε there is another explanation."),
            ),
            1,
        ),
        Choice(
            "b",
            "The saturated network makes the same predictions as the undefended one. Why does FGSM fail on it?",
            (
                (
                    "Its loss surface is flat because it is robust.",
                    "No: all predictions are the same, so it is exactly as robust as before.",
                ),
                (
                    "In float32 the probabilities are exactly 0 and 1, so the gradient of the cross-entropy is zero.",
                    "Yes. An attack on the margin of the logits finds a gradient again.",
                ),
                ("FGSM needs more steps there.", "No: 200 steps along a zero gradient do not move x either."),
            ),
            1,
        ),
        Choice(
            "c",
            "With rounding to 8 levels, the network is *easier* to fool than without rounding. For which attacker?",
            (
                (
                    "For none: rounding removes small changes.",
                    "No: a tiny change of a pixel just below a step becomes a change of 1/7.",
                ),
                (
                    "For an attacker who knows the rounding: a small change across a step becomes a change of 1/7.",
                    "Yes: at ε = 0.1 that is more than ε. The attack rounds in the forward pass, and ignores the "
                    "rounding in the backward pass.",
                ),
                ("For random noise.", "No. See the first bar."),
            ),
            1,
        ),
        Number(
            "d",
            "Given σ = 0.25 and a lower bound of the vote p = 0.977, so Φ⁻¹(p) = 2.0. Compute the certified L2 radius.",
            0.5,
            0.01,
            "Yes: σ·Φ⁻¹(p) = 0.25 · 2.0 = 0.5.",
            lambda given: "Multiply σ by Φ⁻¹(p).",
        ),
        Choice(
            "e",
            "An attack finds nothing within ε, and interval bounds prove nothing at ε. What do you know?",
            (
                ("The network is robust there.", "No: the attack may be too weak."),
                ("The network is not robust there.", "No: the intervals may be too wide."),
                (
                    "Nothing yet. An attack shows what can happen, a proof shows what cannot happen.",
                    "Yes. This digit is in the grey area of section 4.",
                ),
            ),
            2,
        ),
    ]


TEXTS = Texts(
    lead=(
        "A paper reports that its network survives an attack. Should you believe that it is robust? The page opens "
        f"with a network on which FGSM fails. You attack it in {len(SERIES) - 1} other ways, one of them with "
        f"{QUERIES} queries and without a gradient, and see whether it is robust or only hides its gradient. Then you "
        "compute certificates: proofs that no attack in a ball succeeds."
    ),
    questions=questions,
    script=(
        "1. Open the link and cover everything below the second number: “1 % under FGSM. Would you buy it?” Then "
        "scroll down.\n"
        "2. Switch to *rounding*, then to *no defence*: the defence has made it worse.\n"
        "3. *FGSM training*: robust to FGSM, but not to a few steps. *PGD training*: all bars agree. Then raise ε to "
        "0.2, and look at the last bar.\n"
        "4. Section 3: wait for the votes, and press *Run this* below them. Ask which radius a unanimous vote of "
        "10 000 copies certifies. With σ = 1 the vote abstains."
    ),
    pitfalls=(
        "- “So gradient attacks are useless?” No: they are the strongest attacks, where the gradient is not hidden.\n"
        "- “Then we always need a certificate.” A certificate guarantees a smaller radius than attacks suggest, costs "
        "thousands of forward passes, and holds for one norm only.\n"
        "- There are 100 digits, so one digit is one per cent."
    ),
    references=(
        (
            "Athalye, Carlini & Wagner, *Obfuscated gradients give a false sense of security*, ICML 2018",
            "https://arxiv.org/abs/1802.00420",
        ),
        ("Carlini et al., *On evaluating adversarial robustness*, 2019", "https://arxiv.org/abs/1902.06705"),
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
