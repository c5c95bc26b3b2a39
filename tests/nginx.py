"""An nginx of our own on loopback, with the configuration of `deploy/`, for as long as somebody needs it."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "nginx"


def program() -> str | None:
    """It stands where only root's PATH leads."""
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


@contextlib.contextmanager
def serving(port: int, a: str, b: str, path: str = "") -> Iterator[None]:
    """The site on that port of loopback, in front of two replicas, ``host:port``, which live at that path (``/lab``).

    nginx does not run as root, and may not write where it would put bodies that are too long for its memory: a request
    that needs the disk fails.
    """
    nginx = program()
    assert nginx is not None, "there is no nginx on this machine"
    folder = Path(tempfile.mkdtemp(prefix="nginx"))
    shutil.copy(CONFIGURATION / "nginx.conf", folder)
    site = Template((CONFIGURATION / "lab.conf.template").read_text())
    places = {"LAB_LISTEN": f"127.0.0.1:{port}", "LAB_PATH": path, "LAB_REPLICA_A": a, "LAB_REPLICA_B": b}
    (folder / "lab.conf").write_text(site.safe_substitute(places))
    for kind in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / kind).mkdir(mode=0o500)
    other: dict[str, object] = {}
    if os.geteuid() == 0:
        other = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")
    command = [nginx, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **other)  # type: ignore[call-overload]
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        else:
            raise AssertionError("nginx does not answer")
        yield
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
