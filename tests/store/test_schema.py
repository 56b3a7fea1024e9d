"""The database's shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select

from protocol.errors import HandoffError
from store import edge_tables, ids, schema, tables
from store.session import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database that was migrated from its first revision to its last."""
    schema.upgrade(database_url)
    made = Database(database_url)
    yield made
    made.close()


# Of an index of expressions databases tell nothing, or what they made of it: ``test_reads`` and
# ``test_board`` have that they are used.
@pytest.mark.filterwarnings("ignore:.*expression-based index '?ix_task_(inbox|waiting)")
def test_the_migrated_schema_is_the_metadata(database: Database) -> None:
    """Migrations make exactly the tables the program writes to."""
    with database.read() as connection:
        ordered = {"ix_task_inbox", "ix_task_waiting"}
        opts = {"compare_type": True, "include_object": lambda _, name, *_rest: name not in ordered}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, edge_tables.metadata) == []
        assert schema.is_current(connection)


def test_upgrading_again_changes_nothing(database: Database) -> None:
    """A second start keeps the installation's id and key."""
    with database.read() as connection:
        before = ids.site_of(connection)
    schema.upgrade(database.url)
    with database.read() as connection:
        assert ids.site_of(connection) == before


def test_a_block_that_raises_writes_nothing(database: Database) -> None:
    """One block is one transaction."""

    class Stopped(Exception):
        """The block ended early."""

    def write_and_stop() -> None:
        with database.write() as connection:
            connection.execute(insert(edge_tables.agency).values(id="police", name="Police", confidential=False))
            raise Stopped

    with pytest.raises(Stopped):
        write_and_stop()
    with database.read() as connection:
        assert connection.execute(select(edge_tables.agency)).all() == []


def test_a_reading_block_cannot_write(database: Database) -> None:
    """What comes from ``read()`` is read-only in the database itself."""
    row = insert(edge_tables.agency).values(id="police", name="Police", confidential=False)
    with pytest.raises(HandoffError, match=r"SQLITE_READONLY|ReadOnlySqlTransaction"), database.read() as connection:
        connection.execute(row)


def test_an_error_of_the_database_never_repeats_what_was_written(database: Database) -> None:
    """A refused row's values do not reach a message, hence no log."""
    row = insert(tables.case_code).values(case_id="canary-4711", code="AAAAAAAA")
    with database.write() as connection:
        connection.execute(row)
    with pytest.raises(HandoffError) as caught, database.write() as connection:
        connection.execute(row)
    assert caught.value.code == "DATABASE_CONFLICT"
    assert "canary-4711" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/handoff"])
def test_other_databases_are_refused(url: str) -> None:
    """Only a SQLite file or PostgreSQL will do."""
    with pytest.raises(HandoffError) as caught:
        Database(url)
    assert caught.value.code == "DATABASE_URL"


def test_a_sqlite_file_is_safe_against_a_lost_machine(tmp_path: Path) -> None:
    """Write-ahead log, full synchronisation, foreign keys."""
    made = Database(f"sqlite:///{tmp_path / 'one.db'}")
    with made.write() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {each}").scalar() for each in
                 ("journal_mode", "synchronous", "foreign_keys")]  # fmt: skip
    made.close()
    assert found == ["wal", 2, 1]
