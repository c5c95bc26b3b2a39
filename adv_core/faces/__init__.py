"""A face detector and a face recogniser, differentiable in every pixel of a photograph."""

from adv_core.faces.detector import Face, find_faces
from adv_core.faces.distances import VIEWS, FaceDistances, describe, in_views
from adv_core.faces.found import FaceScore, Found, StillFound
from adv_core.faces.gallery import PEOPLE, Person, portrait
from adv_core.faces.recogniser import SAME, recogniser
from adv_core.faces.worn_again import WornAgain

__all__ = [
    "PEOPLE",
    "SAME",
    "VIEWS",
    "Face",
    "FaceDistances",
    "FaceScore",
    "Found",
    "Person",
    "StillFound",
    "WornAgain",
    "describe",
    "find_faces",
    "in_views",
    "portrait",
    "recogniser",
]
