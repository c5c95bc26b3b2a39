"""The texts around the lesson's sections."""

from pages.lessons.black_box.settings import ROUNDS
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def queries(start: int, rounds: int) -> Number:
    """A question for the queries of a model extraction."""
    power = "⁰¹²³⁴⁵⁶⁷⁸⁹"[rounds - 1]
    return Number(
        f"A model extraction begins with {start} queries, and every round doubles the number. How many queries have "
        f"been sent after {rounds} rounds?",
        start * 2 ** (rounds - 1),
        0.5,
        f"{start} · 2{power} = {start * 2 ** (rounds - 1)}. The first round is the {start} itself.",
        lambda given: "Each round after the first sends as many new queries as all rounds before it.",
    )


def questions() -> list[Question]:
    return [
        Question("c", queries(100, ROUNDS), queries(50, ROUNDS - 1)),
        Question(
            "a",
            Choice(
                "Why do adversarial examples that were made on one network fool another one at all?",
                (
                    (
                        "Both have learnt similar features from similar photographs.",
                        "Adversarial directions belong to the data and the task as much as to the network.",
                    ),
                    (
                        "Both have the same weights, up to the order of their units.",
                        "They were trained separately, from different random weights.",
                    ),
                    (
                        "By chance: random noise of 8/255 fools them just as often.",
                        "Noise of that size fools hardly any network.",
                    ),
                ),
            ),
            Choice(
                "Adversarial examples made on several networks together fool an unseen one more often than those made "
                "on a single network. Why?",
                (
                    (
                        "They use what the networks have in common, which the unseen one shares.",
                        "What is peculiar to a single network does not help against all of them.",
                    ),
                    (
                        "An attack on several networks has a larger ε, so it can do more harm.",
                        "The ε of the attack is the same.",
                    ),
                    (
                        "The unseen network is one of the several, so it was attacked as well.",
                        "It is left out of the attack; that is why it is called unseen.",
                    ),
                ),
            ),
        ),
        Question(
            "b",
            Choice(
                "A service returns only the class, no probabilities. Which attacks of this page still work unchanged?",
                (
                    (
                        "Transfer from other networks, and the substitute that learns classes.",
                        "Transfer sends no queries, and the substitute needs only classes.",
                    ),
                    (
                        "The Square Attack of section 1, which only compares two answers.",
                        "It needs to see whether the probability has changed.",
                    ),
                    (
                        "None of them: without a probability there is nothing to make larger.",
                        "Two of the three never use a probability of the victim.",
                    ),
                ),
            ),
            Choice(
                "A service returns probabilities, but it allows only 20 queries a day. Which attack is not slowed "
                "down at all?",
                (
                    (
                        "Transfer: its examples are made on networks of the attacker.",
                        "The victim sees only the finished examples.",
                    ),
                    (
                        "The Square Attack: it is finished with its first few squares.",
                        "It usually needs many more queries: see the counter of section 1.",
                    ),
                    (
                        "The substitute: 20 answers are enough to copy a network.",
                        "Section 4 shows how much a substitute still learns after its first hundred queries.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "A paper's defence makes gradients useless. All white-box attacks fail. What do you try first?",
                (
                    (
                        "A transfer attack and a query attack: neither needs the network's gradient.",
                        "If they succeed where PGD fails, the defence has only hidden the gradient.",
                    ),
                    (
                        "PGD with more steps and a smaller step size: it only needs more patience.",
                        "Without a useful gradient, more steps lead nowhere.",
                    ),
                    (
                        "Nothing: a network that withstands every white-box attack is robust enough.",
                        "The failure of an attack is no proof. These attacks may have failed for want of a gradient.",
                    ),
                ),
            ),
            Choice(
                "A defended network survives PGD, but adversarial examples made on another network fool it. What does "
                "this show?",
                (
                    (
                        "The defence hides the gradient; adversarial examples are still there.",
                        "A white-box attack that knows how the gradient is hidden will find them, too.",
                    ),
                    (
                        "Transfer is the stronger attack, so that papers should report it alone.",
                        "Without a defence, PGD on the network itself is stronger: see the diagonal of the matrix.",
                    ),
                    (
                        "The examples break the rules: they were not made on this network.",
                        "The ball allows every δ in it, wherever the δ comes from.",
                    ),
                ),
            ),
        ),
        Question(
            "e",
            Choice(
                "Both attacks of section 5 may ask equally often. Why does HopSkipJump fool fewer digits than Square?",
                (
                    (
                        "An answer is one label, which tells a direction only near the boundary.",
                        "Square reads from every answer how much the margin has changed. HopSkipJump reads one bit, "
                        "and needs a hundred of them to estimate the boundary's normal once.",
                    ),
                    (
                        "It may change fewer pixels than Square, so it has a smaller ball to search.",
                        "Both are counted in the same ball.",
                    ),
                    (
                        "It uses the gradient of another network, which points into a wrong direction.",
                        "It uses no other network. That would be a transfer attack.",
                    ),
                ),
            ),
            Choice(
                "A service used to return probabilities and now returns labels only. Which of these attacks stops "
                "working?",
                (
                    (
                        "The Square Attack, which compares probabilities.",
                        "A label does not tell whether it came nearer.",
                    ),
                    ("HopSkipJump, which walks along the boundary.", "It needs to know only on which side a point is."),
                    ("Transfer, which uses a network of the attacker.", "It asks the service nothing at all."),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "The weights of the network are secret, and so is its gradient. You run three attacks that need neither: by "
        "queries, by transfer from other networks, and by a substitute that is trained on the network's answers. Then "
        "you compare them at equal numbers of queries."
    ),
    questions=questions,
    script=(
        "1. Open the link and let the counter run. “The attack has seen no gradient. How many queries would you "
        "allow?”\n"
        "2. The matrix: press *Run this* before the lecture. Read the diagonal first, then a column. “The attack never "
        "used this network.”\n"
        "3. “All but one”: pictures made on all the others together fool the unseen network more often.\n"
        "4. The substitute: what does the victim reveal? One digit with each answer.\n"
        "5. Equal budgets: “Which attack would you choose with ten queries, and which with a thousand?” Then switch "
        "the victim to adversarial training: only the scores still help."
    ),
    pitfalls=(
        "- The three packaged networks are closely related; less transfers between unrelated networks. Load ResNet50 "
        "and see.\n"
        "- Sixteen photographs are few: one is six per cent.\n"
        "- A limit on queries stops the first attack, makes the third more expensive, and does not affect the second.\n"
        "- “Labels only is safe!” HopSkipJump needs more queries, not another network: move the slider of the budget."
    ),
    references=(
        (
            "Papernot et al., *Practical black-box attacks against machine learning*, ASIA CCS 2017",
            "https://arxiv.org/abs/1602.02697",
        ),
        ("Andriushchenko, Croce, Flammarion & Hein, *Square Attack*, ECCV 2020", "https://arxiv.org/abs/1912.00049"),
        (
            "Chen, Jordan & Wainwright, *HopSkipJumpAttack: a query-efficient decision-based attack*, IEEE S&P 2020",
            "https://arxiv.org/abs/1904.02144",
        ),
        (
            "Brendel, Rauber & Bethge, *Decision-based adversarial attacks* (the Boundary Attack), ICLR 2018",
            "https://arxiv.org/abs/1712.04248",
        ),
        (
            "Cinà et al., *AttackBench: evaluating gradient-based attacks* (equal budgets), AAAI 2025",
            "https://arxiv.org/abs/2404.19460",
        ),
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
