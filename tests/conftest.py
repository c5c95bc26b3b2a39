"""What the tests share: the default classifier, and the sample photographs as it sees them."""

import startup

startup.prepare()  # as the app does, before anything imports torch

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adv_core import Classifier, load_classifier, open_image

ROOT = Path(__file__).parents[1]
PHOTOS = sorted(path.stem for path in (ROOT / "assets" / "photos").glob("*.jpg"))

# Rooms of the tests stay out of the user's own, also where a test starts the app as a process of its own.
_state = tempfile.TemporaryDirectory(prefix="adversarial-lab")
os.environ["ADV_STATE"] = _state.name
os.environ.pop("ADV_DATABASE_URL", None)

# Two test processes on two cores: one thread each is twice as fast as two.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first: at the end, neither process waits for the other one's last file."""
    long = (ROOT / "tests" / "deploy", ROOT / "tests" / "browser")
    items.sort(key=lambda item: not any(folder in item.path.parents for folder in long))


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return load_classifier(device="cpu")


@pytest.fixture(scope="session")
def photo(classifier: Classifier) -> Callable[[str], Tensor]:
    def prepared(name: str) -> Tensor:
        return classifier.prepare(open_image((ROOT / "assets" / "photos" / f"{name}.jpg").read_bytes()))

    return prepared
