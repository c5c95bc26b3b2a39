"""What the tests share: the default classifier, and the sample photographs as it sees them."""

import ctypes
import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adv_core import Classifier, engine, load_classifier, open_image

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


@pytest.fixture(scope="module", autouse=True)
def nothing_stays() -> Iterator[None]:
    """At the end of each file, free what it has left behind: a process runs dozens of them."""
    yield
    if isinstance(engine._engine, engine.Reception):
        with engine._engine._work:
            engine._engine._results.clear()
    if "streamlit" in sys.modules:
        import streamlit as st

        st.cache_data.clear()
        st.cache_resource.clear()
    gc.unfreeze()  # an engine sets everything aside that is alive when it loads a network
    gc.collect()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return load_classifier(device="cpu")


@pytest.fixture(scope="session")
def photo(classifier: Classifier) -> Callable[[str], Tensor]:
    def prepared(name: str) -> Tensor:
        return classifier.prepare(open_image((ROOT / "assets" / "photos" / f"{name}.jpg").read_bytes()))

    return prepared
