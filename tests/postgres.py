"""A PostgreSQL of our own on loopback, from Debian's programs, for as long as somebody needs it."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg


def programs() -> Path | None:
    """The folder of the newest PostgreSQL of this machine; None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextlib.contextmanager
def serving(sync: bool = False) -> Iterator[str]:
    """The address of a fresh server. PostgreSQL does not run as root, who lends it to another user here.

    Args:
        sync: whether it waits for the disk, as one does that keeps something.
    """
    bin_ = programs()
    assert bin_ is not None, "there is no PostgreSQL on this machine"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    other: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        other = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    start = [*other, str(bin_ / "initdb"), "-D", str(data), "-U", "lab", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(start, check=True, cwd="/", stdout=subprocess.DEVNULL)
    command = [*other, str(bin_ / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)]
    command += ["-h", "127.0.0.1", "-F" if not sync else "-i"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd="/", stdout=log, stderr=log)
    address = f"postgresql://lab@127.0.0.1:{port}/postgres"
    try:
        for _ in range(200):
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(address, connect_timeout=2):
                break
            time.sleep(0.1)
        yield address
    finally:
        subprocess.run([*other, str(bin_ / "pg_ctl"), "-D", str(data), "stop", "-m", "immediate", "-s"], cwd="/")
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def new_database(address: str) -> str:
    """The address of an empty database of that server."""
    with psycopg.connect(address, autocommit=True) as connection:
        count = connection.execute("SELECT count(*) FROM pg_database").fetchone()
        assert count is not None
        name = f"class{count[0]}"
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return address.rsplit("/", 1)[0] + f"/{name}"
