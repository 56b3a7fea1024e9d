"""Two worlds: alike in what outsiders do, different in everything that happens inside a confidential agency.

Alike, too, in when that agency first acts on each handoff: that much is declared public.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from sqlalchemy import Connection

from protocol.facts import CaseEnded
from protocol.kernel import ActKind, Protocol
from protocol.messages import (
    Body,
    EventHappened,
    LogTry,
    PageRead,
    PauseClock,
    Reassign,
    TakeUp,
)
from protocol.state import Instance, Instant, PauseReason, Status
from store import board, cases, escalations, handoffs, inbox, notices, task_view, timeline
from store.paging import Cursor, Page
from store.policy import Subject, SubjectKind
from tests.store.streams import HOUR, MINUTE, START, Play, actor, answer, opened

Row = TypeVar("Row")
STRIDE = 5 * MINUTE
INSIDE = "advocacy"
OUTSIDERS = ("patrol", "sergeant", "clerk", "jail-desk", "coordinator")


@dataclass(frozen=True, kw_only=True)
class Script:
    """What both worlds share: outsiders' acts by stride, and the strides until each handoff's first act inside."""

    acts: dict[int, str]
    first_acts: tuple[int | None, ...]
    strides: int


def world(protocol: Protocol, script: Script, seed: int) -> Play:
    """One world: the script, and everything inside the confidential agency by chance."""
    play = opened(protocol)
    chance = Random(seed)
    due: dict[int, Instant | None] = {}
    for stride in range(1, script.strides):
        now = START + stride * STRIDE
        play.until(now)
        if stride in script.acts:
            OUTSIDE_ACTS[script.acts[stride]](play, now)
        _meet(play, script, due, now)
        for number, at in list(due.items()):
            if at is not None and at <= now:
                due[number] = None
                _first_act(play, number, chance, now)
        _meet(play, script, due, now)
        while chance.random() < 0.4:
            _inner_act(play, chance, now)
    return play


def alike(protocol: Protocol, script: Script, seeds: tuple[int, int]) -> tuple[Play, Play]:
    """Two worlds of one script, without what outsiders would still send after either case has ended.

    An ended case refuses such an input, which outsiders can tell: a matter between the engine and whoever answers
    them, not for the store.
    """
    ends = [each.recorded for seed in seeds for each in world(protocol, script, seed).facts
            if isinstance(each.body, CaseEnded)]  # fmt: skip
    end = min(ends, default=START + script.strides * STRIDE)
    acts = {stride: act for stride, act in script.acts.items() if START + stride * STRIDE < end}
    before = replace(script, acts=acts)
    return world(protocol, before, seeds[0]), world(protocol, before, seeds[1])


def subject(protocol: Protocol, role: str) -> Subject:
    """The one person in a role."""
    agency = protocol.role[role].agency
    return Subject(person_id=f"{role}-1", name=role, agency=agency, roles=(role,), sources=(agency,))


def observers(protocol: Protocol) -> list[Subject]:
    """Everybody outside the confidential agency, a records system included."""
    system = Subject(person_id="rms", name="rms", agency="police", roles=(), kind=SubjectKind.SYSTEM)
    return [*(subject(protocol, each) for each in OUTSIDERS), system]


def seen(connection: Connection, observer: Subject, now: Instant) -> list[object]:
    """Everything the store tells an observer, page by page."""
    found: list[object] = [
        _pages(lambda cursor: inbox.inbox(connection, observer, cursor=cursor, limit=1)),
        _pages(lambda cursor: inbox.inbox(connection, observer, whole_agency=True, cursor=cursor, limit=2)),
        _pages(lambda cursor: handoffs.handoffs(connection, observer, now, cursor=cursor, limit=1)),
        _pages(lambda cursor: handoffs.handoffs(connection, observer, now, agency=INSIDE, cursor=cursor, limit=2)),
        _boards(connection, observer, now),
        _pages(lambda cursor: escalations.escalations(connection, observer, cursor=cursor, limit=2)),
        _pages(lambda cursor: notices.notices(connection, observer, cursor=cursor, limit=2)),
        _pages(lambda cursor: cases.recent(connection, observer, cursor=cursor, limit=1)),
    ]
    for each in cases.recent(connection, observer).rows:
        one = cases.one(connection, observer, each.code)
        found.extend((one, timeline.timeline(connection, observer, each.case_id)))
        found.extend(task_view.one(connection, observer, task.id) for task in one.tasks)
        found.append(cases.fields_of(connection, observer, [each.case_id]))
    return found


def _pages(read: Callable[[Cursor | None], Page[Row]]) -> list[Page[Row]]:
    pages = [read(None)]
    while pages[-1].next is not None:
        pages.append(read(pages[-1].next))
    return pages


def _boards(connection: Connection, observer: Subject, now: Instant) -> list[board.Board]:
    """The counts of every pair, and page by page what is stuck and what is not."""
    found = [board.board(connection, observer, now, limit=2)]
    while found[-1].next is not None:
        found.append(board.board(connection, observer, now, counted=False, cursor=found[-1].next, limit=2))
    return found


# Outsiders' acts: the same in both worlds.


def _given(play: Play, now: Instant) -> None:
    for each in play.live("referral")[:1]:
        play.do(actor(play.protocol, "patrol"), answer(play, each, "given", Random(0), now), now)


def _report(play: Play, now: Instant) -> None:
    for each in play.live("hearing-report")[:1]:
        play.do(actor(play.protocol, "clerk"), answer(play, each, "done", Random(0), now), now)


def _taken(play: Play, now: Instant) -> None:
    for each in play.live("referral")[:1]:
        play.do(actor(play.protocol, "patrol"), TakeUp(instance=each.n), now)


def _reads(play: Play, now: Instant) -> None:
    for each in play.live("referral"):
        for page in each.pages:
            play.do(actor(play.protocol, "sergeant"), PageRead(page=page.number), now)


def _event(event: str, role: str) -> Callable[[Play, Instant], None]:
    def happen(play: Play, now: Instant) -> None:
        fields = {"first-appearance": now + 14 * HOUR} if event == "hearing-moved" else {}
        play.do(actor(play.protocol, role), EventHappened(event=event, fields=dict(fields)), now)

    return happen


OUTSIDE_ACTS: dict[str, Callable[[Play, Instant], None]] = {
    "given": _given,
    "report": _report,
    "taken": _taken,
    "reads": _reads,
    "released": _event("released", "jail-desk"),
    "moved": _event("hearing-moved", "clerk"),
    "held": _event("hearing-held", "clerk"),
    "dismissed": _event("dismissed", "clerk"),
    "again": _event("new-arrest", "patrol"),
}


# Inside: the first act on each handoff comes when the script says, whatever act it is; the rest is chance.


def _meet(play: Play, script: Script, due: dict[int, Instant | None], now: Instant) -> None:
    for each in play.state.instances:
        if play.protocol.step[each.step].outside and each.round == 0 and each.n not in due and each.delivered:
            wait = script.first_acts[len(due) % len(script.first_acts)]
            due[each.n] = None if wait is None else now + wait * STRIDE


def _first_act(play: Play, number: int, chance: Random, now: Instant) -> None:
    for each in play.state.instances:
        if each.n == number and each.taken is None:
            who = actor(play.protocol, each.owners[0])
            if each.receipt or play.do(who, _some_act(play, each, chance, now), now) is not None:
                play.do(who, TakeUp(instance=number), now)


def _inner_act(play: Play, chance: Random, now: Instant) -> None:
    protocol = play.protocol
    mine = [each for each in play.state.instances if protocol.step[each.step].agency == INSIDE and each.delivered]
    waiting = _waiting(play)
    free = [each for each in mine if each not in waiting]
    if play.state.status is not Status.OPEN:
        return
    if not waiting and chance.random() < 0.03:
        play.do(actor(protocol, "advocate"), EventHappened(event="opt-out"), now)
    elif free:
        each = chance.choice(free)
        who = actor(protocol, chance.choice((each.owners[0], "supervisor")))
        play.do(who, _some_act(play, each, chance, now), now)


def _waiting(play: Play) -> list[Instance]:
    """Handoffs from outside that the agency has not acted on."""
    steps = play.protocol.step
    found = [each for each in play.state.instances if steps[each.step].outside and each.round == 0]
    return [each for each in found if each.delivered and each.taken is None]


def _some_act(play: Play, each: Instance, chance: Random, now: Instant) -> Body:
    # Closing the lane is a first act on every handoff in it, so it waits until those have had theirs.
    others = [found for found in _waiting(play) if found.n != each.n]
    outcomes = [
        found
        for found in play.protocol.step[each.step].outcomes
        if not others or not any(act.act is ActKind.CLOSE for act in found.acts)
    ]
    bodies: list[Body] = [
        TakeUp(instance=each.n),
        LogTry(instance=each.n),
        Reassign(instance=each.n, role="backup"),
        PauseClock(instance=each.n, until=now + HOUR, reason=PauseReason.OTHER),
        *(answer(play, each, found.id, chance, now) for found in outcomes),
    ]
    return chance.choice(bodies)
