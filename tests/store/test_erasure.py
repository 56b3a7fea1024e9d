"""Parts of cases erased: what goes, what stays, what others see of it, and that no crash changes the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from protocol.errors import HandoffError
from store import cases, escalations, handoffs, inbox, intake, tables, timeline, vault
from store.custodian.local import CustodianProcess, LocalCustodian
from store.custodian.port import Grant, Item
from store.edge_tables import vault_record, vault_value
from store.erasure import due, holds, orders
from store.erasure.carrying import KEYS_BACKED_UP_FOR, NAME, Means, carry_out, sweep
from store.erasure.records import Ground, HoldReason, Order, Stage
from store.erasure.tables import look
from store.figures import Figure, figures
from store.keyring import CODEC, engagement, shred
from store.policy import Subject
from store.rebuild import fingerprint, rebuild
from store.session import Database
from tests.store.ended import (
    ADVOCACY_LEAD,
    ADVOCATE,
    CLERK,
    COORDINATOR,
    DAY,
    PATROL,
    Clock,
    ended,
    everything,
    means,
    refs_of,
)
from tests.store.streams import START

LATER = START + 3000 * DAY


@pytest.fixture(scope="module")
def process() -> Iterator[CustodianProcess]:
    with tempfile.TemporaryDirectory() as folder, CustodianProcess(Path(folder) / "keys", Path(folder)) as made:
        yield made


@pytest.fixture
def custodian(process: CustodianProcess) -> LocalCustodian:
    return process.custodian


@pytest.fixture
def clock() -> Clock:
    return Clock(START + 410 * DAY)


@pytest.fixture
def made(database: Database, tmp_path: Path, custodian: LocalCustodian, clock: Clock) -> Means:
    return means(database, tmp_path, custodian, clock)


def orders_of(database: Database) -> dict[str, Order]:
    with database.read() as connection:
        return {each.part: each for each in orders.unfinished(connection)}


def ordered(
    database: Database,
    subject: Subject = ADVOCACY_LEAD,
    ground: Ground = Ground.REQUEST,
    case_id: str = "case-1",
) -> list[Order]:
    with database.write() as connection:
        return list(orders.requested(connection, subject, case_id, ground, START + 405 * DAY, None))


def totals(database: Database) -> tuple[Figure, ...]:
    """How agencies kept their word, in totals."""
    with database.read() as connection:
        return figures(connection, COORDINATOR, START - DAY, START + 500 * DAY)


def stages_of(database: Database, order: Order) -> list[Stage]:
    with database.read() as connection:
        found = orders.stages(connection, order.id)
    return [each for each in Stage if each in found]


def seen(database: Database, who: Subject) -> dict[str, Any]:
    """Everything the screens say to somebody about the case."""
    now = START + 405 * DAY
    with database.read() as connection:
        return {
            "case": cases.one(connection, who, "case-1"),
            "cases": cases.recent(connection, who),
            "timeline": timeline.timeline(connection, who, "case-1"),
            "escalations": escalations.escalations(connection, who),
            "handoffs": handoffs.handoffs(connection, who, now),
            "inbox": inbox.inbox(connection, who, whole_agency=True),
        }


@pytest.mark.parametrize(("call", "weeks"), [("talked", 6 * 52), ("declined", 6), ("not-reached", 26)])
def test_a_part_is_ordered_when_the_time_of_its_class_has_passed(
    database: Database, custodian: LocalCustodian, call: str, weeks: int
) -> None:
    """T11: declined 6 weeks, never reached 6 months, served 6 years; not a day before."""
    play = ended(database, custodian, call=call, seed=3)
    end = max(each.recorded for each in play.facts)
    due.order_due(database, end)
    with database.read() as connection:
        kept = due.kept(connection, "case-1", "advocacy")
    assert kept is not None
    assert kept.kept.id == {"talked": "served", "declined": "reached", "not-reached": "never-reached"}[call]
    assert abs(kept.until - end - weeks * 7 * DAY) < 40 * DAY
    due.order_due(database, kept.until - 1)
    assert "advocacy" not in orders_of(database)
    assert due.order_due(database, kept.until) >= 1
    assert orders_of(database)["advocacy"].ground is Ground.CLASS
    assert due.order_due(database, kept.until) == 0


def test_what_is_written_down_to_look_again_does_not_depend_on_the_class(fresh: Any, custodian: LocalCustodian) -> None:
    """Two cases that differ in their outcomes alone pass the same times, counted from their ends."""
    weeks = []
    for call in ("not-reached", "talked"):
        database = fresh()
        end = max(each.recorded for each in ended(database, custodian, call=call, seed=3).facts)
        due.order_due(database, end)
        with database.read() as connection:
            wanted = select(look.c.look_at).where(look.c.part == "advocacy")
            weeks.append((connection.execute(wanted).scalar_one() - end) // (7 * DAY))
    assert weeks == [6, 6]


async def test_an_erased_part_is_gone_and_its_keeper_cannot_open_it(
    database: Database, made: Means, custodian: LocalCustodian
) -> None:
    """Values, records and engagement leave the database; a row kept aside does not open; each stage is written down."""
    ended(database, custodian)
    refs = refs_of(database)
    assert refs
    with database.read() as connection:
        items = vault.items_of(connection, "advocacy", "case-1", refs)
    (order,) = ordered(database)
    assert await carry_out(made, order) is Stage.KEYS

    assert stages_of(database, order) == list(Stage)[:-1]
    with database.read() as connection:
        left = [connection.execute(select(func.count()).select_from(each)).scalar_one()
                for each in (vault_value, vault_record)]  # fmt: skip
        inner = connection.execute(
            select(func.count()).where(tables.fact.c.owner == "advocacy", ~tables.fact.c.outside)
            .where(tables.fact.c.kind.not_in(("part-erased", "case-ended", "step-scheduled", "step-cancelled")))
        ).scalar_one()  # fmt: skip
    assert (left, inner, refs_of(database)) == ([0, 0], 0, [])
    with pytest.raises(HandoffError, match="VALUE_FORGOTTEN"):
        custodian.open(Grant(person="advocate-1", agency="advocacy"), "task", _some(items))
    gone = {each: made.keys.shredded("case-1", each) for each in (CODEC, engagement("advocacy"), NAME)}
    assert gone == {CODEC: True, engagement("advocacy"): True, NAME: False}
    assert made.keys.shredded("case-1", shred("advocacy", "advocacy"))


def _some(items: list[Item]) -> list[Item]:
    assert items
    return items


@pytest.mark.parametrize("who", [PATROL, CLERK, COORDINATOR], ids=lambda who: who.roles[0])
@pytest.mark.parametrize("call", ["talked", "declined", "not-reached"])
async def test_nobody_else_sees_that_a_confidential_part_was_erased(
    database: Database, made: Means, custodian: LocalCustodian, who: Subject, call: str
) -> None:
    """Lists, tasks with their ids, times, numbers, escalations and the timeline are what they were, to the byte."""
    ended(database, custodian, call=call, seed=5)
    before = seen(database, who)
    (order,) = ordered(database)
    await carry_out(made, order)

    assert Stage.VALUES in stages_of(database, order)
    assert seen(database, who) == before


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happened_inside_nobody_else_sees_that_it_was_erased(
    fresh: Any, tmp_path: Path, custodian: LocalCustodian, clock: Clock, seed: int
) -> None:
    """I13: cases driven by chance; screens of outsiders are the same, and a rebuild gives them again."""
    database = fresh()
    ended(database, custodian, call="by-chance", seed=seed)
    before = [seen(database, who) for who in (PATROL, CLERK, COORDINATOR)]
    (order,) = ordered(database)
    await carry_out(means(database, tmp_path, custodian, clock), order)

    assert [seen(database, who) for who in (PATROL, CLERK, COORDINATOR)] == before
    report = rebuild(database)
    assert report.before == report.after


async def test_with_the_last_part_goes_what_tells_how_the_case_was_reported(
    database: Database, made: Means, custodian: LocalCustodian
) -> None:
    """The number's hash and the case's name go with the fourth of four agencies, not before."""
    ended(database, custodian)
    with database.write() as connection:
        intake.remember(connection, b"k" * 32, "police", "2026-1", "case-1", START)
    found = [*ordered(database, CLERK, Ground.NON_CONVICTION), *ordered(database)]
    known = []
    for order in found:
        await carry_out(made, order)
        with database.read() as connection:
            known.append(intake.find(connection, b"k" * 32, "police", "2026-1"))
    assert known == ["case-1", "case-1", "case-1", None]
    assert made.keys.shredded("case-1", NAME)
    with database.read() as connection:
        kept = intake.recorded(connection, "case-1")
    assert kept is not None
    assert (kept.ended, kept.events) == (True, frozenset())


async def test_the_agency_itself_sees_that_it_handed_over_and_took_up_and_nothing_more(
    database: Database, made: Means, custodian: LocalCustodian
) -> None:
    """No task of it is open, none says how it ended, and no value is named."""
    ended(database, custodian)
    (order,) = ordered(database)
    await carry_out(made, order)
    found = seen(database, ADVOCACY_LEAD)

    assert found["inbox"].rows == ()
    assert found["case"].slots == ()
    own = [each for each in found["case"].tasks if each.agency == "advocacy"]
    assert {(each.status, each.outcome, each.on_time, each.person, each.due_at) for each in own} == {
        ("ended", None, None, None, None)
    }


@pytest.mark.parametrize("ground", [Ground.REQUEST, Ground.NON_CONVICTION])
async def test_figures_are_the_same_before_and_after(
    database: Database, made: Means, custodian: LocalCustodian, ground: Ground
) -> None:
    """S15, must-show 8: what was counted stays counted, and the screens can still be built again from facts."""
    for number in range(6):
        call = ("talked", "declined", "not-reached")[number % 3]
        ended(database, custodian, f"case-{number}", call=call, seed=number)
    before = totals(database)
    assert {each.kept for each in before} != {None}
    for number in range(6):
        who = ADVOCACY_LEAD if ground is Ground.REQUEST else CLERK
        for order in ordered(database, who, ground, f"case-{number}"):
            await carry_out(made, order)

    assert totals(database) == before
    with database.read() as connection:
        printed = fingerprint(connection)
    assert rebuild(database).after == printed


async def test_no_conviction_erases_the_parts_of_police_and_court_and_no_other(
    database: Database, made: Means, custodian: LocalCustodian
) -> None:
    """T12: one word of the court's lead; what they all saw goes too, what advocacy has stays as it was."""
    ended(database, custodian)
    before = [each for each in seen(database, ADVOCATE)["case"].tasks if each.agency == "advocacy"]
    refs = refs_of(database)
    found = ordered(database, CLERK, Ground.NON_CONVICTION)
    assert {each.part for each in found} == {"police", "jail", "court"}
    for order in found:
        await carry_out(made, order)
    after = seen(database, ADVOCATE)

    assert [each for each in after["case"].tasks if each.agency == "advocacy"] == before
    assert refs_of(database) == refs
    assert [each.field for each in after["case"].fields if each.field in ("first-appearance", "spoken-language")] == []
    police = [each for each in seen(database, PATROL)["case"].tasks if each.agency in ("police", "court")]
    assert {(each.status, each.outcome, each.person) for each in police} <= {("ended", None, None)}
    with pytest.raises(HandoffError, match="GROUND"):
        ordered(database, ADVOCACY_LEAD, Ground.NON_CONVICTION)


async def test_a_hold_stops_an_order_until_it_is_lifted(
    database: Database, made: Means, custodian: LocalCustodian
) -> None:
    """While it stands nothing is removed; lifted, the order goes on where it was."""
    ended(database, custodian)
    now = START + 404 * DAY
    with database.write() as connection:
        hold = holds.check(connection, ADVOCACY_LEAD, "case-1", HoldReason.SUBPOENA, now + 30 * DAY, now)
        holds.put(connection, hold, "supervisor-1", None)
    (order,) = ordered(database)
    before = everything(database)
    assert await carry_out(made, order) is None
    assert everything(database) == before
    assert made.register.entries() == ()
    with database.write() as connection:
        assert holds.to_review(connection, now + 31 * DAY) == {"advocacy": 1}
        kept = holds.keep(connection, ADVOCACY_LEAD, hold.id, now + 60 * DAY, None, now + 31 * DAY)
        assert holds.to_review(connection, now + 31 * DAY) == {}
        assert holds.of_agency(connection, "advocacy") == (kept,)
        holds.lift(connection, ADVOCACY_LEAD, hold.id, None, now + 40 * DAY)
        assert [each.act for each in holds.acts(connection, hold.id)] == ["set", "kept", "lifted"]
    assert await carry_out(made, order) is Stage.KEYS


def test_who_may_hold_and_order_and_when_is_said_by_a_code(database: Database, custodian: LocalCustodian) -> None:
    """Only a lead or the steward of an agency with a part, within a year, once, and what is there to hold."""
    ended(database, custodian)
    now = START + 404 * DAY
    stranger = replace(ADVOCACY_LEAD, agency="hospital")
    tries: list[tuple[Subject, str, int, str]] = [
        (ADVOCATE, "case-1", 30, "NOT_YOURS"),
        (stranger, "case-1", 30, "NOT_FOUND"),
        (ADVOCACY_LEAD, "case-9", 30, "NOT_FOUND"),
        (ADVOCACY_LEAD, "case-1", 0, "HOLD_REVIEW"),
        (ADVOCACY_LEAD, "case-1", 367, "HOLD_REVIEW"),
    ]
    for who, case, days, code in tries:
        with pytest.raises(HandoffError, match=code), database.write() as connection:
            holds.check(connection, who, case, HoldReason.OTHER, now + days * DAY, now)
    steward = replace(ADVOCATE, roles=("advocate", "steward"))
    with database.write() as connection:
        holds.put(
            connection,
            holds.check(connection, steward, "case-1", HoldReason.OTHER, now + DAY, now),
            "advocate-1",
            None,
        )
    with pytest.raises(HandoffError, match="ALREADY_HELD"), database.write() as connection:
        holds.check(connection, ADVOCACY_LEAD, "case-1", HoldReason.OTHER, now + DAY, now)
    for who, ground, code in ((ADVOCATE, Ground.REQUEST, "NOT_YOURS"), (ADVOCACY_LEAD, Ground.CLASS, "GROUND")):
        with pytest.raises(HandoffError, match=code):
            ordered(database, who, ground)


async def test_what_was_erased_cannot_be_held(database: Database, made: Means, custodian: LocalCustodian) -> None:
    """A hold comes too late, and says so."""
    ended(database, custodian)
    (order,) = ordered(database)
    await carry_out(made, order)
    now = START + 406 * DAY
    with pytest.raises(HandoffError, match="ALREADY_ERASED"), database.write() as connection:
        holds.check(connection, ADVOCACY_LEAD, "case-1", HoldReason.OTHER, now + DAY, now)


async def test_an_order_is_complete_when_the_last_backup_of_the_keys_is_gone(
    database: Database, made: Means, custodian: LocalCustodian, clock: Clock
) -> None:
    """Seven days after the keys were destroyed, not before."""
    ended(database, custodian)
    (order,) = ordered(database)
    await carry_out(made, order)
    clock.at += KEYS_BACKED_UP_FOR - 1
    assert await sweep(made) == 0
    assert Stage.COMPLETE not in stages_of(database, order)
    clock.at += 1
    assert await sweep(made) == 0
    assert (Stage.COMPLETE in stages_of(database, order), orders_of(database)) == (True, {})


async def test_an_order_waits_for_whoever_is_away(
    database: Database, made: Means, custodian: LocalCustodian, tmp_path: Path
) -> None:
    """Without the custodian the order stops before its receipt and says so; with it, it goes on."""
    ended(database, custodian)
    (order,) = ordered(database)
    away = replace(made, custodian=LocalCustodian(tmp_path))
    assert await sweep(away) == 1
    assert stages_of(database, order)[-1] is Stage.VALUES
    assert await sweep(made) == 0
    assert stages_of(database, order)[-1] is Stage.KEYS
