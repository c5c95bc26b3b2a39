"""How many cores other programs leave to this process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from adv_core.serving import threads
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.threads import CALM, EVERY, OTHERS, WAITING, SpareCores, seconds_elsewhere
from tests.adv_core.serving.engine.slow_work import Slow


class Machine:
    """A machine of four cores whose clock and other programs the test moves."""

    def __init__(self) -> None:
        self.now, self.elsewhere = 0.0, 0.0
        self.tells = True
        self.spare = SpareCores(lambda: self.elsewhere if self.tells else None, lambda: self.now)

    def after(self, seconds: float, others: float) -> int:
        """Let seconds pass in which other programs compute on ``others`` cores. Return the spare cores."""
        self.now += seconds
        self.elsewhere += others * seconds
        return self.spare.count()


@pytest.fixture(autouse=True)
def as_the_app_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WAITING.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(threads, "cores_granted", lambda: float("inf"))


@pytest.mark.parametrize(
    ("others", "spare"), [(0.0, 4), (0.9 * OTHERS, 4), (1.1 * OTHERS, 3), (1.0, 3), (2.9, 1), (4.0, 1)]
)
def test_a_core_is_spare_where_other_programs_take_little_of_it(others: float, spare: int) -> None:
    machine = Machine()
    assert machine.after(0.0, 0.0) == 4
    assert machine.after(EVERY, others) == spare


def test_a_core_that_others_have_left_is_spare_a_while_later() -> None:
    machine = Machine()
    assert machine.after(0.5 * EVERY, 4.0) == 4  # it is not yet time to look
    assert machine.after(0.5 * EVERY, 4.0) == 1
    found = [machine.after(EVERY, 0.0) for _ in range(round(CALM / EVERY))]
    assert found == [*[1] * (len(found) - 1), 4]


def test_a_long_pause_counts_as_a_whole() -> None:
    machine = Machine()
    assert machine.after(EVERY, 4.0) == 1
    assert machine.after(60.0, 0.5 * OTHERS) == 4
    assert machine.after(60.0, 2.0) == 2


def test_all_cores_are_spare_where_the_system_does_not_tell() -> None:
    machine = Machine()
    machine.tells = False
    assert {machine.after(CALM, 4.0) for _ in range(3)} == {4}
    machine.tells = True
    assert machine.after(CALM, 4.0) == 4 and machine.after(CALM, 4.0) == 1


@pytest.mark.parametrize(("granted", "spare"), [(0.5, 1), (2.5, 2), (9.0, 4)])
def test_a_container_s_limit(granted: float, spare: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores_granted", lambda: granted)
    assert Machine().after(CALM, 0.0) == spare


@pytest.mark.parametrize("change", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}])
def test_all_cores_are_used_where_an_operator_has_set_how_threads_wait(
    change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert Machine().after(CALM, 4.0) == 4


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


@pytest.mark.parametrize(("spare", "used"), [(9, 4), (4, 4), (3, 3), (1, 1)])
def test_an_engine_uses_the_spare_cores(spare: int, used: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr(SpareCores, "count", lambda self: spare)
    LocalEngine("cpu", workers=1).compute(Slow(str(tmp_path / "trace"), count=3))
    assert len(given) >= 3 and set(given) == {used}
