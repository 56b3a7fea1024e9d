"""The board: what is stuck, in which order, and counts of every pair; of a confidential agency what all may know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event, func, insert, or_, select, update

from protocol.messages import TakeUp
from protocol.state import Instant
from store import board, tables
from store.board import Pair
from store.labels import UNTAKEN
from store.paging import Cursor
from store.policy import Subject
from store.policy.tables import shield
from store.session import Database
from tests.store.streams import HOUR, MINUTE, START, Play, actor, advocacy, publish, store, wander
from tests.store.test_reads import given
from tests.store.worlds import subject

COORDINATOR = subject(advocacy(), "coordinator")


@pytest.fixture
def plays(database: Database) -> list[Play]:
    """Three referred cases, half an hour apart, of which the first and the second wait for advocacy for too long."""
    made = [given(f"case-{n}", START + n * 30 * MINUTE) for n in range(3)]
    hash_ = publish(database)
    for each in made:
        each.until(START + 100 * MINUTE)
        store(database, each, hash_)
    return made


def looked(
    database: Database, who: Subject = COORDINATOR, cursor: Cursor | None = None, **asked: object
) -> board.Board:
    """The board at the hundredth minute."""
    with database.read() as connection:
        return board.board(connection, who, START + 100 * MINUTE, cursor=cursor, **asked)  # type: ignore[arg-type]


def test_what_is_stuck_comes_first_and_the_longest_stuck_before_it(database: Database, plays: list[Play]) -> None:
    """Not taken up in time: by when that was told; what is open and not stuck comes after."""
    found = looked(database).rows
    stuck = [each for each in found if each.stuck_at is not None]
    assert [each.task.case_id for each in stuck] == ["case-0", "case-1"]
    assert [each.stuck_at for each in stuck] == sorted(each.stuck_at or 0 for each in stuck)
    assert found[: len(stuck)] == tuple(stuck)
    assert {each.task.step for each in found[len(stuck) :]} == {"custody-check", "hearing-report"}


def test_every_pair_is_counted_whatever_is_filtered(database: Database, plays: list[Play]) -> None:
    """Counts are of the database, and no page's."""
    pairs = (
        Pair(from_agency="police", agency="advocacy", open=3, stuck=2),
        Pair(from_agency="police", agency="court", open=3, stuck=0),
    )
    assert looked(database).pairs == pairs
    assert looked(database, limit=1, stuck=True, agency="court").pairs == pairs


def test_pages_leave_nothing_out_and_repeat_nothing(database: Database, plays: list[Play]) -> None:
    """From what is stuck into what is not."""
    ids, cursor = [], None
    while True:
        found = looked(database, cursor=cursor, limit=1)
        ids += [each.task.id for each in found.rows]
        cursor = found.next
        if cursor is None:
            break
    assert ids == [each.task.id for each in looked(database).rows]
    assert len(ids) == len(set(ids)) == 6


def test_a_task_knows_when_it_was_first_told_to_be_untaken(database: Database, plays: list[Play]) -> None:
    """What the projector keeps beside a task is the time of the first telling that others may know of, or none."""
    known = tables.notice.c
    with database.read() as connection:
        tasks = connection.execute(select(tables.task).where(tables.task.c.untaken_at.is_not(None))).all()
        told = connection.execute(
            select(known.case_id, known.instance, func.min(known.at).label("at"))
            .where(known.why.in_(UNTAKEN), or_(known.outside, known.owner.is_(None)))
            .group_by(known.case_id, known.instance)
        ).all()
    assert {(e.case_id, e.instance): e.untaken_at for e in tasks} == {(e.case_id, e.instance): e.at for e in told} != {}


def test_what_is_not_stuck_is_read_in_the_order_of_its_index(fresh: Callable[[], Database]) -> None:
    """Of thousands of open handoffs SQLite reads those of one page, and puts none of the others in order."""
    _, steps = planned(fresh)
    first = next(number for number, each in enumerate(steps) if "ix_task_waiting" in each)
    assert "owner=?" in steps[first]
    # Up to the next leg: that of the subject's own secrets.
    leg = steps[first : steps.index("UNION ALL", first)]
    assert not any("ORDER BY" in each for each in leg)


def test_what_nobody_took_up_is_read_in_the_order_of_its_index(fresh: Callable[[], Database]) -> None:
    """Of those too only what a page shows: the last leg of what is stuck, whose rows are put in order with no other."""
    steps, _ = planned(fresh)
    leg = steps[next(number for number, each in enumerate(steps) if "ix_task_untaken " in each) :]
    assert [each for each in leg if "ORDER BY" in each] == ["USE TEMP B-TREE FOR ORDER BY"]


def planned(fresh: Callable[[], Database]) -> tuple[list[str], list[str]]:
    """How SQLite means to find the first of what is stuck, and of what is not."""
    said: list[tuple[str, Any]] = []

    def listen(_connection: object, _cursor: object, statement: str, given: object, *_rest: object) -> None:
        said.append((statement, given))

    with fresh().read() as connection:
        event.listen(connection, "before_cursor_execute", listen)
        board.board(connection, COORDINATOR, START)
        stuck, rest = (each for each in list(said) if "count(*)" not in each[0] and "ORDER BY" in each[0])
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {each[0]}", each[1]).all() for each in (stuck, rest)]
    first, second = ([row.detail for row in plan] for plan in plans)
    return first, second


@pytest.mark.parametrize("seed", range(3))
def test_what_is_counted_is_what_the_pages_show(fresh: Callable[[], Database], seed: int) -> None:
    """Whoever looks, whoever is kept out of a case, with practice and without: pair by pair, and of them the stuck."""
    protocol, database = advocacy(), fresh()
    hash_ = publish(database)
    plays = [wander(protocol, 10 * seed + n, f"case-{n}") for n in range(8)]
    for each in plays:
        store(database, each, hash_)
    whole = [subject(protocol, each.id) for each in protocol.roles]
    agree(database, whole, max(fact.recorded for each in plays for fact in each.facts))
    with database.write() as connection:
        connection.execute(update(tables.case_file).where(tables.case_file.c.case_id == "case-7").values(practice=True))
        kept_out = {"case_id": "case-6", "reason": "self", "by_person": "somebody", "by_agency": "police", "at": START}
        connection.execute(insert(shield), [{**kept_out, "person_id": each.person_id} for each in whole[::2]])
    agree(database, whole, max(fact.recorded for each in plays for fact in each.facts))


def agree(database: Database, whole: list[Subject], now: Instant) -> None:
    """For each of them and practice or not: the counts are of the rows of all pages."""
    for who, practice in product(whole, (False, True)):
        with database.read() as connection:
            pages = [board.board(connection, who, now, practice=practice, limit=5)]
            while pages[-1].next is not None:
                again = board.board(
                    connection, who, now, practice=practice, counted=False, cursor=pages[-1].next, limit=5
                )
                pages.append(again)
        rows = [each for page in pages for each in page.rows]
        shown = Counter((each.task.from_agency, each.task.agency) for each in rows)
        stuck = Counter((each.task.from_agency, each.task.agency) for each in rows if each.stuck_at is not None)
        counted = pages[0].pairs
        assert {(each.from_agency, each.agency): each.open for each in counted} == shown
        assert {(each.from_agency, each.agency): each.stuck for each in counted if each.stuck} == stuck


def test_what_is_taken_up_is_stuck_no_more(database: Database, plays: list[Play]) -> None:
    """However late it was, and whatever becomes of it inside: others count it as open for two weeks."""
    play = plays[0]
    (instance,) = play.live("custody-check")
    assert play.do(actor(advocacy(), instance.owners[0]), TakeUp(instance=instance.n), START + 100 * MINUTE) is None
    store(database, play, publish(database))
    assert [each.task.case_id for each in looked(database, stuck=True).rows] == ["case-1"]
    assert looked(database).pairs[0].open == 3


def test_whoever_does_not_coordinate_sees_the_pairs_of_their_agency(database: Database, plays: list[Play]) -> None:
    """A court's clerk sees what the court owes, and not how long police wait for advocacy."""
    found = looked(database, subject(advocacy(), "clerk"))
    assert [(each.from_agency, each.agency) for each in found.pairs] == [("police", "court")]
    assert {each.task.agency for each in found.rows} == {"court"}


def test_an_outage_is_told_by_what_went_late(database: Database) -> None:
    """A notice that went hours after its time says so; of what went in time nothing is said."""
    play = given()
    hash_ = publish(database)
    store(database, play, hash_)
    with database.read() as connection:
        assert board.outage(connection, COORDINATOR, START + 5 * HOUR) is None
    (report,) = play.live("hearing-report")
    assert play.do(actor(advocacy(), "clerk"), TakeUp(instance=report.n), START + 4 * HOUR) is None
    store(database, play, hash_)
    with database.read() as connection:
        found = board.outage(connection, COORDINATOR, START + 5 * HOUR)
    assert found is not None
    assert found.n >= 1
    assert found.until - found.since > HOUR
