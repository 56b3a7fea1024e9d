"""What tests share: real servers, started once for the run."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import sys
import tempfile
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

# Whatever the environment says: programs are started hundreds of times, each of which would compile all of itself anew,
# and every process of the run the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What pytest collects stays until its end; looked through at every turn it would be a quarter of the time it takes.
gc.set_threshold(50_000, 20, 20)


MEMORY = Path("/dev/shm")  # noqa: S108 - the system's own name for it; what is put there has names by chance
ROOMY = 4 * 2**30
"""Bytes that must be free there."""


def pytest_configure() -> None:
    """Keep what tests write in memory where there is room: nothing of it outlives the machine's power.

    Every commit waits for the disk otherwise, which is half the time and more of a test of the store.
    """
    if "TMPDIR" not in os.environ and _is_roomy(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _is_roomy(folder: Path) -> bool:
    """Whether much can be written there, by everybody (PostgreSQL's own user among them), and run from there."""
    if not folder.is_dir() or folder.stat().st_mode & 0o777 != 0o777:
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ROOMY and not found.f_flag & os.ST_NOEXEC


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that take long first: one that came last would leave all processes but its own without work."""
    longest = {each.path for each in items if each.get_closest_marker("slow")}
    long = {each.path for each in items if each.get_closest_marker("server")}
    items.sort(key=lambda each: (each.path not in longest, each.path not in long))


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
    _administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return make_url(postgres_url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Take a database away, whoever is connected to it: hundreds of them would fill gigabytes."""
    _administer(url, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def _administer(url: str, statement: str) -> None:
    where = f"postgresql://handoff@127.0.0.1:{make_url(url).port}/postgres"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def postgres_database_url(postgres_url: str) -> Iterator[str]:
    """The URL of a new, empty database."""
    url = new_database(postgres_url)
    yield url
    drop_database(url)


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


@pytest.fixture
def migrated_postgres_url(postgres_url: str, migrated_postgres: str) -> Iterator[str]:
    """The URL of a new copy of the migrated PostgreSQL database."""
    url = new_database(postgres_url, migrated_postgres)
    yield url
    drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database as ``schema.upgrade`` leaves it, once on SQLite and once on PostgreSQL.

    A copy: migrating takes longer than most tests, and ``test_schema`` looks at what it makes of an empty database.
    """
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'handoff.db'}"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "handoff.db")
    else:
        url = request.getfixturevalue("migrated_postgres_url")
    made = Database(url)
    with made.write() as connection:
        ids.ensure_site(connection)
    made.close()
    return url
