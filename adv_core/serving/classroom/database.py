"""The database of the rooms: SQLite in a file, or PostgreSQL for several machines."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from adv_core.serving.classroom import Refused

BUSY_SECONDS = 20  # seconds for which a writer of another process waits for SQLite


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turn the error of a database that does not answer into a sentence for people: its own text has addresses."""
    try:
        yield
    except (OperationalError, NoConnection) as error:
        raise Refused("The classroom database does not answer. Please try again in a moment.") from error


def database_url() -> URL:
    """Return ``ADV_DATABASE_URL``, or a SQLite file in the folder ``ADV_STATE`` (``~/.local/state/adversarial-lab``).

    Raises:
        Refused: an address of another kind of database.
    """
    text = os.environ.get("ADV_DATABASE_URL", "").strip()
    if text:
        try:
            url = make_url(text)
        except SQLAlchemyError as error:
            raise Refused(
                "ADV_DATABASE_URL is not a database address. It has to begin with postgresql:// or sqlite:///."
            ) from error
        kind = url.drivername.split("+")[0]
        if kind in ("postgres", "postgresql"):
            return url.set(drivername="postgresql+psycopg")
        if kind == "sqlite":
            return url
        raise Refused("ADV_DATABASE_URL has to begin with postgresql:// or sqlite:///.")
    folder = Path(os.environ.get("ADV_STATE", "").strip() or "~/.local/state/adversarial-lab").expanduser()
    return URL.create("sqlite", database=str(folder / "classroom.sqlite"))


def connected(url: URL) -> Engine:
    """Connect to that database, set up for many writers. Make the folder of a file, readable by this user alone."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=8)
    if url.database:
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=8, max_overflow=8)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # Python's driver must not begin transactions of its own
        for pragma in (
            f"busy_timeout = {1000 * BUSY_SECONDS}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
            "secure_delete = ON",  # deleted data is overwritten in the file, too
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that first reads and then writes fails if another one writes in between.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
