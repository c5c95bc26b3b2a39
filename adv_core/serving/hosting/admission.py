"""Admission control: limits on the requests and sessions of an address, and on the messages and uploads of a session.

Addresses are only in memory, as long as a session is open or an allowance is not full again. They are not logged or
stored. A whole class may share one address: the defaults of `adv_core.serving.limits` allow for that.
"""

import asyncio
import ipaddress
import math
import os
import re
from collections import Counter
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from adv_core.serving import metrics
from adv_core.serving.engine.queue import RESTARTING
from adv_core.serving.limits import LIMITS, Allowances, Limits

FULL = "Too many pages of this server are open just now. Please try again in a minute."
FULL_HERE = "Too many pages are open from your internet address. Please close a tab, or try again in a minute."
HASTE = "Too many requests have come from your internet address. Please try again in a moment."
AGAIN = "60"  # seconds after which a refused visitor may try again
TOO_MUCH = "The memory for uploaded files is full. Please remove a file of yours, or try again later."
SLOW = "The upload took too long. Please try again, with a smaller file or a faster connection.\n"
MOST = 30_000_000  # bytes that an upload counts as if it does not declare its length
PATIENCE = 300.0  # seconds that an upload may take
# Streamlit's own counters are public and expensive to collect. The host's metrics are on another port.
_CLOSED = "/_stcore/metrics"
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
_PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Adversarial Lab</title>
<style>body {{font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto; padding: 0 1.5rem;
color-scheme: light dark}}</style>
<h1>Adversarial Lab</h1><p>{}</p></html>
"""


def trusted_proxies() -> list[str]:
    """``ADV_TRUSTED_PROXIES``: addresses and networks, separated by commas, whose X-Forwarded-For is trusted.

    Raises:
        ValueError: an entry that is neither an address nor a network.
    """
    asked = [each.strip() for each in os.environ.get("ADV_TRUSTED_PROXIES", "").split(",") if each.strip()]
    for each in asked:
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            raise ValueError(f"ADV_TRUSTED_PROXIES takes addresses and networks (10.0.0.0/8): {error}") from None
    return asked


def address_block(host: str) -> str:
    """Return the block that counts as one address: for IPv6 the /64 network, since one machine has 2⁶⁴ addresses."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a Unix socket, or a proxy's name for it
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((address, 64), strict=False))


class AdmissionControl:
    """ASGI middleware that refuses or delays requests, sessions, messages and uploads beyond the limits.

    The client's address has to be in the scope already: uvicorn's `ProxyHeadersMiddleware` around this one puts it
    there for trusted proxies.

    Args:
        leaving: tells whether the instance is shutting down; it then refuses new visitors.
        kept: maps a session's name, as in the address of an upload, to the bytes of its files and of all files.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits = LIMITS,
        leaving: Callable[[], bool] = lambda: False,
        kept: Callable[[str], tuple[int, int]] = lambda session: (0, 0),
    ) -> None:
        self._app, self._limits, self._leaving, self._kept = app, limits, leaving, kept
        self._arriving: Counter[str] = Counter()  # bytes of uploads in progress, by session
        self._sessions: Counter[str] = Counter()
        self._requests = Allowances(limits.max_requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            upload = _UPLOAD.search(scope["path"]) if scope["method"] == "PUT" else None
            refusal = self._refusal(scope)
            if refusal is None and upload:
                await self._upload(upload[1], scope, receive, send)
            else:
                await (refusal or self._app)(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._session(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["path"].endswith(_CLOSED):
            return PlainTextResponse("Not found\n", 404)
        if hasty := self._hasty(_address(scope)):
            return hasty
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):  # a visitor opens a page
            return self._full(_address(scope))
        return None

    def _hasty(self, address: str) -> Response | None:
        wait = self._requests.take(address)
        if not wait:
            return None
        metrics.refused.labels("requests").inc()
        return PlainTextResponse(HASTE + "\n", 429, {"Retry-After": str(math.ceil(wait))})

    async def _upload(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        headers, limits = Headers(scope=scope), self._limits
        length = headers.get("content-length", "")
        whole = length.isdecimal() and len(length) < 16 and "transfer-encoding" not in headers  # not in chunks
        size = int(length) if whole else MOST
        mine, everybodys = self._kept(session)
        much = mine + self._arriving[session] + size > limits.max_session_uploads_mib * 2**20
        if much or everybodys + self._arriving.total() + size > limits.max_uploads_mib * 2**20:
            metrics.refused.labels("uploads").inc()
            await PlainTextResponse(TOO_MUCH + "\n", 413)(scope, receive, send)
            return
        self._arriving[session] += size
        try:
            async with asyncio.timeout(PATIENCE):
                await self._app(scope, receive, send)
        except TimeoutError:
            await PlainTextResponse(SLOW, 408)(scope, receive, send)
        finally:
            self._arriving[session] -= size
            self._arriving += Counter()  # drops the sessions with none

    def _no_room(self, address: str) -> str | None:
        """Return the reason for refusing new visitors, as the label of a metric; None if they are admitted."""
        if self._leaving():
            return "draining"
        if self._sessions.total() >= self._limits.max_sessions:
            return "sessions"
        return "address" if self._sessions[address] >= self._limits.max_sessions_per_address else None

    def _full(self, address: str) -> Response | None:
        reason = self._no_room(address)
        if reason is None:
            return None
        metrics.refused.labels(reason).inc()
        # A proxy that gets 503 sends nothing to this instance for a while, which is wrong for the limit of one address.
        text, status = {"draining": (RESTARTING, 503), "sessions": (FULL, 503), "address": (FULL_HERE, 429)}[reason]
        return HTMLResponse(_PAGE.format(text), status, {"Retry-After": AGAIN, "Cache-Control": "no-store"})

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = _address(scope)
        refusal = self._hasty(address) or self._full(address)
        if refusal:
            await WebSocket(scope, receive, send).send_denial_response(refusal)
            return
        messages = Allowances(self._limits.max_messages_per_minute, self._limits.max_messages_per_minute / 6)

        async def unhurried() -> Message:
            """Receive the next message. A message that comes too soon waits, and all later ones wait behind it."""
            message = await receive()
            while message["type"] == "websocket.receive" and (wait := messages.take("")):
                await asyncio.sleep(wait)
            return message

        self._count(address, 1)
        try:
            await self._app(scope, unhurried, send)
        finally:
            self._count(address, -1)

    def _count(self, address: str, change: int) -> None:
        self._sessions[address] += change
        if not self._sessions[address]:
            del self._sessions[address]
        metrics.sessions.set(self._sessions.total())


def _address(scope: Scope) -> str:
    return address_block(scope["client"][0] if scope.get("client") else "")
