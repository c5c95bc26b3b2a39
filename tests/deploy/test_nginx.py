"""Debian's nginx with the configuration of `deploy/`, before two real replicas: who comes where, and stays there."""

import asyncio
import contextlib
import http.client
import math
import os
import socket
import threading
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from subprocess import Popen

import pytest
import streamlit
import websockets
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.classroom import Learner
from tests import nginx
from tests.browser.conftest import LIMIT, answers, free_port, no_exception, start, visiting
from tests.paths import ROOT

PHOTO = ROOT / "assets" / "photos" / "espresso.jpg"
FAST = "?image=pig&target=106&eps=2&steps=10"
MIB = 2**20
PLACES = 10  # of one replica
PLACES_OF_AN_ADDRESS = 9
ALL_UPLOADS = 16  # MiB
REMEMBERED = 128  # sessions whose connection broke are kept by Streamlit, in case they come back


@dataclass
class Site:
    """nginx on ``port``, and the replicas "a" and "b" by the names that the cookie has."""

    port: int
    ports: dict[str, int]
    processes: dict[str, Popen[bytes]]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def replica(port: int) -> Popen[bytes]:
    limits = {
        "ADV_MAX_SESSIONS": PLACES,
        "ADV_MAX_SESSIONS_PER_ADDRESS": PLACES_OF_AN_ADDRESS,
        "ADV_MAX_UPLOADS_MIB": ALL_UPLOADS,
    }
    return start(port, **{name: str(limit) for name, limit in limits.items()})


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    if nginx.program() is None and not os.environ.get("REQUIRE_NGINX"):
        pytest.skip("no nginx on this machine")
    ports = {"a": free_port(), "b": free_port()}
    site = Site(free_port(), ports, {name: replica(port) for name, port in ports.items()})
    try:
        assert all(answers(f"http://127.0.0.1:{port}") for port in ports.values())
        with nginx.serving(site.port, *(f"127.0.0.1:{port}" for port in ports.values())):
            yield site
    finally:
        for process in site.processes.values():
            process.kill()
            process.wait()


def ask(
    site: Site, path: str = "/", cookie: str = "", accept: str = "*/*", visitor: str = "127.0.0.1"
) -> http.client.HTTPResponse:
    """One request, whose answer has been read; ``visitor`` is the address where it comes from."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30, source_address=(visitor, 0))
    connection.request("GET", path, headers={"Cookie": cookie, "Accept": accept})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def given(response: http.client.HTTPResponse | websockets.Response) -> SimpleCookie:
    return SimpleCookie("\n".join(response.headers.get_all("Set-Cookie") or []))


def newcomer(site: Site) -> str:
    """The replica that a visitor without a cookie is dealt."""
    return given(ask(site))["lab_replica"].value


@dataclass
class Visitor(Learner):
    """A tab that keeps its browser's cookies, and comes back when its connection breaks."""

    server: Site
    at: str = ""
    verdicts: list[float] = field(default_factory=list)
    broken: int = 0

    async def __aenter__(self) -> "Visitor":
        await asyncio.to_thread(self.knock)
        await super().__aenter__()
        return self

    def knock(self) -> None:
        """As the browser does before it opens its websocket, and again before it opens a new one."""
        cookie = f"lab_replica={self.at}" if self.at else ""
        response = ask(self.server, "/_stcore/health", cookie)
        assert response.status == 200
        jar = given(response)
        self.at = jar["lab_replica"].value if "lab_replica" in jar else self.at
        token = jar["_streamlit_xsrf"].value
        self.headers = {"Cookie": f"lab_replica={self.at}; _streamlit_xsrf={token}", "X-Xsrftoken": token}


async def sit_down(site: Site, tabs: contextlib.AsyncExitStack, replica: str, visitor: str, count: int) -> None:
    """So many tabs, which do nothing."""
    for _ in range(count):
        tab = websockets.connect(
            f"ws://127.0.0.1:{site.port}/_stcore/stream",
            additional_headers={"Cookie": f"lab_replica={replica}"},
            local_addr=(visitor, 0),
        )
        await tabs.enter_async_context(tab)


FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n\r\n', b"\r\n--x--\r\n"


def begin(visitor: Visitor, size: int) -> http.client.HTTPConnection:
    """An upload of so many bytes, for which the replica waits. (nginx would say by itself that it does.)"""
    connection = http.client.HTTPConnection("127.0.0.1", visitor.server.ports[visitor.at], timeout=30)
    connection.putrequest("PUT", f"/_stcore/upload_file/{visitor.session_id}/photo")
    length = str(size + sum(map(len, FORM)))
    headers = {**visitor.headers, "Content-Type": "multipart/form-data; boundary=x", "Content-Length": length}
    headers["Expect"] = "100-continue"
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.sock.recv(1024).startswith(b"HTTP/1.1 100 ")
    return connection


def finish(connection: http.client.HTTPConnection, body: bytes) -> int:
    with contextlib.closing(connection):
        connection.send(FORM[0] + body + FORM[1])
        return connection.getresponse().status


def test_visitors_are_spread_and_stay_where_they_are(site: Site) -> None:
    dealt = [newcomer(site) for _ in range(8)]
    assert dealt.count("a") == dealt.count("b") == 4
    for replica in "ab":
        for path in ("/", "/room", "/_stcore/health", "/static/nothing.js"):
            assert "lab_replica" not in given(ask(site, path, f"lab_replica={replica}"))
    cookie = given(ask(site, cookie="lab_replica=elsewhere"))["lab_replica"]
    assert cookie.value in "ab" and cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
    assert not cookie["secure"] and not cookie["expires"] and not cookie["max-age"]


def test_a_websocket_and_uploads_reach_the_same_replica(site: Site) -> None:
    photo = PHOTO.read_bytes()

    async def visit() -> None:
        async with Visitor(site, 1) as one, Visitor(site, 2) as two:
            assert {one.at, two.at} == {"a", "b"}
            await asyncio.gather(one.open(), two.open())
            await asyncio.gather(one.upload(photo), two.upload(photo))
            assert one.errors == two.errors == []
            # The other replica knows nothing of this session.
            one.headers["Cookie"] = one.headers["Cookie"].replace(f"lab_replica={one.at}", f"lab_replica={two.at}")
            with pytest.raises(urllib.error.HTTPError, match="400"):
                await one.upload(photo)

    asyncio.run(visit())


def test_a_websocket_from_elsewhere_is_refused(site: Site) -> None:
    async def connect(origin: str) -> int:
        async with websockets.connect(f"ws://127.0.0.1:{site.port}/_stcore/stream", origin=origin) as socket:
            return socket.response.status_code

    assert asyncio.run(connect(site.base)) == 101
    with pytest.raises(websockets.InvalidStatus, match="403"):
        asyncio.run(connect("http://elsewhere.example"))


def test_no_body_touches_the_disk(site: Site) -> None:
    """nginx cannot write to its own folders here, so whatever it would write would fail."""

    async def visit() -> None:
        async with Visitor(site, 3) as visitor:
            await visitor.open()
            await visitor.upload(PHOTO.read_bytes() + bytes(9 * MIB))  # what follows the picture is ignored

    asyncio.run(visit())
    scripts = Path(streamlit.__file__).parent / "static" / "static" / "js"
    large = max(scripts.glob("*.js"), key=lambda path: path.stat().st_size)
    with socket.socket() as slow:  # a visitor who takes his time: the answer has to wait somewhere
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", site.port))
        slow.sendall(f"GET /static/js/{large.name} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
        time.sleep(1)
        answer = b"".join(iter(lambda: slow.recv(65536), b""))
    assert len(answer.partition(b"\r\n\r\n")[2]) == large.stat().st_size


def test_an_upload_that_outlives_its_session_is_forgotten(site: Site) -> None:
    body = bytes(9 * MIB)

    async def visit() -> None:
        async with Visitor(site, 5, at="a") as visitor:
            await visitor.open()
            late = begin(visitor, len(body))
        for _ in range(REMEMBERED + 1):
            async with contextlib.AsyncExitStack() as tabs:
                await sit_down(site, tabs, "a", "127.0.0.2", 1)
        assert await asyncio.to_thread(finish, late, body) == 204
        async with Visitor(site, 6, at="a") as visitor:  # there would be no room for two
            await visitor.open()
            assert await asyncio.to_thread(finish, begin(visitor, len(body)), body) == 204

    asyncio.run(visit())


def test_what_is_too_large_is_refused(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.putrequest("PUT", "/_stcore/upload_file/session/file")
    connection.putheader("Content-Length", str(12 * MIB))
    connection.endheaders()
    answer = connection.getresponse()  # before anything has been sent
    assert answer.status == 413 and answer.headers["Server"] == "nginx"
    connection.close()


def test_who_takes_all_places_of_his_address_keeps_nobody_else_out(site: Site) -> None:
    async def crowd() -> None:
        async with contextlib.AsyncExitStack() as tabs:
            for replica in "ab":
                await sit_down(site, tabs, replica, "127.0.0.2", PLACES_OF_AN_ADDRESS)
            for _ in range(2):
                more = await asyncio.to_thread(ask, site, accept="text/html", visitor="127.0.0.2")
                assert more.status == 429 and more.headers["Retry-After"] == "60"
            others = [await asyncio.to_thread(ask, site, accept="text/html") for _ in range(4)]
            assert [other.status for other in others] == [200] * 4
            assert {given(other)["lab_replica"].value for other in others} == {"a", "b"}

    asyncio.run(crowd())


def test_who_finds_no_place_is_sent_to_the_other(site: Site) -> None:
    def opened(replica: str) -> http.client.HTTPResponse:
        return ask(site, "/", f"lab_replica={replica}", accept="text/html")

    async def fill(replica: str, tabs: contextlib.AsyncExitStack) -> None:
        await sit_down(site, tabs, replica, "127.0.0.2", PLACES // 2)
        await sit_down(site, tabs, replica, "127.0.0.3", PLACES - PLACES // 2)

    async def crowd() -> None:
        async with contextlib.AsyncExitStack() as tabs:
            await fill("b", tabs)
            there = await asyncio.to_thread(opened, "b")
            assert there.status == 200 and given(there)["lab_replica"].value == "a"
            async with Visitor(site, 4, at="b") as visitor:  # what opens no page is let in, but for its websocket
                assert given(visitor.socket.response)["lab_replica"].value == "a"
            await fill("a", tabs)
            nowhere = await asyncio.to_thread(opened, "b")
            assert nowhere.status == 503 and nowhere.headers["Retry-After"] == "60" and not given(nowhere)

    asyncio.run(crowd())
    assert opened("b").status == opened("a").status == 200


@contextlib.contextmanager
def dealt(browser: Browser, site: Site, replica: str) -> Iterator[BrowserContext]:
    """A browser that has been dealt that replica."""
    with visiting(browser) as context:
        context.add_cookies([{"name": "lab_replica", "value": replica, "url": site.base, "httpOnly": True}])
        yield context


def at(context: BrowserContext) -> str:
    return next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "lab_replica")


def shown(page: Page, original: str) -> None:
    """The pictures, each with its bytes, and a verdict."""
    picture = page.get_by_alt_text(f"Original picture, classified as {original}")
    expect(picture).to_be_visible(timeout=LIMIT)
    expect(page.get_by_text("Fooled.")).to_be_visible(timeout=LIMIT)
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    no_exception(page)


def touched(page: Page, original: str) -> None:
    """The page after a key that has it run anew; before it is connected again, the key does nothing."""
    deadline = time.monotonic() + LIMIT / 1000
    while not page.get_by_alt_text(f"Original picture, classified as {original}").is_visible():
        assert time.monotonic() < deadline
        page.keyboard.press("r")
        page.wait_for_timeout(1000)


def upload(page: Page, photo: str) -> None:
    page.locator("input[type=file]").set_input_files(ROOT / "assets" / "photos" / f"{photo}.jpg")
    shown(page, photo)


class Load:
    """Visitors who compute and ask all the time, in a thread of their own, one at each replica.

    From ``killed`` on, those at "a" upload as well.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.visitors = [Visitor(site, number, at="ab"[number % 2]) for number in range(10, 12)]
        self.stays = [visitor for visitor in self.visitors if visitor.at == "a"]
        self.moves = [visitor for visitor in self.visitors if visitor.at == "b"]
        self.asked: list[int] = []
        self.killed = math.inf
        self.over = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._together()))
        self.failed: list[str] = []

    def __enter__(self) -> "Load":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    async def _together(self) -> None:
        await asyncio.gather(asyncio.to_thread(self._ask), *(self._learn(visitor) for visitor in self.visitors))

    def _ask(self) -> None:
        """What a visitor of "a" asks beside his websocket."""
        while not self.over.is_set():
            self.asked.append(ask(self.site, "/", "lab_replica=a").status)
            time.sleep(0.05)

    async def _learn(self, visitor: Visitor) -> None:
        while not self.over.is_set():
            try:
                async with visitor:
                    await visitor.open()
                    while not self.over.is_set():
                        await visitor.move(1 + len(visitor.verdicts) % 30)
                        if visitor in self.stays and time.monotonic() > self.killed:
                            await visitor.upload(PHOTO.read_bytes())
                        visitor.verdicts.append(time.monotonic())
                        await asyncio.sleep(0.1)
            except websockets.ConnectionClosed:
                visitor.broken += 1
            except Exception as error:
                self.failed.append(f"{visitor.number}: {error!r}")
                return

    def wait(self, visitors: list[Visitor], since: float) -> None:
        """Until each of them has had two more verdicts."""
        deadline = time.monotonic() + 2 * LIMIT / 1000
        while not all(sum(when > since for when in visitor.verdicts) >= 2 for visitor in visitors):
            told = [(visitor.number, visitor.at, visitor.broken, len(visitor.verdicts)) for visitor in visitors]
            assert not self.failed and time.monotonic() < deadline, (self.failed, told)
            time.sleep(0.1)


def test_one_replica_is_killed_under_load(browser: Browser, site: Site) -> None:
    with dealt(browser, site, "b") as moves:
        there = moves.new_page()
        there.goto(site.base + "/" + FAST)
        shown(there, "hog")
        upload(there, "espresso")

        with Load(site) as load:
            load.wait(load.visitors, 0)
            site.processes["b"].kill()
            site.processes["b"].wait()
            load.killed = time.monotonic()
            load.wait(load.visitors, load.killed)
        assert not load.failed
        assert set(load.asked) == {200}
        assert [(visitor.broken, visitor.errors) for visitor in load.stays] == [(0, [])]
        assert all(visitor.broken and visitor.at == "a" for visitor in load.moves)
        assert [newcomer(site) for _ in range(4)] == ["a"] * 4

        # The page whose replica is gone is connected again, and at the next touch at the latest (a run that was
        # interrupted starts anew by itself) it is what its address says; the upload is lost.
        touched(there, "German shepherd")
        shown(there, "German shepherd")
        expect(there.get_by_alt_text("Perturbed picture, classified as wombat")).to_be_visible()
        assert there.url.endswith("/?target=106&eps=2&steps=10") and at(moves) == "a"
        upload(there, "koala")

        # It comes back, and gets visitors again; whoever has moved stays where his session is.
        site.processes["b"] = replica(site.ports["b"])
        assert answers(f"http://127.0.0.1:{site.ports['b']}")
        deadline = time.monotonic() + LIMIT / 1000
        while newcomer(site) != "b":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        upload(there, "espresso")
        assert at(moves) == "a"
