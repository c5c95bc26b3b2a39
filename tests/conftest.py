"""What the tests share: the default classifier, and the sample photographs as it sees them."""

import startup

startup.prepare()  # as the app does, before anything imports torch

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adv_core import Classifier, open_image
from adv_core.serving.engine import networks
from adv_core.serving.engine.process import forget_unused
from adv_core.serving.memory import give_back_freed_memory
from tests.networks import forget_others, loaded
from tests.paths import ROOT

MUCH = 800  # MB of a test process, above which a file of tests leaves nothing to the next
PHOTOS = sorted(path.stem for path in (ROOT / "assets" / "photos").glob("*.jpg"))

# Rooms of the tests stay out of the user's own, also where a test starts the app as a process of its own.
_state = tempfile.TemporaryDirectory(prefix="adversarial-lab")
os.environ["ADV_STATE"] = _state.name
os.environ.pop("ADV_DATABASE_URL", None)

# The test processes share the cores: one thread each is twice as fast as two.
torch.set_num_threads(1)

# Each engine of a test would load a network of its own, and look through all that has been loaded by then.
networks.load_classifier = loaded
networks.freeze_live_objects = lambda: None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that no process waits for another one's last file, and mark the slow ones.

    `make check` leaves out what starts servers and browsers, computes a whole page, or needs a cluster, beside the
    single tests and files that are marked slow where they are written.
    """
    long = (ROOT / "tests" / "deploy", ROOT / "tests" / "browser")
    items.sort(key=lambda item: not any(folder in item.path.parents for folder in long))
    for item in items:
        whole_page = hasattr(getattr(item, "module", None), "visit")  # of `tests.pages.visit`
        parameters = getattr(getattr(item, "callspec", None), "params", {}).values()
        cluster = "ray" in [each for each in parameters if isinstance(each, str)]
        cluster = cluster or "cluster" in getattr(item, "fixturenames", ())
        if whole_page or cluster or any(folder in item.path.parents for folder in long):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Freeze what has been imported: no collection of garbage looks through it again."""
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def leave_little_in_memory() -> Iterator[None]:
    """Networks, results and freed memory of one file after the other would add up to gigabytes a process."""
    yield
    if resident() > MUCH:
        if "streamlit" in sys.modules:
            import streamlit as st

            st.cache_data.clear()
            st.cache_resource.clear()
        forget_unused(time.monotonic())
        forget_others()
        gc.collect()
        give_back_freed_memory()


def resident() -> float:
    """MB that this process holds; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if statm.exists() else 0.0


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return loaded()


@pytest.fixture(scope="session")
def photo(classifier: Classifier) -> Callable[[str], Tensor]:
    def prepared(name: str) -> Tensor:
        return classifier.prepare(open_image((ROOT / "assets" / "photos" / f"{name}.jpg").read_bytes()))

    return prepared
