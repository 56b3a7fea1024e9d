"""What each screen shows, to whom, in what order, page by page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.event import listen as listen_to

from protocol.compiling.compiler import compile_text
from protocol.errors import HandoffError
from protocol.messages import EventHappened, TakeUp
from store import cases, escalations, handoffs, inbox, notices, schema, tables, task_view, timeline
from store.keyring import sealing
from store.paging import Cursor, Page
from store.policy import Subject
from store.session import Database
from store.task_view import TaskView
from tests.protocol.texts import TODAY, changed
from tests.store.streams import HOUR, MINUTE, START, Play, actor, advocacy, answer, opened, publish, store
from tests.store.worlds import subject

Row = TypeVar("Row")
DAY = 24 * HOUR
NEUTRAL = {"id", "full", "case_id", "code", "slug", "protocol_hash", "step", "lane", "agency", "from_agency", "status",
           "delivered_at", "taken_at", "practice", "ahead"}  # fmt: skip


def who(role: str) -> Subject:
    """The one person in a role."""
    return subject(advocacy(), role)


def given(case_id: str = "case-1", now: int = START) -> Play:
    """A case whose arrest was reported and whose referral was given five minutes later."""
    play = opened(advocacy(), case_id, now)
    play.until(now + 5 * MINUTE)
    referral = play.live("referral")[0]
    play.do(actor(advocacy(), "patrol"), answer(play, referral, "given", Random(0), now), now + 5 * MINUTE)
    return play


def kept(database: Database, *plays: Play) -> None:
    """Project cases."""
    hash_ = publish(database)
    for each in plays:
        store(database, each, hash_)


def all_pages(read: Callable[[Cursor | None], Page[Row]]) -> list[Row]:
    """Every row, one page after another."""
    rows: list[Row] = []
    cursor: Cursor | None = None
    while True:
        found = read(cursor)
        rows.extend(found.rows)
        cursor = found.next
        if cursor is None:
            return rows


def test_the_inbox_is_my_roles_open_tasks(database: Database) -> None:
    """Each role sees what it owns; a supervisor may look at the whole agency; nobody at another's."""
    kept(database, given())
    with database.read() as connection:
        found = {role: [each.step for each in inbox.inbox(connection, who(role)).rows]
                 for role in ("patrol", "clerk", "advocate", "supervisor", "coordinator")}  # fmt: skip
        agency = inbox.inbox(connection, who("supervisor"), whole_agency=True).rows
        police = inbox.inbox(connection, who("patrol"), whole_agency=True).rows
    assert found == {
        "patrol": [], "clerk": ["hearing-report"], "advocate": ["custody-check"], "supervisor": [], "coordinator": [],
    }  # fmt: skip
    assert [(each.step, each.owners, each.full) for each in agency] == [("custody-check", ("advocate",), True)]
    assert police == ()


def test_an_inbox_is_read_in_the_order_of_its_index(tmp_path: Path) -> None:
    """Of thousands of open tasks SQLite reads those of one page, and puts none of the others in order."""
    url = f"sqlite:///{tmp_path / 'one.db'}"
    schema.upgrade(url)
    said: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    with closing(Database(url)) as database, database.read() as connection:
        listen_to(connection, "before_cursor_execute", listen)
        inbox.inbox(connection, who("advocate"))
        (asked, *_) = [each for each in said if "AS untaken" in each and "ORDER BY" in each]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", ("x",) * asked.count("?")).all()
    steps = [row.detail for row in plan]
    assert any("ix_task_inbox" in each for each in steps)
    assert not any("ORDER BY" in each for each in steps)


def test_the_inbox_leaves_out_what_a_colleague_took(database: Database) -> None:
    """``mine`` keeps what is mine or nobody's."""
    play = given()
    play.do(actor(advocacy(), "advocate"), TakeUp(instance=play.live("custody-check")[0].n), START + 6 * MINUTE)
    kept(database, play)
    colleague = Subject(person_id="advocate-2", name="Advocate Two", agency="advocacy", roles=("advocate",))
    with database.read() as connection:
        assert len(inbox.inbox(connection, colleague).rows) == 1
        assert inbox.inbox(connection, colleague, mine=True).rows == ()
        assert len(inbox.inbox(connection, who("advocate"), mine=True).rows) == 1


def test_the_inbox_is_late_first_then_untaken_then_by_due(database: Database) -> None:
    """In that order, and the same whether read at once or a row at a time."""
    plays = [given(f"case-{number}", START + number * MINUTE) for number in range(6)]
    for play in plays[:2]:
        play.until(START + HOUR)
    for play in (plays[0], plays[3]):
        play.do(actor(advocacy(), "advocate"), TakeUp(instance=play.live("custody-check")[0].n), START + 19 * MINUTE)
    kept(database, *plays)
    backup = Subject(person_id="a", name="a", agency="advocacy", roles=("advocate", "backup"))
    with database.read() as connection:
        whole = inbox.inbox(connection, backup).rows
        single = all_pages(lambda cursor: inbox.inbox(connection, backup, cursor=cursor, limit=1))
    assert list(whole) == single
    assert len(whole) == 6
    keys = [(each.missed_at is None, each.taken_at is not None, each.due_at) for each in whole]
    assert keys == sorted(keys, key=str)
    assert {each.missed_at is None for each in whole} == {True, False}


def test_an_outsider_sees_delivered_and_taken_up_only(database: Database) -> None:
    """Of a confidential agency's handoff: that it was delivered, when it was taken up; nothing about its end."""
    play = given()
    custody = play.live("custody-check")[0]
    play.do(actor(advocacy(), "advocate"), answer(play, custody, "held", Random(0), START), START + 9 * MINUTE)
    kept(database, play)
    for role in ("patrol", "clerk", "coordinator"):
        with database.read() as connection:
            (view,) = [each for each in cases.one(connection, who(role), "case-1").tasks if each.agency == "advocacy"]
        filled = {each.name for each in fields(TaskView) if getattr(view, each.name) not in (None, ())}
        assert filled == NEUTRAL
        assert (view.status, view.taken_at) == ("taken-up", START + 9 * MINUTE)
    with database.read() as connection:
        inside = cases.one(connection, who("advocate"), "case-1").tasks
    assert {(each.step, each.status) for each in inside if each.agency == "advocacy"} == {
        ("custody-check", "ended"), ("first-call", "open"),
    }  # fmt: skip


def test_a_receipt_looks_like_the_task_itself(database: Database) -> None:
    """After an opt-out a release opens nothing; the jail's neighbours see a handoff delivered and taken up."""
    plain, shut = given("plain"), given("shut")
    for play in (plain, shut):
        advocate = actor(advocacy(), "advocate")
        play.do(advocate, TakeUp(instance=play.live("custody-check")[0].n), START + 6 * MINUTE)
        if play is shut:
            play.do(advocate, EventHappened(event="opt-out"), START + 7 * MINUTE)
        play.do(actor(advocacy(), "jail-desk"), EventHappened(event="released"), START + 8 * MINUTE)
        notice = next(each for each in play.state.instances if each.step == "release-notice")
        assert notice.receipt is (play is shut)
        play.do(advocate, TakeUp(instance=notice.n), START + 9 * MINUTE)
    kept(database, plain, shut)
    with database.read() as connection:
        for observer in ("clerk", "coordinator"):
            one, other = (
                [
                    (each.step, each.status, each.delivered_at, each.taken_at, each.due_at, each.receipt)
                    for each in cases.one(connection, who(observer), case).tasks
                ]
                for case in ("plain", "shut")
            )
            assert one == other
        mine = cases.one(connection, who("advocate"), "shut").tasks
    assert [each.receipt for each in mine if each.step == "release-notice"] == [True]


def test_who_has_no_part_sees_nothing(database: Database) -> None:
    """An agency without a step in the protocol finds no case, task, handoff or notice; unknown and hidden are one."""
    kept(database, given())
    jail = who("jail-desk")
    with database.read() as connection:
        task_id = inbox.inbox(connection, who("advocate")).rows[0].id
        assert cases.recent(connection, jail).rows == ()
        assert handoffs.handoffs(connection, jail, START + HOUR).rows == ()
        answers = []
        for ask in (
            lambda: cases.one(connection, jail, "case-1"),
            lambda: cases.one(connection, jail, "no-such-case"),
            lambda: timeline.timeline(connection, jail, "case-1"),
            lambda: task_view.one(connection, jail, task_id),
            lambda: task_view.target(connection, who("patrol"), task_id),
            lambda: task_view.target(connection, who("patrol"), "no-such-task"),
        ):
            with pytest.raises(HandoffError) as caught:
                ask()
            answers.append(caught.value.code)
        assert answers == ["NOT_FOUND"] * 6
        assert task_view.target(connection, who("advocate"), task_id).instance == 3


def test_the_board_shows_handoffs_stalled_first(database: Database) -> None:
    """Nobody has it, then late, then the longest without anything happening; a pair of agencies may be chosen."""
    plays = [given(f"case-{number}", START + number * MINUTE) for number in range(4)]
    play = plays[1]
    play.do(actor(advocacy(), "advocate"), TakeUp(instance=play.live("custody-check")[0].n), START + 9 * MINUTE)
    kept(database, *plays)
    now = START + HOUR
    coordinator = who("coordinator")
    with database.read() as connection:
        whole = handoffs.handoffs(connection, coordinator, now).rows
        single = all_pages(lambda cursor: handoffs.handoffs(connection, coordinator, now, cursor=cursor, limit=1))
        advocacys = handoffs.handoffs(connection, coordinator, now, agency="advocacy", from_agency="police").rows
        later = handoffs.handoffs(connection, coordinator, now + 15 * DAY, agency="advocacy").rows
        inside = handoffs.handoffs(connection, who("advocate"), now, agency="advocacy").rows
    assert list(whole) == single
    assert {each.agency for each in whole} == {"advocacy", "court"}
    waiting = [each.taken_at is not None for each in advocacys]
    assert waiting == [False, False, False, True]
    assert [each.delivered_at for each in advocacys[:3]] == [START + at * MINUTE for at in (5, 7, 8)]
    assert all(handoffs.stalled_since(each) <= now for each in whole)
    assert len(later) == 3
    assert {each.full for each in inside} == {True}
    assert {each.full for each in advocacys} == {False}


WITHDRAWN = changed(
    " moved: {from: police, brings: hearing}",
    """\
 moved: {from: police, brings: hearing}
 called: {from: police}
 dropped: {from: police, then: cancel call}
 gone: {from: shelter, then: cancel call}""",
).replace("  when: refer given", "  when any of: [called]\n  again: start over")


@pytest.mark.parametrize(
    ("events", "board"),
    [
        (("called",), [1]),
        (("called", "called"), [2]),
        (("called", "dropped"), []),
        (("called", "gone"), [1]),
        (("called", "taken", "dropped"), [1]),
        (("called", "taken", "called"), [1, 2]),
    ],
    ids=str,
)
def test_a_handoff_leaves_the_outsiders_board_only_by_their_own_act(
    database: Database, events: tuple[str, ...], board: list[int]
) -> None:
    """Withdrawn or sent again from outside before it was taken up; never for what happened inside."""
    protocol = compile_text(WITHDRAWN, today=TODAY).protocol
    play = Play(protocol)
    play.do(actor(protocol, "patrol"), EventHappened(event="arrest"), START)
    for number, event in enumerate(events, start=1):
        now = START + number * MINUTE
        if event == "taken":
            play.do(actor(protocol, "advocate"), TakeUp(instance=play.live("call")[-1].n), now)
        else:
            reporter = actor(protocol, "advocate" if event == "gone" else "patrol")
            assert play.do(reporter, EventHappened(event=event), now) is None
    store(database, play, publish(database, protocol))
    with database.read() as connection:
        found = handoffs.handoffs(connection, subject(protocol, "patrol"), START + HOUR, agency="shelter").rows
    delivered = [(each.delivered_at or 0) // MINUTE for each in sorted(found, key=lambda each: each.delivered_at or 0)]
    times = [(START // MINUTE) + number for number, event in enumerate(events, start=1) if event == "called"]
    assert delivered == [times[number - 1] for number in board]


def test_the_coordinator_hears_only_that_it_was_not_taken_up(database: Database) -> None:
    """Of the whole ladder of a confidential agency's step, one rung leaves it, and says one thing."""
    play = given()
    play.until(START + 5 * HOUR)
    kept(database, play)
    with database.read() as connection:
        outside = [each for each in all_escalations(database, who("coordinator")) if each.agency == "advocacy"]
        inside = [each for each in all_escalations(database, who("advocate")) if each.agency == "advocacy"]
        told = notices.notices(connection, who("coordinator")).rows
    assert [(each.role, each.why, each.full) for each in outside] == [("coordinator", "not-taken-up", False)]
    (one,) = outside
    assert (one.at, one.due_at, one.missed_at, one.repeat) == (START + 45 * MINUTE, None, None, None)
    assert one in told
    assert {"not-taken-up", "unacknowledged", "late"} <= {each.why for each in inside}
    assert {each.how for each in inside} == {"tell", "page", "move"}


def all_escalations(database: Database, observer: Subject) -> list[escalations.NoticeView]:
    """Every escalation an observer sees, two at a time."""
    with database.read() as connection:
        return all_pages(lambda cursor: escalations.escalations(connection, observer, cursor=cursor, limit=2))


def test_a_public_ladder_is_seen_by_every_party(database: Database) -> None:
    """Patrol's late referral: the sergeant, then the coordinator, and why; newest first."""
    play = opened(advocacy())
    play.until(START + 5 * HOUR)
    kept(database, play)
    for role in ("clerk", "coordinator", "advocate"):
        found = [each for each in all_escalations(database, who(role)) if each.step == "referral"]
        assert [(each.role, each.why, each.at) for each in found][-2:] == [
            ("coordinator", "late", START + 4 * HOUR), ("sergeant", "late", START + 2 * HOUR),
        ]  # fmt: skip
    with database.read() as connection:
        since = escalations.escalations(connection, who("clerk"), since=START + 3 * HOUR, case_id="case-1").rows
        other = escalations.escalations(connection, who("clerk"), case_id="case-2").rows
    assert START + 2 * HOUR not in [each.at for each in since]
    assert (len(since) > 0, other) == (True, ())


def test_a_notice_is_read_once_by_whom_it_was_for(database: Database) -> None:
    """The first reader stays; others' notices cannot be read; unread come first; a page is read with its repeats."""
    play = given()
    play.until(START + HOUR)
    kept(database, play)
    supervisor = who("supervisor")
    with database.read() as connection:
        mine = notices.notices(connection, supervisor).rows
    first = mine[0]
    with database.write() as connection:
        target = notices.mark_read(connection, supervisor, first.id, START + HOUR)
        again = Subject(person_id="supervisor-2", name="s", agency="advocacy", roles=("supervisor",))
        notices.mark_read(connection, again, first.id, START + 2 * HOUR)
        for stranger, code in (("coordinator", "NOT_FOUND"), ("advocate", "NOT_YOURS")):
            with pytest.raises(HandoffError) as caught:
                notices.mark_read(connection, who(stranger), first.id, START + HOUR)
            assert caught.value.code == code
        told = sealing.opened("notice", connection, connection.execute(select(tables.notice)).all())
        repeats = {each["id"] for each in told if each["page"] == target.page}
    assert (target.case_id, target.role, target.stopped, target.page in {1, 2}) == ("case-1", "supervisor", False, True)
    with database.read() as connection:
        after = notices.notices(connection, supervisor).rows
        unread = all_pages(lambda cursor: notices.notices(connection, supervisor, unread=True, cursor=cursor, limit=3))
        paged = all_pages(lambda cursor: notices.notices(connection, supervisor, cursor=cursor, limit=3))
    read = [each for each in after if each.read_at is not None]
    assert {each.id for each in read} == repeats
    assert len(repeats) > 1
    assert {(each.read_at, each.read_by) for each in read} == {(START + HOUR, "supervisor-1")}
    assert list(after[len(unread) :]) == read
    assert len(unread) == len(mine) - len(repeats)
    assert paged == list(after)


def test_the_timeline_is_numbered_for_each_audience(database: Database) -> None:
    """Dense numbers, no trace of what is left out, no number of the engine's own."""
    play = given()
    custody = play.live("custody-check")[0]
    play.do(actor(advocacy(), "advocate"), answer(play, custody, "held", Random(0), START), START + 9 * MINUTE)
    kept(database, play)
    with database.read() as connection:
        outside = timeline.timeline(connection, who("clerk"), "case-1")
        inside = timeline.timeline(connection, who("advocate"), "case-1")
    assert [each.number for each in outside] == list(range(1, len(outside) + 1))
    assert [each.number for each in inside] == list(range(1, len(play.facts) + 1))
    assert [(each.kind, each.step) for each in outside if not each.full] == [
        ("delivered", "custody-check"), ("taken-up", "custody-check"),
    ]  # fmt: skip
    assert all(each.data == {} and each.at == each.recorded for each in outside if not each.full)
    assert not {"instance", "page", "ref", "repeat"} & {name for each in inside for name in each.data}


def test_fields_set_inside_stay_inside(database: Database) -> None:
    """A field asked by a confidential agency's outcome is its own; one brought by an event is everybody's."""
    play = given()
    steps = (("custody-check", "held"), ("first-call", "declined"), ("decline-talk", "wants-court-told"))
    now = START + 10 * MINUTE
    for step, outcome in steps:
        play.do(actor(advocacy(), "advocate"), answer(play, play.live(step)[0], outcome, Random(0), now), now)
        now += MINUTE
    play.do(
        actor(advocacy(), "clerk"), EventHappened(event="hearing-moved", fields={"first-appearance": now + DAY}), now
    )
    kept(database, play)
    with database.read() as connection:
        found = {role: {each.field for each in cases.one(connection, who(role), "case-1").fields}
                 for role in ("patrol", "coordinator", "advocate")}  # fmt: skip
        slots = {role: [each.slot for each in cases.one(connection, who(role), "case-1").slots]
                 for role in ("patrol", "coordinator", "advocate")}  # fmt: skip
        many = cases.fields_of(connection, who("patrol"), ["case-1"])
    assert found["patrol"] == found["coordinator"] == {"first-appearance"} == set(many["case-1"])
    assert found["advocate"] == {"first-appearance", "wants-notice"}
    assert slots == {"patrol": [], "coordinator": [], "advocate": ["safe-numbers"]}


def test_the_end_of_a_case_is_the_confidential_agencys_to_know(database: Database) -> None:
    """Others see whether their own part is open."""
    kept(database, given())
    with database.read() as connection:
        seen = {role: cases.one(connection, who(role), "case-1").case for role in ("advocate", "clerk", "patrol")}
    assert {role: (each.status, each.part) for role, each in seen.items()} == {
        "advocate": ("open", "open"), "clerk": (None, "open"), "patrol": (None, "finished"),
    }  # fmt: skip


def test_cases_are_newest_first_and_found_by_their_code(database: Database) -> None:
    """However the code is typed."""
    kept(database, *(given(f"case-{number}", START + number * MINUTE) for number in range(5)))
    with database.read() as connection:
        listed = all_pages(lambda cursor: cases.recent(connection, who("clerk"), cursor=cursor, limit=2))
        assert [each.case_id for each in listed] == [f"case-{number}" for number in (4, 3, 2, 1, 0)]
        code = listed[1].code
        assert cases.seen(connection, who("clerk"), f" {code[:4].lower()}-{code[4:]}").case_id == "case-3"
        assert cases.recent(connection, who("clerk"), slug="other").rows == ()


def test_a_task_is_found_by_its_engines_number_inside_only(database: Database) -> None:
    """The answer to a command names the task to the agency that acted, to nobody else."""
    kept(database, given())
    with database.read() as connection:
        assert task_view.by_instance(connection, who("advocate"), "case-1", 3).step == "custody-check"
        with pytest.raises(HandoffError):
            task_view.by_instance(connection, who("patrol"), "case-1", 3)
