"""The settings of a server for its own process, made before torch is loaded. Importing the library sets none of them.

torch reads how its OpenMP threads wait when it is loaded, so `prepare` comes before the first import of `adv_core`.
Threads that spin between two layers of a network take the cores from other learners and other programs, so they sleep
at once. A lone learner on an idle machine gains up to 1.75 times the steps by a short spin, and beside another program
loses as much (bench/RESULTS.md). Set it where nothing else computes: `GOMP_SPINCOUNT=20000` on Linux, `KMP_BLOCKTIME`
in milliseconds on macOS and Windows, whose OpenMP library is another one and where nobody has measured it.
`python -m bench.threads` measures your machine. A variable that is set already stays.
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
