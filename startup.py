"""What a server sets for its own process, before torch is loaded. A library that is imported sets none of this.

torch reads how its OpenMP threads wait when it is loaded, so `prepare` comes before the first import of `adv_core`.
Between two layers of a network, threads wait for a fraction of a millisecond, some hundred times a step. Threads that
fall asleep at once have to be woken each time, which takes as long as a small layer. Threads that never sleep take the
cores from other learners and other programs. So they spin for up to about half a millisecond, and then sleep.

| system | OpenMP library of torch's wheel | what it reads |
|---|---|---|
| Linux | GNU libgomp | `OMP_WAIT_POLICY`, `GOMP_SPINCOUNT`: rounds of a loop |
| macOS | LLVM libomp | `KMP_BLOCKTIME`: milliseconds; without it, threads spin for 200 ms |
| Windows | Intel libiomp5md | the same as macOS |
"""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000", "KMP_BLOCKTIME": "1"}


def prepare() -> None:
    """Set how torch's threads wait, and let the process keep the memory of one step for the next.

    Call it once, before torch is imported and before any thread is started. Variables that are set already stay.
    """
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)

    from adv_core.serving.memory import keep_freed_memory  # it imports torch

    keep_freed_memory()
