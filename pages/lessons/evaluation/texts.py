"""The texts around the lesson's sections."""

from adv_core.defences.masking import QUERIES, SERIES
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "A paper reports 0 % error under PGD with 40 steps, and 30 % under FGSM. What do you think?",
            (
                (
                    "A strong defence: the stronger attack finds nothing.",
                    "PGD contains FGSM: it cannot honestly do worse.",
                ),
                (
                    "Something is broken: PGD cannot honestly be weaker than one of its own steps.",
                    "Yes. A hidden gradient, or a bug in the attack.",
                ),
                ("FGSM was run with a larger ε.", "Perhaps; but with the same ε there is another explanation."),
            ),
            1,
        ),
        Choice(
            "b",
            "The saturated network gives the same answers as the bare one. Why does FGSM fail on it?",
            (
                (
                    "Its loss surface is flat because it is robust.",
                    "The same answers: so it is exactly as robust as before.",
                ),
                (
                    "The probabilities are 0 and 1 to the last bit of float32, so the cross-entropy has no slope.",
                    "Yes. Climb the margin of the logits, and nothing is hidden any more.",
                ),
                ("FGSM needs more steps there.", "200 steps along a zero gradient lead nowhere either."),
            ),
            1,
        ),
        Choice(
            "c",
            "Rounding to 8 levels makes the network *easier* to fool than none at all, for whom?",
            (
                (
                    "For nobody: rounding removes small changes.",
                    "A pixel just below a step needs a tiny push to jump by 1/7.",
                ),
                (
                    "For an attacker who knows of the rounding: a small push over a step becomes a change of 1/7.",
                    "Yes: at ε = 0.1 that is more than ε. The attacker lets the gradient through and rounds forward.",
                ),
                ("For random noise.", "Look at the first bar."),
            ),
            1,
        ),
        Number(
            "d",
            "σ = 0.25, and the lower bound of the vote is p = 0.977, so that Φ⁻¹(p) = 2.0. Which L2 radius is "
            "promised?",
            0.5,
            0.01,
            "Yes: σ·Φ⁻¹(p) = 0.25 · 2.0 = 0.5.",
            lambda given: "Multiply σ by Φ⁻¹(p).",
        ),
        Choice(
            "e",
            "An attack finds nothing within ε, and intervals prove nothing at ε. What do you know?",
            (
                ("The network is safe there.", "The attack may have been too weak."),
                ("The network is unsafe there.", "The intervals may have been too wide."),
                (
                    "Nothing yet. Both tell half: an attack what can happen, a proof what cannot.",
                    "Yes. The grey area of section 4.",
                ),
            ),
            2,
        ),
    ]


TEXTS = Texts(
    lead=(
        f"This network survives FGSM. Then {len(SERIES) - 1} other attacks try, one of them with {QUERIES} questions "
        "and no gradient."
    ),
    questions=questions,
    script=(
        "1. Open the link and cover everything below the second number: “1 % under FGSM. Would you buy it?” Then "
        "scroll.\n"
        "2. Switch to *rounding*, then to *nothing*: the defence made it worse.\n"
        "3. *FGSM training*: strong against FGSM, helpless against a few steps. *PGD training*: all bars agree. Then "
        "raise ε to 0.2, and look at the last bar.\n"
        "4. Section 3: let the votes come in, and ask what a unanimous vote of 10 000 promises. σ = 1: it abstains."
    ),
    pitfalls=(
        "- “So gradient attacks are useless?” No: they are the strongest there are, where the gradient tells the "
        "truth.\n"
        "- “Then we always need a certificate.” It promises less than attacks suggest, costs thousands of forward "
        "passes, and speaks of one norm only.\n"
        "- 100 digits: one digit is one per cent."
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
