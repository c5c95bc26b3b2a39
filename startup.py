"""What a server sets for its own process, before torch is loaded. A library that is imported sets none of this.

torch reads how its OpenMP threads wait when it is loaded, so `prepare` comes before the first import of `adv_core`.
Threads that spin between two layers of a network take the cores from other learners and other programs, so they sleep
at once. A lone learner might gain from a short spin (`GOMP_SPINCOUNT` on Linux; `KMP_BLOCKTIME`, in milliseconds, on
macOS and Windows): `python -m bench.threads` measures it on your machine, and a variable that is set already stays.
"""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}


def prepare() -> None:
    """Set how torch's threads wait, and let the process keep the memory of one step for the next.

    Call it once, before torch is imported and before any thread is started. Variables that are set already stay.
    """
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)

    from adv_core.serving.memory import keep_freed_memory  # it imports torch

    keep_freed_memory()
