"""The engine of this process."""

import itertools
import logging
import os
import threading
import time
from functools import cache

from adv_core.classifiers import DEFAULT, info_of
from adv_core.serving import metrics
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Look, Pictures
from adv_core.serving.engine.queue import Engine, EngineUnavailable, SharedQueue

_AGAIN = 15.0  # seconds after which an unreachable cluster is tried again
_engine: Engine | None = None
_engine_lock = threading.Lock()
_missed: tuple[float, EngineUnavailable] | None = None


def default_engine() -> Engine:
    """Return the process's engine, shared by all sessions, so that networks are loaded once.

    ``ADV_ENGINE`` is "local" (the default) or "ray" for a cluster (see `cluster`). Where the cluster cannot be reached,
    ``ADV_ENGINE_FALLBACK=local`` computes here instead.

    Raises:
        ValueError: an unknown ``ADV_ENGINE``.
        EngineUnavailable: no cluster, and no fallback. The cluster is tried again after a while.
    """
    global _engine
    with _engine_lock:
        if _engine is None:
            kind = os.environ.get("ADV_ENGINE", "local")
            if kind not in ("local", "ray"):
                raise ValueError(f"ADV_ENGINE is local or ray, not {kind!r}")
            _open_port()
            _engine = _cluster_engine() if kind == "ray" else LocalEngine()
        return _engine


def use(engine: Engine) -> None:
    """Make ``engine`` the engine of this process (a benchmark's own engine, say). Call it before any other use."""
    global _engine
    with _engine_lock:
        _engine = engine


@cache
def _open_port() -> None:
    try:
        metrics.serve_if_asked(ready)
    except (OSError, ValueError) as error:  # a port in use must not stop the app
        logging.getLogger(__name__).error("No metrics: %s", error)


def _cluster_engine() -> Engine:
    global _missed
    if _missed is not None and time.monotonic() - _missed[0] < _AGAIN:
        raise _missed[1]  # at once, since the last attempt was a moment ago
    try:
        try:
            from adv_core.serving.engine.cluster import RayServeEngine  # Ray is installed on a cluster alone
        except ImportError:
            raise EngineUnavailable("ADV_ENGINE=ray needs Ray: pip install -r requirements-cluster.txt") from None
        return RayServeEngine.connected()
    except EngineUnavailable as error:
        if os.environ.get("ADV_ENGINE_FALLBACK") == "local":
            logging.getLogger(__name__).error("%s. This machine computes instead.", error)
            return LocalEngine()
        logging.getLogger(__name__).error("There is no engine, so nothing can be computed. %s", error)
        _missed = (time.monotonic(), error)
        raise


def drain(seconds: float) -> bool:
    """Drain this process's engine; see `SharedQueue.drain`. Return True where there is no engine."""
    return _engine.drain(seconds) if isinstance(_engine, SharedQueue) else True


def computing() -> bool:
    """Tell whether this process's engine has any work."""
    return isinstance(_engine, SharedQueue) and _engine.computing


def forget_unused(since: float) -> bool:
    """Let this process's engine drop objects unused since then; see `SharedQueue.forget_unused`."""
    return isinstance(_engine, SharedQueue) and _engine.forget_unused(since)


def close() -> None:
    """Close this process's engine, at the end of the process; see `SharedQueue.close`."""
    if isinstance(_engine, SharedQueue):
        _engine.close()


_probes = itertools.count()


def ready(timeout: float = 5.0) -> bool:
    """Tell whether there is an engine and its default classifier answers."""
    try:
        return answers(default_engine(), timeout)
    except EngineUnavailable:  # it has been logged
        return False


def answers(engine: Engine, timeout: float = 5.0) -> bool:
    """Tell whether the default classifier answers now, to a picture that is not in the cache."""
    side = info_of(DEFAULT).input_size
    grey = bytearray([128]) * (side * side * 3)
    grey[:4] = next(_probes).to_bytes(4, "little")
    try:
        return bool(engine.submit(Look(Pictures(bytes(grey), side, side), DEFAULT)).result(timeout))
    except (RuntimeError, TimeoutError, ValueError):
        return False
