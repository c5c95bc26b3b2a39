"""Benchmark of one and two replicas behind nginx: `python -m bench.deploy`, about three minutes on two idle cores.

It first measures the memory of a replica: just started, after its first visitor, and with many tabs open. Then it runs
nginx with the configuration of `deploy/` before one and two replicas. A page load is the page, the files that its HTML
names, and the two requests before the websocket, of eight browsers without a cache. Verdicts are those of
`bench.classroom`: each session opens its own link, and then all move ε at the same moment, three times. Nginx and the
clients share the cores, so two replicas here show the cost of the way through nginx, not the gain of a second machine.
"""

import argparse
import asyncio
import contextlib
import http.client
import re
import threading
import time

from bench.classroom import Learner, Outcome, Server, crowd, lesson_of
from tests import nginx
from tests.browser.conftest import free_port

BROWSERS = 8


class Site:
    """nginx before replicas, with the attributes of a server that `crowd` uses."""

    def __init__(self, port: int, replicas: list[Server]) -> None:
        self.port, self.replicas = port, replicas

    def memory(self, name: str = "VmRSS") -> float:
        """The memory of the largest replica in MB."""
        return max(replica.memory(name) for replica in self.replicas)


def settled(server: Server) -> float:
    """The memory in MB when it no longer changes."""
    last = 0.0
    while abs(server.memory() - last) > 1:
        last = server.memory()
        time.sleep(2)
    return last


def memory(tabs: int) -> None:
    server = Server("local")
    try:
        time.sleep(10)  # the default network is loaded in the background
        started = settled(server)
        asyncio.run(crowd(server, 1, lesson_of("attack", 1), 9999))
        first = settled(server)

        async def sit() -> float:
            async with contextlib.AsyncExitStack() as all_open:
                for number in range(tabs):
                    learner = await all_open.enter_async_context(Learner(server, number))
                    await learner.open()
                return await asyncio.to_thread(settled, server)

        full = asyncio.run(sit())
    finally:
        server.stop()
    print("| one replica | MB |\n|---|---|")
    print(f"| started, with the default network | {started:.0f} |")
    print(f"| after its first visitor | {first:.0f} |")
    print(f"| with {tabs} tabs open, each with its result | {full:.0f} |\n", flush=True)


def page_loads(port: int, seconds: float) -> tuple[float, int]:
    """Return (page loads a second, number of failed requests)."""
    counts = [0] * BROWSERS
    failed: list[str] = []
    end = time.monotonic() + seconds

    def get(connection: http.client.HTTPConnection, path: str, cookie: str) -> tuple[bytes, str]:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip", **({"Cookie": cookie} if cookie else {})})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            failed.append(f"{response.status} {path}")
        return body, response.headers.get("Set-Cookie", "").partition(";")[0]

    def browse(number: int) -> None:
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                page, cookie = get(connection, "/", "")
                named = re.findall(r'(?:src|href)="\./?(/?static/[^"]+)"', page.decode())
                for path in [*named, "_stcore/health", "_stcore/host-config"]:
                    get(connection, "/" + path.lstrip("/"), cookie)
                counts[number] += 1
            except OSError as error:
                failed.append(repr(error))
            finally:
                connection.close()

    threads = [threading.Thread(target=browse, args=(number,)) for number in range(BROWSERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds, len(failed)


def through_nginx(replicas: int, counts: list[int], seconds: float) -> None:
    servers = [Server("local") for _ in range(replicas)]
    try:
        for server in servers:
            asyncio.run(crowd(server, 1, lesson_of("attack", 1), 9999))  # imports, weights
        places = [f"127.0.0.1:{server.port}" for server in servers]
        site = Site(free_port(), servers)
        with nginx.serving(site.port, places[0], places[-1]):
            rate, failed = page_loads(site.port, seconds)
            print(f"| {replicas} | {BROWSERS} | page load | {rate:.1f} | | | {failed} | {site.memory('VmHWM'):.0f} |")
            for turn, count in enumerate(counts):
                told: Outcome = asyncio.run(crowd(site, count, lesson_of("attack", 3), 1000 * (turn + 1)))  # type: ignore[arg-type]
                cells = f"{told.throughput:.1f} | {told.percentile(0.5):.1f} | {told.percentile(0.95):.1f}"
                print(f"| {replicas} | {count} | verdict | {cells} | {told.errors} | {told.peak:.0f} |", flush=True)
    finally:
        for server in servers:
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, nargs="+", default=[8, 30])
    parser.add_argument("--seconds", type=float, default=10.0, help="of page loads")
    parser.add_argument("--tabs", type=int, default=30, help="open at a time, for the memory")
    asked = parser.parse_args()
    memory(asked.tabs)
    print("| replicas | visitors | what | a second | p50 s | p95 s | failed | peak MB of one |\n" + "|---" * 8 + "|")
    for replicas in (1, 2):
        through_nginx(replicas, asked.visitors, asked.seconds)


if __name__ == "__main__":
    main()
