"""Graceful shutdown: running work is finished, waiting work is refused, and then the server stops.

SIGTERM, the usual signal to stop a program, starts it. A second SIGTERM, or SIGINT (Ctrl+C) at any time, stops at once.
"""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

LAST_LOOK = 1.0  # seconds at least for browsers to show the last results
BETWEEN_LOOKS = 0.05  # seconds
HANGING = 5  # seconds for connections to close when the server stops
_log = logging.getLogger(__name__)


class GracefulShutdown:
    """The shutdown of this process.

    Args:
        finish: takes seconds; waits at most so long for all running work; tells whether it is finished.
        seconds: the time for that.
        drawn: tells whether all pages have drawn and sent what they have got. It is awaited for the rest of that time,
            also where no work runs any more: a page on a busy machine is behind the work that it shows.
    """

    def __init__(
        self, finish: Callable[[float], bool], seconds: float, drawn: Callable[[], bool] = lambda: True
    ) -> None:
        self._finish, self._seconds, self._drawn = finish, seconds, drawn
        self._server: Any = None
        self.begun = False

    def on_sigterm(self) -> None:
        """Make SIGTERM finish running work first. Call it in the server's loop, after the server has set its handler.

        It does nothing outside the main thread, since other threads get no signals, and under a server other than
        uvicorn, which has its own way of ending.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        self._server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        if not hasattr(self._server, "should_exit"):
            _log.warning("The server is not uvicorn: this process ends without waiting for running work.")
            return
        self._loop = asyncio.get_running_loop()
        signal.signal(signal.SIGTERM, self._told)

    def _told(self, number: int, frame: FrameType | None) -> None:
        again, self.begun = self.begun, True
        self._loop.call_soon_threadsafe(self._stop if again else self._begin)  # a signal handler must take no lock

    def _begin(self) -> None:
        _log.info("Told to stop: running work has %g s to finish.", self._seconds)
        threading.Thread(target=self._end, name="adv_core leaving", daemon=True).start()

    def _end(self) -> None:
        began = time.monotonic()
        try:
            finished = self._finish(self._seconds)
            _log.info("Running work is finished." if finished else "Time is over, and running work is not finished.")
            drawing = time.monotonic()
            while not self._drawn() and time.monotonic() - began < self._seconds:
                time.sleep(BETWEEN_LOOKS)
            now = time.monotonic()
            if now - began > BETWEEN_LOOKS / 2:  # something had to be waited for
                # Where the pages were slow to draw, browsers on the same machine are slow, too.
                time.sleep(max(LAST_LOOK, min(2 * (now - drawing), self._seconds - (now - began))))
        finally:
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        # Not by uvicorn's handler: it raises the signal again at the end, which would look like a failure.
        self._server.config.timeout_graceful_shutdown = HANGING
        self._server.should_exit = True
