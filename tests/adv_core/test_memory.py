import subprocess
import sys
from pathlib import Path

import pytest

from adv_core.memory import keep_freed_memory

ROOT = Path(__file__).parents[2]


def test_it_says_whether_there_was_something_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep_freed_memory() == keep_freed_memory()  # again does no harm
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_pages_are_not_cleared_anew_in_a_thread() -> None:
    code = """
import resource, threading
import adv_core, torch

def work():
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        kept = [torch.ones(2**22) for _ in range(6)]  # 16 MB each
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        del kept
    print(adv_core.memory.keep_freed_memory(), faults)

thread = threading.Thread(target=work); thread.start(); thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    is_set, faults = done.stdout.split()
    assert is_set == "False" or int(faults) < 1000
