"""Painted glasses before the shipped face recogniser, and before a second one.

python -m bench.faces [wearing] [second]

"wearing" measures the glasses of /patches: seconds, share of the face, distances, views. "second" measures whether
glasses that are made on one recogniser fool the other, and needs weights that are no part of this repository (see
`bench.second_recogniser`).
"""

import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import run
from adv_core.faces import (
    PEOPLE,
    SAME,
    Face,
    FaceDistances,
    FaceScore,
    Found,
    StillFound,
    find_faces,
    portrait,
    recogniser,
)
from adv_core.faces.detector import TRACKED, same_place
from adv_core.faces.distances import crop
from adv_core.images import Pixels, from_pixels, to_pixels
from adv_core.networks.ensemble import MeanLogits
from adv_core.objectives import Impersonation
from adv_core.patches import Eyes, glasses
from adv_core.perturbation_sets import Box, Masked
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.networks import DeviceNetworks
from adv_core.transforms.geometry import Scale, Translation
from adv_core.transforms.transform import Transform
from bench.second_recogniser import SAME as SECOND_SAME
from bench.second_recogniser import SIDE, second_recogniser
from pages.lessons.patches.face_tasks import FaceInViews, FindFaces, WearOnFace, distances, with_dark_glasses, works
from pages.lessons.patches.settings import FACE_STEPS, FACE_VIEWS, Settings

SIZE = Settings().frame / 100  # of the glasses, as the page opens
LARGE = 1.5  # the same where two recognisers are to be fooled: 18.3 % of the astronaut's face
NAMES = ("shipped", "second")
# A detector places the box of a face with glasses a little differently.
BOXES: tuple[Transform, ...] = (Scale(0.96, 1.04), Translation(0.02))
NEAR, AWAY = 0.5, 0.7  # distances, near enough to the target and far enough from oneself, with a threshold of 0.6


def face_of(key: str) -> Face:
    return find_faces(portrait(key))[0]


def eyes_of(key: str) -> Eyes:
    """The pupils, in parts of the width and the height."""
    height, width = portrait(key).shape[:2]
    (ax, ay), (bx, by) = face_of(key).eyes()
    return (ax / width, ay / height), (bx / width, by / height)


# -------------------------------------------------------------------------------------------------------------- wearing


def wearing() -> None:
    """Measure the glasses of the page: both people, impersonation and dodging, and plain dark glasses."""
    here, keys = DeviceNetworks("cpu"), list(PEOPLE)
    people = tuple(next(FindFaces(Pictures.of(portrait(key)[None])).records(here)).descriptor for key in keys)
    print(
        f"\n{torch.get_num_threads()} threads, {FACE_STEPS} steps\n\n| wearer | taken for | seconds | of processor | "
        f"face | distance to the wearer | to the other | of {FACE_VIEWS} views | no face | dark glasses |\n"
        "|---|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for y, key in enumerate(keys):
        for target in (1 - y, None):
            pixels, face = portrait(key), face_of(key)
            work = WearOnFace(Pictures.of(pixels[None]), face, *eyes_of(key), SIZE, people, y, target, steps=FACE_STEPS)
            began, busy = time.perf_counter(), time.process_time()
            *_, last = work.records(here)
            seconds, busy = time.perf_counter() - began, time.process_time() - busy
            judged = []
            for each in (last.pixels, with_dark_glasses(pixels, work.mask)):
                (found,) = FindFaces(Pictures.of(each[None]), face).records(here)
                judged.append(distances(found.descriptor, people))
            views = list(FaceInViews(Pictures.of(last.pixels[None]), face, people, FACE_VIEWS, seed=1).records(here))
            lost = sum(not each for each in views)
            fooled = sum(works(each, y, target) for each in views)
            aim = "nobody" if target is None else PEOPLE[keys[target]].name
            print(
                f"| {PEOPLE[key].name} | {aim} | {seconds:.1f} | {busy:.1f} | {work.mask.sum() / face.area:.1%} | "
                f"{judged[0][y]:.2f} | {judged[0][1 - y]:.2f} | {fooled} | {lost} | {judged[1][y]:.2f} |",
                flush=True,
            )


# --------------------------------------------------------------------------------------------------- another recogniser


def rescaled(x: Tensor) -> Tensor:
    """The second recogniser's descriptors, (N, 1024), of such a length that its threshold is the shipped one's."""
    return SAME / SECOND_SAME * second_recogniser()(x)


def networks() -> dict[str, Callable[[Tensor], Tensor]]:
    """Both recognisers; both take two crops for the same person below a distance of `SAME`."""
    return dict(zip(NAMES, (recogniser(), rescaled), strict=True))


class Enough(nn.Module):
    """Minus the distances to the wearer and to the target, (N, 2), up to `AWAY` and down to `NEAR`: beyond them nothing
    is won. Otherwise the recogniser that is easier to fool takes all steps."""

    def forward(self, logits: Tensor) -> Tensor:
        return torch.stack([logits[:, 0].clamp_min(-AWAY), logits[:, 1].clamp_max(-NEAR)], 1)


def described(network: Callable[[Tensor], Tensor], pixels: Pixels, face: Face) -> Tensor:
    """The descriptor of a face, (D,)."""
    with torch.no_grad():
        return network(crop(from_pixels(pixels), face, SIDE if network is rescaled else 150))[0]


def made_on(names: Sequence[str], wearer: str, target: str, steps: int = 150) -> dict[str, tuple[float, float]]:
    """Paint glasses for some recognisers, and return what both say: the distances to the wearer and to the target.

    The 8-bit picture is judged, detected and cropped anew. The distances are in units of the threshold: below 1, it is
    the same person.
    """
    pixels, face, everyone = portrait(wearer), face_of(wearer), networks()
    people = {
        name: torch.stack([described(network, portrait(key), face_of(key)) for key in (wearer, target)])
        for name, network in everyone.items()
    }
    mask = glasses(*eyes_of(wearer), *pixels.shape[:2], LARGE)
    seen = [nn.Sequential(FaceDistances(people[name], face, BOXES, network=everyone[name]), Enough()) for name in names]
    attack = pgd(
        StillFound(MeanLogits(seen), FaceScore(face, BOXES)),
        from_pixels(pixels),
        Masked(Box(), torch.from_numpy(mask)),
        Found(Impersonation(0, 1)),
        steps=steps,
        step_size=8 / 255,
    )
    painted = to_pixels(run(attack, keep_steps=False).adversarial)
    found = same_place(find_faces(painted, sure=TRACKED), face)
    assert found is not None, "no face was found in the result"
    told = {}
    for name, network in everyone.items():
        own, other = ((described(network, painted, found) - people[name]).norm(dim=1) / SAME).tolist()
        told[name] = own, other
    return told


def second() -> None:
    """Measure the astronaut's glasses, made on one recogniser or on both, before each of them."""
    columns = " | ".join(f"{name}: to the {whom}" for name in NAMES for whom in ("wearer", "target"))
    print(f"\n| made on | {columns} |\n|---|---|---|---|---|", flush=True)
    thresholds, (wearer, target) = dict(zip(NAMES, (SAME, SECOND_SAME), strict=True)), tuple(PEOPLE)
    for names in (*((name,) for name in NAMES), NAMES):
        told = made_on(names, wearer, target)
        cells = " | ".join(f"{each * thresholds[name]:.2f}" for name in NAMES for each in told[name])
        print(f"| {' and '.join(names)} | {cells} |", flush=True)


TOPICS: dict[str, Callable[[], None]] = {"wearing": wearing, "second": second}


def main() -> None:
    for topic in sys.argv[1:] or TOPICS:
        TOPICS[topic]()


if __name__ == "__main__":
    main()
