"""Databases for the store's tests: SQLite and PostgreSQL, migrated, empty."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from store import schema, tables
from store.audit import site_key
from store.session import Database
from tests.store import rings

KEY = b"k" * 32
"""Both databases of a comparison derive public ids with the same key."""

SITE_KEY = site_key.SiteKey(KEY)
"""What signs heads, and stands in for agencies without a card."""


def learn_site_card(database: Database) -> None:
    """As the first start does: the audit can be sealed from then on."""
    with database.write() as connection:
        site_key.learn(connection, SITE_KEY)


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
