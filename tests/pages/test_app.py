"""What the app asks of Streamlit's insides, which another version of it may have changed."""

import subprocess
import sys

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.slow
SESSIONS = """
import gc, types, weakref
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.state import SessionState
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager
import app

class Session:
    def __init__(self, name):
        self.id = name
        self.session = self
        self.session_state = SessionState()

storage = MemorySessionStorage(ttl_seconds=100)
manager = WebsocketSessionManager(storage, None, None, None)
app.runtime.get_instance = lambda: types.SimpleNamespace(_session_mgr=manager)
now = 0.0
storage._cache._timer = lambda: now
old = Session("old")
storage.save(old)
ended, state = weakref.ref(old), old.session_state
state["job"] = 1
del old
now = 60.0
storage.save(Session("young"))
early = app.forget_sessions()
now = 120.0
late = app.forget_sessions()
gc.collect()
cleared = "job" not in state and isinstance(AppSession.session_state, property)
print(early, late, cleared and ended() is None, [each.id for each in manager.list_sessions()])
"""
CACHES = """
import types
import app
import streamlit as st
from adv_core.serving.engine.digits import pair

here, now = ["somebody"], 100.0
app.runtime.get_instance = lambda: types.SimpleNamespace(_session_mgr=manager)
manager = types.SimpleNamespace(list_active_sessions=lambda: here)
app.time.monotonic = lambda: now

@st.cache_data
def figure():
    return object.__name__

made = []
@st.cache_resource
def thing():
    made.append(1)

def fill():
    figure(), thing()
    return pair("test") is pair("test") and pair.cache_info().currsize == 1

caches = app.SharedCaches()
print(caches.forget(now), fill(), caches.forget(now - 50))
here.clear()
print(caches.forget(now - 50), fill() and len(made))
now = 200.0
print(caches.forget(now - 50), pair.cache_info().currsize, caches.forget(now - 50), fill() and len(made))
"""


@pytest.fixture(scope="module")
def told() -> list[str]:
    """The outputs of the programs. They run in one process of their own: the app takes seconds to import."""
    code = "import sys\nfor program in sys.argv[1:]: exec(program, {'__name__': '__main__'}); print('end', flush=True)"
    command = [sys.executable, "-c", code, SESSIONS, CACHES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("end\n")


def test_sessions_that_have_ended_are_forgotten(told: list[str]) -> None:
    assert told[0].split(maxsplit=3) == ["False", "True", "True", "['young']\n"]


def test_what_pages_share_is_dropped_when_nobody_has_been_here_for_a_while(told: list[str]) -> None:
    assert told[1].splitlines() == ["False True False", "False 1", "True 0 False 2"]
