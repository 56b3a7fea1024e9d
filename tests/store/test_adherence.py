"""A look at a change of text counts each case on the side of the text it ran on, in whole weeks, as figures may."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert

from protocol.council.learning import Verdict
from protocol.errors import HandoffError
from store import adherence, protocols, tables
from store.session import Database
from tests.store.streams import MINUTE, SLUG, START, advocacy
from tests.store.test_figures import ADVOCATE, COUNCIL

WEEK = adherence.WEEK
NUMBER = 7
A_WEEK = 60


def in_force(database: Database) -> tuple[str, str]:
    """Two versions; a revision put the later one in force 26 weeks after the earlier. Their hashes."""
    first = advocacy()
    second = replace(first, steps=(replace(first.steps[0], due=None), *first.steps[1:]))
    with database.write() as connection:
        said = {"published_by": "council-1", "published_at": START}
        was = protocols.publish(connection, first, "first", **said)  # type: ignore[arg-type]
        said["published_at"] = START + 26 * WEEK
        is_ = protocols.publish(connection, second, "second", revision=NUMBER, **said)  # type: ignore[arg-type]
    return was.hash, is_.hash


def weeks(database: Database, hash_: str, first: int, count: int, part: float, *, moved: bool = False) -> None:
    """So many weeks of referrals on a text, each answered in time by chance."""
    chance = Random(f"{hash_} {first} {moved}")
    cases: list[dict[str, Any]] = []
    for week in range(first, first + count):
        for number in range(A_WEEK):
            at = START + week * WEEK + number * 100 * MINUTE
            cases.append({"id": f"{hash_[:4]}-{week}-{number}{'-m' * moved}", "at": at, "kept": chance.random() < part})
    with database.write() as connection:
        connection.execute(insert(tables.case_file), [
            {"case_id": e["id"], "code": f"{hash_[0]}{moved:d}{n:06}", "slug": SLUG, "protocol_hash": hash_,
             "status": "open", "opened_at": e["at"], "recorded_at": e["at"], "seq": 1} for n, e in enumerate(cases)
        ])  # fmt: skip
        connection.execute(insert(tables.task), [
            {"case_id": e["id"], "instance": 1, "id": f"{e['id']}", "step": "referral", "lane": "referral",
             "agency": "police", "outside": False, "from_agency": "court", "status": "ended", "cause": "event:x",
             "round": 1, "ordinal": 1, "held": False, "receipt": False, "short_notice": False, "tries": 0,
             "delivered_at": e["at"], "due_at": e["at"] + MINUTE, "on_time": e["kept"]} for e in cases
        ])  # fmt: skip
        if moved:
            connection.execute(insert(tables.fact), [
                {"case_id": e["id"], "seq": 1, "at": e["at"], "recorded": e["at"], "kind": adherence.MOVED,
                 "protocol_hash": hash_, "body": "{}", "outside": False} for e in cases
            ])  # fmt: skip


def test_a_planted_change_is_found_and_cases_moved_midway_count_on_neither_side(database: Database) -> None:
    """Five points more after half a year; cases that crossed, all late, do not hide it."""
    was, is_ = in_force(database)
    weeks(database, was, 0, 26, 0.85)
    weeks(database, is_, 26, 26, 0.90)
    weeks(database, is_, 26, 10, 0.0, moved=True)
    with database.read() as connection:
        found = adherence.looked(connection, COUNCIL, NUMBER, START + 52 * WEEK)
        (look,) = found.looks

    assert (found.versions, look.step, look.confidential) == ((1, 2), "referral", False)
    assert (look.learned.verdict, look.learned.weeks, look.learned.due) == (Verdict.MORE, 26, (1560, 1560))
    assert look.learned.low is not None
    assert look.learned.high is not None
    assert look.learned.low < 5 < look.learned.high


def test_after_seven_weeks_it_is_too_early(database: Database) -> None:
    """Whatever the seven weeks hold: no figure, and only whole weeks count."""
    was, is_ = in_force(database)
    weeks(database, was, 0, 26, 0.85)
    weeks(database, is_, 26, 8, 0.90)
    with database.read() as connection:
        (look,) = adherence.looked(connection, COUNCIL, NUMBER, START + 34 * WEEK - 1).looks

    assert (look.learned.verdict, look.learned.weeks, look.learned.points) == (Verdict.TOO_EARLY, 7, None)


def test_a_look_is_for_those_who_may_read_figures_and_needs_a_text_before(database: Database) -> None:
    """An advocate is told that figures are not theirs; a revision that changed nothing in force has no before."""
    in_force(database)
    with database.read() as connection:
        for who, number, code in ((ADVOCATE, NUMBER, "NOT_YOURS"), (COUNCIL, 8, "NOTHING_BEFORE")):
            with pytest.raises(HandoffError) as caught:
                adherence.looked(connection, who, number, START + 52 * WEEK)
            assert caught.value.code == code
