"""Databases for the store's tests: SQLite and PostgreSQL, migrated, empty."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.engine import make_url

from store import ids, schema, tables
from store.audit import site_key
from store.session import Database
from tests.conftest import new_database
from tests.store import rings

KEY = b"k" * 32
"""Both databases of a comparison derive public ids with the same key."""

SITE_KEY = site_key.SiteKey(KEY)
"""What signs heads, and stands in for agencies without a card."""


def learn_site_card(database: Database) -> None:
    """As the first start does: the audit can be sealed from then on."""
    with database.write() as connection:
        site_key.learn(connection, SITE_KEY)


def migrated(url: str) -> str:
    """The URL of a database with every migration and, so that each copy draws its own, without an id."""
    schema.upgrade(url)
    made = Database(url)
    with made.write() as connection:
        connection.execute(delete(tables.site))
    made.close()
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "handoff.db"
    migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> str:
    """The name of a migrated PostgreSQL database, to be copied."""
    return str(make_url(migrated(new_database(postgres_url))).database)


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database as ``schema.upgrade`` leaves it, once on SQLite and once on PostgreSQL.

    A copy: migrating takes longer than most tests, and ``test_schema`` looks at what it makes of an empty database.
    """
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'handoff.db'}"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "handoff.db")
    else:
        url = new_database(request.getfixturevalue("postgres_url"), request.getfixturevalue("migrated_postgres"))
    made = Database(url)
    with made.write() as connection:
        ids.ensure_site(connection)
    made.close()
    return url


@pytest.fixture
def database(migrated_url: str, tmp_path: Path) -> Iterator[Database]:
    """A new database, once on SQLite and once on PostgreSQL."""
    made = Database(migrated_url, rings.ring_in(tmp_path))
    learn_site_card(made)
    yield made
    made.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file with a known id key."""
    path = tmp_path_factory.mktemp("template") / "handoff.db"
    schema.upgrade(f"sqlite:///{path}")
    made = Database(f"sqlite:///{path}")
    with made.write() as connection:
        connection.execute(update(tables.site).values(site_id="site", id_key=KEY))
    learn_site_card(made)
    with made.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    made.close()
    return path


@pytest.fixture
def fresh(template: Path, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Makes as many new SQLite databases as asked for."""
    made: list[Database] = []
    # One for all of them, so that the same facts make the same rows.
    ring = rings.ring_in(tmp_path)

    def make() -> Database:
        path = tmp_path / f"{len(made)}.db"
        shutil.copy(template, path)
        made.append(Database(f"sqlite:///{path}", ring))
        return made[-1]

    yield make
    for each in made:
        each.close()
