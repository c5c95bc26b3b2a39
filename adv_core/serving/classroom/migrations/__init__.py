"""Migrations (Alembic): they change an older database, step by step, into the one that `tables` describes.

A change of `tables` needs a new file in `versions/`; a test compares the two. To start one:

    python -m adv_core.serving.classroom.migrations "what changes"
"""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

LOCK = 0x61647620  # an arbitrary number, the same for every replica
_one_at_a_time = threading.Lock()  # Alembic's context belongs to the process


def configuration() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def upgrade_to_latest(engine: Engine) -> None:
    """Upgrade the database's tables in one transaction. Replicas that start together wait for each other."""
    with _one_at_a_time, engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
