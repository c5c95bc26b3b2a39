"""The texts around the lesson's sections."""

from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "Why do adversarial examples that were made on one network fool another one at all?",
            (
                ("Because their weights are equal.", "They were trained separately, from different random weights."),
                (
                    "Because both have learnt similar features from similar photographs.",
                    "Yes: adversarial directions belong to the data and the task as much as to the network.",
                ),
                ("By chance: random noise of 8/255 fools them, too.", "Noise of that size fools hardly any network."),
            ),
            1,
        ),
        Choice(
            "b",
            "A service returns only the class, no probabilities. Which attacks of this page still work unchanged?",
            (
                ("The Square Attack of section 1.", "It needs to see whether the probability has changed."),
                (
                    "Transfer, and the substitute.",
                    "Yes: transfer sends no queries, and the substitute needs only classes.",
                ),
                ("None.", "Two of the three never use a probability."),
            ),
            1,
        ),
        Number(
            "c",
            "A model extraction begins with 100 queries, and every round doubles the number. How many queries have "
            "been sent after six rounds?",
            3200,
            0.5,
            "Yes: 100 · 2⁵ = 3200. The first round is the hundred itself.",
            lambda given: "Each round after the first sends as many new queries as all rounds before it.",
        ),
        Choice(
            "d",
            "A paper's defence makes gradients useless. All white-box attacks fail. What do you try first?",
            (
                (
                    "A transfer attack and a query attack: neither needs the network's gradient.",
                    "Yes. If they succeed where PGD fails, the defence has only hidden the gradient.",
                ),
                ("More steps of PGD.", "Without a useful gradient, more steps lead nowhere."),
                ("Nothing: it is robust.", "Never believe the failure of one attack."),
            ),
            0,
        ),
    ]


TEXTS = Texts(
    lead=(
        "The weights of the network are secret, and so is its gradient. You run three attacks that need neither: by "
        "queries, by transfer from other networks, and by a substitute that is trained on the network's answers."
    ),
    questions=questions,
    script=(
        "1. Open the link and let the counter run. “The attack has seen no gradient. How many queries would you "
        "allow?”\n"
        "2. The matrix: press *Run this* before the lecture. Read the diagonal first, then a column. “The attack never "
        "used this network.”\n"
        "3. “All but one”: pictures made on all the others together fool the unseen network more often.\n"
        "4. The substitute: what does the victim reveal? One digit with each answer."
    ),
    pitfalls=(
        "- The three packaged networks are closely related; less transfers between unrelated networks. Load ResNet50 "
        "and see.\n"
        "- Sixteen photographs are few: one is six per cent.\n"
        "- A limit on queries stops the first attack, makes the third more expensive, and does not affect the second."
    ),
    references=(
        (
            "Papernot et al., *Practical black-box attacks against machine learning*, ASIA CCS 2017",
            "https://arxiv.org/abs/1602.02697",
        ),
        ("Andriushchenko, Croce, Flammarion & Hein, *Square Attack*, ECCV 2020", "https://arxiv.org/abs/1912.00049"),
        ("Dong et al., *Boosting adversarial attacks with momentum*, CVPR 2018", "https://arxiv.org/abs/1710.06081"),
        (
            "Liu, Chen, Liu & Song, *Delving into transferable adversarial examples*, ICLR 2017",
            "https://arxiv.org/abs/1611.02770",
        ),
        (
            "Ilyas et al., *Adversarial examples are not bugs, they are features*, NeurIPS 2019",
            "https://arxiv.org/abs/1905.02175",
        ),
    ),
)
