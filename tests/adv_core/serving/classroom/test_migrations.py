"""A database that was migrated is what `tables` describes."""

from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text

from adv_core.serving.classroom.database import connected, database_url
from adv_core.serving.classroom.migrations import LOCK, upgrade_to_latest
from adv_core.serving.classroom.tables import metadata, rooms


@pytest.mark.usefixtures("database")
def test_the_migrated_schema_is_the_one_of_the_tables() -> None:
    engine = connected(database_url())
    upgrade_to_latest(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        names = set(inspect(connection).get_table_names())
    assert names == {*metadata.tables, "alembic_version"}
    engine.dispose()


@pytest.mark.usefixtures("database")
def test_a_column_that_is_missing_would_be_seen() -> None:
    engine = connected(database_url())
    upgrade_to_latest(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE votes DROP COLUMN choice"))
    with engine.connect() as connection:
        changes = compare_metadata(MigrationContext.configure(connection), metadata)
    assert [(kind, table, column.name) for kind, _, table, column in changes] == [("add_column", "votes", "choice")]
    engine.dispose()


@pytest.mark.usefixtures("database")
def test_again_changes_nothing() -> None:
    engine = connected(database_url())
    upgrade_to_latest(engine)
    values = {"code": "BCDFG", "secret_hash": "x", "challenge": "{}", "picture": b"", "revealed": False}
    with engine.begin() as connection:
        connection.execute(insert(rooms).values(opens_at=1.5, closes_at=2.5, expires_at=3.5, **values))
    upgrade_to_latest(engine)
    with engine.connect() as connection:
        assert connection.execute(select(rooms.c.code, rooms.c.opens_at)).one() == ("BCDFG", 1.5)
    engine.dispose()


@pytest.mark.usefixtures("database")
def test_replicas_that_start_together_wait_for_each_other() -> None:
    first, second = connected(database_url()), connected(database_url())
    with ThreadPoolExecutor(1) as pool:
        with first.connect().execution_options(writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            upgraded = pool.submit(upgrade_to_latest, second)
            assert wait([upgraded], timeout=0.3).not_done and inspect(connection).get_table_names() == []
        upgraded.result()
    with first.connect() as connection:
        assert len(connection.execute(text("SELECT version_num FROM alembic_version")).all()) == 1
    first.dispose()
    second.dispose()
