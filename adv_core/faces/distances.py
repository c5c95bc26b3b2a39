"""A photograph seen by a face recogniser: the distances of its face to some people, differentiable in every pixel.

Sharif, Bhagavatula, Bauer & Reiter, "Accessorize to a Crime", CCS 2016. The solvers stay the same: `FaceDistances` is
one more classifier, `Dodging` and `Impersonation` are two more objectives, and glasses are the perturbation set
`Masked(Box(), mask)` on the photograph.

    (face,) = find_faces(pixels)
    network = FaceDistances(people, face, views=VIEWS, samples=4)
    run(mi_fgsm(network, x, Masked(Box(), mask), Impersonation(0, 1), steps=60, step_size=8 / 255))
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.faces.detector import TRACKED, Face, find_faces, same_place
from adv_core.faces.recogniser import SIDE, recogniser
from adv_core.images import Pixels, from_pixels, to_pixels
from adv_core.transforms.expectation import Transformed
from adv_core.transforms.geometry import Rotation, Scale, Translation
from adv_core.transforms.light import Brightness
from adv_core.transforms.transform import Transform

# The views of a camera: small turns, distance, light, and a detector that places its box a little differently.
VIEWS: tuple[Transform, ...] = (Rotation(8), Scale(0.92, 1.08), Translation(0.03), Brightness(0.08))
AROUND = 3.0  # the part of the photograph in which a view's face is found, in sides of the face
ROOM = 1.5  # the part of the photograph that is turned and moved, in sides of the face


def crop(x: Tensor, face: Face, side: int = SIDE) -> Tensor:
    """The face, (N, 3, side, side), from photographs (N, 3, H, W). The box is taken in whole pixels.

    What the box has outside of the photograph repeats the photograph's edge.
    """
    height, width = x.shape[-2:]
    left, top = round(face.left), round(face.top)
    right, bottom = max(round(face.right), left + 1), max(round(face.bottom), top + 1)
    if left < 0 or top < 0 or right > width or bottom > height:
        down = torch.arange(top, bottom, device=x.device).clamp(0, height - 1)
        across = torch.arange(left, right, device=x.device).clamp(0, width - 1)
        x = x[:, :, down][:, :, :, across]
    else:
        x = x[:, :, top:bottom, left:right]
    seen: Tensor = F.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=True)
    return seen


class FaceDistances(Transformed):
    """Photographs (N, 3, H, W) in [0, 1] -> (N, K): minus the distance of the face to each person, so that the largest
    number belongs to the nearest person. It is the mean over random views of the face.

    Args:
        people: descriptors (K, D).
        face: the box of the face; it stays where it is while the photograph changes.
        views: the transforms of the views; none for the photograph as it is.
        samples, seed: see `Transformed`.
        network: crops (N, 3, 150, 150) to descriptors (N, D); the shipped recogniser if None.
    """

    def __init__(
        self,
        people: Tensor,
        face: Face,
        views: Sequence[Transform] = (),
        samples: int = 1,
        seed: int = 0,
        network: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(network or recogniser(str(people.device)), views, samples, seed)
        self.people, self.face = people, face

    def forward(self, x: Tensor) -> Tensor:
        if not self.transforms:
            return self.score(crop(x, self.face))
        return super().forward(crop(x, self.face.grown(ROOM), round(ROOM * SIDE)))

    def score(self, view: Tensor) -> Tensor:
        """Minus the distances of the middle of each view, (N, K)."""
        edge = (view.shape[-1] - SIDE) // 2
        view = view[:, :, edge : edge + SIDE, edge : edge + SIDE]
        return -(self.classifier(view)[:, None] - self.people).norm(dim=2)


def describe(pixels: Pixels, face: Face, device: str = "cpu") -> Tensor:
    """The descriptor of a face in a photograph (H, W, 3) uint8, (128,)."""
    with torch.no_grad():
        return recogniser(device)(crop(from_pixels(pixels).to(device), face))[0]


def surroundings(face: Face, height: int, width: int) -> tuple[tuple[slice, slice], Face]:
    """Return the part of a photograph around a face, its rows and columns, and the box of the face in that part."""
    around = face.grown(AROUND)
    rows = slice(max(round(around.top), 0), min(round(around.bottom), height))
    columns = slice(max(round(around.left), 0), min(round(around.right), width))
    left, top = columns.start, rows.start
    return (rows, columns), Face(face.left - left, face.top - top, face.right - left, face.bottom - top)


def in_views(pixels: Pixels, face: Face, people: Tensor, count: int, seed: int = 0) -> Iterator[np.ndarray | None]:
    """Judge a photograph as a camera sees it: draw views of it, find the face in each anew, and compare it.

    Args:
        pixels: (H, W, 3) uint8.
        face: its box in the photograph.
        people: descriptors (K, 128).

    Yields:
        For each of ``count`` views the distances to the people, (K,); None where no face was found.
    """
    part, here = surroundings(face, *pixels.shape[:2])
    x, device = from_pixels(np.ascontiguousarray(pixels[part])), str(people.device)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        view = x
        for transform in VIEWS:
            view = transform(view, generator)
        seen = to_pixels(view)
        found = same_place(find_faces(seen, device, TRACKED), here)
        yield (describe(seen, found, device) - people).norm(dim=1).cpu().numpy() if found else None
