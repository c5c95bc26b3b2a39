"""f: a small convolutional network that reads handwritten digits, and its shipped checkpoints.

It is the network of Wong, Rice & Kolter, "Fast is better than free" (ICLR 2020, arXiv:2001.03994): small enough to be
trained before one's eyes on a laptop, and large enough to be made robust at ε = 0.3.

`assets/digits/` holds checkpoints, each beside the figures that `python -m adv_core.training` printed when it made it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CHECKPOINTS = Path(__file__).parents[1] / "assets" / "digits"


class DigitNetwork(nn.Sequential):
    """Pixels (N, 1, 28, 28) in [0, 1] -> logits (N, 10); 166 406 weights.

    Args:
        seed: of the first weights, drawn as PyTorch draws them, without touching the global generator.
    """

    def __init__(self, seed: int = 0) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(
                nn.Conv2d(1, 16, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * 7 * 7, 100),
                nn.ReLU(),
                nn.Linear(100, 10),
            )
