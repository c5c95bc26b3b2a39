import gc
import subprocess
import sys
import weakref

import pytest

from adv_core.serving import memory
from adv_core.serving.memory import PacedCollector, Tidying, freeze_live_objects, keep_freed_memory
from tests.paths import ROOT


class Process:
    """A process whose clocks the test moves."""

    def __init__(self) -> None:
        self.time = self.worked = 0.0
        self.computing = False
        self.asked: list[float] = []
        self.holds = 0
        self.tidying = Tidying(
            lambda: self.computing, self.forget, unused=300, clock=lambda: self.time, worked=lambda: self.worked
        )

    def forget(self, since: float) -> bool:
        self.asked.append(since)
        dropped, self.holds = self.holds > 0, 0
        return dropped

    def minute(self, worked: float = 0.0, dropped: bool = False) -> bool:
        self.time, self.worked = self.time + 60, self.worked + worked
        return self.tidying.look(dropped)


def test_it_says_whether_there_was_something_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep_freed_memory() == keep_freed_memory()  # again does no harm
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()


def test_what_was_set_aside_and_dies_is_collected_when_the_process_is_idle() -> None:
    class Node:
        pass

    node = Node()
    node.me = node  # type: ignore[attr-defined]
    alive = weakref.ref(node)
    freeze_live_objects()
    del node
    gc.collect()
    assert alive() is not None  # set aside: collections pass over it
    assert Process().minute() and alive() is None


def test_garbage_is_collected_now_and_then() -> None:
    often, seldom = PacedCollector(0.0), PacedCollector(3600.0)
    assert often.collect() and often.collect()
    assert seldom.collect() and not seldom.collect()


PROBE = """
import resource, threading
import torch
from adv_core.serving.memory import give_back_freed_memory, keep_freed_memory

def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

def work():
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        kept = [torch.ones(2**22) for _ in range(6)]  # 16 MB each
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        del kept
    print(faults)

print(keep_freed_memory())
thread = threading.Thread(target=work); thread.start(); thread.join()
give_back_freed_memory()
blocks = [torch.ones(2**18) for _ in range(200)]  # 1 MB each
full = megabytes()
del blocks
freed = megabytes()
print(give_back_freed_memory(), full - freed, full - megabytes())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_freed_memory_is_kept_until_it_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=True)
    is_set, faults, gave, before, after = done.stdout.split()
    if is_set == "True":
        assert int(faults) < 1000  # a thread's pages are not cleared anew
        assert gave == "True" and float(before) < 20 and float(after) > 180


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    """It gives back in name alone: to go through all objects of the tests takes a second."""
    monkeypatch.setattr(memory, "freeze_live_objects", lambda: None)
    monkeypatch.setattr(memory, "give_back_freed_memory", lambda: True)
    return Process()


def test_memory_is_given_back_once_when_hardly_anything_is_done(process: Process) -> None:
    assert not process.minute(worked=30)
    assert process.minute(worked=1)
    assert not process.minute(worked=1)  # there is nothing more to give
    assert not process.minute(worked=30)
    assert process.minute()


def test_memory_is_given_back_when_something_was_dropped_since(process: Process) -> None:
    assert process.minute()
    assert process.minute(dropped=True)
    process.holds = 1
    assert process.minute()
    assert not process.minute()


def test_nothing_is_dropped_while_something_is_computed(process: Process) -> None:
    process.computing, process.holds = True, 1
    assert not process.minute() and process.asked == [] and process.holds == 1
    process.computing = False
    assert process.minute() and process.asked == [120 - 300]
