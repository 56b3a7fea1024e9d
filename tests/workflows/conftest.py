"""What the shell's tests share: a clock that can be moved, a database, and workers on queues of their own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from store import protocols, schema
from store.session import Database
from tests.store import rings
from tests.workflows.drivers import TemporalDriver
from tests.workflows.texts import (
    BUNDLED,
    ERRAND,
    LINKING,
    QUICK,
    RELAY,
    SOONER,
    UNFILED,
    errand,
    linking,
    published,
    quick,
    relay,
    sooner,
    unfiled,
    written,
)
from worker import build

KEY = bytes(range(32))


def publish_all(database: Database) -> None:
    """Publish the tests' protocols and the bundled ones; the relay that is in force is the plain one."""
    small = (
        (unfiled(), UNFILED),
        (sooner(), SOONER),
        (relay(), RELAY),
        (quick(), QUICK),
        (errand(), ERRAND),
        (linking(), LINKING),
    )
    texts = (*small, *((published(each), written(each)) for each in BUNDLED))
    with database.write() as connection:
        for protocol, text in texts:
            now = time.time_ns() // 1_000
            protocols.publish(connection, protocol, text, published_at=now, published_by="council")


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One database for every test that does not break it."""
    folder = tmp_path_factory.mktemp("store")
    url = f"sqlite:///{folder / 'handoff.db'}"
    schema.upgrade(url)
    ring = rings.lasting(f"sqlite:///{folder / 'keys.db'}")
    database = Database(url, ring)
    publish_all(database)
    yield database
    database.close()
    ring.close()


@pytest.fixture(scope="session")
def skipper(client: Client) -> TimeSkipper:
    """Moves the clock of one case."""
    return TimeSkipper(client)


@pytest.fixture
def make_worker(client: Client, database: Database) -> Callable[[str], Worker]:
    """A worker as in production, on the given queue."""

    def make(task_queue: str, cached: int = 100) -> Worker:
        return build(client, database, key=KEY, task_queue=task_queue, cached=cached)

    return make


@pytest.fixture
async def task_queue(make_worker: Callable[[str], Worker]) -> AsyncIterator[str]:
    """A queue on which a worker listens."""
    queue = f"test-{uuid4().hex}"
    async with make_worker(queue):
        yield queue


@pytest.fixture(scope="session")
def reader(database: Database) -> Iterator[Database]:
    """The same database, as another process would read it."""
    reader = Database(database.url, database.keys)
    yield reader
    reader.close()


@pytest.fixture
def driver(skipper: TimeSkipper, task_queue: str, reader: Database) -> TemporalDriver:
    """One case, to be driven."""
    return TemporalDriver(skipper, task_queue, reader)
