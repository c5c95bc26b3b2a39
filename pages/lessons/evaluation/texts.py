"""The questions of the lesson."""

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
