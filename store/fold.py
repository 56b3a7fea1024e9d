"""Facts become rows: one function per kind of fact, found by its type in one table (``fold``).

Pure: no database, clock or random. Each function changes the case's rows and says whose the fact is. Instants that
people of other agencies see (delivered, taken up) are those at which they were recorded; effective times stay inside.
"""

from __future__ import annotations

import json
from functools import singledispatch

from protocol.engine.retention import keeper
from protocol.facts import (
    CaseEnded,
    CaseMigrated,
    CaseOpened,
    Claimed,
    ClockMoved,
    ClockPaused,
    ClockResumed,
    Counted,
    DueMoved,
    DutyMigrated,
    Ending,
    EventRecorded,
    Fact,
    FieldSet,
    LaneClosed,
    LanePaused,
    LaneReopened,
    LaneResumed,
    LinkedCaseStarted,
    LinkNoticed,
    LinkNotStarted,
    LinkStarted,
    OwnersChanged,
    PageStopped,
    PartErased,
    PassedOn,
    Shared,
    SlotFilled,
    StepCancelled,
    StepDelivered,
    StepEnded,
    StepNotOpened,
    StepScheduled,
    TakenUp,
    Told,
    TryLogged,
    VoteCast,
    WindowMissed,
)
from protocol.kernel import Again, Protocol
from protocol.names import Ref, Slug
from protocol.serial import canonical
from store import labels
from store.case_fold import CaseFold
from store.rows import FieldRow, Label, SlotRow, TaskRow


@singledispatch
def fold(body: object, case: CaseFold, fact: Fact) -> Label:
    """Fold one fact into the case's rows and say whose it is."""
    raise NotImplementedError(f"no function folds {type(body).__name__}")


@fold.register
def _case_opened(body: CaseOpened, case: CaseFold, fact: Fact) -> Label:
    case.case.status = "open"
    if body.practice is not None:
        case.case.practice, case.case.ahead = True, body.practice.ahead
    case.case.opened_at = fact.at
    case.case.recorded_at = fact.recorded
    return Label()


@fold.register
def _case_ended(_body: CaseEnded, case: CaseFold, fact: Fact) -> Label:
    case.case.status = "ended"
    case.case.ended_at = fact.at
    return Label(owner=case.case.status_owner)


@fold.register
def _event_recorded(body: EventRecorded, case: CaseFold, _fact: Fact) -> Label:
    return Label(agency=body.agency, owner=labels.agency_owner(case.protocol, body.agency))


@fold.register
def _linked_case_started(body: LinkedCaseStarted, case: CaseFold, _fact: Fact) -> Label:
    return Label(owner=labels.linked_owner(case.protocol, body.event))


@fold.register
def _field_value(body: FieldSet | Counted, case: CaseFold, fact: Fact) -> Label:
    owner = labels.field_owner(case.protocol, body.field)
    case.fields[body.field] = FieldRow(
        case_id=case.case.case_id,
        field=body.field,
        value=canonical(body.value).decode(),
        owner=owner,
        seq=fact.seq,
        at=fact.at,
    )
    return Label(owner=owner)


@fold.register
def _slot_filled(body: SlotFilled, case: CaseFold, fact: Fact) -> Label:
    keeper = case.protocol.slot[body.slot].keeper
    case.slots.append(
        SlotRow(case_id=case.case.case_id, seq=fact.seq, slot=body.slot, ref=body.ref, keeper=keeper, at=fact.at)
    )
    return Label(agency=keeper, owner=keeper)


@fold.register
def _step_scheduled(body: StepScheduled, case: CaseFold, _fact: Fact) -> Label:
    task = case.new_task(body.instance, body.step, body.round, body.cause, agency=body.agency)
    task.starts_at = body.starts
    task.held = body.held
    if body.instance not in case.owners:
        case.own(body.instance, (case.protocol.step[body.step].role,))
    return case.about(body.step, body.instance)


@fold.register
def _step_delivered(body: StepDelivered, case: CaseFold, fact: Fact) -> Label:
    task = case.new_task(body.instance, body.step, body.round, body.cause, agency=body.agency)
    if task.outside and case.protocol.step[body.step].again is Again.START_OVER:
        _withdraw_earlier(case, task, fact)
    task.status = "open"
    task.from_agency = body.from_agency
    task.delivered_at = fact.recorded
    task.due_at = body.due
    task.due_cause = body.cause
    task.short_notice = body.short_notice
    task.receipt = body.receipt
    task.last_progress_at = fact.recorded
    task.item = None if body.item is None else canonical(body.item).decode()
    case.own(body.instance, body.owners)
    return case.about(body.step, body.instance, outside=True)


def _withdraw_earlier(case: CaseFold, newer: TaskRow, fact: Fact) -> None:
    """A step that starts over replaces what was handed over before, whatever became of that inside."""
    for each in list(case.tasks.values()):
        earlier = each.step == newer.step and each.ordinal < newer.ordinal and each.delivered_at is not None
        if earlier and each.outside and each.taken_at is None and each.withdrawn_at is None:
            case.task(each.instance).withdrawn_at = fact.recorded


@fold.register
def _step_not_opened(body: StepNotOpened, case: CaseFold, fact: Fact) -> Label:
    # A round whose conditions keep it shut leaves without a fact of its own number: it is the one due at that instant.
    for each in case.tasks.values():
        due = each.step == body.step and each.cause == body.cause and each.starts_at == fact.at
        if due and each.round > 0 and each.status == "waiting":
            task = case.task(each.instance)
            task.status = "cancelled"
            task.ended_at = fact.at
            break
    return case.about(body.step)


@fold.register
def _due_moved(body: DueMoved, case: CaseFold, _fact: Fact) -> Label:
    task = case.task(body.instance)
    task.was_due_at = body.was
    task.due_at = body.due
    task.due_cause = body.cause
    task.short_notice = body.short_notice
    task.missed_at = None
    return case.about(body.step, body.instance)


@fold.register
def _taken_up(body: TakenUp, case: CaseFold, fact: Fact) -> Label:
    task = case.task(body.instance)
    task.taken_at = fact.recorded
    task.last_progress_at = fact.recorded
    return case.about(body.step, body.instance, outside=True)


@fold.register
def _claimed(body: Claimed, case: CaseFold, fact: Fact) -> Label:
    task = case.task(body.instance)
    task.person = body.person
    task.last_progress_at = fact.recorded
    return case.about(body.step, body.instance)


@fold.register
def _try_logged(body: TryLogged, case: CaseFold, fact: Fact) -> Label:
    task = case.task(body.instance)
    task.tries = body.number
    task.last_try_at = fact.at
    task.last_progress_at = fact.recorded
    return case.about(body.step, body.instance)


@fold.register
def _vote_cast(body: VoteCast, case: CaseFold, fact: Fact) -> Label:
    task = case.task(body.instance)
    task.last_progress_at = fact.recorded
    task.votes = canonical({**json.loads(task.votes or "{}"), body.role: body.outcome}).decode()
    return case.about(body.step, body.instance)


@fold.register
def _window_missed(body: WindowMissed, case: CaseFold, fact: Fact) -> Label:
    case.task(body.instance).missed_at = fact.at
    return case.about(body.step, body.instance)


@fold.register
def _told(body: Told, case: CaseFold, fact: Fact) -> Label:
    seen = [case.tell(fact, body, role, body.how.value, page=body.page) for role in body.roles]
    return case.about(body.step, body.instance, outside=any(seen))


@fold.register
def _owners_changed(body: OwnersChanged, case: CaseFold, fact: Fact) -> Label:
    task = case.task(body.instance)
    before = case.owners.get(body.instance, ())
    task.person = body.person
    case.own(body.instance, body.owners)
    if body.rung is None:
        task.last_progress_at = fact.recorded
    else:
        how = "add" if set(before) <= set(body.owners) else "move"
        for role in body.owners:
            if role not in before:
                case.tell(fact, body, role, how)
    return case.about(body.step, body.instance)


@fold.register
def _clock_paused(body: ClockPaused, case: CaseFold, fact: Fact) -> Label:
    task = case.task(body.instance)
    task.paused_until = body.until
    task.pause_reason = body.reason.value
    task.last_progress_at = fact.recorded
    return case.about(body.step, body.instance)


@fold.register
def _clock_resumed(body: ClockResumed, case: CaseFold, _fact: Fact) -> Label:
    task = case.task(body.instance)
    task.paused_until = None
    task.pause_reason = None
    task.due_at = body.due
    return case.about(body.step, body.instance)


@fold.register
def _step_ended(body: StepEnded, case: CaseFold, fact: Fact) -> Label:
    task = case.task(body.instance)
    task.status = "ended"
    task.outcome = body.outcome
    task.ending = body.how.value
    task.on_time = body.on_time
    task.ended_at = fact.at
    task.person = body.person if body.person is not None else task.person
    return case.about(body.step, body.instance)


@fold.register
def _step_cancelled(body: StepCancelled, case: CaseFold, fact: Fact) -> Label:
    task = case.task(body.instance)
    task.status = "cancelled"
    task.ended_at = fact.at
    if task.outside and task.taken_at is None and not body.superseded and _is_public(case.protocol, body.cause):
        task.withdrawn_at = fact.recorded
    return case.about(body.step, body.instance)


def _is_public(protocol: Protocol, cause: Ref | None) -> bool:
    kind, _, name = (cause or "").partition(":")
    return kind == "event" and labels.event_is_public(protocol, name)


@fold.register
def _lane(body: LaneClosed | LaneReopened | LanePaused | LaneResumed, case: CaseFold, _fact: Fact) -> Label:
    return Label(lane=body.lane, owner=labels.lane_owner(case.protocol, body.lane))


@fold.register
def _link_started(body: LinkStarted, case: CaseFold, _fact: Fact) -> Label:
    return _about_link(case, body.link)


@fold.register
def _link_noticed(body: LinkNoticed, case: CaseFold, _fact: Fact) -> Label:
    return _about_link(case, body.link, tells_end=body.ended)


@fold.register
def _link_told(body: LinkNotStarted | PassedOn, case: CaseFold, _fact: Fact) -> Label:
    return _about_link(case, body.link, tells_end=True)


def _about_link(case: CaseFold, link: Slug, *, tells_end: bool = False) -> Label:
    lane = case.protocol.link[link].lane
    hidden = tells_end and not labels.end_is_public(case.protocol, link)
    return Label(lane=lane, step=link, owner=labels.NOBODY if hidden else labels.lane_owner(case.protocol, lane))


@fold.register
def _shared(body: Shared, case: CaseFold, _fact: Fact) -> Label:
    return case.about(body.step, body.instance)


@fold.register
def _page_stopped(body: PageStopped, case: CaseFold, fact: Fact) -> Label:
    stopped = [each for each in case.notices if each.page == body.page]
    for each in stopped:
        each.stopped_at = fact.recorded
        if each not in case.told:
            case.told.append(each)
    found = next(iter(stopped), None)
    owner = labels.NOBODY if found is None else labels.agency_owner(case.protocol, found.agency) or found.owner
    return Label(agency=None if found is None else found.agency, owner=owner)


@fold.register
def _case_migrated(body: CaseMigrated, case: CaseFold, _fact: Fact) -> Label:
    case.case.protocol_hash = body.now
    case.case.status_owner = labels.ending_owner(case.protocol)
    return Label()


@fold.register
def _duty_migrated(body: DutyMigrated, case: CaseFold, _fact: Fact) -> Label:
    task = case.task(body.instance)
    known = case.protocol.step[body.step]
    task.step = body.step
    task.lane = known.lane
    task.agency = body.agency
    task.owner = labels.step_owner(case.protocol, body.step)
    return case.about(body.step, body.instance)


@fold.register
def _clock_moved(body: ClockMoved, case: CaseFold, _fact: Fact) -> Label:
    case.case.ahead = body.ahead
    return Label(agency=body.agency)


@fold.register
def _part_erased(body: PartErased, case: CaseFold, _fact: Fact) -> Label:
    agency = keeper(case.protocol, body.part)
    owner = labels.agency_owner(case.protocol, agency)
    if body.part in case.protocol.agency:
        for each in list(case.tasks.values()):
            if (each.agency if owner is None else each.owner) == agency:
                task = case.task(each.instance)
                task.status = "ended"
                task.ending = Ending.ERASED.value
    return Label(agency=agency, owner=owner)
