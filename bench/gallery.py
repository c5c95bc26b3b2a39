"""Measurements behind the figures in the texts of the gallery's lessons.

python -m bench.gallery                                              # all of them: half an hour on two cores
python -m bench.gallery fooling patches camera defences blackbox unrestricted strangers budgets universal
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from adv_core.attacks.pgd import pgd
from adv_core.attacks.spatial import KINDS, Room
from adv_core.attacks.square import square_attack
from adv_core.attacks.step import run
from adv_core.classifiers import info_of
from adv_core.decoding import open_image
from adv_core.defences.filters import Defence
from adv_core.images import fit, from_pixels
from adv_core.objectives import ExpectedTargeted, Margin, Targeted
from adv_core.perturbation_sets import Linf
from adv_core.serving.engine.look import Look, Pictures
from adv_core.serving.engine.networks import DeviceNetworks
from adv_core.transforms.expectation import CAMERA, Transformed
from adv_core.transforms.transform import seen_through
from bench.strangers import strangers_here
from pages.lessons.black_box.budget_tasks import BallNorm, Spend, Way
from pages.lessons.black_box.tasks import Steal, Transfer, passed
from pages.lessons.defences.tasks import Contest, Plain
from pages.lessons.fooling_images.tasks import Climb, Evolution, Wall, some_classes
from pages.lessons.patches.tasks import ASSETS, BEFOREHAND, SIDE, TryPatch, Wear, patch_beforehand, photographs
from pages.lessons.physical.tasks import AlongKnob
from pages.lessons.threat_models.universal_tasks import TrainUniversal, TryUniversal
from pages.lessons.unrestricted.tasks import Smallest, Together, Trials, fallen
from pages.widgets.photograph import samples

BALLS: dict[BallNorm, float] = {"linf": 0.2, "l2": 2.0}  # ε of equal budgets on digits
LITE0, LITE1, LITE2 = (f"efficientnet_lite{level}" for level in range(3))


def fooling() -> None:
    """Measure gradient ascent to 100 random classes, the agreement of other networks, and evolution."""
    here, classes = DeviceNetworks("cpu"), some_classes(100)
    fooling_ascent(here, classes)
    fooling_together(here, classes[:40])
    fooling_breeding(here, classes[:10])


def fooling_ascent(here: DeviceNetworks, classes: tuple[int, ...]) -> None:
    """Climb 40 steps for all, more for those that need them; the other networks classify the pictures of step 40."""
    print("\n| start | ≥ 99 % within 40 steps | within 200 | median | most | Lite1 agrees | Lite2 | seconds a class |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for start in ("noise", "grey", "stripes"):
        began, first, agree = time.perf_counter(), np.empty(0, int), np.zeros(2, int)
        for part in _parts(classes, 10):
            records = list(Climb(part, start, steps=40).records(here))
            first = np.append(first, _first_sure(records))
            agree += [_agreeing(here, records[-1].pixels, part, name) for name in (LITE1, LITE2)]
        seconds, soon = (time.perf_counter() - began) / len(classes), int((first >= 0).sum())
        late = np.flatnonzero(first < 0)
        for rows in np.array_split(late, -(-len(late) // 10)) if len(late) else ():
            part = tuple(classes[row] for row in rows)
            first[rows] = _first_sure(list(Climb(part, start, steps=200).records(here)))
        reached = first[first >= 0]
        print(
            f"| {start} | {soon} of {len(classes)} | {len(reached)} | {np.median(reached):.0f} | {reached.max()} | "
            f"{agree[0]} | {agree[1]} | {seconds:.1f} |",
            flush=True,
        )


def fooling_together(here: DeviceNetworks, classes: tuple[int, ...]) -> None:
    """Climb Lite0 and Lite1 together, 40 steps, and test the pictures on Lite2."""
    print("\n| start | both ≥ 99 % | Lite0 and Lite1 both say so | Lite2 agrees |\n|---|---|---|---|", flush=True)
    for start in ("noise", "grey"):
        sure = said = agree = 0
        for part in _parts(classes, 8):
            *_, last = Climb(part, start, classifiers=(LITE0, LITE1)).records(here)
            sure += int((last.wanted.min(0) >= 0.99).sum())
            said += int((last.seen == np.array(part)).all(0).sum())
            agree += _agreeing(here, last.pixels, part, LITE2)
        print(f"| {start} | {sure} of {len(classes)} | {said} | {agree} |", flush=True)


def fooling_breeding(here: DeviceNetworks, classes: tuple[int, ...]) -> None:
    print("\n| genome | questions | median p | ≥ 50 % | ≥ 99 % | by-catch > 50 % | of it, Lite1 agrees |")
    print("|---|---|---|---|---|---|---|")
    for encoding, queries in (("pattern", 1000), ("pattern", 2000), ("tiles", 2000)):
        ends, caught, shown, agree = [], [], 0, 0
        for seed, target in enumerate(classes):
            *_, last = Evolution(target, encoding, queries, seed).records(here)
            ends.append(last.wanted)
            caught.append(last.sure)
            rows = [row for row, p in enumerate(last.certainty) if p > 0.5]
            shown += len(rows)
            if rows:
                agree += _agreeing(here, last.pictures[rows], [last.others[row] for row in rows], LITE1)
        half, all_ = (sum(p >= bound for p in ends) for bound in (0.5, 0.99))
        print(
            f"| {encoding} | {queries} | {100 * np.median(ends):.2g} % | {half} of {len(ends)} | {all_} | "
            f"{np.mean(caught):.1f} classes | {agree} of {shown} |",
            flush=True,
        )


def _parts(classes: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    return [classes[first : first + size] for first in range(0, len(classes), size)]


def _first_sure(records: Sequence[Wall]) -> np.ndarray:
    """The first step at which each row, as an 8-bit picture, has 99 %; -1 where there is none."""
    sure = np.stack([record.wanted[0] >= 0.99 for record in records])
    return np.where(sure.any(0), sure.argmax(0), -1)


def _agreeing(here: DeviceNetworks, pixels: np.ndarray, classes: Sequence[int], name: str) -> int:
    """Count the pictures in which that network sees the class."""
    (opinion,) = Look(Pictures.of(pixels), name).records(here)
    return int((opinion.logits.argmax(1) == np.array(classes)).sum())


# -------------------------------------------------------------------------------------------------- glasses and patches


def patches() -> None:
    """Count the photographs that fool with glasses, and the successes of the shipped patch on held-out photographs."""
    here = DeviceNetworks("cpu")
    print("\n| glasses, 130 % | any other class | macaw | espresso | lemon |\n|---|---|---|---|---|", flush=True)
    for smooth in (False, True):
        wins = []
        for target in (None, 88, 967, 951):
            count = 0
            for image, (ax, ay, bx, by) in FACES.items():
                picture = Pictures.of(photograph(image)[None])
                (seen,) = Look(picture, LITE0).records(here)
                label = int(seen.probabilities[0].argmax())
                points = (ax / 100, ay / 100), (bx / 100, by / 100)
                work = Wear(picture, LITE0, "glasses", *points, 1.3, label, target, smooth, smooth)
                *_, last = work.records(here)
                now = int(last.probabilities.argmax())
                count += now != label if target is None else now == target
            wins.append(f"{count} of {len(FACES)}")
        print(f"| {'smooth and printable' if smooth else 'any colour'} | {' | '.join(wins)} |", flush=True)
    patch = patch_beforehand().tobytes()
    print(
        "\n| the shipped patch, size | never seen | trained on | grey patch, never seen |\n|---|---|---|---|",
        flush=True,
    )
    for size in (0.3, 0.35, 0.4, 0.5):
        tried = [
            list(TryPatch(photographs(half), LITE0, patch, SIDE, BEFOREHAND, size, 8, 7).records(here))
            for half in (1, 0)
        ]
        new, old = (sum(sum(each.wanted) for each in half) for half in tried)
        grey = sum(sum(each.blank) for each in tried[0])
        print(f"| {size:.0%} | {new} of 64 | {old} of 64 | {grey} of 64 |", flush=True)


# --------------------------------------------------------------------------------------------- the camera, and defences


def camera() -> None:
    """Measure pig to wombat and panda to gibbon, at 4/255: turned pictures and new views, for both attacks."""
    here, angles = DeviceNetworks("cpu"), tuple(float(angle) for angle in range(-45, 46, 3))
    print("\n| attack | views a step | angles of 31 | new views of 32 |\n|---|---|---|---|", flush=True)
    for image, target in (("pig", 106), ("giant_panda", 368)):
        x = from_pixels(photograph(image)[None])
        network = here.classifier(LITE0)
        for views in (0, 8):
            f = Transformed(network, CAMERA, views, 0) if views else network
            objective = ExpectedTargeted(target) if views else Targeted(target)
            made = run(pgd(f, x, Linf(4 / 255), objective, steps=40)).adversarial
            pixels = seen_through((), made)
            turned = AlongKnob(Pictures.of(pixels), LITE0, "angle", angles, target).records(here)
            count = sum(turn.answered[0] for turn in turned)
            new = Transformed(network, CAMERA, 32, 1, fresh=False).views(from_pixels(pixels), 32, 1).flatten(0, 1)
            with torch.no_grad():
                seen = int((network(new).argmax(1) == target).sum())
            print(f"| {image} | {views or 'ordinary'} | {count} | {seen} |", flush=True)


def defences() -> None:
    """Measure sixteen photographs behind every defence, at ε = 1, 2 and 4: untouched, unaware attack, aware attack."""
    here, pictures = DeviceNetworks("cpu"), everything(224)
    every = (
        Defence(),
        Defence("jpeg", 50),
        Defence("blur", 1),
        Defence("bits", 3),
        Defence("resize", 0.5),
        Defence("crop", 0.8),
    )
    print("\n| ε | defence | untouched | attack on the bare network | attack that knows |\n|---|---|---|---|---|")
    for eps in (1, 2, 4):
        ended = [each for each in Plain(pictures, LITE0, eps / 255, 10).records(here) if each.done == 1]
        attacked = Pictures.of(np.concatenate([each.pixels for each in ended]))
        labels = tuple(int(label) for each in ended for label in each.labels)
        for defence in every:
            kept = dict.fromkeys(("none", "plain", "aware"), 0)
            for each in Contest(pictures, attacked, labels, LITE0, defence, eps / 255, 10).records(here):
                kept[each.attack] += sum(each.right)
            name = f"{defence.kind} {defence.strength:g}" if defence.kind != "none" else "none"
            aware = kept["aware"] if defence.kind != "none" else kept["plain"]
            print(f"| {eps} | {name} | {kept['none']} | {kept['plain']} | {aware} |", flush=True)


# ------------------------------------------------------------------------------------------------------- the closed box


def blackbox() -> None:
    """Measure Square Attack on all photographs, the transfer matrix with its ensembles, and the substitute."""
    here = DeviceNetworks("cpu")
    network, asked = here.classifier(LITE0), []
    for pixels in everything(224).pixels:
        x = from_pixels(pixels[None])
        y = network(x).argmax(1)
        *_, last = square_attack(network, x, Linf(8 / 255), Margin(y), queries=1000)
        asked.append(last.index + 1 if bool(last.logits.argmax(1) != y) else 0)
    done = sorted(count for count in asked if count)
    print(
        f"\nSquare Attack, 8/255, 1000 questions: {len(done)} of 16, median {np.median(done):.0f} questions", flush=True
    )
    pictures, names = everything(260), (LITE0, LITE1, LITE2)
    print("\n| ε | made on | Lite0 | Lite1 | Lite2 |\n|---|---|---|---|---|", flush=True)
    for eps in (8, 16):
        rows = {name[-5:]: (name,) for name in names}
        rows |= {f"all but {name[-5:]}": tuple(other for other in names if other != name) for name in names}
        for title, made_on in rows.items():
            counts = passed(list(Transfer(pictures, made_on, names, eps / 255).records(here)))
            print(f"| {eps} | {title} | {counts[0]} | {counts[1]} | {counts[2]} |", flush=True)
    print(
        "\n| victim | questions | agreement | fooled by the copy, ε = 0.3 | by noise |\n|---|---|---|---|---|",
        flush=True,
    )
    for victim in ("standard", "robust_01"):
        for each in Steal(victim).records(here):
            if each.done == 1:
                told = f"{each.agreement:.1%} | {each.transferred:.1%} | {each.noise:.1%}"
                print(f"| {victim} | {each.queries} | {told} |", flush=True)


def budgets() -> None:
    """Count the digits that each attack fools at equal numbers of queries, of 200."""
    here = DeviceNetworks("cpu")
    print("\n| victim | ball | attack | 100 queries a digit | 1000 | 2000 |\n|---|---|---|---|---|---|", flush=True)
    for victim in ("standard", "robust_01"):
        for norm, eps in BALLS.items():
            for way in get_args(Way):
                if way != "boundary" or norm == "l2":
                    counts = list(Spend(way, victim, norm, eps, 2000, 200).records(here))
                    shares = (max(c.fooled for c in counts if c.queries <= most) for most in (100, 1000, 2000))
                    told = " | ".join(f"{share:.1%}" for share in shares)
                    print(f"| {victim} | {norm} {eps:g} | {way} | {told} |", flush=True)


def universal() -> None:
    """Count the photographs that one δ fools, learnt and never seen, with and without windows, and under noise."""
    here, side = DeviceNetworks("cpu"), info_of(LITE0).input_size
    known, unseen = (Pictures.of(samples(side)[half::2]) for half in (0, 1))
    print(
        "\n| ball | ε | windows | learnt from | never seen | noise, never seen |\n|---|---|---|---|---|---|", flush=True
    )
    for norm in BALLS:
        for eps, views in product((8, 16), (True, False)):
            *_, end = TrainUniversal(known, LITE0, norm, eps / 255, views=views).records(here)
            tried = list(TryUniversal(unseen, LITE0, end.delta.tobytes(), norm, eps / 255).records(here))
            new, noise = sum(t.now != t.label for t in tried), sum(t.noise != t.label for t in tried)
            print(f"| {norm} | {eps} | {views} | {end.fooled} of 8 | {new} of 8 | {noise} of 8 |", flush=True)


def strangers() -> None:
    """Measure transfer between networks of different families, MI-FGSM, 8/255, ten steps."""
    with tempfile.TemporaryDirectory() as folder, strangers_here(Path(folder) / "hub") as others:
        names, pictures = (LITE0, *others), everything(224)
        print(f"\n| made on | {' | '.join(names)} |\n|---|{'---|' * len(names)}", flush=True)
        for name in names:
            counts = passed(list(Transfer(pictures, (name,), names, 8 / 255).records(DeviceNetworks("cpu"))))
            print(f"| {name} | {' | '.join(f'{count} of {counts[-1]}' for count in counts[:-1])} |", flush=True)


# ------------------------------------------------------------------------------------------------------------- no noise


def unrestricted() -> None:
    """Measure the smallest change of each kind, photograph by photograph, and count those that random poses fool."""
    here = DeviceNetworks("cpu")
    print(
        "\n| photograph | turn | shift | colour | crop | all at once, of the budget |\n|---|---|---|---|---|---|",
        flush=True,
    )
    for name in names_of_all():
        picture = Pictures.of(photograph(name)[None])
        (seen,) = Look(picture, LITE0).records(here)
        label, cells = int(seen.probabilities[0].argmax()), []
        for kind in KINDS:
            sizes = [each.size for each in Smallest(picture, LITE0, kind, label).records(here) if each.best is not None]
            unit = "°" if kind in ("turn", "colour") else ""
            cells.append(f"{min(sizes):.3g}{unit}" if sizes else "–")
        *_, last = Together(picture, LITE0, label).records(here)
        cells.append(f"{last.size:.0%}" if last.first else "–")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print("\n| fooled, of 16 | 1 random pose | worst of 8 | search of 96 |\n|---|---|---|---|", flush=True)
    pictures = everything(224)
    rooms: tuple[Room, ...] = (*KINDS, "all")
    for room in rooms:
        trials = list(Trials(pictures, LITE0, room, queries=96).records(here))
        print(f"| {room} | {' | '.join(str(fallen(trials, count)) for count in (1, 8, 96))} |", flush=True)


# ------------------------------------------------------------------------------------------------------ the photographs


def names_of_all() -> list[str]:
    return sorted(file.stem for file in (ASSETS / "photos").glob("*.jpg"))


def photograph(name: str, side: int = 224) -> np.ndarray:
    """A sample at a network's input size, (side, side, 3) uint8."""
    return np.asarray(fit(open_image((ASSETS / "photos" / f"{name}.jpg").read_bytes()), side, side))


def everything(side: int) -> Pictures:
    return Pictures.of(np.stack([photograph(name, side) for name in names_of_all()]))


# The places of the eyes, in per cent.
FACES = {
    "tabby_cat": (39, 52, 66, 53),
    "red_panda": (33, 54, 52, 50),
    "giant_panda": (11, 47, 21, 47),
    "koala": (49, 28, 59, 28),
    "pig": (24, 41, 37, 42),
}

TOPICS: dict[str, Callable[[], None]] = {
    "fooling": fooling,
    "patches": patches,
    "camera": camera,
    "defences": defences,
    "blackbox": blackbox,
    "strangers": strangers,
    "budgets": budgets,
    "universal": universal,
    "unrestricted": unrestricted,
}


def main() -> None:
    for topic in sys.argv[1:] or TOPICS:
        TOPICS[topic]()


if __name__ == "__main__":
    main()
