"""What the audit costs: appends against plain inserts of the same rows, looking at all of it, and who saw a case."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from sqlalchemy import MetaData, insert, text

from store import audit, schema
from store.audit import heads, seen, site_key, tables, verify
from store.custodian.local import CustodianProcess
from store.custodian.port import Custodian
from store.edge_tables import key_card
from store.policy import Subject
from store.session import Database, add_new
from tests.servers import postgres

SECONDS = 2.0
ROUNDS = 3
MANY = 1_000_000
CASES = 5_000
KEY = site_key.SiteKey(bytes(32))
SEALED = 284
"""Bytes of a row's sealed detail, here."""

LEAD = Subject(person_id="lead", name="Lead", agency="advocacy", roles=("steward",))
ENTRY = audit.Entry(
    chain="case-0", kind=audit.Kind.READ, at=1, agency="advocacy", person="p" * 26, roles=("advocate",),
    action="GET:/cases/{case}", fields=("slot:notes", "step:first-call"), ground="own-view",
)  # fmt: skip


def measure() -> None:
    """Print append, verify and who-saw rates, on SQLite and on PostgreSQL with fsync."""
    with tempfile.TemporaryDirectory() as folder, CustodianProcess(Path(folder) / "keys", Path(folder)) as custodian:
        for name, url in _databases(Path(folder)):
            database = _made(url, custodian.custodian)
            _appends(name, database)
            _looks(name, database, custodian.custodian)
            database.close()


def _databases(folder: Path) -> Iterator[tuple[str, str]]:
    yield "SQLite", f"sqlite:///{folder / 'audit.db'}"
    with postgres(fsync=True) as url:
        yield "PostgreSQL", url


def _made(url: str, custodian: Custodian) -> Database:
    schema.upgrade(url)
    database = Database(url)
    card = custodian.describe("advocacy")
    with database.write() as connection:
        site_key.learn(connection, KEY)
        row = {"agency": card.agency, "epoch": card.epoch, "suite": card.suite, "public": card.public}
        add_new(connection, key_card, [row])
        connection.execute(text("CREATE TABLE plain AS SELECT * FROM audit_row"))
        connection.execute(text("CREATE UNIQUE INDEX plain_key ON plain (chain, n)"))
    return database


def _appends(name: str, database: Database) -> None:
    """Interleaved, a transaction for each row, as an answer of the API has one."""
    for clients in (1, 8):
        for chains in (1, 100):
            rates: dict[str, list[float]] = {"plain": [], "append": []}
            for _ in range(ROUNDS):
                for what, found in rates.items():
                    found.append(_rate(database.url, what, clients, chains))
            plain, appended = median(rates["plain"]), median(rates["append"])
            print(
                f"audit append, {name}, {clients} client(s), {chains} chain(s): {appended:,.0f} rows/s, "
                f"plain insert {plain:,.0f}/s: {appended / plain:.2f}x"
            )


def _rate(url: str, what: str, clients: int, chains: int) -> float:
    if clients == 1:
        return _client(url, what, 0, chains)
    with ProcessPoolExecutor(clients, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(_client, *zip(*[(url, what, n, chains) for n in range(clients)], strict=True)))


def _client(url: str, what: str, client: int, chains: int) -> float:
    """Rows a second of one client, after its first."""
    database = Database(url)
    once = _plain(database, client) if what == "plain" else _append(database, client, chains)
    once()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        once()
        done += 1
    took = time.perf_counter() - began
    database.close()
    return done / took


def _append(database: Database, client: int, chains: int) -> Callable[[], None]:
    turn = 0

    def once() -> None:
        nonlocal turn
        turn += 1
        with database.write() as connection:
            audit.append(connection, [replace(ENTRY, chain=f"case-{(turn + client * 13) % chains}")])

    return once


def _plain(database: Database, client: int) -> Callable[[], None]:
    row = {
        "at": 1, "agency": "advocacy", "kind": "read", "request": "r" * 32, "about": b"", "key": "k" * 64,
        "sealed": os.urandom(SEALED), "prev": os.urandom(32), "hash": os.urandom(32),
    }  # fmt: skip
    turn = time.time_ns() // 1_000_000 % 1_000_000_000
    name = f"plain-{client}-{time.time_ns()}"
    table = tables.audit_row.to_metadata(MetaData(), name="plain")

    def once() -> None:
        nonlocal turn
        turn += 1
        with database.write() as connection:
            connection.execute(insert(table), [{**row, "chain": name, "n": turn}])

    return once


def _looks(name: str, database: Database, custodian: Custodian) -> None:
    """A million rows: half in chains of cases, half pages of twenty cases each."""
    began = time.perf_counter()
    _fill(database)
    print(f"audit, {name}: {MANY:,} rows made in batches, {MANY / (time.perf_counter() - began):,.0f} rows/s")
    began = time.perf_counter()
    heads.make(database, KEY, 10**15)
    print(f"audit head, {name}, first over all chains: {time.perf_counter() - began:.2f} s")
    began = time.perf_counter()
    heads.make(database, KEY, 10**15 + 10**9)
    print(f"audit head, {name}, nothing new: {time.perf_counter() - began:.2f} s")
    began = time.perf_counter()
    verdict = verify.verify(database, KEY.public)
    took = time.perf_counter() - began
    assert verdict.flaws == ()
    print(f"audit verify, {name}: {verdict.rows:,} rows in {took:.1f} s, {verdict.rows / took:,.0f} rows/s")
    took = 0.0
    for case in ("case-7", "case-4999", "nobody"):
        began = time.perf_counter()
        found = seen.who_saw(database, custodian, KEY, LEAD, case, limit=1000)
        took = max(took, time.perf_counter() - began)
        print(
            f"who saw {case}, {name}: {len(found.rows)} rows of {verdict.rows:,} in {time.perf_counter() - began:.2f} s"
        )
    assert took < 5


def _fill(database: Database) -> None:
    page = replace(ENTRY, chain=audit.of_agency("advocacy"))
    left = MANY // 2
    while left > 0:
        left -= 1000
        pages = [
            replace(page, about=tuple(f"case-{(left + n * 20 + each) % CASES}" for each in range(20)), at=MANY - left)
            for n in range(1000)
        ]
        own = [replace(ENTRY, chain=f"case-{(left // 100 + n % 10) % CASES}", at=MANY - left) for n in range(1000)]
        with database.write() as connection:
            audit.append(connection, [*pages, *own])
