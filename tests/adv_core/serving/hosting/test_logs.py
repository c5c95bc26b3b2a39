import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator

import pytest

from adv_core.serving.hosting import logs

# Loggers of the tests are named "elsewhere": Streamlit, where it has been imported, keeps its own to itself.
SECRET = "192.0.2.1 my-file.png ?q=what-I-typed"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process logs, as JSON."""
    monkeypatch.setenv("ADV_LOG", "json")
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn")
    before = root.handlers, uvicorn.handlers, uvicorn.propagate
    stream = io.StringIO()
    logs.set_up(stream)
    yield stream
    root.handlers, uvicorn.handlers, uvicorn.propagate = before
    logging.getLogger("uvicorn.access").disabled = False


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    assert SECRET not in stream.getvalue()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        raise KeyError(SECRET) from error


def test_an_exception_is_its_type_and_its_place(written: io.StringIO) -> None:
    try:
        fail()
    except KeyError:
        logging.getLogger("elsewhere.error_util").exception("Uncaught app execution")
    (line,) = lines(written)
    assert line["message"] == "Uncaught app execution" and line["level"] == "ERROR"
    assert line["error"] == "KeyError" and str(line["from"]).startswith(
        "ValueError tests/adv_core/serving/hosting/test_logs.py:"
    )
    assert str(line["at"]).startswith("tests/adv_core/serving/hosting/test_logs.py:") and str(line["at"]).endswith(
        " fail"
    )
    assert str(line["time"]).endswith("+00:00") and line["logger"] == "elsewhere.error_util"


def test_of_other_peoples_messages_the_numbers_are_kept(written: io.StringIO) -> None:
    log = logging.getLogger("elsewhere")
    log.warning('%s - "WebSocket %s" %d', SECRET, SECRET, 403)
    log.error(ValueError(SECRET))
    log.error("never retrieved\nfuture: " + SECRET)
    log.error("%(name)s is %(size)d", {"name": SECRET, "size": 3})
    messages = [line["message"] for line in lines(written)]
    assert messages == ['… - "WebSocket …" 403', "ValueError", "never retrieved", "… is 3"]
    unfit = logging.makeLogRecord({"name": "uvicorn", "msg": "%d of %d", "args": (1,)})
    assert logs.fields_of(unfit)["message"] == "%d of %d"


def test_our_own_are_written_whole_and_one_line_each(written: io.StringIO) -> None:
    logging.getLogger("adv_core.serving.engine.local").error("No cluster at %s,\nso it is", "head:6379")
    assert [line["message"] for line in lines(written)] == ["No cluster at head:6379,\nso it is"]


def test_requests_are_not_logged(written: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").warning(SECRET)
    assert lines(written) == []


def test_warnings_and_threads_that_fail(written: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = logs._warned  # pytest has put its own in its place
        warnings.warn(SECRET, UserWarning, stacklevel=1)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    warning, failure = lines(written)
    assert str(warning["message"]).startswith("UserWarning at tests/adv_core/serving/hosting/test_logs.py:")
    assert failure["error"] == "KeyError"


def test_plain_text_says_the_same(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADV_LOG")
    logs.set_up(written)
    try:
        fail()
    except KeyError:
        logging.getLogger("elsewhere").exception("It failed with %s", SECRET)
    text = written.getvalue()
    assert "ERROR elsewhere: It failed with …\n" in text and SECRET not in text
    assert "    tests/adv_core/serving/hosting/test_logs.py:" in text and "\nKeyError, from ValueError tests/" in text


def test_a_logger_with_a_handler_of_its_own_is_handed_over(written: io.StringIO) -> None:
    log = logging.getLogger("elsewhere.somewhere")
    log.addHandler(logging.StreamHandler())
    log.propagate = False
    logs.hand_over(log)
    log.error("once")
    assert [line["message"] for line in lines(written)] == ["once"] and log.handlers == []
