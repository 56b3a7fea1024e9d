"""One database, two ways in: ``read()`` and ``write()``. What a block wrote is committed when it ends, or not at all.

The edge (a request, an activity, a command line) opens the block; nothing below it commits or rolls back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from protocol.errors import HandoffError

BUSY_MS = 15_000
"""How long a write waits for another process's write on SQLite, in milliseconds."""

CACHE_KB = 16_000
"""What one connection to SQLite keeps of the file; with its own 2 MB a list of thousands reads the same pages anew."""

POSTGRES_BUSY = ("40001", "40P01", "55P03")
"""Serialisation failure, deadlock, lock not available: the same block may succeed when run again."""

Row = Mapping[str, Any]
"""One row to be written: values are whatever the column's type takes."""


class RowKeys(Protocol):
    """Where the keys of confidential agencies' rows come from (``store.keyring.Keyring``)."""

    def begin(self, case_id: str, agencies: Sequence[str]) -> None:
        """Make a case's keys."""
        ...

    def key(self, case_id: str, purpose: str, agencies: Sequence[str] | None = None) -> bytes:
        """A case's key for a purpose."""
        ...

    def agency_key(self, agency: str) -> bytes:
        """A key for what belongs to an agency and to no case of its own."""
        ...

    def warm(self, places: Collection[tuple[str, str]]) -> None:
        """Read the keys of many cases in one go."""
        ...


class Database:
    """A SQLite file or a PostgreSQL database.

    Args:
        url: ``sqlite:////absolute/path.db`` or ``postgresql://user@host/name``.
        keys: what opens and seals confidential agencies' rows; without it they cannot be written or read.

    Raises:
        HandoffError: ``DATABASE_URL`` for any other kind of database.
    """

    def __init__(self, url: str, keys: RowKeys | None = None) -> None:
        made = make_url(url)
        kind = made.get_backend_name()
        if kind == "postgresql":
            made = made.set(drivername="postgresql+psycopg")
        elif kind != "sqlite" or made.database in (None, "", ":memory:"):
            raise HandoffError("DATABASE_URL", "the database must be a SQLite file or a PostgreSQL database")
        self.url = made.render_as_string(hide_password=False)
        self.sqlite = kind == "sqlite"
        # The connection that was used last goes first: on SQLite what another one wrote empties a connection's cache.
        self.engine: Engine = create_engine(
            made, pool_pre_ping=not self.sqlite, pool_use_lifo=True, hide_parameters=True
        )
        if self.sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self.keys = keys
        self._reader = self.engine.execution_options(handoff_mode="read", handoff_keys=keys)
        if not self.sqlite:
            self._reader = self._reader.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writer = self.engine.execution_options(handoff_mode="write", handoff_keys=keys)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent picture of the database; a write in the block is a ``DATABASE_`` error."""
        with _plainly(), self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed when the block ends without an error.

        Raises:
            HandoffError: ``DATABASE_BUSY`` when another process kept the database for too long,
                ``DATABASE_CONFLICT`` when a key is already there, ``DATABASE_DOWN``.
        """
        with _plainly(), self._writer.connect() as connection, connection.begin():
            yield connection

    def empty_log(self) -> None:
        """Leave nothing of what was deleted in SQLite's write-ahead log; the file overwrites what it deletes.

        While another process reads an old picture the log stays until its next turn.
        """
        if self.sqlite:
            with closing(self.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN comes too late (at the first write) and is not IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        f"cache_size = -{CACHE_KB}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("handoff_mode", "write")
    # Before BEGIN: a pooled connection that was read from last is still read-only, and IMMEDIATE is a write.
    if connection.info.get("handoff_mode") != mode:
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if mode == 'read' else 'OFF'}")
        connection.info["handoff_mode"] = mode
    connection.exec_driver_sql("BEGIN" if mode == "read" else "BEGIN IMMEDIATE")


@contextmanager
def _plainly() -> Iterator[None]:
    """Say in plain words what the driver says in its own; what was to be written never reaches a message."""
    try:
        yield
    except IntegrityError as error:
        raise HandoffError("DATABASE_CONFLICT", f"the database refused a row: {_kind(error)}") from None
    except OperationalError as error:
        if _is_busy(error):
            raise HandoffError("DATABASE_BUSY", "another process is writing to the database; try again") from None
        raise HandoffError("DATABASE_DOWN", f"the database cannot be used: {_kind(error)}") from None
    except DBAPIError as error:
        raise HandoffError("DATABASE_FAULT", f"the database could not do this: {_kind(error)}") from None


def _is_busy(error: OperationalError) -> bool:
    if isinstance(error.orig, sqlite3.OperationalError):
        return error.orig.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(error.orig, "sqlstate", None) in POSTGRES_BUSY


def _kind(error: DBAPIError) -> str:
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorname", "") or type(error.orig).__name__
    return type(error.orig).__name__


def add_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows; one whose key is already there is left as it is."""
    if rows:
        connection.execute(_insert(connection.dialect.name, table).on_conflict_do_nothing(), list(rows))


def put(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or overwrite those whose primary key is already there."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(rows[0])), list(rows))


@lru_cache(maxsize=256)
def _upsert(dialect: str, table: Table, columns: tuple[str, ...]) -> sqlite.Insert | postgresql.Insert:
    # Kept, for making one costs as much as running it.
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    rest = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


__all__ = ["BUSY_MS", "Connection", "Database", "Row", "add_new", "put"]
