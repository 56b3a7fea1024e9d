"""The tables of ``keys.db``: made when they are missing, in a database of their own with its own backups."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text, text

from store.session import Database
from store.tables import NAMING, OPAQUE

metadata = MetaData(naming_convention=NAMING)

LOCK = 7_264_313
"""The PostgreSQL advisory lock under which one process at a time makes the tables."""

case_key = Table(
    "case_key",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("wrapped", LargeBinary),
    Column("under", Text, nullable=False),
    Column("destroyed_at", BigInteger),
    PrimaryKeyConstraint("case_id", "purpose"),
)
"""``under`` names the agencies (by comma, in order) whose engine shares wrap the key; empty: the site's key alone.
Without ``wrapped`` the key was destroyed: none is made in its place."""


def make(database: Database) -> None:
    """Make the tables that are missing. Safe to run from several processes at once.

    Raises:
        HandoffError: ``DATABASE_DOWN`` or ``DATABASE_BUSY``.
    """
    with database.write() as connection:
        if not database.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        metadata.create_all(connection)
