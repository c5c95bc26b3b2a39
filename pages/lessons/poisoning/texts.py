"""The texts around the lesson's sections."""

from pages.lessons.poisoning.settings import IMAGES, page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question

# The header and the rows of the table of threat models.
WHO = (
    ("attack", "who touches what, and when", "MITRE ATLAS", "lesson"),
    (
        (
            "evasion",
            "the input, after the training",
            "Evade AI Model (AML.T0015), Craft Adversarial Data (AML.T0043)",
            "[FGSM and PGD](fgsm-and-pgd)",
        ),
        (
            "poisoning",
            "some training data, before the training",
            "Poison Training Data (AML.T0020)",
            "this one, section 2",
        ),
        (
            "backdoor",
            "training data or weights before use, and the input afterwards",
            "Poison Training Data (AML.T0020), Manipulate AI Model (AML.T0018)",
            "this one, section 1",
        ),
        (
            "extraction",
            "nothing: it asks the finished network, and copies it",
            "Extract AI Model (AML.T0024.002)",
            "[Black-box attacks](black-box)",
        ),
    ),
)


def poisoned(percent: float, images: int) -> Number:
    """A question for the number of poisoned pictures."""
    count = round(percent / 100 * images)
    return Number(
        f"An attacker controls {percent:g} % of {images} training pictures. How many pictures is that?",
        count,
        0.5,
        f"{percent:g} / 100 · {images} = {count}. A person who looks at a hundred random pictures may well see none.",
        lambda given: f"One per cent of {images} is {images // 100}.",
    )


def questions() -> list[Question]:
    return [
        Question("a", poisoned(page.value.share or 1.0, IMAGES), poisoned(0.5, 60_000)),
        Question(
            "b",
            Choice(
                "You measure the error of a network that you did not train on your own clean test data. It is low. "
                "What does this tell you about a backdoor?",
                (
                    (
                        "Nothing: no test picture has the trigger, so the backdoor never acts.",
                        "See section 1: the error without the trigger is the same as after clean training.",
                    ),
                    (
                        "There is none: a network with a backdoor would make more errors.",
                        "The two curves of the error in section 1 lie on each other.",
                    ),
                    (
                        "There is none in the classes that have no errors.",
                        "The backdoor acts on any class, but only if the trigger is there.",
                    ),
                ),
            ),
            Choice(
                "A supplier's network reads your 10 000 test pictures as well as your own network does. May you "
                "conclude that it has no backdoor?",
                (
                    (
                        "No: the test pictures have no trigger.",
                        "A backdoor is silent until somebody shows the trigger.",
                    ),
                    (
                        "Yes: so many pictures would have shown it.",
                        "More pictures without the trigger show nothing, either.",
                    ),
                    (
                        "Yes, if it is also robust to PGD.",
                        "PGD with a small ε does not draw a full trigger.",
                    ),
                ),
            ),
        ),
        Question(
            "c",
            Choice(
                "Why does a clean-label attacker make the digits hard to read before stamping them?",
                (
                    (
                        "An easy digit is learnt from its shape. A hard one is learnt from the trigger.",
                        "Compare the two bars of section 2: with the trigger alone, the network has less reason to "
                        "look at it.",
                    ),
                    (
                        "So that a person who checks the data gives them the wrong label.",
                        "The labels stay right, and a person can still read these digits.",
                    ),
                    (
                        "So that the perturbation itself becomes the trigger at test time.",
                        "At test time only the square is stamped. There is no perturbation.",
                    ),
                ),
            ),
            Choice(
                "A clean-label attacker stamps ordinary digits of the class 7 and does not perturb them. What happens?",
                (
                    (
                        "The trigger works less often: the strokes already explain the label.",
                        "That is the upper bar of section 2.",
                    ),
                    (
                        "The trigger works on every digit, as with wrong labels.",
                        "With wrong labels only the trigger explains the label. Here the strokes do, too.",
                    ),
                    (
                        "The network can no longer read a 7 without the trigger.",
                        "Most training digits of the class 7 have no trigger, so it learns them as well.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "How is Neural Cleanse related to the attacks of the other lessons?",
                (
                    (
                        "It is a universal patch towards one class, as small as possible.",
                        "A class that a very small patch reaches is suspicious: somebody may have prepared it.",
                    ),
                    (
                        "It is PGD in an L∞ ball around each training digit.",
                        "The pattern is the same for all digits, and few pixels change, each by any amount.",
                    ),
                    (
                        "It is a transfer attack from a clean network.",
                        "It uses the gradient of the examined network, and no other one.",
                    ),
                ),
            ),
            Choice(
                "Neural Cleanse finds no unusually small trigger. What may you conclude?",
                (
                    (
                        "Only that this search found none.",
                        "A large or scattered trigger may still be there: examine the network of section 2.",
                    ),
                    (
                        "The network has no backdoor.",
                        "A search that finds nothing proves nothing, as with every attack.",
                    ),
                    (
                        "The training data were clean.",
                        "The method does not look at the training data.",
                    ),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "All other lessons attack a finished network. On this page the attacker comes earlier: they change a few "
        "training digits, and wait. The trained network is as good as any other, until somebody shows it the trigger."
    ),
    questions=questions,
    script=(
        "1. Open the link. The network trains while you speak. “One digit in a hundred was changed. How much worse "
        "does the network become?” Not at all: compare the solid lines.\n"
        "2. Point to the third picture: any digit with the square is a 7. Make the square smaller, fainter, rarer: how "
        "little is enough?\n"
        "3. “I check all labels.” Run section 2: every label is right, and it still works in part.\n"
        "4. Run section 3 with both networks. Neural Cleanse finds the small square and misses the four corners; "
        "the statistics of the features find more of the second attack."
    ),
    pitfalls=(
        "- A backdoor is not overfitting: the network generalises, to the trigger as well.\n"
        "- The share that is needed depends on the data. On MNIST half a per cent is enough; do not carry the number "
        "over to other data.\n"
        "- The hits of the defender are counted with the truth, which a real defender does not know. Spectral "
        "signatures also have to be told how many digits to suspect."
    ),
    references=(
        (
            "Gu, Dolan-Gavitt & Garg, *BadNets: Identifying vulnerabilities in the machine learning model supply "
            "chain*, 2017",
            "https://arxiv.org/abs/1708.06733",
        ),
        ("Turner, Tsipras & Madry, *Label-consistent backdoor attacks*, 2019", "https://arxiv.org/abs/1912.02771"),
        (
            "Tran, Li & Madry, *Spectral signatures in backdoor attacks*, NeurIPS 2018",
            "https://arxiv.org/abs/1811.00636",
        ),
        (
            "Chen et al., *Detecting backdoor attacks on deep neural networks by activation clustering*, 2018",
            "https://arxiv.org/abs/1811.03728",
        ),
        (
            "Wang et al., *Neural Cleanse: Identifying and mitigating backdoor attacks in neural networks*, "
            "IEEE S&P 2019",
            "https://people.cs.uchicago.edu/~ravenben/publications/abstracts/backdoor-sp19.html",
        ),
        ("MITRE ATLAS, *Adversarial threat landscape for AI systems*", "https://atlas.mitre.org"),
    ),
)
