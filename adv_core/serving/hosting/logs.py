"""Log lines without personal data: the kind and place of a failure, but no address, query, file name or typed text.

``ADV_LOG=json`` writes one JSON object per line, for a machine to collect:

    {"time": "2026-03-02T09:15:00.123+00:00", "level": "ERROR", "logger": "streamlit.error_util",
     "message": "Uncaught app execution", "error": "ValueError", "at": "pages/lessons/physical/page.py:88 draw",
     "trace": [...]}

Any other value writes the same as plain text. A log line never has the message of an exception, which may quote a
visitor's input; it has the exception's type and the places in the program. In messages of other libraries (Streamlit,
uvicorn), arguments that are numbers are kept and arguments that are words are dropped.
"""

import json
import logging
import os
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

OURS = ("adv_core", "pages", "app")
PLACES = 12  # the last ones of a traceback that are written
_ROOT = Path(__file__).parents[3]
_log = logging.getLogger("adv_core")


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a record that may be logged, ready for JSON."""
    told: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "message": _message(record),
    }
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        told |= error_of(error)
    return told


def error_of(error: BaseException) -> dict[str, Any]:
    """An exception without its message: its type, the place where it was raised, its cause, and its traceback."""
    trace = _places(error.__traceback__)
    told: dict[str, Any] = {"error": type(error).__name__, "at": trace[-1] if trace else "?", "trace": trace}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["from"] = " ".join([type(cause).__name__, *_places(cause.__traceback__)[-1:]])
    return told


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-PLACES:]
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _short(file: str) -> str:
    """A file's path relative to the project, or to the folder of installed packages."""
    package = file.rpartition("site-packages/")[2]
    if package != file:
        return package
    path = Path(file)
    return path.relative_to(_ROOT).as_posix() if path.is_relative_to(_ROOT) else path.name


def _message(record: logging.LogRecord) -> str:
    if not isinstance(record.msg, str):
        return type(record.msg).__name__
    if record.name.partition(".")[0] in OURS:
        return record.getMessage().strip()
    template = record.msg.strip().partition("\n")[0]
    try:
        return template % _numbers(record.args) if record.args else template
    except (TypeError, ValueError, KeyError):
        return template


def _numbers(args: Any) -> Any:
    if isinstance(args, dict):
        return {key: _numbers((value,))[0] for key, value in args.items()}
    return tuple(value if isinstance(value, int | float) else "…" for value in args)


class Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = fields_of(record)
        line = f"{told['time']} {told['level']} {told['logger']}: {told['message']}"
        if "error" in told:
            line += "".join(f"\n    {place}" for place in told["trace"])
            line += f"\n{told['error']}" + (f", from {told['from']}" if "from" in told else "")
        return line


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(fields_of(record), ensure_ascii=False)


def set_up(stream: TextIO | None = None) -> None:
    """Send all log records, warnings and failures of threads through one handler to ``stream`` (standard error).

    For a logger that has handlers of its own, call `hand_over`.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if os.environ.get("ADV_LOG") == "json" else Plain())
    logging.getLogger().handlers = [handler]
    _log.setLevel(logging.INFO)
    hand_over(logging.getLogger("uvicorn"))
    logging.getLogger("uvicorn.access").disabled = True  # its lines have addresses and queries
    warnings.showwarning = _warned
    threading.excepthook = _thread_failed


def hand_over(logger: logging.Logger) -> None:
    """Let this logger write through the handler of `set_up` alone."""
    logger.handlers = []
    logger.propagate = True


def _warned(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
    _log.warning("%s at %s:%d", category.__name__, _short(filename), lineno)


def _thread_failed(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is not None and not isinstance(what.exc_value, SystemExit):
        _log.error("A thread failed.", exc_info=what.exc_value)
