"""The norms that a ball can have."""

from typing import Literal

Norm = Literal["linf", "l2", "l1", "l0"]
