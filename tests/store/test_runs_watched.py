"""What a run is watched by in the database: what everybody may know, since it began or was let go on."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from protocol.migrating.plan import Plan
from protocol.migrating.watching import BROKEN, Because
from store import protocols, tables
from store.migrating import runs, watched
from store.migrating.runs import Outcome, Run, Stage
from store.migrating.tables import migration_item, migration_run
from store.session import Database
from tests.store.streams import HOUR, MINUTE, SLUG, START, advocacy, publish

CASES = 20
NOW = START + 40 * 24 * HOUR


@pytest.fixture
def here(database: Database) -> Database:
    """Twenty open cases, opened forty days ago."""
    hash_ = publish(database, advocacy())
    rows = [
        {"case_id": f"case-{n}", "code": f"c{n}", "slug": SLUG, "protocol_hash": hash_, "status": "open",
         "opened_at": START, "recorded_at": START, "seq": 1, "practice": False, "ahead": 0} for n in range(CASES)
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(tables.case_file), rows)
    return database


SEQ = count(1)


def notices(database: Database, number: int, at: int, name: str, **more: Any) -> None:
    """So many people told by a rung, a second apart."""
    said = {
        "role": "sergeant", "ordinal": 1, "agency": "police", "how": "tell", "why": "late", "rung": "due",
        "step": "referral", "lane": "referral", "instance": 1, "owner": None, "outside": False, "repeat": 0,
    }  # fmt: skip
    rows = [
        {**said, "case_id": f"case-{n % CASES}", "seq": next(SEQ), "id": f"{name}-{n}",
         "at": at + n, "recorded": at + n, **more} for n in range(number)
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(tables.notice), rows)


def ordered(database: Database, **plan: Any) -> Run:
    """A run of all cases, onto a text that none is on yet; its first four move first."""
    lines = {"migration": SLUG, "first share": {"least": 4, "share": 0.0, "then wait": 3600, **plan.pop("first", {})}}
    run = Run(
        id="run-1", slug=SLUG, target="f" * 64, plan=Plan.model_validate({**lines, **plan}, by_alias=True),
        stage=Stage.FIRST, waits_until=None, ordered_at=NOW, ordered_by="council-1",
    )  # fmt: skip
    with database.write() as connection:
        runs.order(connection, run, [f"case-{n}" for n in range(CASES)])
    return run


def became(database: Database, number: int, outcome: Outcome, at: int, **more: Any) -> None:
    """The next so many cases of the run came to this."""
    item = migration_item.c
    with database.write() as connection:
        some = select(item.case_id).where(item.result == Outcome.TODO.value).order_by(item.first.desc(), item.case_id)
        found = connection.execute(some.limit(number)).scalars().all()
        connection.execute(
            update(migration_item).where(item.case_id.in_(found)).values(result=outcome.value, at=at, **more)
        )


def advanced(database: Database, at: int) -> tuple[Stage, Because | None]:
    with database.write() as connection:
        found = runs.advance(connection, runs.one(connection, "run-1"), at)
        assert runs.one(connection, "run-1").because is found.because
    return found.stage, found.because


def test_escalations_above_the_usual_stop_it_and_it_goes_on_from_there(here: Database) -> None:
    """56 in four weeks are one in twelve hours; twelve within an hour stop it, once: let go on, they count no more."""
    notices(here, 56, NOW - 24 * HOUR, "before")
    ordered(here)
    notices(here, 9, NOW + MINUTE, "some")
    assert advanced(here, NOW + 2 * MINUTE) == (Stage.FIRST, None)
    notices(here, 3, NOW + 3 * MINUTE, "more")
    assert advanced(here, NOW + 5 * MINUTE) == (Stage.STOPPED, Because.ESCALATIONS)
    with here.write() as connection:
        runs.go_on(connection, "run-1", NOW + 6 * MINUTE)
    assert advanced(here, NOW + 7 * MINUTE) == (Stage.REST, None)


def test_what_happens_inside_a_confidential_agency_stops_nothing(here: Database) -> None:
    """Ninety of its own escalations, reminders to anybody, practice, and news from outside a rung."""
    ordered(here)
    notices(here, 90, NOW + MINUTE, "inside", owner="advocacy")
    notices(here, 90, NOW + MINUTE, "remind", how="remind")
    notices(here, 90, NOW + MINUTE, "plain", rung=None)
    assert advanced(here, NOW + 5 * MINUTE) == (Stage.FIRST, None)
    notices(here, 12, NOW + MINUTE, "outside", owner="advocacy", outside=True, rung=None)
    assert advanced(here, NOW + 5 * MINUTE) == (Stage.STOPPED, Because.ESCALATIONS)


def test_refused_answers_stop_it(here: Database) -> None:
    """Four of twenty are a fifth and stop nothing, five do; what was refused before somebody let it go on is past."""
    ordered(here)
    with here.write() as connection:
        watched.answered(connection, SLUG, runs.UNDER_WAY, 20, 4)
        watched.answered(connection, "another", runs.UNDER_WAY, 20, 20)
    assert advanced(here, NOW + MINUTE) == (Stage.FIRST, None)
    with here.write() as connection:
        watched.answered(connection, SLUG, runs.UNDER_WAY, 4, 1)
        assert connection.execute(select(migration_run.c.answers, migration_run.c.refused)).one() == (24, 5)
    assert advanced(here, NOW + MINUTE) == (Stage.STOPPED, Because.REFUSED)
    with here.write() as connection:
        runs.go_on(connection, "run-1", NOW + MINUTE)
    assert advanced(here, NOW + 2 * MINUTE) == (Stage.REST, None)


def test_a_broken_law_stops_it_at_the_first_case(here: Database) -> None:
    """Also while it waits; a hindered case among many stops nothing."""
    ordered(here)
    became(here, 3, Outcome.MOVED, NOW + MINUTE)
    became(here, 1, Outcome.HINDERED, NOW + MINUTE, code="STEP_GONE")
    assert advanced(here, NOW + 2 * MINUTE) == (Stage.WAITING, None)
    with here.write() as connection:
        first = migration_item.c.result == Outcome.MOVED.value
        connection.execute(update(migration_item).where(first).values(code=BROKEN))
    assert advanced(here, NOW + 3 * MINUTE) == (Stage.STOPPED, Because.LAW)


def test_the_rest_waits_for_the_first_cases_to_go_on_as_others_see_them(here: Database) -> None:
    """An answer inside a confidential agency is none; after the time that the plan gives it stops."""
    ordered(here, first={"gone on": 2, "at most": 2 * 3600})
    became(here, 4, Outcome.MOVED, NOW, kind="safe")
    assert advanced(here, NOW + MINUTE) == (Stage.WAITING, None)
    waited = NOW + MINUTE + HOUR
    said = {"at": waited, "recorded": waited, "protocol_hash": "f" * 64, "body": "{}", "kind": "step-ended"}

    def answered(number: int, **more: Any) -> None:
        item = migration_item.c
        with here.write() as connection:
            first = connection.execute(select(item.case_id).where(item.first).order_by(item.case_id)).scalars().all()
            rows = [
                {"case_id": each, "seq": 9 + len(more), "outside": False, **said, **more} for each in first[:number]
            ]
            connection.execute(insert(tables.fact), rows)

    answered(4, owner="advocacy")
    answered(1)
    assert advanced(here, waited) == (Stage.WAITING, None)
    assert advanced(here, NOW + MINUTE + 2 * HOUR) == (Stage.STOPPED, Because.NOT_GONE_ON)
    with here.write() as connection:
        connection.execute(update(migration_run).values(stage=Stage.WAITING.value, waits_until=waited, because=None))
        connection.execute(delete(tables.fact).where(tables.fact.c.owner.is_(None)))
    answered(2)
    assert advanced(here, waited) == (Stage.REST, None)


def test_a_site_without_a_past_has_no_usual(database: Database) -> None:
    """No escalation is usual where there was no case."""
    with database.read() as connection:
        assert watched.usual(connection, SLUG, NOW) == 0.0
        assert protocols.versions(connection) == ()
