import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from adv_core.serving.memory import Collector, keep_freed_memory, set_aside_what_stays

ROOT = Path(__file__).parents[3]


def test_it_says_whether_there_was_something_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep_freed_memory() == keep_freed_memory()  # again does no harm
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()


def test_what_was_set_aside_and_dies_is_collected_the_next_time() -> None:
    class Node:
        pass

    try:
        node = Node()
        node.me = node  # type: ignore[attr-defined]
        alive = weakref.ref(node)
        set_aside_what_stays()
        del node
        gc.collect()
        assert alive() is not None  # set aside: collections pass over it
        set_aside_what_stays()
        assert alive() is None
    finally:
        gc.unfreeze()


def test_garbage_is_collected_now_and_then() -> None:
    often, seldom = Collector(0.0), Collector(3600.0)
    assert often.collect() and often.collect()
    assert seldom.collect() and not seldom.collect()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_pages_are_not_cleared_anew_in_a_thread() -> None:
    code = """
import resource, threading
import torch
from adv_core.serving.memory import keep_freed_memory

is_set = keep_freed_memory()

def work():
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        kept = [torch.ones(2**22) for _ in range(6)]  # 16 MB each
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        del kept
    print(is_set, faults)

thread = threading.Thread(target=work); thread.start(); thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    is_set, faults = done.stdout.split()
    assert is_set == "False" or int(faults) < 1000
