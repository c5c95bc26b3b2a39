"""How the tables came about, step by step (Alembic): an older database becomes what `tables` describes.

A change of `tables` needs a new file in `versions/`; a test compares the two. To begin one:

    python -m adv_core.serving.classroom.migrations "what changes"
"""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

LOCK = 0x61647620  # any number, the same for every replica
_one_at_a_time = threading.Lock()  # Alembic's context belongs to the process


def configuration() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def upgrade_to_latest(engine: Engine) -> None:
    """Bring the database's tables up to date, in one transaction. Replicas that start together wait for each other."""
    with _one_at_a_time, engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
