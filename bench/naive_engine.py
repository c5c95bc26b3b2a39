"""A naive engine, for comparison.

python -m bench.naive_engine run app.py --server.port 8601      # the app on it, with the arguments of `streamlit`
"""

from collections.abc import Iterator

import torch

from adv_core.networks.device import pick_device
from adv_core.serving.engine.networks import DeviceNetworks
from adv_core.serving.engine.queue import Job, Run
from adv_core.serving.engine.work import BatchStep, R, Task
from adv_core.serving.limits import LIMITS, Limits


class NaiveEngine:
    """An engine without a queue, for comparison (`bench/classroom.py`): every session computes in its own thread while
    it waits, and sessions share only the networks."""

    def __init__(self, device: str = "auto", limits: Limits = LIMITS) -> None:
        self._device, self._limits = device, limits
        self._models = DeviceNetworks(device)

    @property
    def device(self) -> str:
        return str(pick_device(self._device))

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    def submit(self, request: Task[R], session: str = "") -> Job[R]:
        request.check(self._limits)
        run = Run(request, request.key(), session)
        run.started = True
        job: _NaiveJob[R] = _NaiveJob(request, run, lambda _: (0, 0.0))
        run.jobs.append(job)
        job.steps = type(request).together([request], self._models)
        return job

    def compute(self, request: Task[R], timeout: float = 120.0) -> list[R]:
        return self.submit(request).result(timeout)


class _NaiveJob(Job[R]):
    steps: Iterator[BatchStep[R]]

    def wait(self, seen: int, timeout: float) -> bool:
        step = next(self.steps, None)
        if step is None:
            self._run.end()
        else:
            self._run.add(*step.records())
        return True


if __name__ == "__main__":
    from streamlit.web.cli import main

    from adv_core.serving.engine import process

    process.use(NaiveEngine())
    main(prog_name="streamlit")
