"""Work that takes its time and leaves a trace, wherever it is computed: what the tests of the engines ask for."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import number


@dataclass(frozen=True)
class Count:
    """One record, and the process that made it. The index is −1 while it waits for a file."""

    index: int
    pid: int


@dataclass(frozen=True)
class Slow(Task[Count]):
    """Counts to ``count``, and writes each number into a file, so that a test sees what another process computes.

    Attributes:
        pause: seconds before each record.
        gate: a file that has to be there before it counts beyond 0. Until then it takes its turns, as work does.
        turn: seconds of such a turn, which ends when the gate opens. While it lasts, the worker is busy.
        fails: raise this word as a KeyError at the end; "value" raises a sentence for people.
    """

    trace: str
    count: int = number(5, 0, "max_steps")
    pause: float = 0.01
    gate: str = ""
    turn: float = 0.03
    fails: str = ""

    @property
    def length(self) -> int:
        return self.count + (10_000 if self.gate else 0)  # as long as it may take, so that others get their turns

    def records(self, networks: Networks) -> Iterator[Count]:
        for index in range(self.count):
            while index and self.gate and not Path(self.gate).exists():
                end = time.monotonic() + self.turn
                while time.monotonic() < end and not Path(self.gate).exists():
                    time.sleep(0.03)
                yield Count(-1, os.getpid())
            time.sleep(self.pause)
            with open(self.trace, "a") as trace:
                trace.write(f"{index}\n")
            yield Count(index, os.getpid())
        if self.fails == "value":
            raise ValueError("this cannot be counted")
        if self.fails:
            raise KeyError(self.fails)


def traced(path: Path) -> list[int]:
    """What has been computed so far."""
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def counted(records: list[Count]) -> list[int]:
    """What somebody who asked has got."""
    return [record.index for record in records if record.index >= 0]
