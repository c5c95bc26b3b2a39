"""Stickers on real stop signs: the network of Eykholt et al. and the project's own, each with stickers made on either.

    python -m bench.signs ../shared/weights/tests_only/lisa_cnn_stop_sign

The folder holds LISA-CNN, twenty of its authors' photographs, their mask and their stickers (Eykholt et al., CVPR 2018,
arXiv:1707.08945; https://github.com/evtimovi/robust_physical_perturbations). It is no part of this repository. No
network was trained on these photographs: LISA-CNN on other ones, ours on drawings.

The first table has stickers at given places, the same on all photographs. A photograph is 96 pixels wide. LISA-CNN sees
it shrunk to 32, ours to 48, so that one sticker of 32 × 32 cells of three pixels serves both. Stickers are opaque; they
are made on ten photographs, and judged on these and on the other ten.

The second table has the stickers of the lesson: black and white squares on at most a twentieth of the sign, whose
places the attack chooses, for each photograph at its 256 × 256 pixels, in the box that is found in it. A drive judges
them.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from adv_core.attacks.mi_fgsm import mi_fgsm
from adv_core.attacks.step import run
from adv_core.images import from_pixels
from adv_core.objectives import ExpectedTargeted, Targeted
from adv_core.perturbation_sets import Box, Masked
from adv_core.signs import INDEX, sign_network
from adv_core.signs.driving import DriveBy, drive
from adv_core.signs.finding import find_sign
from adv_core.signs.stickers import (
    ROWS,
    Stickered,
    Where,
    allowed,
    most_squares,
    squares_of,
    stick,
    with_stickers,
    working_copy,
)
from adv_core.transforms.expectation import Transformed

CELLS, FINE = 32, 3
STEPS, STEP_SIZE = 120, 8 / 255
Network = Callable[[Tensor], Tensor]


class LisaNetwork(nn.Module):
    """LISA-CNN: pixels (N, 3, 32, 32) in [0, 1] -> logits (N, 18); 726 354 weights."""

    STOP, LIMIT_45 = 14, 12

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 8, stride=2, padding=3)
        self.conv2 = nn.Conv2d(64, 128, 6, stride=2)
        self.conv3 = nn.Conv2d(128, 128, 5)
        self.dense = nn.Linear(512, 18)
        own = {key: torch.from_numpy(weights[key].astype(np.float32)) for key in self.state_dict()}
        self.load_state_dict(own)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.conv1, self.conv2, self.conv3):
            x = F.relu(layer(x))
        return self.dense(x.permute(0, 2, 3, 1).flatten(1))


def shrunk(network: nn.Module, side: int) -> Network:
    """The network on photographs of any size, which are shrunk to what it takes."""
    return lambda x: network(F.interpolate(x, size=(side, side), mode="area"))


def photographs(folder: Path) -> Tensor:
    """The stop signs, (20, 3, 96, 96)."""
    files = sorted((folder / "signs_256").glob("*.png"), key=lambda file: int(file.stem))
    side = CELLS * FINE
    pictures = [Image.open(file).convert("RGB").resize((side, side), Image.Resampling.BOX) for file in files]
    return torch.from_numpy(np.stack([np.asarray(each) for each in pictures])).permute(0, 3, 1, 2).float() / 255


def enlarged(cells: Tensor) -> Tensor:
    """Cells, each as a square of pixels."""
    return F.interpolate(cells, scale_factor=FINE, mode="nearest")


def worn(x: Tensor, paint: Tensor, mask: Tensor) -> Tensor:
    """The photographs (N, 3, 96, 96) with the paint (1, 3, 32, 32) where the mask (32, 32) is true."""
    hidden = enlarged(mask[None, None].float())
    return x * (1 - hidden) + enlarged(paint) * hidden


def made(networks: list[tuple[Network, int]], x: Tensor, mask: Tensor) -> Tensor:
    """Stickers (1, 3, 32, 32) that show the target to each of the networks (network, class), on all photographs.

    They climb the mean log-probability over photographs that are brightened and moved a little.
    """
    generator = torch.Generator().manual_seed(0)

    def classifier(paint: Tensor) -> Tensor:
        dressed = worn(x, paint, mask)
        light = torch.rand(len(x), 1, 1, 1, generator=generator) * 0.6 + 0.7
        down, right = (int(each) for each in torch.randint(-3, 4, (2,), generator=generator))
        views = (dressed * light).clamp(0, 1).roll((down, right), (2, 3))
        chances = [network(views).log_softmax(1)[:, target].mean() for network, target in networks]
        hit = torch.stack(chances).mean()
        return torch.stack([hit, torch.zeros_like(hit)])[None].expand(len(paint), -1)

    grey = torch.full((1, 3, CELLS, CELLS), 0.5)
    target, inside = Targeted(torch.tensor([0])), Masked(Box(), mask)
    attack = mi_fgsm(classifier, grey, inside, target, steps=STEPS, step_size=STEP_SIZE, decay=1.0)
    return run(attack, keep_steps=False).adversarial


@torch.no_grad()
def told(network: Network, x: Tensor, stop: int, limit: int) -> str:
    """The photographs that are still a stop sign, that became the speed limit, and others."""
    seen = network((x * 255).round() / 255).argmax(1)
    stops, limits = int((seen == stop).sum()), int((seen == limit).sum())
    return f"{stops} / {limits} / {len(x) - stops - limits}"


def bars(rows: int, columns: int) -> Tensor:
    """Four stickers of that many cells, two above the word and two below it, (32, 32) bool."""
    mask = torch.zeros(CELLS, CELLS, dtype=torch.bool)
    for top in (8 - rows, 24):
        mask[top : top + rows, 15 - columns : 15] = mask[top : top + rows, 17 : 17 + columns] = True
    return mask


def share(mask: Tensor) -> float:
    """The part of an octagonal sign, as wide as the picture, that the mask covers."""
    return float(mask.sum()) / (CELLS**2 * 2 * (2**0.5 - 1))


def chosen_places(files: list[Path], target: int, steps: int = 60, views: int = 8, frames: int = 16) -> None:
    """Print the second table: the frames read as stop, as the target and as others, of a drive by each photograph."""
    network, counts = sign_network(), dict[tuple[Where, str], list[int]]()
    without = 0
    for place, file in enumerate(files):
        pixels = np.asarray(Image.open(file).convert("RGB"))
        *_, found = find_sign(network, from_pixels(pixels[None]))
        if found is None or found.label != INDEX["stop"]:
            without += 1
            continue
        x, box = working_copy(from_pixels(pixels[None]), found.box)
        seen = Stickered(Transformed(network, [DriveBy(box)], views, seed=0), x, box)
        for where in ROWS:
            aim = ExpectedTargeted(target)
            attack = stick(seen, allowed(where), aim, most=most_squares(0.05), steps=steps)
            squares = squares_of(run(attack, keep_steps=False).delta)
            for name, picture in (
                ("untouched", pixels),
                ("grey", with_stickers(pixels, found.box, squares, 128)),
                ("black and white", with_stickers(pixels, found.box, squares)),
            ):
                views_of_it = DriveBy(found.box).at(from_pixels(picture[None]), *drive(frames, 10_000 + place))
                with torch.no_grad():
                    said = network(views_of_it).argmax(1)
                tally = counts.setdefault((where, name), [0, 0, 0, 0])
                hits = int((said == target).sum())
                read = (int((said == INDEX["stop"]).sum()), hits)
                for index, more in enumerate((*read, len(said) - sum(read), int(hits > len(said) / 2))):
                    tally[index] += more
    print(f"\n{len(files) - without} photographs; in {without} no stop sign was found\n")
    print("| squares | stickers | frames: stop / speed limit 45 / other | speed limit 45 in most frames |")
    print("|---|---|---|---|")
    for (where, name), (stops, hits, others, most) in counts.items():
        print(f"| {where} | {name} | {stops} / {hits} / {others} | {most} photographs |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Stickers on LISA-CNN and on the project's network.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with np.load(folder / "lisa_cnn_stop_sign.npz") as stored:
        weights = dict(stored)
    theirs, ours = shrunk(LisaNetwork(weights), 32), shrunk(sign_network(), 48)
    lisa, own = (theirs, LisaNetwork.LIMIT_45), (ours, INDEX["speed_limit_45_mph"])
    x = photographs(folder)
    making, other = x[::2], x[1::2]
    authors = np.asarray(Image.open(folder / "masks" / "mask_l1loss_uniform_rectangles.png").convert("L"))
    noise = torch.from_numpy(weights["authors_noise_stickers"].astype(np.float32))[None]
    print("| stickers | LISA-CNN, made on | LISA-CNN, other ten | ours, made on | ours, other ten |")
    print("|---|---|---|---|---|")

    def row(title: str, making: Tensor, other: Tensor) -> None:
        cells = []
        for network, stop, limit in ((theirs, LisaNetwork.STOP, lisa[1]), (ours, INDEX["stop"], own[1])):
            cells += [told(network, part, stop, limit) for part in (making, other)]
        print(f"| {title} | {' | '.join(cells)} |", flush=True)

    def stuck(title: str, paint: Tensor, mask: Tensor) -> None:
        row(title, worn(making, paint, mask), worn(other, paint, mask))

    row("none", making, other)
    small = torch.from_numpy(authors > 127)
    added = enlarged(noise * small)
    row("the authors' own, added", (making + added).clamp(0, 1), (other + added).clamp(0, 1))
    for name, mask in (("the authors' mask", small), ("four bars", bars(2, 5)), ("four bars", bars(4, 9))):
        place = f"{name}, {share(mask):.1%}"
        stuck(f"{place}, grey", torch.full((1, 3, CELLS, CELLS), 0.5), mask)
        for maker, networks in (("LISA-CNN", [lisa]), ("ours", [own]), ("both", [lisa, own])):
            stuck(f"{place}, made on {maker}", made(networks, making, mask), mask)
    chosen_places(sorted((folder / "signs_256").glob("*.png"), key=lambda file: int(file.stem)), own[1])


if __name__ == "__main__":
    main()
