"""What rehearsals learn of a site's facts: settled months, each role by what others may know, nothing of practice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, update

from protocol.engine import clocks
from protocol.rehearsal.habits import Habits
from protocol.rehearsal.learning import Learned, learn
from store import demonstration, habits, people, rotas, tables
from store.session import Database
from tests.store.streams import HOUR, MINUTE, SLUG, advocacy, publish

ZONE = advocacy().zone
NOW = clocks.instant(datetime(2026, 6, 11, 12, tzinfo=UTC))
MARCH = clocks.instant(datetime(2026, 3, 2, 15, tzinfo=UTC))
JUNE = clocks.instant(datetime(2026, 6, 2, 15, tzinfo=UTC))


def rows(database: Database, number: int, step: str, at: int, name: str = "a", **more: Any) -> None:
    """So many cases with one handoff of a step each, an hour apart; answered 30 to 60 minutes later unless told."""
    text = advocacy()
    agency = text.step[step].agency
    owner = agency if text.agency[agency].confidential else None
    found: list[dict[str, Any]] = [{"id": f"{name}-{each}", "at": at + each * HOUR} for each in range(number)]
    hash_ = publish(database, text)
    with database.write() as connection:
        connection.execute(insert(tables.case_file), [
            {"case_id": e["id"], "code": e["id"], "slug": SLUG, "protocol_hash": hash_, "status": "open",
             "opened_at": e["at"], "recorded_at": e["at"], "seq": 1, "practice": False, "ahead": 0} for e in found
        ])  # fmt: skip
        connection.execute(insert(tables.task), [
            {"case_id": e["id"], "instance": 1, "id": e["id"], "step": step, "lane": step, "agency": agency,
             "owner": owner, "outside": owner is not None, "from_agency": "police", "status": "ended",
             "cause": "event:x", "round": 1, "ordinal": 1, "held": False, "receipt": False, "short_notice": False,
             "tries": 0, "delivered_at": e["at"], "due_at": e["at"] + 2 * HOUR, "on_time": n % 5 > 0,
             "taken_at": e["at"] + 10 * MINUTE, "ending": "answered",
             "ended_at": e["at"] + (30 + n % 31) * MINUTE, **more} for n, e in enumerate(found)
        ])  # fmt: skip


def shared(database: Database) -> None:
    """Three people of each role."""
    with database.write() as connection:
        demonstration.seed(connection, advocacy())
        for role, agency in (("patrol", "police"), ("advocate", "advocacy")):
            for number in range(3):
                people.add_person(connection, name=f"{role} {number}", agency_id=agency, roles=(role,))


def learned(database: Database, now: int = NOW, declared: Habits | None = None) -> Learned:
    with database.read() as connection:
        past = habits.past(connection, SLUG, now)
    return learn(past, declared or Habits(), ZONE, ["patrol", "advocate"])


def test_a_role_is_learned_from_settled_months(database: Database) -> None:
    """Take-up 10 minutes, answers 44 in the middle; the text in force is compared with how it was kept."""
    shared(database)
    rows(database, 120, "referral", MARCH)
    found = learned(database)
    patrol = found.habits.roles["patrol"]

    assert found.months == ("2025-06", "2026-05")
    assert (patrol.takes_up and patrol.takes_up.usual, patrol.answers and patrol.answers.usual) == (600, 44 * 60)
    assert [(each.role, each.takes_up, each.answers) for each in found.roles] == [("patrol", 120, 120)]
    seen = found.habits.steps["referral"].seen
    assert seen is not None
    assert (seen.of, seen.on_time) == (120, 0.8)


def test_what_came_this_month_or_in_practice_teaches_nothing(database: Database) -> None:
    """Not before the month is over for ten days, when figures of it are told too; of practice never."""
    shared(database)
    rows(database, 120, "referral", JUNE)
    assert learned(database).roles == ()
    rows(database, 120, "referral", MARCH, "b")
    with database.write() as connection:
        connection.execute(update(tables.case_file).values(practice=True))
    assert learned(database).roles == ()


def test_of_a_confidential_agency_nothing_that_happened_inside_is_read(database: Database) -> None:
    """However its answers went, what is learned is the same to the byte: its take-up."""
    shared(database)
    rows(database, 120, "custody-check", MARCH)
    before = learned(database)
    with database.write() as connection:
        inside = {"ended_at": None, "ending": None, "on_time": None, "status": "open", "person": "x"}
        connection.execute(update(tables.task).values(inside))

    assert [(each.role, each.takes_up, each.answers) for each in before.roles] == [("advocate", 120, None)]
    assert before.habits.steps["custody-check"].seen is None
    assert learned(database) == before


def test_its_steps_that_nobody_outside_opened_are_not_read(database: Database) -> None:
    """How soon it takes up what it gave itself is its own."""
    shared(database)
    rows(database, 120, "first-call", MARCH, outside=False)
    assert learned(database).roles == ()


def test_a_duty_that_was_never_answered_counts_as_waiting(database: Database) -> None:
    """A ladder's end, or a withdrawal, is nobody's answer: with most of them open no middle is known."""
    shared(database)
    rows(database, 60, "referral", MARCH)
    rows(database, 120, "referral", MARCH, "b", ending="rung", ended_at=MARCH + 1_000 * HOUR)
    (patrol,) = learned(database).roles
    assert (patrol.takes_up, patrol.answers) == (180, None)
    assert learned(database).habits.roles["patrol"].answers is None


def test_the_rota_says_how_many_are_at_work_unless_they_are_a_confidential_agency_s(database: Database) -> None:
    """Three of police on three shifts; as many of advocacy, whose staffing is its own to say."""
    shared(database)
    publish(database, advocacy())
    declared = Habits.model_validate({"roles": {"patrol": {"staff": 9}, "advocate": {"staff": 9}}})
    with database.write() as connection:
        for role, agency in (("patrol", "police"), ("advocate", "advocacy")):
            (*some,) = (each.id for each in people.people(connection, agency_id=agency) if role in each.roles)
            for week in range(1, 9):
                for person in some[:3]:
                    begins = NOW - week * 7 * 24 * HOUR
                    rotas.add_duty(connection, role, person, begins, begins + 7 * 24 * HOUR)
    found = learned(database, declared=declared)

    assert dict(found.habits.roles["patrol"].shifts) == dict.fromkeys(("00-06", "06-12", "12-18", "18-24"), 3)
    assert found.habits.roles["advocate"].shifts == {}
    assert [(each.role, each.staff) for each in found.roles] == [("patrol", True)]
