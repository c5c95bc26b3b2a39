"""The settings of a server for its own process, made before torch is loaded. Importing the library sets none of them.

torch reads how its OpenMP threads wait when it is loaded, so `prepare` comes before the first import of `adv_core`.
Between two layers of a network, threads wait for a fraction of a millisecond. On Linux they spin for about that long
(`GOMP_SPINCOUNT`) and then sleep: to sleep at once costs a lone learner a third of the steps, and to spin for longer
takes the cores from other programs. Where several learners compute, each has one thread and none waits; beside another
program the engine changes to one thread, too (`adv_core.serving.engine.threads`). On macOS and Windows torch brings
another OpenMP library, which does not know `GOMP_SPINCOUNT`: there the threads sleep at once, unless an operator sets
`KMP_BLOCKTIME` (milliseconds); nobody has measured that yet. `python -m bench.threads` measures your machine. A
variable that is set already stays.
"""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000"}


def prepare() -> None:
    """Set how torch's threads wait, and let the process keep the memory of one step for the next.

    Call it once, before torch is imported and before any thread is started. Variables that are set already stay.
    """
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)

    from adv_core.serving.memory import keep_freed_memory  # it imports torch

    keep_freed_memory()
