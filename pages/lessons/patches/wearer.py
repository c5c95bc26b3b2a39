"""The wearer of the glasses: a photograph, its face and its eyes; and sentences about the faces in a photograph."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adv_core.faces.detector import SURE, Face
from adv_core.images import Pixels
from adv_core.patches import Eyes
from pages.lessons.patches.face_tasks import Faces

Mended = tuple[int, int, int, int]
CUT = 0.03  # the least part of a face's box beyond the edge that is told
FAR = 1.0  # a distance; two photographs of people are rarely that far from each other
GUESS = 0.1  # the least score of a guess that is worth a word on its place
AROUND = 1.7  # the side of a picture of the head, in sides of the face


@dataclass(frozen=True)
class Wearer:
    """The photograph of the wearer, with its face, and everybody whom the recogniser knows.

    Attributes:
        names: of the people; the wearer's index is ``y``.
        mended: how far the visitor has moved the pupils from their detected places: the left one to the right and
            down, then the right one, in per cent of the face's width.
    """

    pixels: Pixels
    face: Face
    names: Sequence[str]
    people: tuple[bytes, ...]
    y: int
    mended: Mended = (0, 0, 0, 0)

    @property
    def eyes(self) -> Eyes:
        """The pupils, in parts of the width and the height."""
        return eyes_of(self.pixels, self.face, self.mended)


def eyes_of(pixels: Pixels, face: Face, mended: Mended = (0, 0, 0, 0)) -> Eyes:
    """The pupils of a face, in parts of the photograph's width and height."""
    (height, width), percent = pixels.shape[:2], (face.right - face.left) / 100
    (ax, ay), (bx, by) = face.eyes()
    moves = [percent * each for each in mended]
    return ((ax + moves[0]) / width, (ay + moves[1]) / height), ((bx + moves[2]) / width, (by + moves[3]) / height)


def head_box(face: Face, height: int, width: int) -> tuple[int, int, int]:
    """Return the left, the top and the side of a square around a face, within a photograph."""
    around = face.grown(AROUND)
    side = round(min(max(around.right - around.left, around.bottom - around.top), height, width))
    left = min(max(round((around.left + around.right - side) / 2), 0), width - side)
    top = min(max(round((around.top + around.bottom - side) / 2), 0), height - side)
    return left, top, side


def head(pixels: np.ndarray, face: Face) -> np.ndarray:
    """Return the part of a picture (H, W, C) around a face, a square."""
    left, top, side = head_box(face, *pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def beyond(face: Face, height: int, width: int) -> float:
    """Return the part of a face's box that lies outside of the photograph, 0 ... 1."""
    inside = Face(max(face.left, 0), max(face.top, 0), min(face.right, width), min(face.bottom, height)).area
    return 1 - inside / max(face.area, 1e-9)


def why_no_face(found: Faces, height: int, width: int) -> str:
    """Tell that a photograph has no face, and what to do."""
    best = found.best
    if best is None:
        guess = "the detector sees nothing that is like one"
    else:
        guess = f"the detector's best guess has a score of {best.score:.2f}, and a face needs {SURE:g}"
        if best.score > GUESS and beyond(best, height, width) > CUT:
            guess += ". It is cut off by the edge of the photograph: leave some room around the face"
    return (
        f"**No face was found** in this photograph: {guess}. A drawing or an animal is no face to it. Take a "
        "photograph of a person from the front, upright and well lit, at least a tenth of the photograph wide; or "
        "choose another wearer."
    )


def remarks(found: Faces, height: int, width: int, away: np.ndarray) -> list[str]:
    """Tell what may spoil the result of a photograph with a face, and what to do about it.

    Args:
        away: the distances of the largest face to everybody else, (K,).
    """
    told, face = [], found.faces[0]
    if len(found.faces) > 1:
        told.append(
            f"{len(found.faces)} faces were found. The glasses are for the largest. Crop the photograph around another "
            "face to choose that one."
        )
    outside = beyond(face, height, width)
    if outside > CUT:
        told.append(
            f"The face is cut off by the edge: {100 * outside:.0f} % of its box lies outside of the photograph. The "
            "recogniser sees the last pixels repeated there, and its distances mean less. Leave some room around the "
            "face."
        )
    if away.min(initial=np.inf) > FAR and len(away):
        told.append(
            f"Its numbers are more than {FAR:g} away from everybody's; two people are rarely that far apart. If this "
            "is a drawing or a mask, take a photograph of a person instead."
        )
    return told
