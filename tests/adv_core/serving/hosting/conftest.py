"""A server of its own for each test, as the app has it: uvicorn, on loopback."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import uvicorn
from starlette.types import ASGIApp

Serve = Callable[[ASGIApp], AbstractContextManager[int]]


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[int]:
    """The port where it answers."""
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_config=None, ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def serve() -> Serve:
    return serving
