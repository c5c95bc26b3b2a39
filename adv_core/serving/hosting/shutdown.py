"""The end of an instance: what runs is finished, what waits is told, and only then the server stops.

On SIGTERM, which is how a host tells a program to stop. A second one, or SIGINT (Ctrl+C) at any time, stops at once.
"""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

LAST_LOOK = 1.0  # seconds for the pages to show what has just been finished
HANGING = 5  # seconds for connections to close, once the server stops
_log = logging.getLogger(__name__)


class GracefulShutdown:
    """How this process ends.

    Args:
        finish: gets seconds; returns when all that ran is finished, or when they are over: whether it is finished.
        seconds: for that.
    """

    def __init__(self, finish: Callable[[float], bool], seconds: float) -> None:
        self._finish, self._seconds = finish, seconds
        self._server: Any = None
        self.begun = False

    def on_sigterm(self) -> None:
        """From now on SIGTERM means: finish first. Call it from the server's own loop, once the server has its handler.

        In another thread than the main one, which gets no signals, nothing happens; nor under a server that is not
        uvicorn's, whose own way of ending is left alone.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        self._server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        if not hasattr(self._server, "should_exit"):
            _log.warning("No uvicorn here: what runs is not finished before this process ends.")
            return
        self._loop = asyncio.get_running_loop()
        signal.signal(signal.SIGTERM, self._told)

    def _told(self, number: int, frame: FrameType | None) -> None:
        again, self.begun = self.begun, True
        self._loop.call_soon_threadsafe(self._stop if again else self._begin)  # a handler itself may take no lock

    def _begin(self) -> None:
        _log.info("Told to stop: what runs has %g s to come to its end.", self._seconds)
        threading.Thread(target=self._end, name="adv_core leaving", daemon=True).start()

    def _end(self) -> None:
        began = time.monotonic()
        try:
            finished = self._finish(self._seconds)
            _log.info("What ran is finished." if finished else "Time is over, and what ran is not finished.")
            if time.monotonic() - began > 0.01:  # something ran
                time.sleep(LAST_LOOK)
        finally:
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        # Not by uvicorn's handler: it would raise the signal again at the end, and this end is no failure.
        self._server.config.timeout_graceful_shutdown = HANGING
        self._server.should_exit = True
