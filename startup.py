"""Settings of a server for its own process, made before torch is loaded. An imported library must not make them.

torch reads the waiting policy of its OpenMP threads when it is loaded, so `prepare` comes before the first import of
`adv_core`. Threads that spin between two layers of a network take the cores from other learners and other programs, so
they sleep at once. A single learner may gain from a short spin (`GOMP_SPINCOUNT` on Linux; `KMP_BLOCKTIME`, in
milliseconds, on macOS and Windows): `python -m bench.threads` measures it on your machine. A variable that is set
already stays.
"""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}


def prepare() -> None:
    """Set the waiting policy of torch's threads, and let the process keep the memory of one step for the next.

    Call it once, before torch is imported and before any thread is started. Variables that are set already stay.
    """
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)

    from adv_core.serving.memory import keep_freed_memory  # it imports torch

    keep_freed_memory()
