"""The program of each lesson runs from top to bottom, and finds what the lesson's own page finds."""

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import adv_core
from adv_core import Linf
from adv_core.classifiers import DEFAULT
from adv_core.defences.masking import SERIES, answers
from adv_core.images import fit, from_pixels, to_pixels
from adv_core.networks.digit_network import checkpoint, pack
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.digits import digits
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Pictures, Views
from adv_core.serving.engine.work import Task
from adv_core.speech.dictation import spelling
from pages.contents import LESSONS
from pages.lessons.defences.tasks import Aware
from pages.lessons.fgsm_and_pgd.scene import attacked
from pages.lessons.fooling_images.tasks import STARTS, Climb, start_picture
from pages.lessons.linear_models.measured import test_error as error_of
from pages.lessons.linear_models.measured import trained
from pages.lessons.patches.tasks import Wear
from pages.lessons.signs.tasks import Drive, FindSign, PutStickers
from pages.lessons.speech.settings import CLIPS
from pages.lessons.speech.tasks import Clip, Hide, melody
from pages.lessons.threat_models.eye import visibility
from pages.lessons.unrestricted.tasks import Smallest, Together
from pages.widgets.photograph import sample
from tests.networks import Here, loaded
from tests.pages.widgets.test_program import code_cells
from tests.paths import ROOT

FOLDERS = [(ROOT / "pages" / lesson.file).parent for lesson in LESSONS]
NAMES = [folder.name for folder in FOLDERS if (folder / "program.py").exists()]
Found = dict[str, Any]
Checks = Callable[[Found, Any], None]


def last(task: Task[Any]) -> Any:
    """The last record of a task."""
    *_, record = task.records(Here())
    return record


def attack(picture: Pictures, label: int, **changes: Any) -> Any:
    """The last frame of the engine's attack."""
    return LocalEngine("cpu").compute(replace(Attack(picture, DEFAULT, label=label), **changes))[-1]


def original(settings: Any) -> Pictures:
    """The photograph of a page, at the network's size."""
    return Pictures.of(np.asarray(fit(sample(settings.image), 224, 224)))


def same(found: torch.Tensor, pixels: np.ndarray) -> None:
    assert np.array_equal(to_pixels(found), pixels)


def fgsm_and_pgd(found: Found, settings: Any) -> None:
    scene = attacked(settings)
    path = scene.run()
    assert np.array_equal(found["result"].adversarial[0].numpy(), path.points[-1])
    assert (found["loss"], found["p"]) == pytest.approx((path.losses[-1], path.probabilities[-1]))
    aim = {"attack": "targeted", "target": settings.target, "eps": (settings.levels / 255,), "steps": 2}
    for name, objective in (("L(y) - L(target)", "difference"), ("-L(target)", "ce")):
        frame = attack(original(settings), found["now"], objective=objective, **aim)
        same(found["ends"][name].adversarial, frame.pixels[0])


def linear_models(found: Found, settings: Any) -> None:
    assert torch.equal(found["standard"].theta, trained(settings.seed).theta)
    for place, against in (("standard", 0.0), ("robust", settings.against)):
        expected = error_of(settings.seed, against, settings.eps, settings.box)
        assert f"{place}: " in found["said"] and f"{expected:.4f} under eps" in found["said"]


def adversarial_training(found: Found, settings: Any) -> None:
    tasks = importlib.import_module("pages.lessons.adversarial_training.tasks")
    record = last(tasks.Train(found["recipe"], 200))
    assert pack(found["network"]) == record.weights
    (figures,) = re.findall(r"this one: error ([\d.]+) untouched, ([\d.]+) at", found["said"])
    # With another number of threads, digits on the edge between two classes may fall to the other side.
    assert [float(each) for each in figures] == pytest.approx([record.clean, record.attacked], abs=0.01)


def evaluation(found: Found, settings: Any) -> None:
    test, defence, ball = digits("test")[:5], found["defence"], Linf(settings.eps)
    assert torch.equal(found["x"], test.images)
    for each in SERIES:
        if each.key in ("fgsm", "pgd", "margin", "twin"):
            other = checkpoint("standard").network
            for step in each.launch(defence, other, test.images, test.labels, ball, settings.seed):
                end = step.adversarial
            wrong = float((answers(defence.classifier, end) != test.labels).float().mean())
            assert f"{each.title}: {wrong:.0%} wrong" in found["said"]


def fooling_images(found: Found, settings: Any) -> None:
    record = last(Climb((settings.target,), settings.start, settings.seed, settings.steps, settings.alpha))
    same(found["result"].adversarial, record.pixels[0])
    assert found["p"] == pytest.approx(float(record.wanted[0, 0]))


def patches(found: Found, settings: Any) -> None:
    y, target = found["y"], None if settings.anything else settings.target
    spots = (*settings.points, settings.size / 100)
    costs = (settings.smooth, settings.printable)
    work = Wear(original(settings), DEFAULT, settings.thing, *spots, y, target, *costs, steps=2)
    same(found["result"].adversarial, last(work).pixels)
    assert np.array_equal(found["mask"].numpy(), work.mask)


def signs(found: Found, settings: Any) -> None:
    picture, box = Pictures.of(found["pixels"]), found["box"]
    if not settings.large:
        assert last(FindSign(picture)).box == box
    stuck = last(PutStickers(picture, box, found["target"], steps=2, views=2, seed=settings.seed))
    assert np.array_equal(found["squares"], stuck.squares)
    for name, pixels in found["pictures"].items():
        read = [each.probabilities[0].argmax() for each in Drive(Pictures.of(pixels), box, 2, 10_000).records(Here())]
        assert f"{name}: Yield in {sum(label == found['target'] for label in read)} of 2 frames" in found["said"]


def physical(found: Found, settings: Any) -> None:
    given = {"attack": "targeted", "eps": (settings.eps / 255,), "target": settings.target, "steps": 2}
    for name, more in (("ordinary", {}), ("attack over", {"views": settings.views, "seed": settings.seed})):
        frame = attack(original(settings), found["y"], **given, **more)
        (made,) = (picture for each, picture in found["made"].items() if each.startswith(name))
        same(made, frame.pixels[0])
        seen = last(Views(Pictures.of(frame.pixels[0]), DEFAULT, 2, settings.seed + 1)).logits.argmax(1)
        reached = f"in {(seen == settings.target).sum()} of 2 views"
        assert any(line.startswith(name) and reached in line for line in found["said"].splitlines())


def black_box(found: Found, settings: Any) -> None:
    options = {"attack": "square", "objective": "margin", "queries": settings.queries, "seed": settings.seed}
    frame = attack(original(settings), found["y"], eps=(settings.eps / 255,), **options)
    same(found["result"].adversarial, frame.pixels[0])
    assert found["questions"] == frame.index + 1


def unrestricted(found: Found, settings: Any) -> None:
    picture, y = original(settings), found["y"]
    if settings.kind == "all":
        work = Together(picture, DEFAULT, y, settings.budget, 16, settings.seed, settings.frameless)
        records = list(work.records(Here()))
        assert (found["now"].pose, found["now"].first) == (records[-1].pose, records[-1].first)
        assert np.array_equal(found["picture"], next(r.pixels for r in reversed(records) if r.pixels.size))
    else:
        rungs = [r for r in Smallest(picture, DEFAULT, settings.kind, y, settings.frameless).records(Here()) if r.best]
        best = min(rungs, key=lambda rung: rung.size)
        assert found["size"] == best.size and found["pose"] == best.best
        assert np.array_equal(found["picture"], best.pixels)


def defences(found: Found, settings: Any) -> None:
    picture, y, eps = original(settings), found["y"], settings.eps / 255
    same(found["plain"], attack(picture, y, attack="pgd", eps=(eps,), steps=settings.steps).pixels[0])
    work = Aware(picture, DEFAULT, settings.defended(settings.defence), eps, y, settings.steps, settings.seed)
    record = last(work)
    same(found["aware"], record.attacked)
    judged, *detected = found["said"].splitlines()[-4:]
    assert f"; at first {record.probabilities[y]:.1%}" in judged
    for sort, line in zip(("noise", "plain", "aware"), detected, strict=True):
        work = replace(settings.detection(sort), images=DETECTION["DIGITS"], steps=DETECTION["DETECTOR_STEPS"])
        assert f"{sort}: {last(work).misread.sum()} misread" in line


def speech(found: Found, settings: Any) -> None:
    clip = Clip.of(found["samples"])
    work = Hide(clip, settings.target, settings.steps, settings.views, settings.seed, settings.network)
    clips = [record.found for record in work.records(Here()) if record.found]
    # The last step rounds δ, a record rounds x + δ: where δ is half a level, they round to different sides.
    assert np.abs(found["found"].astype(int) - clips[-1].samples).max() <= 1
    said = f"the changed clip: {settings.target if settings.network == 'own' else spelling(settings.target)}"
    assert said in found["said"] and Path("changed.wav").stat().st_size


def poisoning(found: Found, settings: Any) -> None:
    task = replace(settings.training("backdoor"), epochs=1)
    record = last(replace(task, poison=replace(task.poison, images=1000)))
    assert f"{record.error:.1%}; the trigger works on {record.success:.1%}" in found["said"]


def threat_models(found: Found, settings: Any) -> None:
    picture, norms = original(settings), {"L∞": "linf", "L2": "l2", "L1": "l1"}
    seen = []
    for name, norm in norms.items():
        frame = attack(picture, found["y"], attack="pgd", norm=norm, eps=(found["radii"][name],), steps=2)
        same(found["made"][name][0], frame.pixels[0])
        seen.append(visibility(picture.pixels[0], frame.pixels[0]))
        assert found["made"][name][1] == pytest.approx(seen[-1], rel=1e-4)


DETECTION = {"DIGITS": 10, "DETECTOR_STEPS": 4}  # of the lesson on defences

# The lesson's settings, and constants of its program, for the least run that shows something.
RUNS: list[tuple[Checks, dict[str, Any], dict[str, Any]]] = [
    (threat_models, {}, {"STEPS": 2}),
    (fgsm_and_pgd, {"steps": 3}, {"STEPS": 2}),
    (fgsm_and_pgd, {"model": "linear", "ball": "l2", "projected": "last"}, {"STEPS": 2}),
    (linear_models, {"box": True}, {}),
    (adversarial_training, {"epochs": 1, "inner": "fgsm"}, {"IMAGES": 200}),
    (evaluation, {}, {"IMAGES": 5}),
    (evaluation, {"defence": "quantized", "levels": 4}, {"IMAGES": 5}),
    (fooling_images, {"start": "stripes", "steps": 2}, {}),
    (patches, {}, {"STEPS": 2}),
    (patches, {"smooth": True, "anything": True, "thing": "stickers"}, {"STEPS": 2}),
    (signs, {"target": "yield"}, {"STEPS": 2, "VIEWS": 2, "FRAMES": 2, "DRIVES": 1}),
    (signs, {"target": "yield", "large": 52.0, "down": 42.0}, {"STEPS": 2, "VIEWS": 2, "FRAMES": 2, "DRIVES": 1}),
    (physical, {"views": 1}, {"STEPS": 2, "NEW_VIEWS": 2}),
    (black_box, {"queries": 50, "steps": 1}, {}),
    (unrestricted, {}, {"QUERIES": 16}),
    (unrestricted, {"kind": "turn", "frameless": True}, {"RUNGS": {"turn": 6}}),
    (defences, {"steps": 1}, DETECTION),
    (defences, {"defence": "crop", "steps": 1, "detector": "squeezing", "squeeze": 2, "level": 40}, DETECTION),
    (poisoning, {"share": 2.0}, {"IMAGES": 1000, "EPOCHS": 1}),
    (speech, {"network": "own", "clip": "weather", "text": "yes", "steps": 40}, {}),
    (speech, {"text": "Open the front door", "steps": 25}, {}),
]


def program_of(name: str, **changes: Any) -> tuple[Any, Any]:
    """The settings of a lesson with changes, and its program."""
    settings = importlib.import_module(f"pages.lessons.{name}.settings").Settings(**changes)
    return settings, importlib.import_module(f"pages.lessons.{name}.program").program(settings)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which a program runs and may write."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(adv_core, "load_classifier", loaded)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)


def test_each_lesson_has_a_run() -> None:
    assert {check.__name__ for check, _, _ in RUNS} == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize(("check", "changes", "constants"), RUNS, ids=lambda each: getattr(each, "__name__", None))
def test_it_finds_what_the_page_finds(
    check: Checks,
    changes: dict[str, Any],
    constants: dict[str, Any],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = check.__name__
    for constant, value in constants.items():
        module = importlib.import_module(f"pages.lessons.{name}.program")
        if isinstance(value, dict):  # the page's tasks read the same one
            value = getattr(module, constant) | value
            monkeypatch.setattr(importlib.import_module(f"pages.lessons.{name}.tasks"), constant, value)
        monkeypatch.setattr(module, constant, value)
    settings, program = program_of(name, **changes)
    found: Found = {"__name__": "__main__"}
    for code in code_cells(program):
        exec(compile(code, name, "exec"), found)
    check({**found, "said": capsys.readouterr().out}, settings)


@pytest.mark.parametrize("name", NAMES)
def test_its_imports_exist_and_its_script_is_python(name: str) -> None:
    _, program = program_of(name)
    compile(program.script(), name, "exec")
    exec(program.cells[0][1], {})
    assert program.title and all(text for text, _ in program.cells[1:])


@pytest.mark.parametrize("start", STARTS)
def test_a_start_is_that_of_the_page(start: str) -> None:
    _, program = program_of("fooling_images", start=start, seed=3)
    found: Found = {}
    for _, code in program.cells[:2]:
        exec(code, found)
    assert torch.equal(found["x"], from_pixels(start_picture(start, 224, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize("defence", ["saturated", "quantized", "fgsm", "robust", "none"])
def test_every_defence_is_made(defence: str) -> None:
    _, program = program_of("evaluation", defence=defence)
    found: Found = {}
    for _, code in program.cells[:2]:
        exec(code, found)
    assert len(found["x"]) == len(found["y"]) and found["defence"].twin(found["x"][:1]).shape == (1, 10)


@pytest.mark.parametrize("clip", [*CLIPS, "own"])
def test_every_clip_is_opened_or_made(clip: str, project: Path) -> None:
    _, program = program_of("speech", clip=clip)
    if clip == "own":
        assert 'Path("my_clip.wav")' in program.script()
        return
    found: Found = {}
    for _, code in program.cells[:2]:
        exec(code, found)
    assert found["samples"].dtype == np.int16 and found["samples"].any()
    assert clip != "melody" or np.array_equal(found["samples"], melody())
