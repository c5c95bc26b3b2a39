"""The table of contents: one entry a page, in the order of the lecture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A page of the app.

    Attributes:
        file: relative to the main script.
        label: the name in the navigation, the field's term first.
        address: the page's name in its address.
    """

    file: str
    label: str
    address: str


@dataclass(frozen=True)
class LessonEntry(Entry):
    """A lesson.

    Attributes:
        title: at the top of the page, and on its card.
        minutes: for a student who does everything on the page.
        terms: the field's terms that the lesson explains.
        goal: what a student can do afterwards; it completes "Afterwards you can …".
    """

    title: str
    minutes: int
    terms: str
    goal: str


START = Entry("start/page.py", "Start here", "start")
LAB = Entry("lab/page.py", "Attack Lab", "attack-lab")
COURSE = Entry("course/page.py", "Course", "course")
LECTURE = Entry("lecture/page.py", "The lecture", "lecture")
FOUNDATIONS = (
    LessonEntry(
        "lessons/threat_models/page.py", "Threat models", "threat-models",
        "Threat models: what is a small perturbation?", 20,
        "threat model, perturbation set Δ(x), L∞, L2 and L1 ball, random noise",
        "say what an attacker may change, compare ε between norms, and tell a random δ from an adversarial one",
    ),
    LessonEntry(
        "lessons/fgsm_and_pgd/page.py", "FGSM and PGD", "fgsm-and-pgd",
        "FGSM and PGD: which way is up?", 20,
        "fast gradient sign method, projected gradient descent, projection, step size, steepest ascent",
        "carry out each step of PGD by hand, and derive FGSM as its limit",
    ),
    LessonEntry(
        "lessons/linear_models/page.py", "Linear models", "linear-models",
        "Linear models: the case we can solve exactly", 25,
        "logistic regression, dual norm, closed form of the inner maximum, robust risk",
        "write down the worst δ of a linear classifier, and train against it without a search",
    ),
)  # fmt: skip
ROBUSTNESS = (
    LessonEntry(
        "lessons/adversarial_training/page.py", "Adversarial training", "adversarial-training",
        "Adversarial training: train against the worst case", 30,
        "min–max, inner maximisation, robust accuracy, MNIST, catastrophic overfitting",
        "train a robust network, and say what it costs",
    ),
    LessonEntry(
        "lessons/evaluation/page.py", "Evaluation", "evaluation",
        "Evaluation: is it really robust?", 30,
        "gradient masking, adaptive attack, randomised smoothing, interval bounds, certificate",
        "recognise a defence that only hides the gradient, and tell an attack's result from a certificate",
    ),
    LessonEntry(
        "lessons/defences/page.py", "Defences", "defences",
        "Defences and adaptive attacks", 20,
        "input transformation, JPEG, quantisation, BPDA, expectation over transformations, detector, ROC",
        "attack a defence through its own filter, or a detector by one more term of L, and judge them by that attack",
    ),
)  # fmt: skip
BEYOND = (
    LessonEntry(
        "lessons/fooling_images/page.py", "Fooling images", "fooling-images",
        "Fooling images: sure of nothing", 15,
        "fooling image, gradient ascent on a class, evolution, confidence, softmax",
        "make a picture of nothing that a network is sure of, and say why softmax cannot say “I don't know”",
    ),
    LessonEntry(
        "lessons/patches/page.py", "Patches and glasses", "patches",
        "Adversarial patches and glasses", 20,
        "adversarial patch, adversarial glasses, face recogniser, mask, universal patch, printable colours",
        "restrict an attack to a few pixels, impersonate somebody before a face recogniser, and make one patch for "
        "many photographs",
    ),
    LessonEntry(
        "lessons/signs/page.py", "Traffic signs", "signs",
        "Traffic signs: a stop sign that reads 45", 20,
        "stickers, poster, control, expectation over transformations (EOT), drive-by, first-order gain",
        "make stickers that change what a network reads on a sign, and judge them in the frames of a drive",
    ),
    LessonEntry(
        "lessons/physical/page.py", "Physical attacks", "physical",
        "Physical attacks: it survives the camera", 15,
        "expectation over transformations (EOT), rotation, scale, light, JPEG, printing",
        "make an adversarial picture that survives being turned, scaled, lit and photographed",
    ),
    LessonEntry(
        "lessons/black_box/page.py", "Black-box attacks", "black-box",
        "Black-box attacks: queries and transfer", 25,
        "score-based attack (Square), transfer, ensemble, substitute model, model extraction",
        "attack a network without its gradient, and compare the ways by their queries",
    ),
    LessonEntry(
        "lessons/unrestricted/page.py", "Unrestricted attacks", "unrestricted",
        "Unrestricted attacks: no noise at all", 15,
        "rotation, translation, crop, hue, search, semantic perturbation",
        "find the smallest turn, shift or change of colour that fools a network",
    ),
    LessonEntry(
        "lessons/speech/page.py", "Speech", "speech",
        "Speech: fool a recogniser", 20,
        "audio adversarial example, teacher forcing, CTC loss, signal-to-noise ratio, targeted transcription",
        "make a recogniser write words that nobody hears",
    ),
    LessonEntry(
        "lessons/poisoning/page.py", "Poisoning", "poisoning",
        "Poisoning: when the attacker comes earlier", 20,
        "data poisoning, backdoor, trigger, clean-label attack, spectral signatures, Neural Cleanse",
        "put a backdoor into a network by its training data, and say what each defence finds and misses",
    ),
)  # fmt: skip
LESSONS = (*FOUNDATIONS, *ROBUSTNESS, *BEYOND)
# Rooms: the host's page, and the students'.
HOST, ROOM = Entry("classroom/host.py", "Host a room", "host"), Entry("classroom/room.py", "Join a room", "room")
CLASSROOM = (HOST, ROOM)
PAGES: Mapping[str, Sequence[Entry]] = {
    "Start": (START, LAB, COURSE, LECTURE),
    "Foundations": FOUNDATIONS,
    "Robustness": ROBUSTNESS,
    "Beyond the ball": BEYOND,
    "Classroom": CLASSROOM,
}


def entry_of(address: str) -> LessonEntry | None:
    """Return the lesson with that address, if there is one."""
    return next((lesson for lesson in LESSONS if lesson.address == address), None)


def title_of(address: str) -> str:
    """Return the title of the lesson with that address; without such a lesson, the address."""
    lesson = entry_of(address)
    return lesson.title if lesson else address
