"""Write a new migration: the changes that turn a database of today into the one that `tables` describes."""

import sys
import tempfile

from alembic import command
from sqlalchemy import create_engine

from adv_core.serving.classroom.migrations import configuration, upgrade_to_latest

if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit('usage: python -m adv_core.serving.classroom.migrations "what changes"')
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/today.sqlite")
        upgrade_to_latest(engine)
        config = configuration()
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.revision(config, sys.argv[1], autogenerate=True)
