"""The lecture's headings and the lessons that show them; plans for teachers. Data only, no Streamlit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

LAB = ""  # the lab's address
# The lab's sections that are in a tab: it has to be open.
LAB_TABS = {"random-noise": "noise", "formula": "formula", "epsilon-curve": "curve", "save": "save"}


@dataclass(frozen=True)
class Place:
    """A section of a page, with the settings that it opens with.

    Attributes:
        text: the link's text.
        address: the page's name in its address.
        anchor: the section's anchor; empty for the top of the page.
        query: the settings, as in a link.
    """

    text: str
    address: str
    anchor: str = ""
    query: Mapping[str, str | int] | None = None

    @property
    def link(self) -> str:
        """The address relative to the course page, so that it holds under any path of a server."""
        settings = dict(self.query or {})
        if self.address == LAB and self.anchor in LAB_TABS:
            settings["tab"] = LAB_TABS[self.anchor]
        query = f"?{urlencode(settings)}" if settings else ""
        return f"{self.address or './'}{query}{f'#{self.anchor}' if self.anchor else ''}"

    @property
    def markdown(self) -> str:
        return f"[{self.text}]({self.link})"


PIG = Place("Attack Lab: a pig becomes a wombat", LAB, "", {"image": "pig", "target": "wombat", "eps": 2, "steps": 10})
DOG = Place(
    "Attack Lab: a dog becomes an airliner",
    LAB,
    "",
    {"image": "german_shepherd", "target": "airliner", "eps": 4, "steps": 40},
)
PANDA = Place(
    "Attack Lab: a panda becomes a gibbon", LAB, "", {"image": "giant_panda", "target": "gibbon", "eps": 2, "steps": 10}
)
FGSM = Place("Attack Lab: one step of FGSM", LAB, "", {"image": "koala", "attack": "fgsm", "eps": 8})
NORMS = Place("Threat models: three norms", "threat-models", "norms")
NOISE = Place("Threat models: random noise and the worst case", "threat-models", "random-noise")
UNIVERSAL = Place("Threat models: one δ for all photographs", "threat-models", "universal")
LINEAR_UNIVERSAL = Place("Threat models: the linear case, one δ for every x", "threat-models", "universal-linear")
STEPS = Place("FGSM and PGD: PGD step by step", "fgsm-and-pgd", "steps")
LIMIT = Place("FGSM and PGD: FGSM as a limit", "fgsm-and-pgd", "fgsm-limit")
WORST_CASE = Place("Linear models: the worst δ in closed form", "linear-models", "worst-case")
ARGUMENT = Place("Linear models: proof of the closed form", "linear-models", "argument")
LECTURE_NUMBERS = Place("Linear models: errors in the lecture and here", "linear-models", "lecture-numbers")
ROBUST_LINEAR = Place("Linear models: robust training", "linear-models", "robust-training")
TRAINING = Place("Adversarial training: train both networks", "adversarial-training", "training")
ONE_STEP = Place("Adversarial training: one step, slowly", "adversarial-training", "one-step")
TWO_NETWORKS = Place("Adversarial training: one digit, two networks", "adversarial-training", "two-networks")
LEADERBOARD = Place("Evaluation: the leaderboard of one network", "evaluation", "leaderboard")
MASKING = Place("Evaluation: one defence, many attacks", "evaluation", "attacks")
FOOLING = Place("Fooling images: gradient ascent", "fooling-images", "gradient")
PATTERNS = Place("Fooling images: bred patterns", "fooling-images", "patterns")
EVOLUTION = Place("Fooling images: evolution", "fooling-images", "evolution")
FACE = Place("Patches and glasses: glasses before a face recogniser", "patches", "face")
GLASSES = Place("Patches and glasses: adversarial glasses", "patches", "glasses")
PATCH = Place("Patches and glasses: a universal patch", "patches", "universal-patch")
STOP_SIGN = Place("Traffic signs: stickers on a sign", "signs", "stickers")
DRIVE = Place("Traffic signs: the drive", "signs", "drive")
VIEWS = Place("Physical attacks: success by angle, scale and light", "physical", "views")
QUERIES = Place("Black-box attacks: queries", "black-box", "queries")
STOLEN = Place("Black-box attacks: model extraction", "black-box", "stolen-copy")
BUDGETS = Place("Black-box attacks: equal budgets", "black-box", "equal-budgets")
UNRESTRICTED = Place("Unrestricted attacks: one photograph", "unrestricted", "one-photograph")
SPEECH = Place("Speech: three sounds", "speech", "three-sounds")
ROOM = Place("Host a room", "host")

# The lecture's headings in its order, then the people whose figures it shows.
HEADINGS: Sequence[tuple[str, Sequence[Place]]] = (
    ("Adversarial robustness", (NORMS, MASKING, LEADERBOARD)),
    ("Adversarial examples", (DOG, NOISE)),
    ("Creation of adversarial examples", (Place("Attack Lab: the formula that just ran", LAB, "formula"), STEPS)),
    ("Targeted attacks", (PIG, PANDA)),
    ("Adversarial training", (ONE_STEP, TRAINING, TWO_NETWORKS)),
    ("Linear models", (WORST_CASE, ARGUMENT, LINEAR_UNIVERSAL, ROBUST_LINEAR)),
    ("MNIST example", (LECTURE_NUMBERS,)),
    ("Projected gradient descent", (STEPS,)),
    ("Fast gradient sign method", (LIMIT, FGSM)),
)
CREDITS: Sequence[tuple[str, Sequence[Place]]] = (
    ("Prevost: a dog that becomes an airliner", (DOG,)),
    ("Sharif et al. 2016: adversarial glasses", (FACE, GLASSES)),
    ("Nguyen et al. 2015: fooling images", (PATTERNS, FOOLING, EVOLUTION)),
    ("Carlini & Wagner 2018: speech", (SPEECH,)),
    ("Goodfellow et al. 2015: panda and gibbon, FGSM", (PANDA, LIMIT)),
    ("Kolter & Madry 2018: pig and wombat, linear models", (PIG, WORST_CASE)),
    ("Papernot et al. 2017: black-box attacks with a substitute", (STOLEN,)),
    ("Moosavi-Dezfooli et al. 2017: universal perturbations", (UNIVERSAL,)),
    ("Chen, Jordan & Wainwright 2020: HopSkipJump; Andriushchenko et al. 2020: Square", (QUERIES, BUDGETS)),
    ("Athalye et al. 2018: expectation over transformations, gradient masking", (VIEWS, MASKING)),
    ("Brown et al. 2017: the adversarial patch", (PATCH,)),
    ("Eykholt et al. 2018: stickers on a stop sign", (STOP_SIGN, DRIVE)),
)
# The plan's name -> (when, what you do, where).
PLANS: Mapping[str, Sequence[tuple[str, str, Place]]] = {
    "20 minutes": (
        ("0–5", "Show one adversarial example; let the class guess what the network says.", DOG),
        ("5–9", "Compare it with random noise of the same ε.", NOISE),
        ("9–15", "Walk through three steps of PGD.", STEPS),
        ("15–20", "Attack two digit networks, one of them adversarially trained.", TWO_NETWORKS),
    ),
    "90 minutes": (
        ("0–10", "Start with one adversarial example and a targeted attack.", PIG),
        ("10–20", "Define the perturbation set; compare the three norms.", NORMS),
        ("20–35", "Derive PGD step by step, then FGSM as its limit.", STEPS),
        ("35–50", "Solve the linear case on the board, and check it on the page.", ARGUMENT),
        ("50–65", "Train two networks while the class watches.", TRAINING),
        ("65–75", "Show that a defence that hides the gradient is not robust.", MASKING),
        ("75–90", "Open a room: the smallest ε wins.", ROOM),
    ),
    "Seminar": (
        ("1", "Threat models and norms. Homework: one's own photograph in the lab.", NORMS),
        ("2", "FGSM and PGD. Homework: the questions of the page.", STEPS),
        ("3", "Linear models: proof and measurement.", ARGUMENT),
        ("4", "Adversarial training, its gain and its price.", TRAINING),
        ("5", "Evaluation and adaptive attacks on defences.", MASKING),
        ("6", "Black-box attacks, transfer, substitutes.", QUERIES),
        ("7", "Patches, glasses and the camera.", FACE),
        ("8", "Unrestricted attacks, fooling images, speech; projects begin.", UNRESTRICTED),
    ),
}
