"""Every task that a page can ask for: its fields declare their limits, and what breaks one is refused by its name."""

import importlib
import inspect
import math
import pickle
from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, replace
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from adv_core.classifiers import DEFAULT
from adv_core.defences.filters import Defence
from adv_core.faces.detector import Face
from adv_core.networks.digit_network import DigitNetwork, pack
from adv_core.patches import Place
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.digits import Digit, ErrorCurve
from adv_core.serving.engine.look import Look, Pictures, Views
from adv_core.serving.engine.noise import Noise
from adv_core.serving.engine.work import Task, digest_of, size_of
from adv_core.serving.fields import Checked, limits
from adv_core.signs.driving import SignBox
from adv_core.training import Recipe
from pages.lessons.adversarial_training.tasks import Explore, SolvedCase, Sweep, Train, Walk
from pages.lessons.black_box.tasks import Steal, Transfer
from pages.lessons.defences.detection_tasks import Detect
from pages.lessons.defences.tasks import Aware, Contest, Plain
from pages.lessons.evaluation.tasks import CertifiedDigits, Certify, ProofAndAttack, Rotations, Series
from pages.lessons.fooling_images.tasks import Climb, Evolution
from pages.lessons.patches.face_tasks import FaceInViews, FindFaces, Photograph, WearOnFace
from pages.lessons.patches.tasks import Paste, TrainPatch, TryPatch, Wear
from pages.lessons.physical.tasks import AlongKnob, View
from pages.lessons.poisoning.tasks import FindSuspects, FineTune, Poison, SearchTrigger, Stamp, TrainPoisoned
from pages.lessons.signs.tasks import Drive, FindSign, PutPoster, PutStickers, ReadSign
from pages.lessons.speech.tasks import Clip, Disturb, Hide, Listen
from pages.lessons.threat_models.tasks import Slice
from pages.lessons.unrestricted.tasks import Landscape, Smallest, Together, Trials
from tests.paths import ROOT

ONE = Pictures.of(np.zeros((16, 16, 3), np.uint8))
FACE, EYES = Face(4, 4, 12, 12), ((0.3, 0.4), (0.6, 0.4))
BOX = SignBox(2, 2, 14, 14)
DIGIT, CLIP, PATCH = Digit(bytes(784), 3), Clip(bytes(2 * 16_000)), bytes(8 * 8 * 3)
WEIGHTS = pack(DigitNetwork())
STANDARD, RECIPE = "standard", Recipe(epochs=1)
EXAMPLES: list[Task[Any]] = [
    Attack(ONE, DEFAULT),
    Attack(ONE, DEFAULT, attack="square"),
    Noise(ONE, DEFAULT),
    Look(ONE, DEFAULT),
    Views(ONE, DEFAULT, 4),
    ErrorCurve(STANDARD, (0.1, 0.2)),
    Explore(STANDARD, DIGIT, 0.3),
    SolvedCase(RECIPE),
    Sweep(STANDARD, DIGIT, (0.1,)),
    Train(RECIPE),
    Walk(STANDARD, 0, RECIPE),
    Steal(),
    Transfer(ONE, (DEFAULT,), (DEFAULT,), 0.1),
    Aware(ONE, DEFAULT, Defence(), 0.1, 0),
    Contest(ONE, ONE, (0,), DEFAULT, Defence(), 0.1),
    Plain(ONE, DEFAULT, 0.1),
    Detect("aware"),
    Certify(STANDARD, DIGIT),
    CertifiedDigits(STANDARD),
    ProofAndAttack(STANDARD, (0.1,)),
    Rotations(STANDARD, (5.0,)),
    Series(STANDARD, "none", 0.1),
    Climb((1,)),
    Evolution(1),
    FindFaces(ONE),
    WearOnFace(ONE, FACE, *EYES, 1.0, (bytes(512), bytes(512)), 0, 1, again=Photograph(ONE, FACE, *EYES)),
    FaceInViews(ONE, FACE, (bytes(512),)),
    Paste(ONE, DEFAULT, PATCH, 8, Place()),
    TrainPatch(ONE, DEFAULT, 1),
    TryPatch(ONE, DEFAULT, PATCH, 8, 1),
    Wear(ONE, DEFAULT, "glasses", (0.3, 0.4), (0.6, 0.4), 1.0, 0),
    AlongKnob(ONE, DEFAULT, "angle", (0.0,), 1),
    TrainPoisoned(),
    Stamp((WEIGHTS,), DIGIT),
    FindSuspects(Poison(), WEIGHTS),
    SearchTrigger(WEIGHTS, 7),
    FineTune(Poison(), WEIGHTS),
    FindSign(ONE),
    ReadSign(ONE, BOX),
    PutStickers(ONE, BOX, 1),
    PutPoster(ONE, BOX, 8, 1),
    Drive(ONE, BOX),
    Disturb((CLIP,), ("a",)),
    Hide(CLIP, "a"),
    Hide(CLIP, "a", network="moonshine"),
    Listen(CLIP),
    Slice(ONE, DEFAULT, 0, 0.1),
    Landscape(ONE, DEFAULT, 0, (5.0,), (0.1,)),
    Smallest(ONE, DEFAULT, "turn", 0),
    Together(ONE, DEFAULT, 0),
    Trials(ONE, DEFAULT, "all"),
]
PARTS: list[Checked] = [ONE, DIGIT, CLIP, View(), Poison()]  # values that tasks hold
NAMES = [type(each).__name__ for each in (*EXAMPLES, *PARTS)]


def all_of(kind: type) -> Iterator[type]:
    """The classes below this one that are no mere base."""
    for each in kind.__subclasses__():
        yield from all_of(each)
        if not inspect.isabstract(each) and each.__module__.startswith(("adv_core.", "pages.")):
            yield each


def is_number(hint: Any) -> bool:
    """Return whether an annotation is a number, alone or in a tuple."""
    if get_origin(hint) is not None:
        return any(is_number(part) for part in get_args(hint))
    return hint in (int, float)


def numeric(value: Any) -> list["Field[Any]"]:
    """The fields that hold numbers."""
    hints = get_type_hints(type(value))
    return [each for each in fields(value) if is_number(hints[each.name]) and each.name != "chain"]


def refusal(value: Any, name: str, given: Any) -> str:
    """The sentence in which that value of a field is refused."""
    with pytest.raises(ValueError) as refused:
        replace(value, **{name: given}).check()
    return str(refused.value)


def test_there_is_an_example_of_every_task() -> None:
    for file in [*(ROOT / "pages").rglob("*tasks.py"), *(ROOT / "adv_core" / "serving" / "engine").glob("*.py")]:
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        if not name.endswith((".cluster", ".__init__")):  # the cluster needs Ray
            importlib.import_module(name)
    assert {type(each) for each in EXAMPLES} == set(all_of(Task))


@pytest.mark.parametrize("value", [*EXAMPLES, *PARTS], ids=NAMES)
def test_every_number_has_declared_limits_and_beyond_them_it_is_refused_by_its_name(value: Any) -> None:
    value.check()
    unasked = {"steps", "restarts", "queries"} - {*value.options} if isinstance(value, Attack) else set()
    for each in numeric(value):
        if each.name in unasked:
            continue
        low, high = limits(type(value), each.name)
        whole = get_type_hints(type(value))[each.name] in (int, int | None, tuple[int, ...])
        beyond = (low - 1, high + 1) if whole else (math.nextafter(low, -math.inf), math.nextafter(high, math.inf))
        now = getattr(value, each.name)
        for bad in (*beyond, math.nan, "1", True):
            said = refusal(value, each.name, (*now[:-1], bad) if isinstance(now, tuple) else bad)
            assert said.startswith(each.name) and f"in {low} ... {high}, not" in said


@pytest.mark.parametrize("value", EXAMPLES, ids=NAMES[: len(EXAMPLES)])
def test_too_few_and_too_many_values_are_refused(value: Any) -> None:
    for each in fields(value):
        least, _ = each.metadata.get("count") or (0, 0)
        now = getattr(value, each.name)
        for given in (() if least else None, now * 1000 if least and now else None):
            if given is not None:
                assert f"{each.name} has to hold {least} ... " in refusal(value, each.name, given)


@pytest.mark.parametrize("value", EXAMPLES, ids=NAMES[: len(EXAMPLES)])
def test_a_key_is_short_and_equal_for_equal_tasks(value: Any) -> None:
    again = pickle.loads(pickle.dumps(value))
    assert value.key() == again.key() and hash(value.key()) == hash(again.key())
    assert len(str(value.key())) < 3000
    assert value.length >= 0 and value.rows >= 1 and isinstance(value.background, bool)


BLACK = np.zeros((2, 16, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (Attack(Pictures.of(BLACK), DEFAULT), "picture has to hold one picture, not 2"),
        (Attack(ONE, DEFAULT, "l2", attack="deepfool", views=2), "views have to be 0 for the attack deepfool"),
        (Attack(ONE, DEFAULT, objective="difference"), "needs a target"),
        (Attack(ONE, DEFAULT, "linf", attack="carlini_wagner"), "norm has to be one of l2 for the attack"),
        (Attack(ONE, DEFAULT, mask=b"1"), "mask has to hold 32 bytes"),
        (ErrorCurve(STANDARD, (0.2, 0.1)), "eps has to rise"),
        (Train(Recipe(batch=500), images=100), "images has to be at least one batch of 500, not 100"),
        (Train(Recipe(epochs=1000)), "Choose fewer epochs or fewer steps"),
        (Walk(STANDARD, 0, Recipe("none")), "inner has to be one of fgsm, pgd, not 'none'"),
        (Walk(STANDARD, 0, Recipe(eps=2.0)), "eps has to lie in 0 ... 1, not 2.0"),
        (SolvedCase(Recipe("fgsm")), "inner has to be pgd, not 'fgsm'"),
        (Steal(seeds=50, rounds=7), "≤ 10000 queries, not 32000"),
        (Aware(ONE, DEFAULT, Defence("blur", 11.0), 0.1, 0), "strength has to lie in 0 ... 10, not 11.0"),
        (Contest(ONE, ONE, (0, 1), DEFAULT, Defence(), 0.1), "equally many, not (1, 1, 2)"),
        (Climb((1,) * 9, classifiers=(DEFAULT,) * 2), "at most 16, not 18"),
        (Paste(ONE, DEFAULT, PATCH, 9, Place()), "a patch of side 9 has 243 bytes, not 192"),
        (Paste(ONE, DEFAULT, PATCH, 8, Place(size=3.0)), "size has to lie in 0.02 ... 2, not 3.0"),
        (AlongKnob(Pictures(bytes(27), 1, 1), DEFAULT, "angle", (0.0,), 1), "1 ... 8 pictures, not 9"),
        (AlongKnob(ONE, DEFAULT, "scale", (11.0,), 1), "scale has to lie in 0.1 ... 10, not 11.0"),
        (ReadSign(ONE, SignBox(2, 2, 6, 14)), "at least 8 pixels wide and high"),
        (Disturb((CLIP,), ("a", "b")), "texts has to hold 1 values, one for each clip, not 2"),
        (Hide(CLIP, "a", views=3, network="moonshine"), "views has to lie in 0 ... 2 for Moonshine, not 3"),
        (Hide(CLIP, "?", network="moonshine"), "has no word"),
        (Hide(CLIP, "say 打开门", network="moonshine"), "writes English, which has no “打”"),
        (Listen(Clip(bytes(2 * 11 * 16_000))), "at most 10 seconds, not 11"),
        (Transfer(ONE, ("nobody",), (DEFAULT,), 0.1), "made_on[0] has to be one of"),
        (Explore("nobody", DIGIT, 0.1), "model has to be one of"),
        (Explore(STANDARD, Digit(b"1", 0), 0.1), "pixels has to hold 784 bytes, one for each pixel, not 1"),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_refused_in_words(task: Task[Any], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        task.check()
    assert said in str(refused.value)


def test_a_record_s_size_is_that_of_its_parts() -> None:
    @dataclass(frozen=True, eq=False)
    class Record:
        pixels: np.ndarray
        found: Clip | None
        names: tuple[str, ...]

    small, large = Record(np.zeros(0), None, ()), Record(np.zeros(1000), Clip(bytes(500)), ("x" * 70,))
    assert 8570 <= size_of(large) - size_of(small) < 8800
    assert size_of([large, large]) >= 2 * size_of(large)


def test_a_digest_tells_arrays_apart_by_what_they_hold() -> None:
    one, other = np.zeros((2, 3)), np.zeros((2, 3))
    assert digest_of(one) == digest_of(other) and hash(digest_of((one, [one])))
    for different in (np.zeros((3, 2)), np.zeros((2, 3), np.float32), np.ones((2, 3))):
        assert digest_of(one) != digest_of(different)
