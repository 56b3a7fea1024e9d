"""An order to erase whose process is killed anywhere comes to the same end when it is gone on with."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from store import schema
from store.custodian.local import CustodianProcess, LocalCustodian
from store.erasure import orders
from store.erasure.carrying import KEYS_BACKED_UP_FOR, Means, carry_out
from store.erasure.records import Ground
from store.keyring import CODEC, engagement
from store.session import Database
from tests.store import rings
from tests.store.ended import ADVOCACY_LEAD, DAY, Clock, ended, everything, means
from tests.store.streams import START

LATER = START + 3000 * DAY


@pytest.fixture(scope="module")
def process() -> Iterator[CustodianProcess]:
    with tempfile.TemporaryDirectory() as folder, CustodianProcess(Path(folder) / "keys", Path(folder)) as made:
        yield made


@pytest.fixture
def custodian(process: CustodianProcess) -> LocalCustodian:
    return process.custodian


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_killed_anywhere_and_gone_on_an_order_comes_to_the_same_end(
    database_url: str, tmp_path: Path, custodian: LocalCustodian
) -> None:
    """The process is killed at every begin and commit of either database and at every call to somebody else."""
    made_of = Worlds(database_url, tmp_path, custodian)
    whole = made_of.copy("whole")
    made_of.finish(whole)
    want = made_of.ended_as(whole)
    # On PostgreSQL, where each copy takes half a second, at every fifth of them.
    number, every = 0, 1 if database_url.startswith("sqlite") else 5
    while made_of.killed(world := made_of.copy(f"at-{number}"), number):
        made_of.finish(world)
        assert made_of.ended_as(world) == want, f"killed at {number}"
        number += every
    assert number > 30


class Worlds:
    """Copies of one database with an order, each carried out in a process of its own that may be killed."""

    def __init__(self, url: str, folder: Path, custodian: LocalCustodian) -> None:
        schema.upgrade(url)
        self._url, self._folder, self._custodian = url, folder, custodian
        database = Database(url, rings.ring_in(folder))
        ended(database, custodian)
        with database.write() as connection:
            (self.order,) = orders.requested(
                connection, ADVOCACY_LEAD, "case-1", Ground.REQUEST, START + 405 * DAY, None
            )
        database.close()
        rings.MADE.pop().close()

    def copy(self, name: str) -> str:
        """A copy of the database; its URL. Its keys' database is beside it."""
        (self._folder / name).mkdir()
        if self._url.startswith("sqlite"):
            path = self._folder / name / "handoff.db"
            shutil.copy(self._url.removeprefix("sqlite:///"), path)
            return f"sqlite:///{path}"
        of = make_url(self._url)
        copy = f"{of.database}_{name.replace('-', '_')}"
        with psycopg.connect(f"postgresql://handoff@127.0.0.1:{of.port}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {copy} TEMPLATE {of.database}".encode())
        return of.set(database=copy).render_as_string(hide_password=False)

    def folder(self, url: str) -> Path:
        """Where a copy's keys' database is."""
        name = Path(url).parent.name if url.startswith("sqlite") else url.rpartition("/")[2]
        found = self._folder / f"{name}-keys"
        if not found.exists():
            found.mkdir()
            shutil.copy(self._folder / "keys.db", found / "keys.db")
        return found

    def means(self, url: str) -> Means:
        """Everything an order needs, on a copy."""
        folder = self.folder(url)
        return means(Database(url, rings.ring_in(folder)), folder, self._custodian, Clock(LATER))

    def killed(self, url: str, number: int) -> bool:
        """Carry the order out in another process, killed at its ``number``-th moment; false if it came to its end."""
        self.folder(url)
        child = os.fork()
        if child == 0:
            self._run(url, number)
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)

    def _run(self, url: str, number: int) -> None:
        moments = iter(range(1_000_000))

        def moment(*_: object) -> None:
            if next(moments) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        def forget(*given: object) -> object:
            moment()
            receipt = LocalCustodian.forget(self._custodian, *given)  # type: ignore[arg-type]
            moment()
            return receipt

        def now() -> int:
            moment()
            return LATER

        async def delete_runs(_case: str) -> int:
            moment()
            return 1

        made = self.means(url)
        custodian = type("Killing", (LocalCustodian,), {"forget": lambda _self, order: forget(order)})(
            self._custodian.run
        )
        for engine in (made.database.engine, made.register._database.engine):
            event.listen(engine, "begin", moment)
            event.listen(engine, "commit", moment)
        killing = replace(made, custodian=custodian, now=now, delete_runs=delete_runs)
        try:
            asyncio.new_event_loop().run_until_complete(carry_out(killing, self.order))
        finally:
            os._exit(0)

    def finish(self, url: str) -> None:
        """Go on with the order, to its end."""
        made = self.means(url)
        _in_a_loop_of_its_own(carry_out(made, self.order))
        _in_a_loop_of_its_own(carry_out(replace(made, now=Clock(LATER + KEYS_BACKED_UP_FOR)), self.order))
        made.database.close()

    def ended_as(self, url: str) -> object:
        """Every row of both databases."""
        made = self.means(url)
        keys = made.keys.shredded("case-1", CODEC), made.keys.shredded("case-1", engagement("advocacy"))
        found = everything(made.database), made.register.entries(), keys
        made.database.close()
        return found


def _in_a_loop_of_its_own(work: Any) -> None:
    thread = threading.Thread(target=lambda: asyncio.run(work))
    thread.start()
    thread.join()
