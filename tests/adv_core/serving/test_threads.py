"""When torch's threads may spin: while no other program computes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from adv_core.serving import threads
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.threads import CALM, EVERY, OTHERS, WAITING, IdleThreads, SpinControl, seconds_elsewhere
from tests.adv_core.serving.engine.slow_work import Slow
from tests.paths import ROOT


class Machine:
    """A machine whose clock and other programs the test moves."""

    def __init__(self) -> None:
        self.now, self.elsewhere = 0.0, 0.0
        self.tells = True
        self.idle = 0  # how often idle threads were made and not yet ended
        self.control = SpinControl(lambda: self.elsewhere if self.tells else None, lambda: self.now, lambda: Idle(self))

    def after(self, seconds: float, others: float) -> bool:
        """Let seconds pass in which other programs compute on ``others`` cores. Return whether threads may spin."""
        self.now += seconds
        self.elsewhere += others * seconds
        self.control.look()
        return self.idle == 0


class Idle(IdleThreads):
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.idle += 1

    def close(self) -> None:
        self.machine.idle -= 1


@pytest.fixture(autouse=True)
def as_the_app_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WAITING.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(threads, "cores_granted", lambda: float("inf"))


def test_threads_sleep_until_nobody_else_has_computed_for_a_while() -> None:
    machine = Machine()
    assert not machine.after(0.0, 0.0)
    looks = [machine.after(EVERY, 0.5 * OTHERS) for _ in range(round(CALM / EVERY))]
    assert looks == [*[False] * (len(looks) - 1), True]


def test_threads_sleep_as_soon_as_another_program_computes() -> None:
    machine = Machine()
    machine.after(0.0, 0.0)
    assert machine.after(CALM, 0.0)
    assert machine.after(0.5 * EVERY, 2.0)  # it is not yet time to look
    assert not machine.after(0.5 * EVERY, 2.0)
    assert not machine.after(EVERY, 0.0) and machine.after(CALM, 0.0)


def test_a_pause_without_other_programs_counts() -> None:
    machine = Machine()
    machine.after(0.0, 0.0)
    assert machine.after(60.0, 0.1 * OTHERS)


def test_threads_sleep_where_the_system_does_not_tell() -> None:
    machine = Machine()
    machine.tells = False
    assert not any(machine.after(CALM, 0.0) for _ in range(3))
    machine.tells = True
    assert not machine.after(CALM, 0.0) and machine.after(CALM, 0.0)


def test_threads_sleep_where_a_container_may_use_a_part_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores_granted", lambda: 0.5)
    machine = Machine()
    assert not any(machine.after(CALM, 0.0) for _ in range(3))


@pytest.mark.parametrize("change", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}])
def test_nothing_is_chosen_where_an_operator_has_chosen(
    change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert Machine().after(1.0, 2.0)  # no idle threads, whatever else runs


def test_close_ends_the_idle_threads() -> None:
    machine = Machine()
    assert not machine.after(0.0, 0.0)
    machine.control.close()
    assert machine.idle == 0
    assert machine.after(1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "cores"), [("150000 100000", 1.5), ("max 100000", float("inf")), (None, float("inf"))]
)
def test_the_limit_of_a_container(
    text: str | None, cores: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    if text is not None:
        (tmp_path / "cpu.max").write_text(text + "\n")
    monkeypatch.setattr(threads, "CPU_LIMIT", tmp_path / "cpu.max")
    assert threads.cores_granted() == cores


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what other programs compute")


@on_linux
def test_the_time_of_other_programs_is_measured() -> None:
    before = seconds_elsewhere()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"], check=True)
    after = seconds_elsewhere()
    assert before is not None and after is not None and after - before > 0.4


@pytest.mark.slow
@on_linux
def test_idle_threads_begin_and_end() -> None:
    """They are OpenMP threads, which only the system can count; `bench.threads` shows that no other thread spins."""
    code = """
import os
import torch
from adv_core.serving.threads import IdleThreads

def count():
    return len(os.listdir("/proc/self/task"))

usual, before = torch.get_num_threads(), count()
idle = IdleThreads()
during = count()
idle.close()
while during - count() < os.cpu_count():  # the system takes a moment to end them
    pass
print(during - before, torch.get_num_threads() - usual)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    more, changed = done.stdout.split()
    assert int(more) >= (os.cpu_count() or 1) and changed == "0"


@pytest.mark.parametrize(("count", "looks"), [(4, True), (1, False)])
def test_an_engine_with_several_threads_looks_between_steps(
    count: int, looks: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[None] = []
    monkeypatch.setattr(SpinControl, "look", lambda self: seen.append(None))
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    LocalEngine("cpu", workers=1).compute(Slow(str(tmp_path / "trace"), count=3))
    assert (len(seen) >= 3) == looks and bool(seen) == looks
