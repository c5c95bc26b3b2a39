from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from adv_core.serving.hosting.uploads import LEAST, keep_in_memory, kept
from tests.adv_core.serving.hosting.conftest import Serve
from tests.adv_core.serving.hosting.test_admission import get


async def where(request: Request) -> PlainTextResponse:
    async with request.form() as form:
        file = form["file"].file  # type: ignore[union-attr]
        return PlainTextResponse("on disk" if file._rolled else "in memory")  # type: ignore[union-attr]


@pytest.mark.parametrize(("megabytes", "place"), [(9, "in memory"), (1, "on disk")])
def test_an_upload_stays_in_memory(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, megabytes: int, place: str
) -> None:
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 2**20)
    keep_in_memory(megabytes)
    parts = [
        b"--x",
        b'Content-Disposition: form-data; name="file"; filename="a.png"',
        b"",
        bytes(9 * 2**20),
        b"--x--",
        b"",
    ]
    with serve(Starlette(routes=[Route("/", where, methods=["PUT"])])) as port:
        _, text, _ = get(port, body=b"\r\n".join(parts), Content_Type="multipart/form-data; boundary=x")
    assert text == place


def test_what_is_kept_is_counted_and_an_empty_file_is_not_nothing() -> None:
    large, empty = SimpleNamespace(data=bytes(2**20)), SimpleNamespace(data=b"")
    files = {"one": {"a": large, "b": empty}, "two": {"c": empty}}
    assert kept(files, "one") == (2**20 + LEAST, 2**20 + 2 * LEAST)
    assert kept(files, "three") == (0, 2**20 + 2 * LEAST)
