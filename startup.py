"""Settings of the server's process, made before torch is loaded. An import of the library makes none of them.

torch reads how its OpenMP threads wait when it is loaded, so `prepare` comes before the first import of `adv_core`. On
Linux they spin for a tenth of a millisecond between two layers of a network, and the engine uses as many of them as
other programs leave cores: see `adv_core/serving/threads.py`. On macOS and Windows torch has another OpenMP library,
which does not read these settings. There, threads spin for as long as that library's own variable says
(`KMP_BLOCKTIME`, in milliseconds), and the engine uses all of them; this has not been measured. `python -m
bench.threads` measures your machine. A variable that is set already stays as it is: then threads wait as it says.
"""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000"}


def prepare() -> None:
    """Set how torch's threads wait, and let the process keep the memory of one step for the next.

    Call it once, before torch is imported and before any thread is started. Where a variable of `WAITING` is set
    already, all of them stay as they are.
    """
    if not WAITING.keys() & os.environ.keys():
        os.environ.update(WAITING)

    from adv_core.serving.memory import keep_freed_memory  # it imports torch

    keep_freed_memory()
