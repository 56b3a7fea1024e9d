"""An adopted revision is published whole or not at all, and once, wherever what publishes it is killed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select

from protocol.council.acts import Act, Choice, Kind, Weighed
from protocol.council.rules import read_rules
from protocol.council.standing import State, signers
from protocol.kernel import Protocol
from protocol.migrating.plan import Plan
from protocol.revising.changes import Tag
from protocol.serial import dump_protocol, protocol_hash
from protocol.state import Instant
from store import protocols, tables
from store.migrating.runs import Run, Stage
from store.migrating.tables import migration_item, migration_run
from store.policy import Subject
from store.revisions import keeping, publishing
from store.revisions.keeping import Draft
from store.revisions.publishing import Ready
from store.revisions.tables import revision_act
from store.session import Database
from tests.protocol.test_council import LEADS, MONDAY, RULES
from tests.store.streams import advocacy

COUNCIL = Subject(person_id="coordinator-1", name="Coordinator One", agency="council", roles=("coordinator",))
ROOT = Path(__file__).resolve().parents[2]
CHANGE = Weighed(unit="step:referral", code="D23", tag=Tag.TIGHTENS, says="Sooner.", consent=(), owners=())


class KilledError(Exception):
    """What publishes it has died."""


@contextmanager
def killed_before(database: Database, statement: int) -> Iterator[None]:
    """Die before the statement of this number, counted from one."""
    count = 0

    def die(*_: object) -> None:
        nonlocal count
        count += 1
        if count == statement:
            raise KilledError

    event.listen(database.engine, "before_cursor_execute", die)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", die)


def newer() -> Protocol:
    known = advocacy()
    first = known.steps[0]
    return replace(known, steps=(replace(first, rungs=first.rungs[:1]), *known.steps[1:]))


def adopted(database: Database) -> tuple[int, str, Instant]:
    """A council's revision, voted on by everybody; its number, its bundle, and when it is to be in force."""
    with database.write() as connection:
        keeping.found_council(connection, RULES, MONDAY, COUNCIL)
        base = protocols.publish(connection, advocacy(), "first", published_at=MONDAY, published_by="council-1")
        draft = keeping.begin(
            connection,
            Draft(
                number=0, slug=base.slug, base=base.hash, text="second", plan=None, aims="", emergency=False,
                effective_at=None, sponsor="court", by="court-1", touched_at=MONDAY,
            ),
            MONDAY,
        )  # fmt: skip
        act = Act(kind=Kind.SUBMITTED, at=MONDAY, by="court-1", agency="court", bundle=draft.bundle, changes=(CHANGE,))
        found = keeping.add(connection, draft.number, act, (LEADS["court"],))
        at = found.standing.until or 0
        for agency, role in LEADS.items():
            at += 1
            vote = replace(act, kind=Kind.VOTED, at=at, agency=agency, changes=(), choice=Choice.FOR)
            found = keeping.add(connection, draft.number, vote, (role,))
    assert found.standing.state is State.ADOPTED
    return draft.number, draft.bundle, found.standing.until or 0


def ready() -> Ready:
    run = Run(
        id="run-1", slug="post-arrest-advocacy", target=protocol_hash(dump_protocol(newer())),
        plan=Plan.model_validate({"migration": "post-arrest-advocacy"}, by_alias=True), stage=Stage.FIRST,
        waits_until=None, ordered_at=MONDAY, ordered_by="court-1",
    )  # fmt: skip
    return Ready(protocol=newer(), run=run, chance=("case-1", "case-2"))


def kept(database: Database) -> dict[str, int]:
    """How many rows there are of all that publishing writes."""
    wanted = (tables.protocol_version, tables.protocol_in_force, migration_run, migration_item, revision_act)
    with database.read() as connection:
        return {each.name: connection.execute(select(func.count()).select_from(each)).scalar_one() for each in wanted}


def test_killed_before_any_statement_it_is_published_whole_and_once(fresh: Callable[[], Database]) -> None:
    """Version, what is in force, the run and the act are there together after the next try, and once after ten."""
    database = fresh()
    number, bundle, at = adopted(database)
    before, killed = kept(database), 0
    for statement in range(1, 100):
        try:
            with killed_before(database, statement), database.write() as connection:
                publishing.publish(connection, number, bundle, ready(), at)
            break
        except KilledError:
            killed += 1
            assert kept(database) == before, statement
            with database.read() as connection:
                assert [each.draft.number for each in publishing.due(connection, at)] == [number]
    after = kept(database)
    for _ in range(10):
        with database.write() as connection:
            assert publishing.publish(connection, number, bundle, ready(), at + 1) is None

    assert killed > 8
    assert {name: after[name] - before[name] for name in after} == {
        "protocol_version": 1, "protocol_in_force": 1, "migration_run": 1, "migration_item": 0, "revision_act": 1,
    }  # fmt: skip
    assert kept(database) == after


def test_taken_back_it_is_taken_back_whole_and_once(fresh: Callable[[], Database]) -> None:
    """Killed before any statement of the way back too: the text before is in force by one further row."""
    database = fresh()
    number, bundle, at = adopted(database)
    with database.write() as connection:
        publishing.publish(connection, number, bundle, Ready(protocol=newer()), at)
        for seat in signers(read_rules(RULES), (CHANGE,)):
            signed = Act(kind=Kind.REVERT_SIGNED, at=at, by="x", agency="court", bundle=bundle, seat=seat)
            keeping.record(connection, number, signed)
        assert keeping.one(connection, number, at).standing.state is State.REVERTING
    before = kept(database)
    for statement in range(1, 100):
        try:
            with killed_before(database, statement), database.write() as connection:
                publishing.take_back(connection, number, at)
            break
        except KilledError:
            assert kept(database) == before, statement
    with database.write() as connection:
        assert publishing.take_back(connection, number, at) is None
        current: Any = protocols.current(connection, "post-arrest-advocacy")
    assert current.version == 1
    assert kept(database)["protocol_in_force"] == before["protocol_in_force"] + 1


def test_nothing_else_writes_versions() -> None:
    """One module does; a council's decision, the route that a council closes and the first start call it."""
    writes = re.compile(r"(insert|update|delete)\((tables\.)?protocol_(version|in_force)\b")
    calls = re.compile(r"\bprotocols\.(publish|put_in_force)\(")
    files = [path for folder in ("api", "store", "workflows", "activities", "commands", "runtime")
             for path in (ROOT / folder).rglob("*.py")]  # fmt: skip
    said = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}

    assert {name for name, text in said.items() if writes.search(text)} == {"store/protocols.py"}
    assert {name for name, text in said.items() if calls.search(text)} == {
        "api/protocols.py", "store/installing.py", "store/revisions/publishing.py",
    }  # fmt: skip
