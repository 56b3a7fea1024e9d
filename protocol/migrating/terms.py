"""What becomes of one open duty: its step, owner, clock and rungs under the newer text (council.md section 3, algebra).

A clock has a budget and what is consumed of it; every decision keeps the instant that follows from them exactly, to
to the microsecond. Nobody gets less than the grace of the plan, what was in time is not missed, nothing fires twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.engine import clocks
from protocol.engine.clocks import MINUTE, SECOND
from protocol.engine.machine import LATE, rung_at
from protocol.engine.points import View, calendar_of, due_of, stretches, suspended
from protocol.evolving import evolve
from protocol.expressions import AnchorKind, Length, Offset, Point, Unit
from protocol.facts import DutyMigrated
from protocol.kernel import (
    ActKind,
    Calendar,
    Guard,
    Protocol,
    Rung,
    Step,
)
from protocol.migrating.hindrances import Code, Hindrance
from protocol.migrating.plan import Clock
from protocol.migrating.route import DEADLINE, TERMS, Route
from protocol.names import Slug
from protocol.state import Instance, Instant, Phase

LOUDNESS = (ActKind.REMIND, ActKind.TELL, ActKind.PAGE)
"""The acts by which a rung only tells, the louder the later."""

FARTHEST = 800 * clocks.HOUR * 24
"""How far back the start of a clock is looked for: no window is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The case as both texts see it at the instant of the move, ``views`` of the older and the newer one."""

    route: Route
    old: View
    new: View
    now: Instant


def carried(sides: Sides, each: Instance) -> tuple[Instance | None, DutyMigrated]:
    """One duty under the newer text; None where the plan closes it.

    Raises:
        Hindrance: the plan says nothing of what must be decided, or the duty has no place in the newer text.
    """
    route = sides.route
    name = route.step_now(each.step)
    line = route.line(name if name in route.new.step else route.old.known_as[each.step])
    due, _ = due_of(sides.old, each)
    if line.close is not None:
        return None, _told(sides, each, each, "closed", due, reasoned=True)
    if name not in route.new.step:
        raise Hindrance(code=Code.STEP_GONE, place=name)
    old = route.renamed.step[each.step if route.old.step[each.step].stands_for else name]
    new = route.new.step[name]
    if old.stands_for is None and name not in route.changed:
        return evolve(each, step=name), _told(sides, each, evolve(each, step=name), "unchanged", due)
    made = _placed(sides, each, old, new)
    if made.phase is Phase.WAITING or made.receipt:
        return _rescheduled(sides, made, old, new), _told(sides, each, made, "unchanged", due)
    how = line.clock or route.plan.clock
    if each.votes and old.votes != new.votes:
        how = Clock.GRANDFATHER
    made, how = _with_clock(sides, each, made, how, due, reasoned=bool(line.because))
    now_due, _ = due_of(sides.new, made)
    if due is not None and now_due is None and not line.because:
        raise Hindrance(code=Code.NO_CLOCK, place=name)
    later = due is not None and now_due is not None and now_due > due
    if later and route.new.lane[new.lane].agency is not None and not line.because:
        raise Hindrance(code=Code.LATER_UNREASONED, place=name)
    return made, _told(sides, each, made, how.value.replace(" ", "-"), due, reasoned=bool(line.because))


def _told(
    sides: Sides, each: Instance, made: Instance, how: Slug, due: Instant | None, *, reasoned: bool = False
) -> DutyMigrated:
    due_now = None if how == "closed" else due_of(sides.new, made)[0]
    return DutyMigrated(
        instance=each.n,
        was=each.step,
        step=made.step,
        agency=made.agency,
        how=how,
        due_was=due,
        due=due_now,
        reasoned=reasoned,
    )


# Owner and position


def _placed(sides: Sides, each: Instance, old: Step, new: Step) -> Instance:
    """The duty as one of the newer step: its owner, its rungs' names, its tries."""
    route = sides.route
    agency, owners = _owners(route, each, old, new)
    if sides.route.renamed.agency[each.agency].confidential != route.new.agency[agency].confidential:
        raise Hindrance(code=Code.OTHER_SECRECY, place=new.id)
    fired = _named(route, old, each.fired)
    known = {rung.id for rung in new.rungs}
    tries = each.tries
    if new.tries is not None and old.tries is not None and each.tries < old.tries.count:
        tries = min(each.tries, new.tries.count - 1)
    same = owners == each.owners
    return evolve(
        each,
        step=new.id,
        agency=agency,
        owners=owners,
        person=each.person if same else None,
        acknowledged=each.acknowledged if same else None,
        taken=each.taken if agency == each.agency else None,
        tries=tries,
        fired={rung: at for rung, at in fired.items() if rung in known or rung == LATE},
        pages=tuple(page for page in each.pages if page.role in route.new.role),
        rehung={},
    )


def _owners(route: Route, each: Instance, old: Step, new: Step) -> tuple[Slug, tuple[Slug, ...]]:
    """The agency and roles that own the duty now: who was given it keeps it while that role may own it."""
    roles = route.new.role
    if new.chosen is not None:
        kept = tuple(one for one in each.owners if one in new.chosen.roles)
        if not kept:
            raise Hindrance(code=Code.OWNER_GONE, place=new.id)
        return roles[kept[0]].agency, kept
    if each.owners == (old.role,):
        return new.agency, (new.role,)
    kept = tuple(one for one in each.owners if one in roles and roles[one].agency == new.agency)
    return new.agency, kept or (new.role,)


def _named(route: Route, old: Step, fired: Mapping[str, Instant]) -> dict[str, Instant]:
    """Rungs by their newer names."""
    was = next((unit for unit, now in route.names.items() if now == f"step:{old.id}"), f"step:{old.id}")
    before = was.partition(":")[2]
    return {
        route.names.get(f"rung:{before}/{rung}", f"rung:{old.id}/{rung}").rpartition("/")[2]: at
        for rung, at in fired.items()
    }


def _rescheduled(sides: Sides, made: Instance, old: Step, new: Step) -> Instance:
    """What is not delivered yet: at its old time, unless the newer text counts its rounds otherwise."""
    if made.round == 0 or old.series == new.series:
        return evolve(made, starts=sides.now) if _unheld(made, old, new) else made
    series = new.series
    length = None if series is None else series.every
    if series is not None and length is None and made.round <= len(series.after):
        length = series.after[made.round - 1]
    if length is None or series is None:
        raise Hindrance(code=Code.ROUNDS_GONE, place=new.id)
    calendar = calendar_of(sides.new.protocol, length.calendar or made.agency, made.agency)
    whole = evolve(length, count=length.count * made.round) if series.every is not None else length
    starts = max(clocks.shift(calendar, made.base, whole), sides.now)
    return evolve(made, starts=starts)


def _unheld(made: Instance, old: Step, new: Step) -> bool:
    return not made.held and made.round == 0 and old.not_before is not None and new.not_before is None


# Clock


def _with_clock(
    sides: Sides, each: Instance, made: Instance, how: Clock, due: Instant | None, *, reasoned: bool
) -> tuple[Instance, Clock]:
    """The duty with its clock set as decided; what is overdue keeps its due time, unless it starts again."""
    route, now = sides.route, sides.now
    overdue = each.missed or (due is not None and due <= now)
    if how is Clock.RESTART and not reasoned and (overdue or route.new.lane[route.new.step[made.step].lane].agency):
        raise Hindrance(code=Code.RESTART_UNREASONED, place=made.step)
    if how is Clock.GRANDFATHER:
        return evolve(each, step=_row(route, each, made.step, TERMS)), how
    if how is Clock.KEEP_DEADLINE or (overdue and how is not Clock.RESTART):
        step = made.step
        if due_of(sides.new, made) != due_of(sides.old, each) or how is Clock.KEEP_DEADLINE:
            step = _row(route, each, made.step, DEADLINE)
        return _rehung(sides, each, evolve(made, step=step), due), Clock.KEEP_DEADLINE
    if how is Clock.RESTART:
        return _rehung(sides, each, _restarted(sides, made), due), how
    kept = _elapsed(sides, each, made)
    return _rehung(sides, each, _graced(sides, kept, due), due), how


def _row(route: Route, each: Instance, name: Slug, keeps: str) -> Slug:
    """The carried row of older terms; the plain step where its terms are the same."""
    of = each.step if route.old.step[each.step].stands_for else name
    found = route.row(name, keeps, of=of)
    if found is None:
        raise Hindrance(code=Code.TERMS_GONE, place=name)
    return found


def _restarted(sides: Sides, made: Instance) -> Instance:
    """A new clock from now. What outsiders were told of its taking up is not told again."""
    step = sides.new.protocol.step[made.step]
    outward = {each.id for each in step.rungs if each.guard is Guard.NOT_TAKEN_UP}
    still = tuple(evolve(each, start=sides.now) for each in made.suspensions if each.until is None)
    fired = {rung: at for rung, at in made.fired.items() if rung in outward}
    return evolve(made, clock=sides.now, suspensions=still, fired=fired, missed=False, grace=0)


def _elapsed(sides: Sides, each: Instance, made: Instance) -> Instance:
    """The time used still counts, as the older calendar counted it; a share of it where the unit is another."""
    old, new = (_window(side.protocol, one) for side, one in ((sides.old, each), (sides.new, made)))
    if old is None or new is None:
        return made
    if _counts_alike(old, new, sides.now):
        return _paused_grace(sides, each, made, old, new)
    start = each.delivered if each.clock is None else each.clock
    if start is None:
        return made
    if old.elapsed is None or new.elapsed is None:
        return evolve(made, clock=_day_start(sides, each, start, old, new))
    used = clocks.consumed(old.calendar, start, sides.now, stretches(sides.old, each))
    if (old.calendar is None) != (new.calendar is None):
        used = used * new.elapsed // old.elapsed
    begun = _started(new.calendar, sides.now, min(used, new.elapsed), stretches(sides.new, made))
    return _paused_grace(sides, each, evolve(made, clock=begun), old, new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A length counted from delivery, and the calendar that it is counted on."""

    length: Length
    calendar: Calendar | None

    @property
    def elapsed(self) -> int | None:
        """Its budget in microseconds; None for one that is counted in days."""
        each = clocks.ELAPSED.get(self.length.unit)
        return None if each is None else self.length.count * each


def _window(protocol: Protocol, each: Instance) -> Window | None:
    """The window of a duty, if it is counted from delivery."""
    point: Point | None = protocol.step[each.step].due
    if not isinstance(point, Offset) or point.anchor is not AnchorKind.DELIVERY or point.before:
        return None
    name = point.length.calendar
    return Window(length=point.length, calendar=None if name is None else calendar_of(protocol, name, each.agency))


def _counts_alike(old: Window, new: Window, now: Instant) -> bool:
    """Whether time up to now counts alike, so that the same start gives the same time used."""
    before, after = old.calendar, new.calendar
    if (old.elapsed is None) != (new.elapsed is None) or (before is None) != (after is None):
        return False
    if old.elapsed is None and old.length.unit is not new.length.unit:
        return False
    if before is None or after is None or before == after:
        return True
    day = clocks.local_day(before.zone, now)
    past = [{each for each in one.closed if each <= day} for one in (before, after)]
    return evolve(before, closed=()) == evolve(after, closed=()) and past[0] == past[1]


def _started(calendar: Calendar | None, now: Instant, used: int, still: tuple[clocks.Stretch, ...]) -> Instant:
    """The latest start from which so much has been used by now."""
    low, high = now - FARTHEST, now
    while high - low > 1:
        middle = (low + high) // 2
        if clocks.consumed(calendar, middle, now, still) >= used:
            low = middle
        else:
            high = middle
    return high if clocks.consumed(calendar, high, now, still) >= used else low


def _day_start(sides: Sides, each: Instance, start: Instant, old: Window, new: Window) -> Instant:
    """Where a window in days, or one that was, would have begun: the same share of it is used, in whole days."""
    due, _ = due_of(sides.old, evolve(each, grace=0, floor=0))
    if due is None or due <= start:
        return start
    zone = new.calendar or sides.new.protocol.clock
    if old.elapsed is None and new.elapsed is None:
        done = _closes(old.calendar or sides.old.protocol.clock, start, sides.now)
    else:
        share = (min(sides.now, due) - start) / (due - start)
        if new.elapsed is not None:
            return _started(new.calendar, sides.now, int(new.elapsed * share), stretches(sides.new, each))
        done = int(new.length.count * {Unit.WEEK: 7, Unit.MONTH: 30}.get(new.length.unit, 1) * share)
    day = clocks.local_day(zone.zone, sides.now)
    while _closes(zone, clocks.local_instant(zone.zone, day, 0, last=False), sides.now) < done:
        day -= 1
    return clocks.local_instant(zone.zone, day, 0, last=False)


def _closes(calendar: Calendar, start: Instant, now: Instant) -> int:
    """How many counted days after the starting one have closed."""
    first, last = (clocks.local_day(calendar.zone, each) for each in (start, now))
    found = 0
    for day in range(first + 1, last + 1):
        hours = clocks.hours_of(calendar, day)
        if hours and clocks.local_instant(calendar.zone, day, hours[-1][1], last=True) <= now:
            found += 1
    return found


def _paused_grace(sides: Sides, each: Instance, made: Instance, old: Window, new: Window) -> Instance:
    """A stopped clock keeps at least the grace, or what it had left if that was less."""
    start = each.delivered if each.clock is None else each.clock
    if not suspended(sides.old, each) or old.elapsed is None or new.elapsed is None or start is None:
        return made
    begun = start if made.clock is None else made.clock
    left = old.elapsed - clocks.consumed(old.calendar, start, sides.now, stretches(sides.old, each))
    left_now = new.elapsed - clocks.consumed(new.calendar, begun, sides.now, stretches(sides.new, made))
    least = min(left, _grace(sides, new.elapsed))
    if left_now >= least:
        return made
    return evolve(made, clock=_started(new.calendar, sides.now, new.elapsed - least, stretches(sides.new, made)))


def _grace(sides: Sides, budget: int) -> int:
    plan = sides.route.plan.grace
    return max(plan.least * SECOND, int(budget * plan.share))


def grace_ends(sides: Sides, made: Instance) -> Instant:
    """The earliest that a duty may fall due after the move: the plan's share of its window, in its owner's hours.

    After it also where the plan gives no grace: what fell due at the very move would be told of and not missed.
    """
    return max(_with_grace(sides, made), sides.now + 1)


def _with_grace(sides: Sides, made: Instance) -> Instant:
    window = _window(sides.new.protocol, made)
    if window is not None and window.elapsed is not None:
        span = Length(count=_grace(sides, window.elapsed) // SECOND, unit=Unit.SECOND, calendar=window.length.calendar)
        return clocks.shift(window.calendar or sides.new.protocol.clock, sides.now, span)
    _, raw = due_of(sides.new, evolve(made, grace=0, floor=0))
    start = made.delivered or sides.now
    most = _grace(sides, max(0, (raw or sides.now) - start))
    return sides.now + (most + MINUTE - 1) // MINUTE * MINUTE


def _graced(sides: Sides, made: Instance, due: Instant | None) -> Instance:
    """No due time in the past, and none sooner than the grace or the older due time, whichever is first."""
    free = evolve(made, grace=0)
    raw, _ = due_of(sides.new, free)
    if raw is None or suspended(sides.new, free):
        return free
    ends = grace_ends(sides, made)
    least = ends if due is None else min(due, ends)
    return evolve(free, grace=least) if raw < least else free


def _rehung(sides: Sides, each: Instance, made: Instance, due: Instant | None) -> Instance:
    """Rungs of the newer terms whose time had passed fire now; on a duty that is overdue, after the grace.

    What has fired stays fired, though its time be a later one now. Of several that would tell the same people at that
    one instant the last tells them, and the others count as fired.
    """
    old = sides.old.protocol.step[each.step]
    step = sides.new.protocol.step[made.step]
    known = sides.route.renamed.step
    before = {rung.id: rung for rung in (known.get(each.step) or known.get(step.stands_for or step.id, step)).rungs}
    due_now, _ = due_of(sides.new, made)
    overdue = due is not None and due <= sides.now
    found: dict[str, Instant] = {}
    fired = dict(made.fired)
    passed: list[tuple[Instant, Rung]] = []
    for rung in step.rungs:
        if rung.every is not None:
            continue
        at = rung_at(sides.new, made, rung, due_now)
        if rung.id in fired:
            fired[rung.id] = max(fired[rung.id], at or 0)
            continue
        if at is None or at > sides.now or _was_pending(sides, each, old, before.get(rung.id), rung):
            continue
        found[rung.id] = grace_ends(sides, made) if overdue else sides.now
        passed.append((at, rung))
    for rung in _said_by_later(sides.new.protocol, step, passed):
        del found[rung.id]
        fired[rung.id] = sides.now
    return evolve(made, rehung=found, fired=fired)


def _said_by_later(protocol: Protocol, step: Step, passed: list[tuple[Instant, Rung]]) -> list[Rung]:
    """Of rungs that would fire at one instant, those that only tell whom a later one tells as well."""
    in_order = [rung for _, rung in sorted(passed, key=lambda one: one[0])]
    # What something else hangs on must fire itself.
    alone = {each.after for each in step.rungs} | {each.id for each in in_order if each.publishes in protocol.awaited}
    return [
        each
        for place, each in enumerate(in_order)
        if each.id not in alone and any(_says_all(later, each) for later in in_order[place + 1 :])
    ]


def _says_all(later: Rung, each: Rung) -> bool:
    """Whether a rung tells everybody whom another tells, as loudly, whenever that one would."""
    if later.only_if is not None or later.guard not in (Guard.NONE, each.guard):
        return False
    return all(
        act.act in LOUDNESS
        and any(
            one.act in LOUDNESS
            and LOUDNESS.index(one.act) >= LOUDNESS.index(act.act)
            and set(act.targets) <= set(one.targets)
            for one in later.acts
        )
        for act in each.acts
    )


def _was_pending(sides: Sides, each: Instance, old: Step, before: Rung | None, rung: Rung) -> bool:
    """Whether the rung's time had passed under the older text too, and something else kept it from firing."""
    if before is None or before.acts != rung.acts or before.guard != rung.guard:
        return False
    known = next((one for one in old.rungs if one.at == before.at and one.acts == before.acts), None)
    at = None if known is None else rung_at(sides.old, each, known, due_of(sides.old, each)[0])
    return at is not None and at <= sides.now
