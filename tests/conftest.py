"""What tests share: real servers, started once for the run."""

from __future__ import annotations

import gc
import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import structlog
from hypothesis import settings
from sqlalchemy import delete
from sqlalchemy.engine import make_url
from temporalio.client import Client

from runtime.codec import DerivedCaseKeys
from runtime.logs import LibraryHandler
from runtime.temporal import connect
from store import ids, schema, tables
from store.session import Database
from tests import servers
from tests.servers import NAMESPACE
from tests.store import rings

# How long an example takes says nothing on a machine that is busy: what must be quick is measured in bench/.
settings.register_profile("handoff", deadline=None)
settings.load_profile("handoff")

# What pytest collects stays until its end; looked through at every turn it would be a quarter of the time it takes.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    """Nothing that was collected is looked through again; what a test leaves open is still found."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _closed_rings() -> Iterator[None]:
    """Close the keyrings a test made."""
    yield
    while rings.MADE:
        rings.MADE.pop().close()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """What a test, or a command that it ran here, did to this process's logging ends with it."""
    yield
    root = logging.getLogger()
    ours = [each for each in root.handlers if isinstance(each, LibraryHandler)]
    for each in ours:
        root.removeHandler(each)
    if ours:
        structlog.reset_defaults()


@pytest.fixture(scope="session")
async def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a real Temporal server that can skip time."""
    async with servers.temporal_server(tmp_path_factory.mktemp("temporal")) as address:
        yield address


@pytest.fixture(scope="session")
def case_keys(tmp_path_factory: pytest.TempPathFactory) -> DerivedCaseKeys:
    """The keys this run seals payloads with."""
    return DerivedCaseKeys(tmp_path_factory.mktemp("keys") / "keys")


@pytest.fixture(scope="session")
async def client(temporal_server: str, case_keys: DerivedCaseKeys) -> Client:
    """A client with the project's data converter."""
    return await connect(temporal_server, NAMESPACE, case_keys)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL's URL, as SQLAlchemy writes it."""
    with servers.postgres() as url:
        yield url


def new_database(postgres_url: str, template: str = "template1") -> str:
    """The URL of a new database that is as its template is."""
    name = f"test_{uuid4().hex}"
    url = make_url(postgres_url)
    with psycopg.connect(f"postgresql://handoff@127.0.0.1:{url.port}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def postgres_database_url(postgres_url: str) -> str:
    """The URL of a new, empty database."""
    return new_database(postgres_url)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'handoff.db'}"
    found: str = request.getfixturevalue("postgres_database_url")
    return found


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
