"""The questions of the lesson."""

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
