"""Benchmark of a class on one machine: many websocket sessions on the real server, with our engine and a naive one.

    python -m bench.classroom                             # N = 1, 8, 30, 100; about 15 minutes on two cores
    python -m bench.classroom --sessions 1 4 --rounds 1   # a smoke run
    python -m bench.classroom --soak 10                   # 100 idle and 30 active sessions for 10 minutes

Each session is a learner: it opens a link with its own photograph, ε and seed (so that no result is shared by accident)
and PGD-10 on EfficientNet-Lite0, and waits for the verdict below the pictures. When all sessions have a verdict, all
perform the scenario at once, and this is measured: `attack` moves ε and waits for the verdict; `sweep` moves ε six
times within a second and waits for the last verdict; `upload` sends a photograph. `open` measures the opening itself. A
single learner repeats the scenario ten times. The naive engine is the same app started by `bench.naive_engine`: every
session computes in its own script thread. Every engine gets a fresh server, warmed up by one session. Engines take
turns, and ratios are of one run.
"""

import argparse
import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).parents[1]
PHOTOS = sorted((ROOT / "assets" / "photos").glob("*.jpg"))
VERDICT = re.compile(r"\*\*Fooled\.\*\*|The network (now|still) says|ε = 0 allows")
BUSY = re.compile(r"Too many people")
LIMIT = 300.0


class Server:
    """The app in a process of its own."""

    def __init__(self, engine: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the server
        launcher = "bench.naive_engine" if engine == "naive" else "streamlit"
        command = [sys.executable, "-m", launcher, "run", "app.py", "--server.port", str(self.port)]
        command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
        command += ["--server.enableXsrfProtection", "false"]  # this client keeps no cookies
        environment = {**os.environ, "ADV_ENGINE": "local"}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stcore/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server did not start")

    def memory(self, name: str = "VmRSS") -> float:
        """The memory of the process in MB; VmHWM is the peak."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(rf"{name}:\s+(\d+)", status)
        return int(match.group(1)) / 1024 if match else float("nan")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@dataclass
class Learner:
    """One browser tab, without the browser."""

    server: Server
    number: int
    widgets: dict[str, str] = field(default_factory=dict)  # key -> id
    errors: list[str] = field(default_factory=list)
    session_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # of each request, as a browser's cookies

    async def __aenter__(self) -> "Learner":
        address = f"ws://127.0.0.1:{self.server.port}/_stcore/stream"
        self.socket = await websockets.connect(
            address, max_size=None, open_timeout=60, ping_timeout=None, additional_headers=self.headers
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    def query(self) -> str:
        photo = PHOTOS[self.number % len(PHOTOS)].stem
        return f"image={photo}&attack=pgd&steps=10&eps={1 + self.number % 7}&random=1&seed={self.number}"

    async def open(self) -> float:
        """Open the link. Return the seconds to the verdict."""
        message = BackMsg()
        message.rerun_script.query_string = self.query()
        return await self._ask(message)

    async def move(self, eps: int) -> float:
        """Move the ε slider. Return the seconds to the verdict."""
        return await self._ask(self._slider(eps))

    async def sweep(self, values: list[int]) -> float:
        """Move the slider quickly through all values. Return the seconds from the last one to its verdict."""
        for eps in values[:-1]:
            await self.socket.send(self._slider(eps).SerializeToString())
            await asyncio.sleep(0.15)
        return await self._ask(self._slider(values[-1]), mark=f"ε = {values[-1]}/255")

    async def upload(self, data: bytes) -> float:
        """Upload a photograph. Return the seconds to the verdict."""
        asked = BackMsg()
        asked.file_urls_request.request_id = "upload"
        asked.file_urls_request.file_names.append("photo.jpg")
        asked.file_urls_request.session_id = self.session_id
        start = time.perf_counter()
        await self.socket.send(asked.SerializeToString())
        while True:
            message = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), LIMIT))
            if message.WhichOneof("type") == "file_urls_response":
                urls = message.file_urls_response.file_urls[0]
                break
        await asyncio.to_thread(self._put, urls.upload_url, data)
        rerun = BackMsg()
        state = rerun.rerun_script.widget_states.widgets.add()
        state.id = self.widgets["upload"]
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = urls.file_id, "photo.jpg", len(data)
        info.file_urls.CopyFrom(urls)
        await self._ask(rerun)
        return time.perf_counter() - start

    def _put(self, url: str, data: bytes) -> None:
        boundary = "classroom"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="photo.jpg"; filename="photo.jpg"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", **self.headers}
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.port}{url}", body, headers, method="PUT")
        urllib.request.urlopen(request, timeout=60).close()

    def _slider(self, eps: int) -> BackMsg:
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id = self.widgets["lab_eps"]
        state.double_array_value.data.append(eps)
        return message

    async def _ask(self, message: BackMsg, mark: str = "") -> float:
        """Send it. Return the seconds until the verdict of the run that it starts (after ``mark`` on the page)."""
        start = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        fresh, seen, seconds = False, False, 0.0
        while True:
            answer = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), LIMIT))
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                fresh, seen, self.session_id = True, not mark, answer.new_session.initialize.session_id
            if kind != "delta" or answer.delta.WhichOneof("type") != "new_element":
                continue
            element = answer.delta.new_element
            name = element.WhichOneof("type")
            if name == "exception":
                self.errors.append(element.exception.message)
            widget = getattr(element, name, None) if name else None
            if getattr(widget, "id", ""):
                self.widgets[widget.id.rsplit("-", 1)[-1]] = widget.id
            if mark and name in ("markdown", "html") and mark in element.SerializeToString().decode(errors="ignore"):
                seen = True
            if name == "alert" and fresh:
                if BUSY.search(element.alert.body):
                    raise RuntimeError("refused: too many people wait")
                if seen and not seconds and VERDICT.search(element.alert.body):
                    seconds = time.perf_counter() - start
            if seconds and "lab_eps" in self.widgets:  # the slider stands below the verdict
                return seconds


@dataclass
class Outcome:
    """The results of one engine for N learners."""

    seconds: list[float]
    wall: float
    errors: int
    peak: float

    @property
    def throughput(self) -> float:
        return len(self.seconds) / self.wall

    def percentile(self, share: float) -> float:
        if not self.seconds:
            return float("nan")
        return sorted(self.seconds)[min(int(share * len(self.seconds)), len(self.seconds) - 1)]


Lesson = Callable[[Learner], Awaitable[list[float]]]


async def crowd(server: Server, count: int, lesson: Lesson | None, first: int) -> Outcome:
    """Run that many learners at once. Without a lesson, the opening is measured."""
    errors: list[str] = []
    everybody_is_here = asyncio.Barrier(count)
    starts: list[float] = [time.perf_counter()] if lesson is None else []

    async def learn(number: int) -> list[float]:
        try:
            async with Learner(server, number) as learner:
                times = [await learner.open()]
                if lesson is not None:
                    await everybody_is_here.wait()
                    starts.append(time.perf_counter())
                    times = await lesson(learner)
                errors.extend(learner.errors)
                return times
        except Exception as error:  # a closed socket, a missing verdict
            await everybody_is_here.abort()
            errors.append(repr(error))
            return []

    seconds = [t for times in await asyncio.gather(*(learn(first + i) for i in range(count))) for t in times]
    wall = time.perf_counter() - min(starts, default=0.0)
    for text in sorted(set(errors))[:3]:
        print(f"error: {text}", file=sys.stderr)
    return Outcome(seconds, wall, len(errors), server.memory("VmHWM"))


def lesson_of(scenario: str, rounds: int) -> Lesson | None:
    async def attack(learner: Learner) -> list[float]:
        return [await learner.move(8 + (learner.number + turn) % 20) for turn in range(rounds)]

    async def sweep(learner: Learner) -> list[float]:
        return [await learner.sweep([20, 21, 22, 23, 24, 10 + (learner.number + t) % 9]) for t in range(rounds)]

    async def upload(learner: Learner) -> list[float]:
        photo = PHOTOS[(learner.number + 3) % len(PHOTOS)].read_bytes()
        return [await learner.upload(photo) for _ in range(rounds)]

    return {"open": None, "attack": attack, "sweep": sweep, "upload": upload}[scenario]


def compare(counts: list[int], scenarios: list[str], engines: list[str], rounds: int, repeats: int) -> None:
    print("| scenario | learners | engine | verdicts/s | p50 s | p95 s | errors | peak MB |\n" + "|---" * 8 + "|")
    for scenario in scenarios:
        for count in counts:
            outcomes: dict[str, list[Outcome]] = {engine: [] for engine in engines}
            for turn in range(repeats):
                for engine in engines:
                    server = Server(engine)
                    try:
                        asyncio.run(crowd(server, 1, lesson_of("attack", 1), 9999))  # imports, weights
                        first = 1000 * turn
                        lesson = lesson_of(scenario, rounds * (10 if count == 1 and scenario == "attack" else 1))
                        outcomes[engine].append(asyncio.run(crowd(server, count, lesson, first)))
                    finally:
                        server.stop()
            row: dict[str, list[float]] = {}
            for engine, runs in outcomes.items():
                row[engine] = [
                    statistics.median(value(run) for run in runs)
                    for value in (
                        lambda o: o.throughput,
                        lambda o: o.percentile(0.5),
                        lambda o: o.percentile(0.95),
                        lambda o: float(o.errors),
                        lambda o: o.peak,
                    )
                ]
                rate, p50, p95, errors, peak = row[engine]
                cells = f"{rate:.2f} | {p50:.2f} | {p95:.2f} | {errors:.0f} | {peak:.0f}"
                print(f"| {scenario} | {count} | {engine} | {cells} |")
            if {"local", "naive"} <= row.keys():
                ratio = [a / b if b else float("nan") for a, b in zip(row["local"], row["naive"], strict=True)]
                rate, p50, p95, _, peak = ratio
                print(
                    f"| {scenario} | {count} | ratio | **{rate:.2f}** | **{p50:.2f}** | {p95:.2f} | | **{peak:.2f}** |"
                )
            sys.stdout.flush()


async def soak(minutes: float, idle: int, active: int) -> None:
    """Run idle and busy tabs for some minutes; print errors, and the memory over time."""
    server = Server("local")
    errors: list[str] = []
    verdicts = 0
    stop_at = time.time() + 60 * minutes

    async def sit(number: int) -> None:
        try:
            async with Learner(server, number) as learner:
                await learner.open()
                while time.time() < stop_at:
                    await asyncio.sleep(1)
                errors.extend(learner.errors)
        except Exception as error:
            errors.append(repr(error))

    async def work(number: int) -> None:
        nonlocal verdicts
        try:
            async with Learner(server, number) as learner:
                await learner.open()
                turn = 0
                while time.time() < stop_at:
                    await learner.move(1 + (number + turn) % 30)
                    verdicts, turn = verdicts + 1, turn + 1
                    await asyncio.sleep(1)
                errors.extend(learner.errors)
        except Exception as error:
            errors.append(repr(error))

    async def watch() -> None:
        print("| minute | verdicts | errors | MB |\n|---|---|---|---|")
        start = time.time()
        while time.time() < stop_at:
            await asyncio.sleep(30)
            minute = (time.time() - start) / 60
            print(f"| {minute:.1f} | {verdicts} | {len(errors)} | {server.memory():.0f} |", flush=True)

    try:
        await asyncio.gather(watch(), *(sit(5000 + i) for i in range(idle)), *(work(i) for i in range(active)))
    finally:
        server.stop()
    for text in sorted(set(errors))[:5]:
        print(f"error: {text}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 8, 30, 100])
    parser.add_argument("--scenarios", nargs="+", default=["open", "attack", "sweep", "upload"])
    parser.add_argument("--engines", nargs="+", default=["local", "naive"])
    parser.add_argument("--rounds", type=int, default=1, help="how often each learner does it, one after the other")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES")
    asked = parser.parse_args()
    if asked.soak:
        asyncio.run(soak(asked.soak, 100, 30))
    else:
        compare(asked.sessions, asked.scenarios, asked.engines, asked.rounds, asked.repeats)


if __name__ == "__main__":
    main()
