import contextlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from adv_core.serving.engine.queue import RESTARTING
from adv_core.serving.hosting import admission as door
from adv_core.serving.hosting.admission import FULL, FULL_HERE, AdmissionControl, address_block, trusted_proxies
from adv_core.serving.limits import Limits
from tests.adv_core.serving.hosting.conftest import Serve

PAGE = {"Accept": "text/html,*/*"}


async def answer(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse("hello")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_bytes(await websocket.receive_bytes())
    except WebSocketDisconnect:
        pass


def app(
    leaving: Callable[[], bool] = lambda: False,
    kept: Callable[[str], tuple[int, int]] = lambda session: (0, 0),
    **limits: int,
) -> Starlette:
    return Starlette(
        routes=[
            Route("/{path:path}", answer, methods=["GET", "PUT"]),
            WebSocketRoute("/_stcore/stream", echo),
        ],
        middleware=[
            Middleware(ProxyHeadersMiddleware, trusted_hosts="10.0.0.0/8"),
            Middleware(AdmissionControl, limits=Limits(**limits), leaving=leaving, kept=kept),
        ],
    )


def get(port: int, path: str = "/", body: bytes | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, text, headers. ``came_from`` is what the proxies on the way have written."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, named, method="PUT" if body else "GET")
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read().decode(), dict(reply.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def upload(port: int, session: str, size: int) -> int:
    return get(port, f"/base/_stcore/upload_file/{session}/some-file", bytes(size))[0]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextlib.contextmanager
def begun(port: int, session: str, **headers: str) -> Iterator[http.client.HTTPConnection]:
    """An upload of which nothing but the headers has been sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("PUT", f"/_stcore/upload_file/{session}/some-file")
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    try:
        yield connection
    finally:
        connection.close()


def refused(port: int, session: str, size: int) -> int:
    """The status of an answer that comes before anything has been sent: later, sending would fail first."""
    with begun(port, session, Content_Length=str(size)) as connection:
        return connection.getresponse().status


def session(port: int, came_from: str = "192.0.2.1") -> AbstractContextManager[ClientConnection]:
    return connect(f"ws://127.0.0.1:{port}/_stcore/stream", additional_headers={"X-Forwarded-For": came_from})


def told(name: str, reason: str | None = None) -> float:
    return REGISTRY.get_sample_value(name, {"reason": reason} if reason else {}) or 0.0


def test_requests_of_one_address_have_a_limit(serve: Serve) -> None:
    before = told("adv_refused_total", "requests")
    with serve(app(max_requests_per_minute=3)) as port:
        assert [get(port, X_Forwarded_For="192.0.2.1")[0] for _ in range(4)] == [200, 200, 200, 429]
        _, text, headers = get(port, X_Forwarded_For="192.0.2.1")
        assert "Too many requests" in text and 1 <= int(headers["retry-after"]) <= 20
        assert get(port, X_Forwarded_For="192.0.2.2")[0] == 200
    assert told("adv_refused_total", "requests") == before + 2


def test_opening_a_session_is_a_request(serve: Serve) -> None:
    with serve(app(max_requests_per_minute=2)) as port:
        for _ in range(2):
            with session(port):
                pass
        with pytest.raises(InvalidStatus) as refused, session(port):
            pass
        assert refused.value.response.status_code == 429 and get(port, X_Forwarded_For="192.0.2.1")[0] == 429
        with session(port, "192.0.2.2"):
            pass


def test_uploads_of_one_session_and_of_all(serve: Serve) -> None:
    megabyte, before = 2**20, told("adv_refused_total", "uploads")

    def kept(session: str) -> tuple[int, int]:
        return (2 * megabyte if session == "rich" else 0), 8 * megabyte

    with serve(app(kept=kept, max_session_uploads_mib=3, max_uploads_mib=10)) as port:
        assert upload(port, "rich", megabyte) == 200 and refused(port, "rich", megabyte + 1) == 413
        assert upload(port, "poor", 2 * megabyte) == 200 and refused(port, "poor", 2 * megabyte + 1) == 413
        assert get(port, "/elsewhere", bytes(4 * megabyte))[0] == 200
    assert told("adv_refused_total", "uploads") == before + 2


def test_what_is_on_its_way_counts(serve: Serve) -> None:
    megabyte = 2**20
    seen: list[str] = []

    def kept(session: str) -> tuple[int, int]:
        seen.append(session)
        return 0, 0

    def accepted() -> bool:
        with contextlib.suppress(urllib.error.URLError):  # refused, and it was still sending
            return upload(port, "one", megabyte) == 200
        return False

    with serve(app(kept=kept, max_session_uploads_mib=2, max_uploads_mib=3)) as port:
        with begun(port, "one", Content_Length=str(megabyte + 1)):
            until(lambda: "one" in seen)
            assert refused(port, "one", megabyte) == 413
            with begun(port, "two", Content_Length=str(megabyte + 1)):
                until(lambda: "two" in seen)
                assert refused(port, "three", megabyte) == 413
        until(accepted)  # both have gone without it


def test_a_size_is_not_believed_where_the_body_comes_in_chunks(serve: Serve) -> None:
    with (
        serve(app(max_session_uploads_mib=2)) as port,
        begun(port, "one", Content_Length="1", Transfer_Encoding="chunked") as connection,
    ):
        # One of uvicorn's two parsers (httptools, where it is installed) refuses such a request by itself.
        assert connection.getresponse().status in (400, 413)


def test_an_upload_that_does_not_arrive_ends(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "PATIENCE", 0.2)
    with serve(app(max_uploads_mib=1)) as port:
        with begun(port, "one", Content_Length=str(2**20)) as connection:
            answer = connection.getresponse()
            assert answer.status == 408 and b"took too long" in answer.read()
        monkeypatch.setattr(door, "PATIENCE", 20)
        assert upload(port, "one", 2**20) == 200


def test_an_address_that_nobody_trusted_has_written_is_not_believed(serve: Serve) -> None:
    """uvicorn itself believes its own machine, which is where these requests come from."""
    with serve(app(max_requests_per_minute=1)) as port:
        assert get(port, X_Forwarded_For="192.0.2.1")[0] == 200
        assert get(port, X_Forwarded_For="203.0.113.9, 192.0.2.1")[0] == 429  # invented by the client
        assert get(port, X_Forwarded_For="192.0.2.1, 10.1.1.1")[0] == 429  # the same client, by a proxy that we trust
        assert get(port, X_Forwarded_For="192.0.2.7, 10.1.1.1")[0] == 200


def test_sessions_of_one_address_and_of_all(serve: Serve) -> None:
    before = told("adv_refused_total", "address"), told("adv_refused_total", "sessions")
    with serve(app(max_sessions=3, max_sessions_per_address=2)) as port:
        with session(port), session(port):
            with pytest.raises(InvalidStatus) as refused, session(port):
                pass
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"] == "60"
            status, text, _ = get(port, X_Forwarded_For="192.0.2.1", **PAGE)
            assert status == 429 and FULL_HERE in text  # a proxy shall not leave the instance because of one address
            assert get(port, X_Forwarded_For="192.0.2.2", **PAGE)[0] == 200
            with session(port, "192.0.2.2"):
                assert told("adv_sessions") == 3
                status, text, headers = get(port, X_Forwarded_For="192.0.2.3", **PAGE)
                assert status == 503 and FULL in text and headers["retry-after"] == "60"
                assert headers["cache-control"] == "no-store"
                assert get(port, X_Forwarded_For="192.0.2.3")[0] == 200  # files of pages that are open
        until(lambda: not told("adv_sessions"))
        with session(port):
            pass  # there is room again
    assert told("adv_refused_total", "address") == before[0] + 2
    assert told("adv_refused_total", "sessions") == before[1] + 1


def test_messages_that_come_too_soon_wait_and_none_is_lost(serve: Serve) -> None:
    with serve(app(max_messages_per_minute=600)) as port, session(port) as open_session:  # 100 at once, 10 a second
        began = time.monotonic()
        for number in range(110):
            open_session.send(str(number).encode())
        assert [open_session.recv(20) for _ in range(110)] == [str(number).encode() for number in range(110)]
        assert time.monotonic() - began > 0.5  # ten waited a tenth of a second each


def test_nobody_new_comes_in_while_the_instance_stops(serve: Serve) -> None:
    closed = False
    with serve(app(leaving=lambda: closed)) as port, session(port) as there:
        closed = True
        status, text, _ = get(port, **PAGE)
        assert status == 503 and RESTARTING in text
        with pytest.raises(InvalidStatus), session(port):
            pass
        there.send(b"still here")
        assert there.recv(20) == b"still here" and get(port)[0] == 200


def test_streamlits_own_counters_are_closed(serve: Serve) -> None:
    with serve(app()) as port:
        assert get(port, "/_stcore/metrics")[0] == 404 and get(port, "/base/_stcore/metrics")[0] == 404
        assert get(port, "/_stcore/health")[0] == 200


@pytest.mark.parametrize(
    ("host", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("somewhere", "somewhere"),
    ],
)
def test_what_counts_as_one_address(host: str, counts_as: str) -> None:
    assert address_block(host) == counts_as


def test_trusted_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADV_TRUSTED_PROXIES", raising=False)
    assert trusted_proxies() == []
    monkeypatch.setenv("ADV_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    assert trusted_proxies() == ["10.0.0.0/8", "::1"]
    for bad in ("*", "proxy.example", "10.0.0.1/8"):
        monkeypatch.setenv("ADV_TRUSTED_PROXIES", bad)
        with pytest.raises(ValueError, match="ADV_TRUSTED_PROXIES"):
            trusted_proxies()
