"""Security headers: a content-security policy, and the other headers that restrict what a browser may do.

Scripts come from this server. The inline scripts of the page that carries the app are allowed by their hashes, computed
when the app starts. The pages neither load from nor send to any other server: they work without a network, and a page
that loads foreign content has been tampered with.
"""

import base64
import hashlib
import os
import re
from collections.abc import Iterable
from html.parser import HTMLParser

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# "'self'", or the origin of a page that embeds the app. Nothing else, since a ";" would start a new directive.
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
    """The inline scripts of a page, as sources of a policy: ``'sha256-...'``."""
    page = _InlineScripts()
    page.feed(html)
    digests = [hashlib.sha256(script.encode()).digest() for script in page.found]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def ancestors() -> list[str]:
    """Origins that may embed the app: ``ADV_FRAME_ANCESTORS``, separated by spaces; none where it is not set.

    Raises:
        ValueError: an entry that is neither 'self' nor an origin such as https://course.example.
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
        # blob: is needed because Streamlit's frontend loads the scripts of our components from blobs (canvas, plane,
        # player). Only a script that runs already can make a blob; 'unsafe-inline' and 'unsafe-eval' are not allowed.
        "script-src": ["'self'", "blob:", *script_hashes(html)],
        "worker-src": ["'self'"],
        # Streamlit's components, Plotly and Vega set styles from scripts, and the pages have style elements.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'", "data:"],
        "media-src": ["'self'", "data:", "blob:"],
        # A recording and a camera photograph are fetched from inside the page before they are uploaded.
        "connect-src": ["'self'", "blob:", "data:"],
        "object-src": ["'none'"],
        "frame-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": list(embedded_by) or ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


class SecurityHeaders:
    """ASGI middleware that adds these headers to every response.

    Args:
        html: the page that carries the app.
    """

    def __init__(self, app: ASGIApp, html: str) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": policy(html, ancestors()),
            "X-Content-Type-Options": "nosniff",
            # A link holds the state of a page, so linked sites must not see it as a referrer.
            "Referrer-Policy": "no-referrer",
            # Pages take photographs and record speech on request, and copy code and links.
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
