"""Metrics for the operator of an instance. They contain no picture, no address, and nothing about a person.

They are off by default. ``ADV_METRICS_PORT=9100`` opens a port of its own, on ``ADV_METRICS_ADDRESS`` (127.0.0.1), with

    /metrics   for Prometheus
    /ready     200 once the default classifier answers, 503 before, whenever it does not, and while the instance drains
"""

import os
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import Counter, Gauge, Histogram, make_wsgi_app

queued = Gauge("adv_queue_length", "Requests that wait")
waited = Histogram(
    "adv_wait_seconds", "From a request to its first step", buckets=(0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60)
)
batch_rows = Histogram("adv_batch_rows", "Rows that are computed together", buckets=(1, 2, 4, 8, 16))
steps = Counter("adv_steps", "Steps of an attack, counted by rows")
shared = Counter("adv_shared_results", "Requests that share the result of an equal request")
refused = Counter("adv_refused", "Refused requests, by the limit that they exceeded", ["reason"])
failed = Counter("adv_failures", "Computations that failed", ["type"])
sessions = Gauge("adv_sessions", "Open sessions (browser tabs)")
page_errors = Counter("adv_page_errors", "Pages that ended with an error", ["type"])
for _reason in ("queue", "runs", "draining", "sessions", "address", "requests", "uploads"):
    refused.labels(_reason)  # reported from the start, as 0


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a silent connection must not block the others


class _Silent(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Write no line: a probe comes every few seconds."""


def serve(ready: Callable[[], bool], address: str, port: int) -> int:
    """Serve the port in a thread of its own. Return the port that was opened (``port`` 0: any free one)."""
    prometheus = make_wsgi_app()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return prometheus(environ, start_response)
        if path == "/ready":
            fine = ready()
            status, text = ("200 OK", b"ready\n") if fine else ("503 Service Unavailable", b"not ready\n")
        else:
            status, text = "404 Not Found", b"/metrics or /ready\n"
        start_response(status, [("Content-Type", "text/plain")])
        return [text]

    server = make_server(address, port, answer, _Server, _Silent)
    threading.Thread(target=server.serve_forever, name="adv_core metrics", daemon=True).start()
    return int(server.server_port)


def serve_if_asked(ready: Callable[[], bool]) -> int | None:
    """Open the port that ``ADV_METRICS_PORT`` names, and return it; None where it names none."""
    port = os.environ.get("ADV_METRICS_PORT", "").strip()
    if not port:
        return None
    return serve(ready, os.environ.get("ADV_METRICS_ADDRESS", "127.0.0.1"), int(port))
