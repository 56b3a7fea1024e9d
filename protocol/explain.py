"""The explained clock: why a task is due then, what changed, who hears next, what ends it.

Pure: sentences are made from the protocol and what the read model knows of one task, at an instant, for the people
of the owning agency or for others (who see *sent*, *in hand* or *not taken up*, and nothing else). Absolute time
comes before the amount, so a stale page stays true; amounts round down and are never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol import clocks
from protocol.kernel import (
    OWNER,
    ActKind,
    AnchorKind,
    Edge,
    Either,
    Extreme,
    Guard,
    Length,
    Offset,
    Point,
    Protocol,
    Ref,
    Rung,
    Slug,
    Step,
)
from protocol.points import View, resolve
from protocol.state import Instance, Instant, Item, PauseReason, Phase, Value
from protocol.wording import capital, condition_said, length_said, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What is known of one task's clock. Instants are microseconds UTC; None: has not happened or is not known."""

    step: Slug
    owners: tuple[Slug, ...]
    cause: Ref
    from_agency: Slug | None = None
    delivered: Instant | None = None
    starts: Instant | None = None
    held: bool = False
    due: Instant | None = None
    was: Instant | None = None
    moved_by: Ref | None = None
    short_notice: bool = False
    taken: Instant | None = None
    missed: Instant | None = None
    tries: int = 0
    paused_until: Instant | None = None
    pause_reason: PauseReason | None = None
    ended: Instant | None = None
    outcome: Slug | None = None
    on_time: bool | None = None
    told: tuple[tuple[Instant, tuple[Slug, ...]], ...] = ()
    fields: dict[Slug, Value] = field(default_factory=dict)
    receipt: bool = False
    outsider: bool = False
    agency: Slug | None = None
    """Whose the task is, where the step does not say."""
    item: Item | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Five sentences, each possibly empty: state and time, why, what changed, who hears next, what ends it."""

    head: str
    why: str = ""
    change: str = ""
    next: str = ""
    ends: str = ""

    def text(self) -> str:
        """All of it, as one paragraph."""
        return " ".join(each for each in (self.head, self.why, self.change, self.next, self.ends) if each)


def explain(protocol: Protocol, clock: Clock, now: Instant) -> Explanation:
    """The sentences for one task at an instant, in the zone of the owning agency."""
    step = protocol.step[clock.step]
    zone = protocol.calendar[clock.agency or step.agency].zone
    said = _Sentences(protocol, step, clock, now, zone)
    return said.outside() if clock.outsider else said.inside()


def amount(microseconds: int) -> str:
    """A length people read: two units at most, rounded down, never 0."""
    minutes = microseconds // clocks.MINUTE
    if minutes < 1:
        return "less than a minute"
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    if days:
        return f"{days} {'day' if days == 1 else 'days'}" + (f" {hours} h" if hours else "")
    if hours:
        return f"{hours} h" + (f" {left} min" if left else "")
    return f"{left} min"


def clock_time(at: Instant, now: Instant, zone: str) -> str:
    """``2:57 AM``, with the weekday if not today, with the date past six days, and named midnights."""
    moment, today = clocks.moment(at, zone), clocks.moment(now, zone).toordinal()
    if moment.hour == 0 and moment.minute == 0 and moment.second == 0:
        day = moment.toordinal() - 1
        named = clocks.moment(at - clocks.HOUR, zone)
        return "midnight tonight" if day == today else f"midnight at the end of {named.strftime('%a %b')} {named.day}"
    hour = moment.strftime("%I:%M %p").lstrip("0")
    days = moment.toordinal() - today
    if days == 0:
        return hour
    if 0 < days <= 6:
        return f"{moment.strftime('%a')} {hour}"
    return f"{moment.strftime('%a %b')} {moment.day}, {hour}"


class _Sentences:
    def __init__(self, protocol: Protocol, step: Step, clock: Clock, now: Instant, zone: str) -> None:
        self.protocol = protocol
        self.step = step
        self.agency = clock.agency or step.agency
        self.clock = clock
        self.now = now
        self.zone = zone

    def at(self, when: Instant) -> str:
        return clock_time(when, self.now, self.zone)

    def outside(self) -> Explanation:
        clock, agency = self.clock, words(self.agency)
        private = f"The rest is private to {agency}."
        if clock.taken is not None:
            return Explanation(head=f"In hand since {self.at(clock.taken)}.", why=private)
        sent = clock.delivered or self.now
        head = f"Sent {self.at(sent)}, not taken up yet, {amount(self.now - sent)} ago."
        told = self._told()
        return Explanation(head=head, why=private, next=told or self._next((Guard.NOT_TAKEN_UP,)))

    def inside(self) -> Explanation:
        clock = self.clock
        if clock.ended is not None:
            return self._ended(clock.ended)
        if clock.delivered is None:
            return self._waiting()
        if clock.receipt:
            sent = f"Handed over {self.at(clock.delivered)}."
            return Explanation(
                head=sent, why="Say that you have it; nothing more is needed.", ends="Ends when you take it."
            )
        if clock.paused_until is not None and clock.paused_until > self.now:
            reason = words(clock.pause_reason.value) if clock.pause_reason else "no reason given"
            return Explanation(
                head=f"Paused: {reason}.", why=f"The pause ends by {self.at(clock.paused_until)}.", ends=self._ends()
            )
        if clock.due is None:
            return Explanation(head="No deadline.", why="Its lead is reminded while it is open.", ends=self._ends())
        return self._running(clock.due)

    def _running(self, due: Instant) -> Explanation:
        clock = self.clock
        if due < self.now:
            head = f"Late by {amount(self.now - due)}. Due {self.at(due)}."
            ends = "You can still do this; it counts as done late."
            return Explanation(head=head, why=self._why(), change=self._change(), next=self._told(), ends=ends)
        head = f"Due {self.at(due)}, {amount(due - self.now)} left."
        if clock.short_notice:
            head = f"Do this now. Due {self.at(due)}; counted as short notice, not as missed."
        guards: tuple[Guard, ...] = (Guard.NONE, Guard.NOT_TRIED_IN_TIME, Guard.UNTRIED)
        if clock.taken is None:
            guards = (*guards, Guard.UNACKNOWLEDGED, Guard.NOT_TAKEN_UP)
        return Explanation(
            head=head, why=self._why(), change=self._change(), next=self._next(guards), ends=self._ends()
        )

    def _waiting(self) -> Explanation:
        clock = self.clock
        if clock.starts is None:
            return Explanation(head="Not yet.", why="What it waits for is not known.")
        why = "An old record, entered late: its tasks are spread out." if clock.held else "Nothing to do now."
        return Explanation(head=f"Not yet. Opens {self.at(clock.starts)}.", why=why)

    def _ended(self, ended: Instant) -> Explanation:
        clock = self.clock
        if clock.outcome is None:
            return Explanation(head="This item ended. Nothing to do.")
        if clock.due is None or clock.on_time:
            due = f" Due {self.at(clock.due)}, recorded {self.at(ended)}." if clock.due else ""
            return Explanation(head=f"Done on time.{due}")
        late = amount(max(0, ended - clock.due))
        return Explanation(head=f"Done late by {late}. Due {self.at(clock.due)}, recorded {self.at(ended)}.")

    def _why(self) -> str:
        point = self.step.due
        return "" if point is None else f"{capital(self._point(point))}."

    def _point(self, point: Point) -> str:
        if isinstance(point, Extreme):
            pick = "the earlier" if point.pick == "earliest" else "the later"
            return f"{pick} of " + " and ".join(self._point(each) for each in point.points)
        if isinstance(point, Either):
            test = condition_said(point.test)
            return f"{self._point(point.then)} if {test}, else {self._point(point.otherwise)}"
        return self._offset(point)

    def _offset(self, point: Offset) -> str:
        if point.edge is Edge.AT and point.at is not None:
            hour = clock_time(_minute_instant(point.at), _minute_instant(point.at), "UTC")
            return f"{hour} on the next {self._calendar(point.length)}day"
        anchor = self._anchor(point)
        if point.length.count == 0:
            return anchor
        return f"{length_said(point.length, self.agency)} {'before' if point.before else 'from'} {anchor}"

    def _calendar(self, length: Length) -> str:
        if length.calendar is None:
            return ""
        return "working " if length.calendar in (self.agency, OWNER) else f"{words(length.calendar)} "

    def _anchor(self, point: Offset) -> str:
        if point.anchor in (AnchorKind.FIELD, AnchorKind.ITEM) and point.name is not None:
            found = self.clock.fields if point.anchor is AnchorKind.FIELD else self.clock.item or {}
            value = found.get(point.name)
            known = (
                f" ({self.at(value)})" if isinstance(value, int) and not isinstance(value, bool) else " (not known yet)"
            )
            return f"the {words(point.name)}{known}"
        if point.anchor is AnchorKind.REF and point.name is not None:
            return _ref(point.name)
        delivered = self.clock.delivered
        got = f"when {words(self.agency)} got this"
        return got if delivered is None else f"{got} ({self.at(delivered)})"

    def _change(self) -> str:
        clock = self.clock
        if clock.was is None or clock.was == clock.due:
            return ""
        cause = "" if clock.moved_by is None else f" {capital(_ref(clock.moved_by))} changed it."
        return f"Was {self.at(clock.was)}.{cause}"

    def _next(self, guards: tuple[Guard, ...]) -> str:
        found = [
            (at, rung) for rung in self.step.rungs if rung.guard in guards and (at := self._rung_at(rung)) is not None
        ]
        coming = sorted((each for each in found if each[0] > self.now), key=lambda each: each[0])
        if not coming:
            return ""
        at, rung = coming[0]
        said = []
        for act in rung.acts:
            roles = " and ".join(self._role(each) for each in act.targets)
            words = {ActKind.MOVE: f"it moves to {roles}", ActKind.ADD: f"{roles} joins"}.get(act.act, f"{roles} hears")
            said.append(f"{words} at {self.at(at)}")
        lead = "If not taken" if rung.guard in (Guard.UNACKNOWLEDGED, Guard.NOT_TAKEN_UP) else "If not done"
        return f"{lead}: {', '.join(said)}."

    def _rung_at(self, rung: Rung) -> Instant | None:
        if rung.every is not None or not rung.acts:
            return None
        clock = self.clock
        instance = Instance(
            n=0,
            step=self.step.id,
            agency=self.agency,
            phase=Phase.OPEN,
            born=clock.delivered or 0,
            cause=clock.cause,
            cause_effective=0,
            delivered=clock.delivered,
            owners=clock.owners,
            item=clock.item,
        )
        view = View(self.protocol, clock.fields, {}, (), self.now)
        return resolve(view, rung.at, instance, due=clock.due)

    def _role(self, target: Slug) -> str:
        if target in ("lead", "leads"):
            leads = [each for each in self.protocol.agency[self.agency].leads if each not in self.clock.owners]
            return f"the {words(leads[0])}" if leads else "the coordinator"
        return f"the {words(target)}"

    def _told(self) -> str:
        if not self.clock.told:
            return ""
        said = [
            f"{' and '.join(f'the {words(role)}' for role in roles)} {self.at(at)}" for at, roles in self.clock.told
        ]
        return f"Told: {'; '.join(said[-4:])}."

    def _ends(self) -> str:
        if len(self.step.outcomes) == 1:
            return "Ends when you record that it is done."
        return "Ends when you record what happened."


def _minute_instant(minute: int) -> Instant:
    return 12 * 24 * clocks.HOUR + minute * clocks.MINUTE


def _ref(ref: Ref) -> str:
    kind, _, name = ref.partition(":")
    step, _, outcome = name.partition("/")
    if kind == "outcome":
        return f"{words(step)} ({words(outcome)})"
    return words(step)
