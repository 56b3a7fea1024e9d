"""Who acts when: a role's delays by step, hour and weekend, counted in its hours on duty, and queues of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from protocol.engine import clocks
from protocol.expressions import Length, Unit
from protocol.kernel import Calendar, Protocol, Role, Step
from protocol.names import Slug
from protocol.rehearsal.habits import BANDS, EVERYBODY, Delay, Habits, Pace
from protocol.state import Instant

SECOND = 1_000_000
WEEK = 7 * 24 * 60 * 60 * SECOND
NEVER_DUE = 1 << 62
BAND_HOURS = 24 // len(BANDS)


@dataclass(slots=True)
class Queue:
    """People of one role: how many are on duty by band of the day, how many at work; what waits, due first first."""

    staff: tuple[int, ...]
    working: int = 0
    woken: Instant = -1
    """Until when somebody looks again for want of people."""
    waiting: list[tuple[Instant, int, int, int, int]] = field(default_factory=list)
    """Due, order of coming, case, instance, token."""

    def join(self, due: Instant | None, order: int, case: int, instance: int, token: int) -> None:
        """A task comes to the end of those due no later."""
        heappush(self.waiting, (NEVER_DUE if due is None else due, order, case, instance, token))

    @property
    def varies(self) -> bool:
        """Whether more are on duty at one hour than at another."""
        return len(set(self.staff)) > 1

    def next(self) -> tuple[int, int, int]:
        """The task to take now: its case, instance and token."""
        _, _, *found = heappop(self.waiting)
        return found[0], found[1], found[2]


@dataclass(slots=True)
class People:
    """The people of one text, by habits."""

    protocol: Protocol
    habits: Habits
    was: Mapping[Slug, Slug]
    """A step's name in the older text, where it has another."""
    queues: dict[Slug, Queue] = field(default_factory=dict)
    assumed: int = 0
    drawn: int = 0
    _calendars: dict[Slug, Calendar | None] = field(default_factory=dict)
    _paces: dict[tuple[Slug, Slug, int], tuple[Delay, Delay, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the queues and see who is on duty when."""
        for role in self.protocol.roles:
            known = self.habits.roles.get(role.id)
            if known is not None and known.staff is not None:
                self.queues[role.id] = Queue(tuple(known.shifts.get(band, known.staff) for band in BANDS))
            self._calendars[role.id] = self._hours(role)

    def _hours(self, role: Role) -> Calendar | None:
        calendar = self.protocol.calendar[role.agency]
        return None if role.always or calendar.always else calendar

    def delays(self, role: Slug, step: Step, at: Instant) -> tuple[Delay, Delay]:
        """How soon the role takes a step's task up, and answers it; counts how much of that was assumed."""
        key = role, step.id, self._when(at)
        found = self._paces.get(key)
        if found is None:
            found = self._paces[key] = self._pace(role, step, key[2])
        self.drawn += 1
        self.assumed += found[2]
        return found[0], found[1]

    def free(self, role: Slug, at: Instant) -> bool:
        """Whether one more of a queue's people is on duty than at work; whoever is at work ends what they do."""
        queue = self.queues[role]
        return queue.working < queue.staff[self._when(at) % len(BANDS)]

    def next_shift(self, at: Instant) -> Instant:
        """When the next band of the day begins."""
        moment = clocks.moment(at, self.protocol.zone)
        minute = (moment.hour // BAND_HOURS + 1) * BAND_HOURS * 60
        day = moment.toordinal() + minute // (24 * 60)
        return clocks.local_instant(self.protocol.zone, day, minute % (24 * 60), last=False)

    def on_duty(self, role: Slug, at: Instant) -> Instant:
        """The instant from which the role is there."""
        calendar = self._calendars[role]
        if calendar is None:
            return at
        return next(max(at, opens) for opens, closes in clocks.open_stretches(calendar, at) if closes > at)

    def after(self, role: Slug, at: Instant, delay: Delay, normal: float) -> Instant:
        """When something that takes the role so long is done."""
        seconds = delay.seconds(normal)
        calendar = self._calendars[role] if delay.on_duty else None
        if calendar is None:
            return at + seconds * SECOND
        return clocks.shift(calendar, at, Length(count=seconds, unit=Unit.SECOND, calendar=calendar.id))

    def gap(self, step: Step, apart: Length, at: Instant) -> Instant:
        """The first instant at which the next try counts."""
        calendar = self.protocol.calendar.get(apart.calendar or step.agency, self.protocol.clock)
        return clocks.shift(calendar, at, apart)

    def reached(self, role: Slug, step: Step) -> float:
        """The share of tries that reach somebody."""
        own, theirs = self.habits.steps.get(self.was.get(step.id, step.id)), self.habits.roles.get(role)
        for each in (own, theirs, self.habits.everybody, EVERYBODY):
            if each is not None and each.reached is not None:
                return each.reached
        return 0.0

    def _when(self, at: Instant) -> int:
        moment = clocks.moment(at, self.protocol.zone)
        return moment.hour // BAND_HOURS + (len(BANDS) if moment.weekday() >= 5 else 0)

    def _pace(self, role: Slug, step: Step, when: int) -> tuple[Delay, Delay, bool]:
        habits, theirs = self.habits, self.habits.roles.get(role)
        band = BANDS[when % len(BANDS)]
        said: list[Pace | None] = []
        for each in (habits.steps.get(self.was.get(step.id, step.id)), theirs):
            if each is not None:
                said += [each.hours.get(band), each.weekends if when >= len(BANDS) else None, each]
        takes = next((each.takes_up for each in said if each is not None and each.takes_up), None)
        answers = next((each.answers for each in said if each is not None and each.answers), None)
        for every in (habits.everybody, EVERYBODY):
            takes, answers_assumed = takes or every.takes_up, every.answers
            if answers is None and answers_assumed is not None:
                assert takes is not None  # noqa: S101 - narrows; everybody's are there
                return takes, answers_assumed, True
        assert takes is not None  # noqa: S101 - as above
        assert answers is not None  # noqa: S101 - as above
        return takes, answers, False
