"""Benchmark of rooms: `python -m bench.rooms` submits pictures, `python -m bench.rooms --phones 30` opens the page.

30 clients submit a picture each a second for ten seconds, on SQLite and on a PostgreSQL of its own (Debian's, on
loopback, which waits for the disk). Latency is from the bytes of the file to the line on the board. "none" is a judge
without a network: it leaves the reading of the PNG and the database.

Phones are websocket sessions on the real server, each a student of the room. They open the page and request the board
and the newest question as often as the page tells a browser to. No picture is submitted meanwhile.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import websockets
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from adv_core.classifiers import DEFAULT
from adv_core.decoding import open_image
from adv_core.exact_png import read_png
from adv_core.images import fit, to_png
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import Challenge, Judgement, Prediction, judge, look
from adv_core.serving.classroom.database import database_url
from adv_core.serving.classroom.store import Store
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.process import default_engine
from adv_core.serving.limits import LIMITS
from bench.classroom import Server
from tests import postgres

CLIENTS, EACH, SECONDS = 30, 10, 10.0


def easy(challenge: Challenge, png: bytes) -> Judgement:
    pixels = read_png(png, challenge.height, challenge.width)
    return Judgement(True, "", challenge.distance(pixels), Prediction(0, 1.0), None, pixels.tobytes())


def pictures(first: int) -> tuple[Challenge, list[bytes]]:
    """A challenge, and for each client and turn a different picture that fools, counted from ``first``, since the
    engine remembers earlier results."""
    photo = Path(__file__).parents[1] / "assets" / "photos" / "koala.jpg"
    pixels = np.asarray(fit(open_image(photo.read_bytes()), 224, 224))
    said = look(DEFAULT, pixels)
    attack = Attack(Pictures.of(pixels), DEFAULT, eps=(3 / 255,), label=said.label, steps=10)
    fooling = default_engine().compute(attack)[-1].pixels
    assert fooling is not None
    made = []
    for number in range(first, first + CLIENTS * EACH):
        own = fooling[0].copy()
        own[0, :16, 0] = pixels[0, :16, 0] ^ np.array([number >> place & 1 for place in range(16)], np.uint8)
        made.append(to_png(own))
    return Challenge(pixels.tobytes(), 224, 224, DEFAULT, said.label, most=8), made


def measure(name: str, url: URL, judging: str, check: Callable[[Challenge, bytes], Judgement]) -> None:
    challenge, made = pictures(0 if name == "SQLite" else CLIENTS * EACH)
    store = Store(url, replace(LIMITS, submission_seconds=1))
    room, secret = store.open_room(challenge, minutes=10)
    tokens = [store.join(room.code, f"student {number}")[1] for number in range(CLIENTS)]
    took: list[float] = []
    refused: list[str] = []
    start = time.perf_counter() + 0.5

    def client(number: int) -> None:
        again = start + number / CLIENTS / 10  # all within a tenth of a second, as a class starts on a word
        for turn in range(EACH):
            time.sleep(max(again - time.perf_counter(), 0))
            began = time.perf_counter()
            again = began + 1.005 * SECONDS / EACH  # one a second is allowed
            try:
                judgement = store.hand_in(room.code, tokens[number], made[EACH * number + turn], check)
                refused.extend([] if judgement.accepted else [judgement.reason])
            except Refused as refusal:
                refused.append(str(refusal))
            took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    with store._reading() as connection:
        kept = connection.execute(text("SELECT digest FROM submissions")).scalars().all()
    lost, twice = CLIENTS * EACH - len(refused) - len(set(kept)), len(kept) - len(set(kept))
    low, high, most = (round(1000 * each) for each in np.percentile(took, [50, 95, 100]))
    right = len(store.board(room).entries) == CLIENTS
    print(
        f"| {name} | {judging} | {len(kept)} | {len(kept) / seconds:.1f} | {low} | {high} | {most} "
        f"| {len(refused)} | {lost} | {twice} | {'yes' if right else 'NO'} |",
        flush=True,
    )
    for reason in sorted(set(refused)):
        print(f"  {refused.count(reason)}: {reason}", file=sys.stderr)
    store.delete(room.code, secret)
    store.dispose()


class Phone:
    """A student's browser tab, without the browser."""

    def __init__(self, server: Server, code: str, token: str) -> None:
        self.address = f"ws://127.0.0.1:{server.port}/_stcore/stream"
        self.cookie, self.code = f"room_{code}={token}", code
        self.took: list[float] = []
        self.member = False
        self.boards = 0

    async def look(self, seconds: float) -> None:
        """Open the page, then update it at the page's own interval until the time is over."""
        headers = {"Cookie": self.cookie}
        async with websockets.connect(self.address, max_size=None, additional_headers=headers) as self.socket:
            message = BackMsg()
            message.rerun_script.page_name = "room"
            message.rerun_script.query_string = f"code={self.code}"
            interval, fragment, script = await self._ask(message)
            assert self.member and fragment, "the page did not open"
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                again = BackMsg()
                again.rerun_script.query_string = f"code={self.code}"
                again.rerun_script.page_script_hash = script
                again.rerun_script.fragment_id, again.rerun_script.is_auto_rerun = fragment, True
                began = time.perf_counter()
                await self._ask(again)
                self.took.append(time.perf_counter() - began)
                await asyncio.sleep(max(interval - self.took[-1], 0))

    async def _ask(self, message: BackMsg) -> tuple[float, str, str]:
        """Send it, and wait for the end of the run. Return the (interval, fragment, page) that the run reported."""
        interval, fragment, script = 0.0, "", ""
        await self.socket.send(message.SerializeToString())
        while True:
            data = await asyncio.wait_for(self.socket.recv(), 120)
            answer = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                script = answer.new_session.page_script_hash
            elif kind == "auto_rerun":
                interval, fragment = answer.auto_rerun.interval, answer.auto_rerun.fragment_id
            elif kind == "delta":
                self.member |= "class-name" in str(answer.delta)
                self.boards += "class-board" in str(answer.delta)
            elif kind == "script_finished":
                return interval, fragment, script


def cpu_seconds(server: Server) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def phones(count: int, seconds: float = 30.0) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ADV_STATE"] = folder
        challenge, made = pictures(0)
        store = Store(database_url(), replace(LIMITS, submission_seconds=1))
        room, _ = store.open_room(challenge, minutes=60)
        tokens = [store.join(room.code, f"student {number}")[1] for number in range(count)]
        for token, png in zip(tokens, made, strict=False):
            store.hand_in(room.code, token, png, easy)
        server = Server("local")
        try:
            shown = [Phone(server, room.code, token) for token in tokens]
            began, used = time.perf_counter(), cpu_seconds(server)

            async def together() -> None:
                nonlocal began, used
                tasks = [asyncio.create_task(phone.look(seconds)) for phone in shown]
                await asyncio.sleep(seconds / 2)  # by then all phones have the page
                began, used = time.perf_counter(), cpu_seconds(server)
                await asyncio.gather(*tasks)

            asyncio.run(together())
            share = (cpu_seconds(server) - used) / (time.perf_counter() - began)
        finally:
            server.stop()
            store.dispose()
    took = [each for phone in shown for each in phone.took]
    assert sum(phone.boards for phone in shown) >= len(took), "a look that brought no board"
    low, high = (round(1000 * each) for each in np.percentile(took, [50, 95]))
    print("| phones | looks a second | p50 ms | p95 ms | of one core |\n|---|---|---|---|---|")
    print(f"| {count} | {len(took) / seconds:.1f} | {low} | {high} | {100 * share:.0f} % |", flush=True)


def hand_in() -> None:
    print("| database | judge | kept | a second | p50 ms | p95 ms | most ms | refused | lost | twice | board right |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    judges = (("none", easy), ("EfficientNet-Lite0", judge))
    with tempfile.TemporaryDirectory() as folder:
        for judging, check in judges:
            measure("SQLite", URL.create("sqlite", database=f"{folder}/classroom.sqlite"), judging, check)
    if postgres.programs() is None:
        print("There is no PostgreSQL on this machine.", file=sys.stderr)
        return
    with postgres.serving(sync=True) as address:
        for judging, check in judges:
            url = make_url(address).set(drivername="postgresql+psycopg")
            measure("PostgreSQL", url, judging, check)


if __name__ == "__main__":
    ask = argparse.ArgumentParser()
    ask.add_argument("--phones", type=int, default=0)
    wanted = ask.parse_args().phones
    if wanted:
        phones(wanted)
    else:
        hand_in()
