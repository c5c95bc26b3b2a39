"""How the store of the rooms fares when a class hands in together: `python -m bench.rooms`.

30 clients, a picture each a second for ten seconds, on SQLite and on a PostgreSQL of its own (Debian's, on loopback,
which waits for the disk). Latency is from the bytes of the file to the line on the board. "none" is a judge that asks
no network: what is left is the reading of the PNG and the database.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from adv_core.classifiers import DEFAULT
from adv_core.classroom import Refused
from adv_core.classroom.challenges import Challenge, Judgement, Opinion, judge, look, read_png
from adv_core.classroom.store import Store
from adv_core.engine import default_engine
from adv_core.images import fit, open_image, to_png
from adv_core.limits import LIMITS
from adv_core.request import Request
from tests import postgres

CLIENTS, EACH, SECONDS = 30, 10, 10.0


def easy(challenge: Challenge, png: bytes) -> Judgement:
    pixels = read_png(png, challenge.height, challenge.width)
    return Judgement(True, "", challenge.distance(pixels), Opinion(0, 1.0), None, pixels.tobytes())


def pictures(first: int) -> tuple[Challenge, list[bytes]]:
    """A challenge, and for each client and turn a picture of its own that fools, counted from ``first``: the engine
    remembers what it was asked before."""
    photo = Path(__file__).parents[1] / "assets" / "photos" / "koala.jpg"
    pixels = np.asarray(fit(open_image(photo.read_bytes()), 224, 224))
    said = look(DEFAULT, pixels)
    base = Request(b"", 0, 0, DEFAULT).with_pixels(pixels)
    attack = replace(base, attack="pgd", eps=(3 / 255,), steps=10, label=said.label)
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
        again = start + number / CLIENTS / 10  # everybody in the same tenth of the second: a class starts on a word
        for turn in range(EACH):
            time.sleep(max(again - time.perf_counter(), 0))
            began = time.perf_counter()
            again = began + 1.005 * SECONDS / EACH  # one a second is what is allowed
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


def main() -> None:
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
    main()
