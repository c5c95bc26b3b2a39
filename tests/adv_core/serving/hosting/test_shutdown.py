"""The end of an instance, as a process of its own with an engine of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from adv_core.serving.hosting import shutdown
from tests.adv_core.serving.engine.slow_work import traced
from tests.paths import ROOT

pytestmark = pytest.mark.slow
SOON = 120.0  # seconds; a process that has to load torch takes its time on a busy machine
# Servers without a page, one after the other, each forked from one process: torch takes seconds to import. What a
# server has to tell, it writes into a file: who waits for a pipe may wait for ever.
SERVERS = """
import contextlib, os, sys, threading
from pathlib import Path
import uvicorn
from starlette.applications import Starlette
from adv_core.serving.engine import process
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.hosting.shutdown import GracefulShutdown
from tests.adv_core.serving.engine.slow_work import Slow

def serve(folder, seconds):
    (folder / "pid").write_text(str(os.getpid()))
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

for line in sys.stdin:
    seconds, folder = line.rstrip().split(maxsplit=1)
    server = os.fork()
    if not server:
        serve(Path(folder), float(seconds))
        break  # it ends as any program
    code = os.waitstatus_to_exitcode(os.waitpid(server, 0)[1])
    Path(folder, "ended").write_text(str(code))
    Path(folder, "ended").rename(Path(folder, "code"))
"""


def until(there: Path, seconds: float = SOON) -> None:
    end = time.monotonic() + seconds
    while not there.exists():
        assert time.monotonic() < end, f"{there.name} does not come"
        time.sleep(0.02)


@dataclass
class Server:
    """One that runs, and what it writes into its folder."""

    folder: Path

    def told_to_stop(self) -> None:
        os.kill(int((self.folder / "pid").read_text()), signal.SIGTERM)

    @property
    def runs(self) -> bool:
        return not (self.folder / "code").exists()

    def ends(self, seconds: float = SOON) -> bool:
        """Wait for its end; whether it looks like no failure."""
        until(self.folder / "code", seconds)
        return (self.folder / "code").read_text() == "0"


Start = Callable[[float], Server]


@pytest.fixture(scope="module")
def servers() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", SERVERS], cwd=ROOT, stdin=subprocess.PIPE, text=True)
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait(SOON)


@pytest.fixture
def start(servers: subprocess.Popen[str], tmp_path: Path) -> Iterator[Start]:
    """Start a server with so many seconds for what runs, and wait until something does."""
    server = Server(tmp_path)

    def one(seconds: float) -> Server:
        print(seconds, tmp_path, file=servers.stdin, flush=True)
        until(tmp_path / "trace")
        return server

    yield one
    if server.runs and (tmp_path / "pid").exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_what_runs_is_finished_first(start: Start, tmp_path: Path) -> None:
    server = start(SOON)
    server.told_to_stop()
    until(tmp_path / "told")
    assert server.runs and not (tmp_path / "end").exists()  # it waits for the run, which waits for the gate
    (tmp_path / "gate").touch()
    assert server.ends()
    assert (tmp_path / "end").read_text() == "5 records" and (tmp_path / "closed").exists()


def test_but_not_for_ever(start: Start, tmp_path: Path) -> None:
    server = start(0.2)
    server.told_to_stop()
    assert server.ends()
    assert traced(tmp_path / "trace") == [0] and (tmp_path / "closed").exists()


def test_a_second_signal_stops_at_once(start: Start, tmp_path: Path) -> None:
    server = start(SOON)
    server.told_to_stop()
    until(tmp_path / "told")
    server.told_to_stop()
    assert server.ends(SOON / 2)  # and not as long as the run may have
    assert traced(tmp_path / "trace") == [0]


@pytest.mark.parametrize("work", [0.1, 0.0])  # a page can be behind work that has ended before the signal
def test_the_pages_draw_the_last_results_first(monkeypatch: pytest.MonkeyPatch, work: float) -> None:
    monkeypatch.setattr(shutdown, "LAST_LOOK", 0.0)
    looks: list[bool] = []
    ended = threading.Event()

    def finish(seconds: float) -> bool:
        time.sleep(work)
        return True

    def drawn() -> bool:
        assert not ended.is_set()
        looks.append(len(looks) == 3)
        return looks[-1]

    leaving = shutdown.GracefulShutdown(finish, 60.0, drawn)
    leaving._loop = SimpleNamespace(call_soon_threadsafe=lambda stop: ended.set())  # type: ignore[assignment]
    leaving._end()
    assert looks == [False, False, False, True] and ended.is_set()
