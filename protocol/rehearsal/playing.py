"""One text played from arrivals by modelled people: a heap of instants, the real core, and what came of it.

The core is the one that runs cases (``protocol.engine.machine``); nothing here decides what a text means. Queues couple
cases, so all cases of a text run on one heap; two texts never meet and may run in two processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heappop, heappush

from protocol.engine import clocks
from protocol.engine.machine import Deadline, step
from protocol.engine.memo import Memo
from protocol.facts import (
    Ending,
    Fact,
    FieldSet,
    OwnersChanged,
    StepCancelled,
    StepDelivered,
    StepEnded,
    Telling,
    Told,
    WindowMissed,
)
from protocol.kernel import Guard, Protocol, Step
from protocol.messages import (
    TICK,
    Actor,
    Answer,
    Arm,
    Body,
    CastVote,
    EventHappened,
    Input,
    LinkNotice,
    LogTry,
    PageRead,
    StartCase,
    TakeUp,
)
from protocol.names import Slug
from protocol.rehearsal.chance import Chance
from protocol.rehearsal.forms import Forms
from protocol.rehearsal.habits import Habits
from protocol.rehearsal.people import SECOND, WEEK, People
from protocol.rehearsal.tally import Rung, Tally
from protocol.state import CaseState, Code, Instant, Status, Value

DAY = 24 * 60 * 60 * SECOND
HOUR = 60 * 60 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A case's beginning: when, as which event, by whom, and what the report said (never a protected value)."""

    at: Instant
    event: Slug
    source: Slug
    fields: Mapping[Slug, Value] = field(default_factory=dict)
    refs: tuple[Slug, ...] = ()


class Move(IntEnum):
    """What happens at an instant of the heap."""

    ARRIVE = 0
    WAKE = 1
    HAPPEN = 2
    READ = 3
    TAKE = 4
    TRY = 5
    ANSWER = 6
    VOTE = 7
    FREE = 8
    LINKED = 9
    SHIFT = 10


@dataclass(slots=True)
class Duty:
    """A task that modelled people have. ``token`` dates what was planned: a task that moves is planned anew."""

    step: Step
    name: Slug
    occurrence: int
    role: Slug
    delivered: Instant
    due: Instant | None
    receipt: bool
    token: int = 0
    tries: int = 0
    missed: bool = False
    working: bool = False


@dataclass(slots=True)
class Case:
    """A case as the rehearsal follows it."""

    number: int
    week: int
    until: Instant
    state: CaseState = field(default_factory=CaseState)
    armed: Instant | None = None
    sent: int = 0
    duties: dict[int, Duty] = field(default_factory=dict)
    met: dict[Slug, int] = field(default_factory=dict)
    seen: set[Slug] = field(default_factory=set)
    memo: Memo[Deadline] = field(default_factory=Memo)
    planned: dict[Slug, int] = field(default_factory=dict)


class Playing:
    """One rehearsal of one text. ``days``: how long each case is followed."""

    def __init__(
        self,
        protocol: Protocol,
        habits: Habits,
        seed: int,
        *,
        days: int = 60,
        was: Mapping[Slug, Slug] | None = None,
        first: Instant = 0,
    ) -> None:
        self.protocol, self.habits, self.days, self.first = protocol, habits, days, first
        self.was = {} if was is None else was
        self.chance = Chance(seed)
        self.people = People(protocol, habits, self.was)
        self.forms = Forms(protocol, habits, self.chance)
        self.tally = Tally()
        self.cases: list[Case] = []
        self._heap: list[tuple[Instant, int, Move, int, int, int]] = []
        self._order = 0
        self._pages: dict[tuple[int, int], Slug] = {}
        self._arrivals: list[Arrival] = []
        self._taking = {each.id: _is_watched(each) for each in protocol.steps}

    def play(self, arrivals: Sequence[Arrival]) -> Tally:
        """Everything that comes of the arrivals."""
        for each in arrivals:
            self._begin(each)
        while self._heap:
            at, _, move, number, instance, token = heappop(self._heap)
            if move in (Move.FREE, Move.SHIFT):
                self._freed(number, at, done=move is Move.FREE)
                continue
            case = self.cases[number]
            if at > case.until:
                continue
            self._move(case, move, at, instance, token)
        self._close()
        return self.tally.plain()

    def _begin(self, arrival: Arrival) -> None:
        number = len(self.cases)
        week = (arrival.at - self.first) // WEEK
        self.tally.weeks = max(self.tally.weeks, week + 1)
        self.cases.append(Case(number, week, arrival.at + self.days * DAY))
        self._arrivals.append(arrival)
        self._plan(arrival.at, Move.ARRIVE, number)

    def _plan(self, at: Instant, move: Move, case: int, instance: int = 0, token: int = 0) -> None:
        self._order += 1
        heappush(self._heap, (at, self._order, move, case, instance, token))

    def _move(self, case: Case, move: Move, at: Instant, instance: int, token: int) -> None:
        if move is Move.ARRIVE:
            self._arrive(case, at)
        elif move is Move.WAKE:
            if case.armed == at:
                case.armed = None
                self._step(case, TICK, at)
        elif move is Move.HAPPEN:
            self._happen(case, at, instance, token)
        elif move is Move.READ:
            role = self._pages.pop((case.number, token), None)
            if role is not None and any(page.number == token for each in case.state.instances for page in each.pages):
                self._send(case, PageRead(page=token), role, at)
        elif move is Move.LINKED:
            link = sorted(case.state.links)[instance]
            body = LinkNotice(link=link, seq=case.state.links[link].seq, ended=bool(token))
            self._send(case, body, None, at)
        else:
            duty = case.duties.get(instance)
            if duty is not None and (move is Move.VOTE or duty.token == token):
                self._act(case, duty, move, at, instance, token)

    def _arrive(self, case: Case, at: Instant) -> None:
        arrival = self._arrivals[case.number]
        event = self.protocol.event[arrival.event]
        fields = {**self.forms.brought(case.number, event, at), **arrival.fields}
        refs = dict.fromkeys(arrival.refs, "ref")
        refs |= {each: "ref" for each in event.brings if each in self.protocol.slot}
        body = EventHappened(event=event.id, fields=fields, refs=refs)
        self._send(case, body, None, at, source=arrival.source)
        if case.state.status is Status.NEW:
            return
        self.tally.cases[case.week] += 1
        self._expect(case, "opening", at)

    def _expect(self, case: Case, after: Slug, at: Instant) -> None:
        """Plan the outside events that follow the opening, or a field's time; a field that moves plans them anew."""
        for place, (name, habit) in enumerate(sorted(self.habits.events.items())):
            if habit.after != after or name not in self.protocol.event:
                continue
            if self.chance.draw(case.number, "event", name) >= habit.share:
                continue
            seconds = habit.delay.seconds(self.chance.normal(case.number, "event after", name))
            case.planned[name] = token = case.planned.get(name, 0) + 1
            self._plan(max(at, case.state.now) + seconds * SECOND, Move.HAPPEN, case.number, place, token)

    def _happen(self, case: Case, at: Instant, place: int, token: int) -> None:
        name = sorted(self.habits.events)[place]
        if case.planned[name] != token or case.state.status is not Status.OPEN:
            return
        event = self.protocol.event[name]
        body = EventHappened(
            event=name,
            fields=self.forms.brought(case.number, event, at),
            refs={each: "ref" for each in event.brings if each in self.protocol.slot},
        )
        self._send(case, body, None, at, source=event.sources[0] if event.sources else self.protocol.agencies[0].id)

    def _send(
        self, case: Case, body: Body, role: Slug | None, at: Instant, *, source: Slug | None = None
    ) -> Code | None:
        """One act of a person or of the world; gives the code of its refusal."""
        case.sent += 1
        agency = source or (self.protocol.role[role].agency if role else self.protocol.agencies[0].id)
        actor = Actor(person=role or "records", role=role, agency=agency, linked=role is None and source is None)
        refused = self._step(case, Input(command=f"c{case.sent}", actor=actor, body=body), at)
        if refused is not None:
            self.tally.refused[refused] += 1
        return refused

    def _step(self, case: Case, command: Input, at: Instant) -> Code | None:
        self.tally.steps += 1
        result = step(self.protocol, case.state, command, at, case.memo)
        if result.refusal is not None:
            return result.refusal.code
        case.state = result.state
        for fact in result.facts:
            self._see(case, fact)
        for effect in result.effects:
            if isinstance(effect, Arm):
                if effect.at is not None and effect.at != case.armed:
                    self._plan(effect.at, Move.WAKE, case.number)
                case.armed = effect.at
            elif isinstance(effect, StartCase):
                self._start(case, effect, at)
        return None

    def _start(self, case: Case, effect: StartCase, at: Instant) -> None:
        """A linked case: of this text it is rehearsed too, of another it is only said to have opened."""
        if effect.link is None:
            source = effect.agency or self.protocol.agencies[0].id
            self._begin(Arrival(at=at, event=effect.event, source=source, fields=dict(effect.fields)))
        else:
            self._plan(at, Move.LINKED, case.number, sorted(case.state.links).index(effect.link))

    def _see(self, case: Case, fact: Fact) -> None:
        body = fact.body
        if isinstance(body, StepDelivered):
            self._deliver(case, body, fact.at)
        elif isinstance(body, StepEnded):
            self._ended(case, body, fact.at)
        elif isinstance(body, StepCancelled):
            case.duties.pop(body.instance, None)
        elif isinstance(body, WindowMissed):
            case.duties[body.instance].missed = True
        elif isinstance(body, OwnersChanged):
            self._moved(case, body, fact.at)
        elif isinstance(body, Told):
            self._told(case, body, fact.at)
        elif isinstance(body, FieldSet) and not isinstance(body.value, bool) and isinstance(body.value, int):
            self._expect(case, body.field, body.value)

    def _deliver(self, case: Case, body: StepDelivered, at: Instant) -> None:
        known = self.protocol.step[body.step]
        name = self.was.get(body.step, body.step)
        case.met[name] = occurrence = case.met.get(name, 0) + 1
        role = body.owners[0]
        duty = Duty(known, name, occurrence, role, at, body.due, body.receipt)
        case.duties[body.instance] = duty
        local = clocks.moment(at, self.protocol.zone)
        self.tally.load[role][local.weekday() * 24 + local.hour] += 1
        self._give(case, duty, body.instance, at)
        if known.votes is not None:
            self._call_votes(case, duty, body.instance, at)

    def _give(self, case: Case, duty: Duty, instance: int, at: Instant) -> None:
        """Plan what the role that has a task will do with it."""
        queue = self.people.queues.get(duty.role)
        if queue is not None and not duty.receipt and not _is_voted(duty.step):
            self._order += 1
            queue.join(duty.due, self._order, case.number, instance, duty.token)
            self._serve(duty.role, at)
            return
        takes, answers = self.people.delays(duty.role, duty.step, at)
        name = case.number, duty.name, duty.occurrence, duty.token
        took = self.people.after(duty.role, at, takes, self.chance.normal(*name, "take"))
        done = self.people.after(duty.role, at, answers, self.chance.normal(*name, "answer"))
        if duty.receipt or (self._taking[duty.step.id] and took < done):
            self._plan(took, Move.TAKE, case.number, instance, duty.token)
        if not duty.receipt and not _is_voted(duty.step):
            self._plan(done, self._first(duty), case.number, instance, duty.token)

    def _first(self, duty: Duty) -> Move:
        return Move.ANSWER if duty.step.tries is None else Move.TRY

    def _serve(self, role: Slug, at: Instant) -> None:
        """Somebody of a queue is free: they take what is due first, once they are on duty."""
        queue = self.people.queues[role]
        while queue.waiting and self.people.free(role, at):
            number, instance, token = queue.next()
            case = self.cases[number]
            duty = case.duties.get(instance)
            if duty is None or duty.token != token:
                continue
            queue.working += 1
            duty.working = True
            begins = self.people.on_duty(role, at)
            _, answers = self.people.delays(role, duty.step, begins)
            normal = self.chance.normal(number, duty.name, duty.occurrence, token, "answer")
            done = self.people.after(role, begins, answers, normal)
            if self._taking[duty.step.id]:
                self._plan(begins, Move.TAKE, number, instance, token)
            self._plan(done, self._first(duty), number, instance, token)
            self._plan(done, Move.FREE, sorted(self.people.queues).index(role))
        if queue.waiting and queue.varies and queue.woken <= at:
            queue.woken = self.people.next_shift(at)
            self._plan(queue.woken, Move.SHIFT, sorted(self.people.queues).index(role))

    def _freed(self, place: int, at: Instant, *, done: bool) -> None:
        """Somebody has done a task, or other people come on duty."""
        role = sorted(self.people.queues)[place]
        self.people.queues[role].working -= done
        self._serve(role, at)

    def _moved(self, case: Case, body: OwnersChanged, at: Instant) -> None:
        duty = case.duties.get(body.instance)
        if body.rung is not None and duty is not None:
            self.tally.told[Rung(duty.name, body.rung)][case.week] += 1
        if duty is None or duty.role in body.owners:
            return
        duty.role, duty.token = body.owners[0], duty.token + 1
        self._give(case, duty, body.instance, at)

    def _told(self, case: Case, body: Told, at: Instant) -> None:
        if body.rung is not None and body.repeat == 0 and body.how is not Telling.REMIND:
            name = self.was.get(body.step, body.step)
            self.tally.told[Rung(name, body.rung)][case.week] += 1
        if body.how is Telling.PAGE and body.page is not None and body.repeat == 0:
            role = body.roles[0]
            takes, _ = self.people.delays(role, self.protocol.step[body.step], at)
            normal = self.chance.normal(case.number, "page", body.step, body.rung, role)
            self._pages[case.number, body.page] = role
            self._plan(self.people.after(role, at, takes, normal), Move.READ, case.number, 0, body.page)

    def _ended(self, case: Case, body: StepEnded, at: Instant) -> None:
        duty = case.duties.pop(body.instance, None)
        if duty is None:
            return
        if body.outcome is not None and body.how is not Ending.ACKNOWLEDGED:
            self.tally.waits[duty.name].append((at - duty.delivered) // SECOND)
            if duty.name not in case.seen:
                case.seen.add(duty.name)
                self.tally.contact[duty.name].append((at - case.state.opened) // SECOND)
        self._judged(case, duty, kept=body.on_time)

    def _judged(self, case: Case, duty: Duty, *, kept: bool) -> None:
        if duty.step.due is not None and not duty.receipt:
            self.tally.due[duty.name][case.week] += 1
            self.tally.on_time[duty.name][case.week] += kept and not duty.missed

    def _close(self) -> None:
        """Count what was still open: a window missed stays one, a window still running is nothing yet."""
        for case in self.cases:
            self.tally.ended += case.state.status is Status.ENDED
            self.tally.cut += case.state.status is Status.OPEN
            for duty in case.duties.values():
                if duty.missed:
                    self._judged(case, duty, kept=False)
        self.tally.assumed, self.tally.drawn = self.people.assumed, self.people.drawn

    def _act(self, case: Case, duty: Duty, move: Move, at: Instant, instance: int, token: int) -> None:
        name = case.number, duty.name, duty.occurrence
        if move is Move.TAKE:
            self._send(case, TakeUp(instance=instance), duty.role, at)
        elif move is Move.TRY:
            self._try(case, duty, at, instance)
        elif move is Move.VOTE:
            self._vote(case, duty, at, instance, token)
        else:
            for outcome in self.forms.outcomes(duty.step, duty.name, name):
                fields, refs = self.forms.filled(outcome, name, at)
                body = Answer(instance=instance, outcome=outcome.id, fields=fields, refs=refs)
                refused = self._send(case, body, duty.role, at)
                if refused is None:
                    return
                if refused is Code.QUORUM:
                    # The votes are still being cast: ask again in an hour of the role's.
                    self._plan(at + HOUR, Move.ANSWER, case.number, instance, duty.token)
                    return

    def _try(self, case: Case, duty: Duty, at: Instant, instance: int) -> None:
        duty.tries += 1
        tries = duty.step.tries
        assert tries is not None  # noqa: S101 - only such steps are tried
        draw = self.chance.draw(case.number, duty.name, duty.occurrence, "reached", duty.tries)
        if draw < self.people.reached(duty.role, duty.step):
            self._act(case, duty, Move.ANSWER, at, instance, duty.token)
            return
        self._send(case, LogTry(instance=instance), duty.role, at)
        if instance not in case.duties:
            return
        if not tries.up_to and duty.tries >= tries.count:
            fields, refs = self.forms.filled(
                next(each for each in duty.step.outcomes if each.id == tries.then),
                (case.number, duty.name, duty.occurrence),
                at,
            )
            self._send(case, Answer(instance=instance, outcome=tries.then, fields=fields, refs=refs), duty.role, at)
            return
        gap = HOUR // 2 if tries.apart is None else self.people.gap(duty.step, tries.apart, at) - at
        self._plan(at + gap, Move.TRY, case.number, instance, duty.token)

    def _call_votes(self, case: Case, duty: Duty, instance: int, at: Instant) -> None:
        votes = duty.step.votes
        for place, role in enumerate(() if votes is None else votes.roles):
            _, answers = self.people.delays(role, duty.step, at)
            normal = self.chance.normal(case.number, duty.name, duty.occurrence, "vote", role)
            self._plan(self.people.after(role, at, answers, normal), Move.VOTE, case.number, instance, place)

    def _vote(self, case: Case, duty: Duty, at: Instant, instance: int, place: int) -> None:
        votes = duty.step.votes
        if votes is None:
            return
        role = votes.roles[place]
        if votes.owner_decides:
            self._send(case, CastVote(instance=instance), role, at)
            return
        name = case.number, duty.name, duty.occurrence, role
        outcome = next(self.forms.outcomes(duty.step, duty.name, name))
        fields, refs = self.forms.filled(outcome, name, at)
        self._send(case, CastVote(instance=instance, outcome=outcome.id, fields=fields, refs=refs), role, at)


def _is_watched(known: Step) -> bool:
    """Whether anybody hears of it when nobody says "I have it"."""
    return any(each.guard in (Guard.UNACKNOWLEDGED, Guard.NOT_TAKEN_UP) for each in known.rungs)


def _is_voted(known: Step) -> bool:
    """Whether votes end it, and not its owner."""
    return known.votes is not None and not known.votes.owner_decides


def play(
    protocol: Protocol,
    habits: Habits,
    arrivals: Iterable[Arrival],
    seed: int,
    *,
    days: int = 60,
    was: Mapping[Slug, Slug] | None = None,
) -> Tally:
    """Play one text; a text that does not know an arrival's event refuses it, and counts that."""
    ordered = sorted(arrivals, key=lambda each: each.at)
    first = ordered[0].at if ordered else 0
    return Playing(protocol, habits, seed, days=days, was=was, first=first).play(ordered)
