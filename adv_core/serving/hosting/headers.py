"""What a browser may do with our pages: a content-security policy, and the other headers that close doors.

Scripts come from this server, and the one that Streamlit's own page carries inside is named by its hash, taken from the
installed file. Nothing is fetched from anywhere else, in either direction: the pages work without a network, and a page
that was made to load something foreign would show that it has been tampered with.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterable
from html.parser import HTMLParser

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# "'self'", or where a page that embeds the app comes from. Nothing else: a ";" would begin a directive of its own.
_ANCESTOR = re.compile(r"'self'|https?://(\*\.)?[A-Za-z0-9.-]+(:\d+)?")


class _InlineScripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and "src" not in dict(attrs)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.append(data)


def script_hashes(html: str) -> list[str]:
    """The scripts that stand in a page itself, as sources of a policy: ``'sha256-...'``."""
    page = _InlineScripts()
    page.feed(html)
    digests = [hashlib.sha256(script.encode()).digest() for script in page.found]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def ancestors() -> list[str]:
    """Who may embed the app: ``ADV_FRAME_ANCESTORS``, with spaces between; nobody where it is not set.

    Raises:
        ValueError: something that is neither 'self' nor an origin such as https://course.example.
    """
    asked = ["'self'" if each == "self" else each for each in os.environ.get("ADV_FRAME_ANCESTORS", "").split()]
    for each in asked:
        if not _ANCESTOR.fullmatch(each):
            raise ValueError(f"ADV_FRAME_ANCESTORS takes 'self' and origins (https://course.example), not {each!r}")
    return asked


def policy(html: str, embedded_by: Iterable[str] = ()) -> str:
    """The content-security policy for the app.

    Args:
        html: the page that carries the app.
        embedded_by: origins whose pages may show the app in a frame.
    """
    directives = {
        "default-src": ["'self'"],
        # blob: because Streamlit's frontend loads the scripts of our own components from there (canvas, plane, player).
        # Only a script that runs already can make a blob; there is no 'unsafe-inline' and no 'unsafe-eval'.
        "script-src": ["'self'", "blob:", *script_hashes(html)],
        "worker-src": ["'self'"],
        # Streamlit's components, Plotly and Vega set styles from scripts, and the pages' own looks are style elements.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        "media-src": ["'self'", "data:", "blob:"],
        # A recording and a photograph of the camera are fetched from inside of the page before they are uploaded.
        "connect-src": ["'self'", "blob:", "data:"],
        "object-src": ["'none'"],
        "frame-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": list(embedded_by) or ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


class SecurityHeaders:
    """ASGI middleware: these headers on every answer.

    Args:
        html: the page that carries the app.
    """

    def __init__(self, app: ASGIApp, html: str) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": policy(html, ancestors()),
            "X-Content-Type-Options": "nosniff",
            # A link is a state: what somebody looks at is not told to the places that the pages link to.
            "Referrer-Policy": "no-referrer",
            # Pages take photographs and record speech, if asked to; copying is for code and links.
            "Permissions-Policy": (
                "camera=(self), microphone=(self), clipboard-write=(self), fullscreen=(self), "
                "clipboard-read=(), display-capture=(), geolocation=(), payment=(), usb=()"
            ),
            "Cross-Origin-Opener-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
