import http.client

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from adv_core.serving.hosting.headers import policy, script_hashes
from adv_core.serving.hosting.html_page import HtmlPage, with_script
from tests.adv_core.serving.hosting.conftest import Serve

THEIRS = "<!doctype html><html><head><script>first</script></head><body>theirs</body></html>"
OURS = with_script(THEIRS, "ours <")


def test_the_script_comes_first_and_the_policy_allows_it() -> None:
    assert OURS.index("ours <") < OURS.index("first")
    assert len(script_hashes(OURS)) == 2 and all(
        each in policy(OURS) for each in script_hashes("<script>ours <</script>")
    )


@pytest.mark.parametrize(("html", "script"), [("<p>", "a"), (THEIRS, "'</script>'")])
def test_a_page_or_a_script_that_does_not_fit_is_refused(html: str, script: str) -> None:
    with pytest.raises(ValueError, match="<head>"):
        with_script(html, script)


def page(request: Request) -> Response:
    headers = {"etag": '"theirs"', "last-modified": "Tue, 01 Dec 2026 04:32:06 GMT"}
    valid = "if-none-match" in request.headers
    return Response(status_code=304) if valid else HTMLResponse(THEIRS * 99, headers=headers)


def test_it_stands_in_for_every_page_and_for_nothing_else(serve: Serve) -> None:
    routes = [
        Route("/any-page", page),
        Route("/refused", lambda _: HTMLResponse("refused", 503)),
        Route("/text", lambda _: PlainTextResponse("text")),
        Route(
            "/file", lambda _: HTMLResponse("file", headers={"Content-Disposition": 'attachment; filename="a.html"'})
        ),
    ]
    # Streamlit compresses its pages inside of our middleware.
    app = Starlette(routes=routes, middleware=[Middleware(HtmlPage, html=OURS), Middleware(GZipMiddleware)])
    browser = {"Accept": "text/html,*/*", "Accept-Encoding": "gzip", "If-None-Match": '"theirs"'}
    with serve(app) as port:

        def ask(path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, str]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request(method, path, headers=browser)
            answer = connection.getresponse()
            body = answer.read().decode()
            connection.close()
            return answer, body

        answer, body = ask("/any-page")
        assert (answer.status, body) == (200, OURS)
        assert not {"ETag", "Last-Modified", "Content-Encoding"} & set(answer.headers)
        answer, body = ask("/any-page", "HEAD")
        assert body == "" and answer.headers["Content-Length"] == str(len(OURS))
        assert [ask(path)[1] for path in ("/refused", "/text", "/file")] == ["refused", "text", "file"]
