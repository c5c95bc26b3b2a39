"""What the app sets for its process, and what a library that is imported does not."""

import os
import re
import socket
import subprocess
import sys
import tempfile

import pytest

import startup
from adv_core.serving import threads
from tests.paths import ROOT

UNSET = {name: value for name, value in os.environ.items() if name not in startup.WAITING}


def test_to_import_the_library_sets_nothing_and_starts_nothing() -> None:
    code = """
import ctypes, os, sys, threading
import numpy, torch
from PIL import Image
import torch.fx

def state():
    native = os.listdir("/proc/self/task") if sys.platform == "linux" else []
    return dict(os.environ), threading.enumerate(), native

def refuse(*arguments, **options):
    raise AssertionError("a C library is asked for")

before = state()
ctypes.CDLL = refuse  # the way to malloc's settings
import adv_core
adv_core.pgd, adv_core.load_classifier
assert state() == before, (before, state())
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=UNSET, check=True)


def test_what_an_operator_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in startup.WAITING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    startup.prepare()
    assert {name: os.environ.get(name) for name in startup.WAITING} == {
        "OMP_WAIT_POLICY": "ACTIVE",
        "GOMP_SPINCOUNT": None,
    }


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp tells what it has read")
def test_the_app_sets_how_threads_wait_before_torch_is_loaded() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    command += ["--server.headless=true", "--server.address=127.0.0.1"]
    with tempfile.TemporaryFile("w+") as log:
        app = subprocess.Popen(
            command, cwd=ROOT, env=UNSET | {"OMP_DISPLAY_ENV": "VERBOSE"}, stdout=log, stderr=subprocess.PIPE, text=True
        )
        assert app.stderr is not None
        try:
            seen = ""
            for line in app.stderr:  # until the first library of OpenMP has told all, or the app has ended
                seen += line
                if "OPENMP DISPLAY ENVIRONMENT END" in line:
                    break
        finally:
            app.kill()
            app.communicate()
    assert re.findall(r"(OMP_WAIT_POLICY|GOMP_SPINCOUNT) = '(\w+)'", seen) == list(startup.WAITING.items()), seen


def test_the_control_and_replicas_of_a_cluster_know_what_the_app_sets() -> None:
    assert threads.WAITING == startup.WAITING
