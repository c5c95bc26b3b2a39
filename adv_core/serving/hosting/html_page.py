"""The HTML page that carries the app: Streamlit's own, with a script of the app before all others."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEAD = "<head>"
# A browser that has an older page in its cache would be told that it is still valid.
_VALIDATORS = {b"if-none-match", b"if-modified-since"}


def with_script(html: str, script: str) -> str:
    """Return the page with an inline script at the start of its head.

    Raises:
        ValueError: the page has no head, or the script would end early.
    """
    if _HEAD not in html or "</" in script:
        raise ValueError(f"the page needs a {_HEAD}, and the script may not contain '</'")
    return html.replace(_HEAD, f"{_HEAD}<script>{script}</script>", 1)


class HtmlPage:
    """ASGI middleware that answers with this page wherever the app would answer with its own HTML page.

    A file to save stays as it is: it comes as an attachment.

    Args:
        html: the page.
    """

    def __init__(self, app: ASGIApp, html: str) -> None:
        self._app = app
        self._body = html.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "text/html" in Headers(scope=scope).get("accept", ""):  # a visitor opens a page
            scope = {**scope, "headers": [each for each in scope["headers"] if each[0] not in _VALIDATORS]}
        replaced = False

        async def with_page(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_page = headers.get("content-type", "").startswith("text/html")
                replaced = message["status"] == 200 and is_page and "content-disposition" not in headers
                if replaced:
                    for name in ("etag", "last-modified", "content-encoding"):
                        del headers[name]
                    headers["content-length"] = str(len(self._body))
            elif replaced and message["type"] == "http.response.body":
                if message.get("more_body", False):
                    return
                message = {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self._body}
            await send(message)

        await self._app(scope, receive, with_page)
