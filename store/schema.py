"""The database's shape: brought up to date with Alembic before anything is read or written."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from store import ids
from store.session import Database

LOCK = 7_264_311
"""The PostgreSQL advisory lock under which one process at a time migrates."""


def upgrade(url: str) -> None:
    """Create or migrate the database, and give a new one its id. Safe to run from several processes at once.

    Raises:
        HandoffError: ``DATABASE_URL``, ``DATABASE_DOWN`` or ``DATABASE_BUSY``.
    """
    database = Database(url)
    try:
        with database.write() as connection:
            if not database.sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            command.upgrade(configuration(connection), "head")
            ids.ensure_site(connection)
    finally:
        database.close()


def is_current(connection: Connection) -> bool:
    """Whether the database has every migration this program knows."""
    head = ScriptDirectory.from_config(configuration(connection)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def configuration(connection: Connection) -> Config:
    """Alembic's configuration, on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
