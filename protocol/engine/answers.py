"""What people's commands do: each is checked against the case, then applied, or refused with a code.

``check`` never changes anything; ``apply`` is only called on what ``check`` let through.
"""

from __future__ import annotations

from protocol.engine import clocks, forms, owners, suspensions, votes
from protocol.engine.points import calendar_of, due_of
from protocol.engine.running import Occurrence, Running
from protocol.evolving import evolve
from protocol.facts import Ending, EventRecorded, LinkNoticed, PageStopped, TryLogged
from protocol.kernel import Event, Step
from protocol.messages import (
    Actor,
    Answer,
    CastVote,
    EventHappened,
    Input,
    LinkNotice,
    LogTry,
    MoveClock,
    PageRead,
    PauseClock,
    Reassign,
    Refusal,
    ResumeClock,
    TakeUp,
    Tick,
)
from protocol.names import Slug
from protocol.state import Code, Instance, Instant, Linked, PauseReason, Phase, Status, Value

DAY = 24 * clocks.HOUR
HOLD_FROM_AGE = DAY
HOLD_AT_MOST = forms.YEAR
InstanceBody = Answer | CastVote | TakeUp | LogTry | Reassign | PauseClock | ResumeClock


def check(running: Running, command: Input) -> Refusal | None:
    """Why the command cannot be taken now, or None."""
    body = command.body
    if isinstance(body, Tick | MoveClock):
        # A practice case's clock is moved by the engine itself (``machine.step``), and never comes here.
        return None
    if running.status is Status.ENDED:
        return Refusal(code=Code.CASE_ENDED)
    if command.at is not None and command.at > running.now:
        return Refusal(code=Code.IN_FUTURE)
    if isinstance(body, EventHappened):
        return _check_event(running, command, body)
    if running.status is Status.NEW:
        return Refusal(code=Code.NOT_STARTED)
    if isinstance(body, LinkNotice):
        linked = running.links.get(body.link)
        return None if linked is not None and linked.seq == body.seq else Refusal(code=Code.NOT_LINKED)
    if isinstance(body, PageRead):
        found = any(page.number == body.page for each in running.instances.values() for page in each.pages)
        return None if found else Refusal(code=Code.UNKNOWN_TASK)
    return _check_task(running, command, body)


def apply(running: Running, command: Input) -> int | None:
    """Make the command's change; the instance it concerned, if any."""
    body = command.body
    at = running.now if command.at is None else command.at
    if isinstance(body, LinkNotice):
        _link(running, body, at)
        return None
    if isinstance(body, Tick | MoveClock) or command.actor is None:
        return None
    if isinstance(body, EventHappened):
        _happen(running, body, command.actor, at)
        return None
    if isinstance(body, PageRead):
        _read_page(running, body.page, command.actor)
        return None
    instance = running.instances[body.instance]
    match body:
        case Answer():
            _answer(running, instance, body, command.actor, at)
        case CastVote():
            votes.cast(running, instance, body, command.actor, at)
        case TakeUp():
            _take(running, instance, command.actor)
        case LogTry():
            _try(running, instance, command.actor, at)
        case Reassign():
            current = _touched(running, instance, command.actor)
            running.change_owners(current, (body.role,), body.person, None, running.now, keep=True)
        case PauseClock():
            _pause(running, instance, body, command.actor)
        case ResumeClock():
            _resume(running, instance, command.actor)
    return body.instance


def _link(running: Running, body: LinkNotice, at: Instant) -> None:
    """Take note of a linked case. Its notices travel apart: one that has ended had opened, whichever comes first."""
    known = running.links[body.link]
    running.links[body.link] = Linked(seq=body.seq, opened=True, ended=known.ended or body.ended)
    for kind, ended, new in (("opened", False, not known.opened), ("ended", True, body.ended and not known.ended)):
        if new:
            running.record(LinkNoticed(link=body.link, ended=ended), at)
            running.publish(Occurrence(refs=(f"{kind}:{body.link}",), effective=at, agency=None))


# Events


def _check_event(running: Running, command: Input, body: EventHappened) -> Refusal | None:
    event = running.protocol.event.get(body.event)
    if event is None:
        return Refusal(code=Code.UNKNOWN_EVENT, place=body.event)
    if running.status is Status.NEW and not event.starts:
        return Refusal(code=Code.NOT_STARTED, place=body.event)
    actor = command.actor
    if actor is None or not (event.from_linked if actor.linked else actor.agency in event.sources):
        return Refusal(code=Code.NOT_YOUR_EVENT, place=body.event)
    for name in (*body.fields, *body.refs):
        if name not in (*event.brings, *event.may_bring) and not actor.linked:
            return Refusal(code=Code.UNKNOWN_FIELD, place=name)
    for name in event.brings:
        if name not in body.fields and name not in body.refs:
            return Refusal(code=Code.FIELD_REQUIRED, place=name)
    return _check_hold(running, command, body) or forms.check_fields(running, _brought(event, body))


def _brought(event: Event, body: EventHappened) -> dict[Slug, Value]:
    """The fields an event takes. What another case tells may bring more than this one asks: that is left out."""
    return {name: value for name, value in body.fields.items() if name in (*event.brings, *event.may_bring)}


def _check_hold(running: Running, command: Input, body: EventHappened) -> Refusal | None:
    """Only an old record may be held back: what happened today is delivered today."""
    if body.hold_until is None:
        return None
    if command.at is None or command.at > running.now - HOLD_FROM_AGE:
        return Refusal(code=Code.TOO_RECENT_TO_HOLD, place=body.event)
    return Refusal(code=Code.HOLD_TOO_LONG) if body.hold_until > running.now + HOLD_AT_MOST else None


def _happen(running: Running, body: EventHappened, actor: Actor, at: Instant) -> None:
    event = running.protocol.event[body.event]
    if running.status is Status.NEW:
        running.start(body.event, at)
    running.record(EventRecorded(event=body.event, agency=actor.agency, person=actor.person), at)
    running.publish(
        Occurrence(
            refs=(f"event:{body.event}",),
            effective=at,
            agency=actor.agency,
            acts=event.acts,
            fields=_brought(event, body),
            slots=body.refs,
            hold_until=body.hold_until,
        )
    )


# Tasks


def _check_task(running: Running, command: Input, body: InstanceBody) -> Refusal | None:
    instance = running.instances.get(body.instance)
    actor = command.actor
    if instance is None:
        known = 0 < body.instance <= running.born
        return Refusal(code=Code.TASK_ENDED if known else Code.UNKNOWN_TASK)
    step = running.protocol.step[instance.step]
    if isinstance(body, CastVote):
        return votes.check(running, body, instance, actor)
    arranging = isinstance(body, Reassign | PauseClock | ResumeClock) and _coordinates(running, actor, step)
    if actor is None or actor.role is None or (actor.agency != instance.agency and not arranging):
        return Refusal(code=Code.NOT_YOURS, place=step.id)
    lead = arranging or actor.role in running.protocol.agency[instance.agency].leads
    if instance.phase is Phase.WAITING:
        released = isinstance(body, ResumeClock) and lead and instance.held
        return None if released else Refusal(code=Code.TASK_WAITING, place=step.id)
    if isinstance(body, Reassign):
        return _check_reassign(running, body, actor.role, instance, lead=lead)
    if isinstance(body, PauseClock | ResumeClock):
        return _check_pause(running, body, instance, step, lead=lead)
    if not owners.owns(running, instance, actor):
        return Refusal(code=Code.NOT_YOURS, place=step.id)
    return _check_own(running, command, body, instance, lead=lead)


def _coordinates(running: Running, actor: Actor | None, step: Step) -> bool:
    """Whether this is the coordinator, who arranges what agencies owe, but nothing of a confidential agency's."""
    known, agency = running.protocol.role.get("coordinator"), running.protocol.agency[step.agency]
    private = agency.confidential or running.protocol.lane[step.lane].agency is not None
    return (
        actor is not None
        and known is not None
        and (actor.role, actor.agency) == (known.id, known.agency)
        and not private
    )


def _check_own(
    running: Running, command: Input, body: Answer | TakeUp | LogTry, instance: Instance, *, lead: bool
) -> Refusal | None:
    """Checks on what owners do to their own open task."""
    step, actor = running.protocol.step[instance.step], command.actor
    if isinstance(body, TakeUp):
        taken = actor is not None and instance.person not in (None, actor.person)
        return Refusal(code=Code.TAKEN, place=step.id) if taken else None
    if command.at is not None and not lead:
        return Refusal(code=Code.LEAD_MUST_AGREE, place=step.id)
    if command.at is not None and instance.delivered is not None and command.at < instance.delivered:
        return Refusal(code=Code.TOO_EARLY, place=step.id)
    if instance.receipt:
        return Refusal(code=Code.RECEIPT_ONLY, place=step.id)
    if isinstance(body, LogTry):
        return None if step.tries is not None else Refusal(code=Code.NO_TRIES, place=step.id)
    return _check_answer(running, body, instance, step)


def _check_reassign(running: Running, body: Reassign, by: Slug, instance: Instance, *, lead: bool) -> Refusal | None:
    if not lead and by not in instance.owners:
        return Refusal(code=Code.NOT_YOURS, place=instance.step)
    role = running.protocol.role.get(body.role)
    if role is None or role.agency != instance.agency:
        return Refusal(code=Code.UNKNOWN_ROLE, place=body.role)
    return None


def _check_pause(
    running: Running, body: PauseClock | ResumeClock, instance: Instance, step: Step, *, lead: bool
) -> Refusal | None:
    paused = suspensions.by_hand(instance)
    if not lead:
        return Refusal(code=Code.NOT_YOURS, place=step.id)
    if isinstance(body, ResumeClock):
        return None if paused else Refusal(code=Code.NOT_PAUSED, place=step.id)
    if not step.pausing.allowed or step.due is None or instance.receipt:
        return Refusal(code=Code.NO_PAUSE, place=step.id)
    if paused:
        return Refusal(code=Code.PAUSED, place=step.id)
    if body.reason is PauseReason.AS_AGREED:
        return Refusal(code=Code.NO_PAUSE, place=step.id)
    calendar = calendar_of(running.protocol, instance.agency, instance.agency)
    longest = clocks.shift(calendar, running.now, step.pausing.most)
    if not running.now < body.until <= longest:
        return Refusal(code=Code.PAUSE_TOO_LONG, place=step.id, limit=longest)
    return None


def _check_answer(running: Running, body: Answer, instance: Instance, step: Step) -> Refusal | None:
    found = step.votes
    if found is not None and not found.owner_decides:
        return Refusal(code=Code.VOTES_DECIDE, place=step.id)
    if found is not None and not set(found.roles) <= set(instance.votes):
        return Refusal(code=Code.QUORUM, place=step.id)
    return forms.check_outcome(running, body, instance, step)


def _take(running: Running, instance: Instance, actor: Actor) -> None:
    current = owners.claim(running, owners.take_up(running, instance, actor), actor)
    if current.receipt:
        running.end(current, None, Ending.ACKNOWLEDGED, running.now, role=actor.role, person=actor.person)


def _answer(running: Running, instance: Instance, body: Answer, actor: Actor, at: Instant) -> None:
    current = owners.take_up(running, instance, actor)
    running.end(
        current,
        body.outcome,
        Ending.ANSWERED,
        at,
        role=actor.role,
        person=actor.person,
        fields=body.fields,
        slots=body.refs,
    )


def _try(running: Running, instance: Instance, actor: Actor, at: Instant) -> None:
    step = running.protocol.step[instance.step]
    current = owners.take_up(running, instance, actor)
    if current.person is None:
        current = owners.claim(running, current, actor)
    tries = step.tries
    if tries is None:
        return
    calendar = calendar_of(running.protocol, current.agency, current.agency)
    counted = (
        tries.apart is None or current.last_try is None or clocks.shift(calendar, current.last_try, tries.apart) <= at
    )
    if counted:
        due, _ = due_of(running.view(), current)
        in_time = tries.counts_as_on_time and (due is None or at <= due)
        current = evolve(current, tries=current.tries + 1, last_try=at, tried_in_time=current.tried_in_time or in_time)
        running.put(current)
    running.record(
        TryLogged(instance=current.n, step=step.id, number=current.tries, counted=counted, person=actor.person),
        at,
    )
    if counted and tries.up_to and current.tries >= tries.count:
        running.end(current, tries.then, Ending.TRIES, at, role=actor.role, person=actor.person)


def _touched(running: Running, instance: Instance, actor: Actor) -> Instance:
    """What an agency's own people do counts as taking up; what the coordinator arranges does not."""
    return owners.take_up(running, instance, actor) if actor.agency == instance.agency else instance


def _pause(running: Running, instance: Instance, body: PauseClock, actor: Actor) -> None:
    suspensions.pause(running, _touched(running, instance, actor), body.until, body.reason, actor.person)


def _resume(running: Running, instance: Instance, actor: Actor) -> None:
    if instance.phase is Phase.WAITING:
        running.deliver(instance, running.now)
        return
    suspensions.resume(running, instance, running.now, actor.person)


def _read_page(running: Running, number: int, actor: Actor) -> None:
    for each in list(running.instances.values()):
        if any(page.number == number for page in each.pages):
            running.put(evolve(each, pages=tuple(page for page in each.pages if page.number != number)))
    running.record(PageStopped(page=number, person=actor.person), running.now)


__all__ = ["apply", "check"]
