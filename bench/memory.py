"""Benchmark of a server's memory while visitors open every page, and after they have left.

    python -m bench.memory                                  # three visitors, then ten minutes: a quarter of an hour
    python -m bench.memory --visitors 1 --minutes 0.5 1     # a smoke run

Visitors are websocket sessions. Each opens all pages in the order of the lecture, with its own photograph and seed, so
that no result is shared by accident, and waits on each page until it is complete. They visit at the same time, except
for the first page, which the first visitor opens alone. RSS is the memory of the process; PSS counts memory shared with
other processes (libraries) by its part; anonymous memory is the memory that the process has allocated itself.

Then a visitor opens the pages once more, with the settings of the first visitor. The seconds until a page is complete
are compared with those of a visitor who did the same right after the others had left. `--no-return` leaves that visitor
out, for a server that gets no request in between.
"""

import argparse
import asyncio
import re
import time
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.classroom import PHOTOS, Learner, Server
from pages.contents import CLASSROOM, LESSONS

PAGES = ("", *(entry.address for entry in (*LESSONS, *CLASSROOM)))
PAGE_LIMIT = 900.0


class Visitor(Learner):
    """A learner that opens pages one after the other."""

    async def look(self, page: str) -> float:
        """Open the page of that address in this session. Return the seconds until its script has ended."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = f"image={PHOTOS[self.number % len(PHOTOS)].stem}&seed={self.number}"
        start = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        while True:
            left = PAGE_LIMIT - (time.perf_counter() - start)
            answer = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), left))
            if answer.WhichOneof("type") == "delta" and answer.delta.new_element.WhichOneof("type") == "exception":
                self.errors.append(f"{page}: {answer.delta.new_element.exception.message}")
            finished = answer.WhichOneof("type") == "script_finished"
            if finished and answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return time.perf_counter() - start


def holds(server: Server) -> tuple[float, float, float]:
    """The RSS, PSS and anonymous memory of the server in MB."""
    text = Path(f"/proc/{server.process.pid}/smaps_rollup").read_text()
    found = {name: int(size) / 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}
    return found["Rss"], found["Pss"], found["Anonymous"]


def tell(server: Server, when: str) -> None:
    rss, pss, anonymous = holds(server)
    print(f"| {when} | {rss:.0f} | {pss:.0f} | {anonymous:.0f} |", flush=True)


async def tour(visitor: Visitor) -> dict[str, float]:
    """Open every page. Return the seconds of each."""
    seconds = {page: await visitor.look(page) for page in PAGES}
    if visitor.errors:
        raise SystemExit("\n".join(visitor.errors))
    return seconds


async def once(server: Server, number: int) -> dict[str, float]:
    async with Visitor(server, number) as visitor:
        return await tour(visitor)


async def visit(server: Server, visitors: int) -> None:
    """Run all visitors at once, after the first one's first page; then end their sessions."""
    async with Visitor(server, 0) as first:
        await first.look("")
        await asyncio.sleep(2)
        tell(server, "after the first page")
        touring = asyncio.gather(tour(first), *(once(server, number) for number in range(1, visitors)))
        most = 0.0
        while not touring.done():
            await asyncio.wait([touring], timeout=0.5)
            most = max(most, holds(server)[0])
        await touring
        print(f"| most while they visit | {most:.0f} | | |", flush=True)
        tell(server, "after the last page")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=3)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5, 10], help="after they have left")
    parser.add_argument("--no-return", action="store_true", help="nobody comes back")
    asked = parser.parse_args()
    server = Server("local")
    try:
        print("| when | RSS, MB | PSS, MB | anonymous, MB |\n|---|---|---|---|")
        time.sleep(10)  # the default network is loaded beside the server
        tell(server, "started, with the default network")
        began = time.monotonic()
        asyncio.run(visit(server, asked.visitors))
        visited = time.monotonic() - began
        at_once = {} if asked.no_return else asyncio.run(once(server, 0))
        left = time.monotonic()
        for minutes in sorted(asked.minutes):
            time.sleep(max(0.0, left + 60 * minutes - time.monotonic()))
            tell(server, f"{minutes:g} min after they have left")
        if at_once:
            later = asyncio.run(once(server, 0))
            tell(server, "after somebody has come back to every page")
            print("\n| page | at once, s | later, s |\n|---|---|---|")
            for page in PAGES:
                print(f"| `/{page}` | {at_once[page]:.2f} | {later[page]:.2f} |")
        print(f"\nThe visit took {visited:.0f} s.")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
