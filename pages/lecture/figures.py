"""Compute our numbers of the page "The lecture": each by the page that the row links to, opened with that link.

    python -m pages.lecture.figures            # all of them: figures.json, and the pictures in assets/lecture
    python -m pages.lecture.figures panda pig  # some of them

A page is opened as a browser opens it, and computes with its own code. Jobs that the row does not need are left out.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from adv_core.assets import ASSETS
from adv_core.classifiers import categories
from adv_core.faces import PEOPLE, SAME
from adv_core.images import difference
from adv_core.linear import worst_case
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.look import Look, Views
from adv_core.serving.engine.queue import Job
from adv_core.serving.engine.work import Task
from adv_core.signs.classes import CLASSES
from adv_core.signs.stickers import BARE, covered, with_stickers
from adv_core.speech.sound import distortion
from pages.contents import PAGES
from pages.lecture.slides import FIGURES, SLIDES, Slide
from pages.lessons.adversarial_training.settings import judged
from pages.lessons.fgsm_and_pgd import scene
from pages.lessons.fgsm_and_pgd import settings as plane
from pages.lessons.fooling_images.beforehand import shipped
from pages.lessons.fooling_images.tasks import Climb
from pages.lessons.linear_models import measured
from pages.lessons.linear_models import settings as linear
from pages.lessons.patches.face_tasks import FaceInViews, FindFaces, WearOnFace, distances, nearest, works
from pages.lessons.patches.wearer import head
from pages.lessons.physical.settings import NAMES
from pages.lessons.signs.run import around, counted
from pages.lessons.signs.tasks import Drive, FindSign, PutStickers, ReadSign
from pages.lessons.speech.tasks import Hide, Listen
from pages.widgets import live
from pages.widgets.query import from_query

APP = Path(__file__).parents[1] / "switchboard.py"
PICTURES = ASSETS / "lecture"
SIDE = 75  # pixels of a small picture: every third of 224, so that no average removes δ
GAP = 3
Numbers = dict[str, Any]


class LeftOut:
    """A job that is not computed; a page takes it for one that has failed."""

    frames: tuple[()] = ()
    done, finished, place = True, False, None
    error = "left out"

    def __init__(self, request: Task[Any]) -> None:
        self.request = request

    def cancel(self) -> None:
        pass

    def wait(self, seen: int, timeout: float) -> bool:
        return True


class Chosen:
    """The engine of this process, for tasks of some kinds only."""

    def __init__(self) -> None:
        self.kinds: tuple[type, ...] = ()
        self._engine = live.default_engine()

    def submit(self, request: Task[Any], session: str) -> Job[Any] | LeftOut:
        return self._engine.submit(request, session) if isinstance(request, self.kinds) else LeftOut(request)


def jobs_of(slide: Slide, *kinds: type, **more: str) -> dict[str, Job[Any]]:
    """Open the page with the row's link, and return its jobs by their slots.

    Args:
        kinds: the tasks that are computed.
        more: further parts of the query.
    """
    place, chosen = slide.place, Chosen()
    query = dict(parse_qsl(urlsplit(place.link).query)) | more
    at = AppTest.from_file(str(APP), default_timeout=600)
    with patch.object(live, "default_engine", lambda: chosen):
        if place.address:
            at.run()  # the addresses of the other pages are known after a first run
            entry = next(each for group in PAGES.values() for each in group if each.address == place.address)
            at.switch_page(entry.file)
        at.query_params.clear()
        at.query_params.update(query)
        chosen.kinds = kinds
        at.run()
    if at.exception:
        raise RuntimeError(f"{slide.key}: {at.exception[0].message}")
    found: dict[str, Job[Any]] = at.session_state["jobs"]
    return found


def settings_of(slide: Slide, kind: type[Any]) -> Any:
    """The settings of the row's link."""
    return from_query(kind, {name: str(value) for name, value in (slide.place.query or {}).items()})[0]


def small(pixels: np.ndarray) -> np.ndarray:
    """Every third pixel (second, ...) of (H, W, 3), so that it is about `SIDE` wide."""
    step = max(round(pixels.shape[1] / SIDE), 1)
    return pixels[::step, ::step]


def strip(*pictures: np.ndarray) -> np.ndarray:
    """Pictures (H, W, 3) or (H, W, 4) side by side, with a transparent gap."""
    shown = [small(each) for each in pictures]
    shown = [np.insert(each, 3, 255, 2) if each.shape[2] == 3 else each for each in shown]
    gap = np.zeros((shown[0].shape[0], GAP, 4), np.uint8)
    return np.concatenate([part for each in shown for part in (gap, each)][1:], 1)


def predicted(name: str, probabilities: np.ndarray) -> Numbers:
    """The prediction and its probability, under these names."""
    label = int(probabilities.argmax())
    return {name: categories()[label], f"{name}_share": float(probabilities[label])}


# ------------------------------------------------------------------------------------------------------------ each row


def attack(slide: Slide) -> tuple[Numbers, np.ndarray]:
    """The lab's attack."""
    jobs = jobs_of(slide, Look, Attack, hide="noise,curve,save")
    request, frames = jobs["main"].request, jobs["main"].frames
    assert isinstance(request, Attack)
    x, last = request.pixels, frames[-1]
    numbers = predicted("before", jobs["look"].frames[0].probabilities[0])
    numbers |= predicted("after", last.probabilities[0])
    numbers |= {"levels": request.eps[0] * 255, "steps": last.index}
    numbers |= {"loss_before": float(frames[0].loss[0]), "loss_after": float(last.loss[0])}
    if request.target is not None:
        share = float(last.probabilities[0, request.target])
        numbers |= {"target": categories()[request.target], "target_share": share}
    times = int((slide.place.query or {}).get("amp", 10))
    return numbers, strip(x, difference(x, last.pixels[0], times), last.pixels[0])


def sign(slide: Slide) -> tuple[Numbers, np.ndarray]:
    """Stickers on a sign, and what is read from the road."""
    jobs = jobs_of(slide, FindSign, ReadSign, PutStickers, Drive)
    request, squares = jobs["sign stickers"].request, jobs["sign stickers"].frames[-1].squares
    assert isinstance(request, PutStickers)
    drives = [job.frames for slot, job in jobs.items() if slot.startswith("sign drive")]
    x, box = request.picture.pixels[0], request.box
    stuck, read = with_stickers(x, box, squares), jobs["sign read"].frames[-1][0]
    numbers: Numbers = {"before": CLASSES[int(read.argmax())].title, "after": CLASSES[request.target].title}
    numbers |= {"read": counted(drives, 2, request.target), "control": counted(drives, 1, request.target)}
    numbers |= {"frames": sum(map(len, drives)), "part": covered(squares)}
    bare = with_stickers(np.full_like(x, BARE), box, squares)
    return numbers, strip(*(around(each, box) for each in (x, bare, stuck)))


def face(slide: Slide) -> tuple[Numbers, np.ndarray]:
    """Glasses before the face recogniser, judged anew on the 8-bit photograph and in views."""
    jobs = jobs_of(slide, FindFaces, WearOnFace, FaceInViews)
    request, painted = jobs["face glasses"].request, jobs["face glasses"].frames[-1].pixels
    assert isinstance(request, WearOnFace)
    assert request.target is not None
    names, found = [person.name for person in PEOPLE.values()], jobs["face painted"].frames[-1]
    away = distances(found.descriptor, request.people)
    numbers = {"before": names[request.y], "after": nearest(away, names), "same": SAME}
    numbers |= {"own_distance": float(away[request.y]), "target_distance": float(away[request.target])}
    seen = jobs["face views"].frames
    numbers |= {"taken": sum(works(each, request.y, request.target) for each in seen), "views": len(seen)}
    numbers["part"] = float(request.mask.sum() / request.face.area)
    alone = np.dstack([painted, 255 * request.mask.astype(np.uint8)])
    return numbers, strip(*(head(each, request.face) for each in (request.picture.pixels[0], alone, painted)))


def views(slide: Slide) -> tuple[Numbers, np.ndarray]:
    """Success in new random views."""
    jobs = jobs_of(slide, Look, Attack, Views)
    look, request = jobs["look"].request, jobs[NAMES[1]].request
    assert isinstance(look, Look)
    assert isinstance(request, Attack)
    assert request.target is not None
    target, x, pixels = request.target, look.pictures.pixels[0], jobs[NAMES[1]].frames[-1].pixels[0]
    answers = [jobs[f"new views {name}"].frames[-1].logits.argmax(1) for name in NAMES]
    ordinary, over = (int((each == target).sum()) for each in answers)
    numbers = {"target": categories()[target], "draws": len(answers[0]), "ordinary": ordinary, "over_views": over}
    return numbers, strip(x, difference(x, pixels, 10), pixels)


def patterns(slide: Slide) -> tuple[Numbers, np.ndarray]:
    """The answers of two networks to the bred patterns."""
    jobs, ours = jobs_of(slide, Look), shipped()
    first, second = (jobs[slot].frames[-1].probabilities for slot in ("patterns", "patterns second"))
    shares = [float(each[label]) for each, label in zip(first, ours.labels, strict=True)]
    numbers = {"patterns": len(shares), "least": min(shares), "median": float(np.median(shares)), "most": max(shares)}
    numbers["agreed"] = int((second.argmax(1) == np.array(ours.labels)).sum())
    return numbers, strip(*ours.pixels[:3])


def climb(slide: Slide) -> tuple[Numbers, np.ndarray]:
    """Gradient ascent from a picture of nothing."""
    job = jobs_of(slide, Climb)["climb"]
    last, request = job.frames[-1], job.request
    assert isinstance(request, Climb)
    target, share = request.targets[0], float(last.wanted[0, 0])
    numbers = {"target": categories()[target], "share": share, "steps": last.index}
    return numbers, strip(job.frames[0].pixels[0], last.pixels[0])


def hidden_words(slide: Slide) -> tuple[Numbers, None]:
    """The transcripts, and the loudness of the quietest change that was found."""
    jobs = jobs_of(slide, Listen, Hide)
    tries, request = jobs["audio hide"].frames, jobs["audio hide"].request
    assert isinstance(request, Hide)
    best = next(each for each in reversed(tries) if each.found)
    heard, loud = jobs["audio listen"].frames[-1].text, distortion(request.clip.samples, best.found.samples)
    return {"heard": heard, "after": best.text, "distortion": loud}, None


def digit_networks(_: Slide) -> tuple[Numbers, None]:
    """The errors that the script printed which trained the shipped digit networks."""
    standard, robust = judged("standard"), judged("robust_01")
    numbers = {"untouched": standard["untouched"], "attacked": standard["attacked"], "eps": standard["eps"]}
    return numbers | {"standard": standard["attacked"], "robust": robust["attacked"]}, None


def proof(slide: Slide) -> tuple[Numbers, None]:
    """The measurements of the proof."""
    asked = settings_of(slide, linear.Settings)
    seen = measured.measured(asked.seed, asked.digit, asked.eps, asked.box)
    names = ("draws", "out_of_order", "formula", "bound", "pgd")
    return {name: getattr(seen, name) for name in names}, None


def worst_delta(slide: Slide) -> tuple[Numbers, np.ndarray]:
    """δ* and its effect on the first digits."""
    asked, shown = settings_of(slide, linear.Settings), slice(0, 20)
    model, data = measured.trained(asked.seed), measured.digits("test")
    x, y = data[shown].images, data.labels[shown]
    delta = worst_case(model.theta, y, asked.eps, x if asked.box else None).view_as(x)
    wrong = int((model(x + delta).argmax(1) != y).sum())
    one = delta[int((y == 1).nonzero()[0]), 0].numpy()
    picture = np.repeat(((one / asked.eps + 1) / 2 * 255).round().astype(np.uint8)[..., None], 3, 2)
    norm = float(model.theta.abs().sum())
    return {"norm": norm, "wrong": wrong, "shown": len(y), "eps": asked.eps}, picture.repeat(3, 0).repeat(3, 1)


def linear_errors(slide: Slide) -> tuple[Numbers, None]:
    """The three errors of the lecture, for the seed of the link."""
    asked, eps = settings_of(slide, linear.Settings), linear.LECTURE_EPS
    cases = {"clean": (0.0, 0.0), "attacked": (0.0, eps), "robust": (eps, eps)}
    errors = {name: measured.test_error(asked.seed, *case, False) for name, case in cases.items()}
    return {**errors, "seed": asked.seed, "eps": eps}, None


def two_pixels(slide: Slide) -> tuple[Numbers, None]:
    """Both runs of PGD on the network with two inputs."""
    now = scene.attacked(settings_of(slide, plane.Settings))
    raw, even = now.run(step_size=float(now.settings.raw), step="gradient"), now.run()
    ends = {"loss_before": even.losses[0], "normalised": even.losses[-1], "raw": raw.losses[-1]}
    return {name: float(value) for name, value in ends.items()} | {"steps": now.settings.steps}, None


def one_sign(slide: Slide) -> tuple[Numbers, None]:
    """The number of points whose prediction each attack changes."""
    asked = settings_of(slide, plane.Settings)
    counts = scene.tallied(asked.model, asked.ball, asked.eps)
    names = ("right", "one_step", "many_steps", "anywhere")
    return {name: int(getattr(counts, name)) for name in names} | {"eps": asked.eps}, None


MEASURES: Mapping[str, Callable[[Slide], tuple[Numbers, np.ndarray | None]]] = {
    "test-error": digit_networks,
    "retriever": attack,
    "glasses": face,
    "stop-sign": sign,
    "turtle": views,
    "bred-images": patterns,
    "fooling-image": climb,
    "speech": hidden_words,
    "panda": attack,
    "panda-fgsm": attack,
    "inner-maximum": attack,
    "pig": attack,
    "pig-untargeted": attack,
    "difference": attack,
    "robust-training": digit_networks,
    "psi": proof,
    "dual-norm": proof,
    "worst-delta": worst_delta,
    "mnist-errors": linear_errors,
    "projection": two_pixels,
    "sign": one_sign,
}


def measure(slide: Slide) -> tuple[Numbers, np.ndarray | None]:
    """Compute the numbers of a row and its picture."""
    numbers, picture = MEASURES[slide.key](slide)
    rounded = {name: float(f"{value:.5g}") if isinstance(value, float) else value for name, value in numbers.items()}
    return rounded, picture


def main(arguments: list[str] | None = None) -> None:
    """The command line: the keys of the rows; all of them without one."""
    keys = [slide.key for slide in SLIDES]
    parser = argparse.ArgumentParser(prog="python -m pages.lecture.figures", description=__doc__)
    parser.add_argument("keys", nargs="*", choices=[*keys, []], metavar="KEY", help=", ".join(keys))
    asked = parser.parse_args(arguments).keys or keys
    known: dict[str, Numbers] = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    PICTURES.mkdir(exist_ok=True)
    for slide in SLIDES:
        if slide.key not in asked:
            continue
        known[slide.key], picture = measure(slide)
        print(slide.key, known[slide.key], flush=True)
        if picture is not None and slide.picture:
            Image.fromarray(picture).save(PICTURES / f"{slide.key}.webp", quality=80, method=6)
        ordered = {key: known[key] for key in keys if key in known}
        FIGURES.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
