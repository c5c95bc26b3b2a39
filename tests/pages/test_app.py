"""What the app asks of Streamlit's insides, which another version of it may have changed."""

import subprocess
import sys

import pytest

from tests.paths import ROOT


@pytest.mark.slow
def test_sessions_that_have_ended_are_forgotten() -> None:
    code = """
import gc, types, weakref
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager
import app

class Session:
    def __init__(self, name):
        self.id = name
        self.session = self

storage = MemorySessionStorage(ttl_seconds=100)
manager = WebsocketSessionManager(storage, None, None, None)
app.runtime.get_instance = lambda: types.SimpleNamespace(_session_mgr=manager)
now = 0.0
storage._cache._timer = lambda: now
old = Session("old")
storage.save(old)
ended = weakref.ref(old)
del old
now = 60.0
storage.save(Session("young"))
early = app.forget_sessions()
now = 120.0
late = app.forget_sessions()
gc.collect()
print(early, late, ended() is None, [each.id for each in manager.list_sessions()])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=3) == ["False", "True", "True", "['young']\n"]
