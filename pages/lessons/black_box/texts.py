"""The texts around the lesson's sections."""

from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "Why do pictures that were made on one network fool another one at all?",
            (
                ("Because their weights are equal.", "They were trained apart, from different random weights."),
                (
                    "Because both have learnt similar features from similar photographs.",
                    "Yes: adversarial directions belong to the data and the task as much as to the network.",
                ),
                ("By chance: 8/255 of noise fools them, too.", "Noise of that size fools hardly any."),
            ),
            1,
        ),
        Choice(
            "b",
            "A service returns only the class, no probabilities. Which of the attacks of this page still works as it "
            "is?",
            (
                ("Square Attack, as it ran above.", "It needs to see whether the probability has moved."),
                ("Transfer, and the stolen copy.", "Yes: the one asks nothing, the other only for classes."),
                ("None.", "Two of the three never looked at a probability."),
            ),
            1,
        ),
        Number(
            "c",
            "A theft begins with 100 questions and doubles them in every round. How many have been asked after six "
            "rounds?",
            3200,
            0.5,
            "Yes: 100 · 2⁵ = 3200. The first round is the hundred itself.",
            lambda given: "Each round after the first asks as many new questions as all before.",
        ),
        Choice(
            "d",
            "A paper's defence makes gradients useless. All white-box attacks fail. What do you try first?",
            (
                (
                    "A transfer attack, and one by questions: neither needs its gradient.",
                    "Yes. If they succeed where PGD fails, the defence has only hidden the gradient.",
                ),
                ("More steps of PGD.", "Without a slope, more steps lead nowhere."),
                ("Nothing: it is robust.", "Never believe the failure of one attack."),
            ),
            0,
        ),
    ]


TEXTS = Texts(
    lead=("The weights are secret, the gradient as well. All that the attacker may do is ask. Is that enough?"),
    questions=questions,
    script=(
        "1. Open the link and let the counter run. “It has seen no gradient. How many questions would you allow?”\n"
        "2. The matrix: read the diagonal first, then a column. “This one was never touched.”\n"
        "3. “All but one”: the closed box falls more often to all the others together.\n"
        "4. The theft: what does the victim give away? A digit an answer."
    ),
    pitfalls=(
        "- The three packaged networks are sisters; among strangers less is transferred. Load ResNet50 and see.\n"
        "- Sixteen photographs: one is six per cent.\n"
        "- A limit on questions stops the first attack, makes the third dearer, and does not touch the second."
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
