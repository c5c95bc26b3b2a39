import asyncio
import base64
import hashlib

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import Message

from adv_core.serving.hosting.headers import SecurityHeaders, ancestors, policy, script_hashes

HTML = "<!-- <script>no</script> --><script>\n a < b \n</script><script type='module' src='x.js'></script>"


def test_scripts_inside_the_page_are_named_by_their_hashes() -> None:
    digest = base64.b64encode(hashlib.sha256(b"\n a < b \n").digest()).decode()
    assert script_hashes(HTML) == [f"'sha256-{digest}'"]
    assert f"script-src 'self' blob: 'sha256-{digest}';" in policy(HTML)


def test_nobody_embeds_the_app_unless_the_host_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADV_FRAME_ANCESTORS", raising=False)
    assert policy(HTML, ancestors()).endswith("frame-ancestors 'none'")
    monkeypatch.setenv("ADV_FRAME_ANCESTORS", "self https://*.university.example:8443")
    assert policy(HTML, ancestors()).endswith("frame-ancestors 'self' https://*.university.example:8443")


@pytest.mark.parametrize("bad", ["*", "https://a;script-src *", "javascript:", "'none'", "https://a,b"])
def test_a_bad_ancestor_is_named(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setenv("ADV_FRAME_ANCESTORS", bad)
    with pytest.raises(ValueError, match="ADV_FRAME_ANCESTORS"):
        ancestors()


def test_every_answer_has_them_also_one_that_says_no() -> None:
    app = Starlette(middleware=[Middleware(SecurityHeaders, html=HTML)])
    sent: list[Message] = []

    async def ask() -> None:
        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(message: Message) -> None:
            sent.append(message)

        await app({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send)

    asyncio.run(ask())
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 404
    assert headers[b"x-content-type-options"] == b"nosniff" and headers[b"referrer-policy"] == b"no-referrer"
    assert b"object-src 'none'" in headers[b"content-security-policy"]
    assert b"geolocation=()" in headers[b"permissions-policy"]
    assert headers[b"cross-origin-opener-policy"] == b"same-origin"
