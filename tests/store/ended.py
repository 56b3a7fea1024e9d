"""Ended cases with protected values, and what their erasure is carried out with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from sqlalchemy import select

from protocol.messages import Answer, EventHappened
from protocol.names import OpaqueId, Slug
from protocol.state import Instance, Instant, Phase, Status, Value
from store import tables, vault
from store.custodian.port import Custodian
from store.edge_tables import metadata as every_table
from store.erasure.carrying import Means
from store.erasure.register import Register
from store.keyring import Keyring
from store.plain import Plain
from store.policy import Subject
from store.session import Database
from store.vault import Sealing
from tests.store.streams import HOUR, START, Play, actor, advocacy, answer, publish, store

CANARY = "Canary Placeholder, +1-555-0100"
DAY = 24 * HOUR
ADVOCACY_LEAD = Subject(person_id="supervisor-1", name="Supervisor One", agency="advocacy", roles=("supervisor",))
ADVOCATE = replace(ADVOCACY_LEAD, person_id="advocate-1", name="Advocate One", roles=("advocate",))
CLERK = Subject(person_id="clerk-1", name="Clerk One", agency="court", roles=("clerk",))
COORDINATOR = Subject(person_id="coordinator-1", name="Coordinator One", agency="council", roles=("coordinator",))
PATROL = Subject(person_id="patrol-1", name="Patrol One", agency="police", roles=("patrol",))


@dataclass
class Clock:
    """The present instant, which only the test moves."""

    at: Instant

    def __call__(self) -> Instant:
        return self.at


def means(database: Database, folder: Path, custodian: Custodian, clock: Callable[[], Instant]) -> Means:
    """What an order is carried out with; of Temporal's runs it is only known that they were asked for."""

    async def delete_runs(_case: OpaqueId) -> int:
        return 1

    assert isinstance(database.keys, Keyring)
    return Means(
        database=database,
        register=Register(Database(f"sqlite:///{folder / 'keys.db'}")),
        custodian=custodian,
        keys=database.keys,
        delete_runs=delete_runs,
        now=clock,
    )


def ended(
    database: Database,
    custodian: Custodian,
    case_id: OpaqueId = "case-1",
    *,
    call: Slug = "talked",
    seed: int = 0,
    every: int = HOUR // 2,
) -> Play:
    """An ended case of P1, with protected values sealed and accepted.

    ``call`` is the outcome of its first call; with ``by-chance`` that of every step is left to the seed.
    ``every``: microseconds between two answers; with the default some come at the very instant something is due.
    """
    protocol = advocacy()
    hash_ = publish(database, protocol)
    vault.learn_cards(database, custodian, protocol)
    play, chance = Play(protocol, case_id), Random(seed)
    given: dict[Slug, Value] = {"first-appearance": START + 40 * HOUR, "spoken-language": "english"}
    arrest = EventHappened(event="arrest-booked", fields=given)
    assert play.do(actor(protocol, "patrol"), arrest, START) is None
    now = START
    for _ in range(400):
        if play.state.status is Status.ENDED:
            break
        now += every
        play.until(now)
        for each in [e for e in play.state.instances if e.phase is Phase.OPEN]:
            _end(database, play, each, chance, call, now)
    play.until(START + 300 * DAY)
    for each in [e for e in play.state.instances if e.phase is Phase.OPEN]:
        _end(database, play, each, chance, call, START + 300 * DAY)
    play.until(START + 400 * DAY)
    assert play.state.status is Status.ENDED, [each.step for each in play.state.instances]
    store(database, play, hash_)
    return play


def _end(database: Database, play: Play, each: Instance, chance: Random, call: Slug, now: Instant) -> None:
    if each.step == "hearing-report" and now < START + 30 * HOUR:
        return
    known = play.protocol.step[each.step]
    served = call == "talked"
    chosen = (
        {
            "custody-check": "held",
            "first-call": call,
            "decline-talk": "nothing-more",
            "legal-call": "has-wishes" if served else "not-reached",
            "result-call": "engaged" if served else "not-reached",
        }.get(each.step)
        if call != "by-chance"
        else None
    )
    outcome = chosen or chance.choice(known.outcomes).id
    said = answer(play, each, outcome, chance, now)
    refs = {name: _sealed(database, play, each.n, name) for name in said.refs}
    play.do(actor(play.protocol, each.owners[0]), Answer(
        instance=said.instance, outcome=outcome, fields=said.fields, refs=refs
    ), now)  # fmt: skip


def _sealed(database: Database, play: Play, instance: int, name: Slug) -> OpaqueId:
    sealing = Sealing(case_id=play.case_id, command_id=f"{play.case_id}-{instance}", now=START)
    with database.write() as connection:
        return vault.seal(connection, play.protocol, sealing, {name: Plain(CANARY)})[name]


def refs_of(database: Database, case_id: OpaqueId = "case-1") -> list[OpaqueId]:
    """The references of a case's protected values that the read model knows."""
    with database.read() as connection:
        found = select(tables.slot_ref.c.ref).where(tables.slot_ref.c.case_id == case_id)
        return list(connection.execute(found).scalars())


def everything(database: Database, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the main database, by table; what the stages say in words is left out."""
    found: dict[str, list[tuple[object, ...]]] = {}
    with database.read() as connection:
        for table in sorted(every_table.tables.values(), key=lambda each: each.name):
            if table.name not in but:
                columns = [each for each in table.c if each.name != "detail"]
                rows = connection.execute(select(*columns).order_by(*table.primary_key))
                found[table.name] = [tuple(row) for row in rows]
    return found
