"""The end of an instance, as a process of its own with an engine of its own."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adv_core.serving.engine.slow_work import traced
from tests.paths import ROOT

SOON = 120.0  # seconds; a process that has to load torch takes its time on a busy machine
# A server without a page. What it has to tell, it writes into a file: who waits for a pipe may wait for ever.
SERVER = """
import asyncio, contextlib, sys, threading
from pathlib import Path
import uvicorn
from starlette.applications import Starlette
from adv_core.serving.engine import process
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.hosting.shutdown import GracefulShutdown
from tests.adv_core.serving.engine.slow_work import Slow

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
process.use(LocalEngine("cpu", workers=1))

def finish(seconds):
    (folder / "told").touch()
    return process.drain(seconds)

leaving = GracefulShutdown(finish, seconds)

def learn():
    job = process.default_engine().submit(Slow(str(folder / "trace"), count=5, gate=str(folder / "gate")), "me")
    try:
        (folder / "end").write_text(f"{len([r for r in job.result(120) if r.index >= 0])} records")
    except RuntimeError as error:
        (folder / "end").write_text(str(error))

@contextlib.asynccontextmanager
async def life(app):
    leaving.on_sigterm()
    threading.Thread(target=learn, daemon=True).start()
    yield
    (folder / "closed").touch()

uvicorn.run(Starlette(lifespan=life), host="127.0.0.1", port=0, log_level="error")
"""


def until(there: Path) -> None:
    end = time.monotonic() + SOON
    while not there.exists():
        assert time.monotonic() < end, f"{there.name} does not come"
        time.sleep(0.02)


def started(folder: Path, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(folder), str(seconds)], cwd=ROOT)
    try:
        until(folder / "trace")
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    yield from started(tmp_path, SOON)


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    yield from started(tmp_path, 0.2)


def test_what_runs_is_finished_first(patient: subprocess.Popen[bytes], tmp_path: Path) -> None:
    patient.send_signal(signal.SIGTERM)
    until(tmp_path / "told")
    assert patient.poll() is None and not (tmp_path / "end").exists()  # it waits for the run, which waits for the gate
    (tmp_path / "gate").touch()
    assert patient.wait(SOON) == 0
    assert (tmp_path / "end").read_text() == "5 records" and (tmp_path / "closed").exists()


def test_but_not_for_ever(hasty: subprocess.Popen[bytes], tmp_path: Path) -> None:
    hasty.send_signal(signal.SIGTERM)
    assert hasty.wait(SOON) == 0
    assert traced(tmp_path / "trace") == [0] and (tmp_path / "closed").exists()


def test_a_second_signal_stops_at_once(patient: subprocess.Popen[bytes], tmp_path: Path) -> None:
    patient.send_signal(signal.SIGTERM)
    until(tmp_path / "told")
    patient.send_signal(signal.SIGTERM)
    assert patient.wait(SOON / 2) == 0  # and not as long as the run may have
    assert traced(tmp_path / "trace") == [0]
