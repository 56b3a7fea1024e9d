"""What ``handoff doctor`` looks at: whether an installation has all it needs, and what will need attention soon."""

from __future__ import annotations

import platform
import shutil
import socket
import sqlite3
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import Slug
from runtime.settings import OTHERS, Settings
from runtime.temporal_binary import VERSION, Kind, present
from store import linked, people, protocols, schema
from store.accounts import hats
from store.audit import breaches, heads
from store.custodian import levels
from store.custodian.local import LocalCustodian
from store.custodian.router import custodians
from store.session import Database

HORIZON_WARNING = 400
"""Days before the last frozen holiday from which a protocol should be published again."""

REVIEW_WARNING = 60
"""Days before an agreement's review from which leads hear of it."""

PACKAGES = ("handoff", "temporalio", "sqlalchemy", "fastapi", "pydantic", "cryptography", "holidays", "tzdata")


class State(StrEnum):
    """How a check came out. Only ``bad`` keeps an installation from working."""

    OK = "ok"
    SOON = "soon"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at, how it stands, and in a sentence what was found or what to do."""

    name: str
    state: State
    says: str


def diagnose(settings: Settings, today: date) -> tuple[Check, ...]:
    """Every check, without changing anything: what is not there yet is not made."""
    return (
        *_folders(settings),
        _temporal(settings),
        *_database(settings, today),
        *_custodian(settings),
    )


def versions() -> dict[str, str]:
    """The versions of what this installation is made of."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "temporal server": VERSION}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _folders(settings: Settings) -> Iterator[Check]:
    kept = {
        "data folder": settings.data,
        "key folder": settings.key_dir,
        "engine key": settings.engine_keys / "engine.key",
        "credentials file": settings.credentials_file,
    }
    for name, path in kept.items():
        if not path.exists():
            yield Check(name=name, state=State.OK, says=f"{path} is not there yet: the first start makes it.")
        elif path.stat().st_mode & OTHERS:
            says = f"Others can read {path}. Run: chmod {'700' if path.is_dir() else '600'} {path}"
            yield Check(name=name, state=State.BAD, says=says)
        else:
            yield Check(name=name, state=State.OK, says=f"{path}, readable by its owner only.")


def _temporal(settings: Settings) -> Check:
    name = "temporal"
    if settings.temporal_address is not None:
        host, _, port = settings.temporal_address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        except OSError:
            says = f"Nothing answers at {settings.temporal_address} (HANDOFF_TEMPORAL_ADDRESS)."
            return Check(name=name, state=State.BAD, says=says)
        return Check(name=name, state=State.OK, says=f"A server answers at {settings.temporal_address}.")
    postgres = settings.temporal_postgres
    found = present(None if postgres is None else Kind.SERVER)
    kept = "" if postgres is None else f" Its cases are in PostgreSQL at {postgres.endpoint}:{postgres.port}."
    if found is not None:
        what = f"Server {VERSION}" if found.kind is Kind.SERVER else "The Temporal CLI"
        return Check(name=name, state=State.OK, says=f"{what} in {found.path}.{kept}")
    go = shutil.which("go")
    if go is not None:
        return Check(name=name, state=State.OK, says=f"No server yet; the first start builds one with Go: {go}.{kept}")
    if postgres is None:
        says = "No server and no Go to build one: the first start lets the SDK download the Temporal CLI, if it can."
        return Check(name=name, state=State.SOON, says=says)
    says = f"No server and no Go to build one: install Go, or set HANDOFF_TEMPORAL_ADDRESS.{kept}"
    return Check(name=name, state=State.BAD, says=says)


def _database(settings: Settings, today: date) -> Iterator[Check]:
    name = "database"
    file = settings.database_url.removeprefix("sqlite:///")
    if file != settings.database_url and not Path(file).exists():
        yield Check(name=name, state=State.OK, says=f"{file} is not there yet: the first start makes it.")
        return
    try:
        database = Database(settings.database_url)
        try:
            with database.read() as connection:
                if not schema.is_current(connection):
                    says = "It is of another version: the next start brings it up to date."
                    yield Check(name=name, state=State.SOON, says=says)
                    return
                newest = {each.slug: each for each in reversed(protocols.versions(connection))}
                unopened = linked.unopened(connection)
                both = [each.name for each in people.people(connection) if hats.hats(each.roles)]
        finally:
            database.close()
    except HandoffError as error:
        yield Check(name=name, state=State.BAD, says=error.message)
        return
    yield Check(name=name, state=State.OK, says=f"Up to date, with {len(newest)} protocols.")
    if both:
        says = f"Coordinate and work in an agency, by one hat a session: {', '.join(both)}."
        yield Check(name="two hats", state=State.OK, says=says)
    yield from _audit(database_url=settings.database_url)
    for each in newest.values():
        yield _horizon(each.protocol, today)
        yield from _agreements(each.protocol, today)
        yield from _links(each.protocol, newest, unopened)
    yield from _levels(settings)


def _audit(database_url: str) -> Iterator[Check]:
    """What was found broken and nobody has seen to, and whether heads are signed."""
    database = Database(database_url)
    try:
        with database.read() as connection:
            broken, last = breaches.unanswered(connection), heads.newest(connection)
    finally:
        database.close()
    for each in broken:
        about = f"{each.says} Row {each.n} of {each.chain or '-'}."
        due = f"{clocks.moment(each.due_at):%Y-%m-%d %H:%M} UTC"
        says = f"{about} Tell the stewards, and whoever must hear of a breach, by {due}."
        yield Check(name="audit", state=State.BAD, says=says)
    if last is None:
        yield Check(name="audit", state=State.OK, says="No head is signed yet: the first start signs one.")
        return
    silent = time.time_ns() // 1_000 - last.at > heads.SILENT_AFTER * 1_000_000
    says = f"Its last head was signed at {clocks.moment(last.at):%Y-%m-%d %H:%M} UTC."
    state = State.SOON if silent else State.OK
    yield Check(name="audit", state=state, says=says + (" Heads are signed while Handoff runs." if silent else ""))


def _horizon(protocol: Protocol, today: date) -> Check:
    until = date.fromordinal(protocol.horizon)
    near = protocol.horizon - today.toordinal() < HORIZON_WARNING
    says = f"Holidays are fixed up to {until.isoformat()}."
    if near:
        says += " Publish the text again soon: later days count as if there were none."
    return Check(name=f"{protocol.id}: holidays", state=State.SOON if near else State.OK, says=says)


def _agreements(protocol: Protocol, today: date) -> Iterator[Check]:
    for each in protocol.agreements:
        left = each.review_by - today.toordinal()
        day = date.fromordinal(each.review_by).isoformat()
        if left < 0:
            state, says = State.SOON, f"It was to be reviewed by {day}; no new version is published on it."
        elif left <= REVIEW_WARNING:
            state, says = State.SOON, f"To be reviewed by {day}, in {left} days."
        else:
            state, says = State.OK, f"To be reviewed by {day}."
        yield Check(name=f"{protocol.id}: {each.id}", state=state, says=says)


def _links(protocol: Protocol, newest: Collection[Slug], unopened: dict[tuple[Slug, Slug], int]) -> Iterator[Check]:
    for each in protocol.links:
        count = unopened.get((protocol.id, each.id), 0)
        waiting = f"{count} linked {'case has' if count == 1 else 'cases have'} not opened yet."
        if each.protocol not in newest:
            says = f"It runs {each.protocol}, which is not published: its cases wait until it is. {waiting}"
        else:
            says = f"It runs {each.protocol}. {waiting}{' The log of the worker says why.' if count else ''}"
        state = State.OK if each.protocol in newest and not count else State.SOON
        yield Check(name=f"{protocol.id}: {each.id}", state=state, says=says)


def _custodian(settings: Settings) -> Iterator[Check]:
    answers = LocalCustodian(settings.custodian_dir).answers()
    says = "It answers." if answers else "It does not answer: it runs while Handoff does."
    yield Check(name="custodian", state=State.OK, says=says)
    for agency, answers in custodians(settings).keyholders().items():
        says = (
            "It answers." if answers else "It does not answer: its agency's protected values do not open until it does."
        )
        yield Check(name=f"keyholder of {agency}", state=State.OK if answers else State.SOON, says=says)


def _levels(settings: Settings) -> Iterator[Check]:
    """Where the keys of each agency are, and who can therefore read what it keeps."""
    for agency, (confidential, here) in levels.levels(settings).items():
        if not here:
            says = "Level 1: with its keyholder. A value is here only for one request of somebody who signed in there."
        else:
            says = f"Level 0. {levels.HERE}"
        held = here and confidential and agency != settings.operator_agency
        bad = State.SOON if settings.demonstration else State.BAD
        yield Check(name=f"keys of {agency}", state=bad if held else State.OK, says=says)
