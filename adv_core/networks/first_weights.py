"""The first weights of a network, from a seed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """Let the layers that are made inside the block draw their weights from that seed, as PyTorch draws them.

    The global generator is as before afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
