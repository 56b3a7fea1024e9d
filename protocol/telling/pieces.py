"""The pieces of an explained clock, said in a language: moments, limits, causes, acts, people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from protocol.engine.points import View, resolve
from protocol.expressions import (
    OWNER,
    AnchorKind,
    Edge,
    Either,
    Expr,
    Extreme,
    Joined,
    Length,
    Offset,
    Point,
    TestKind,
    Unit,
)
from protocol.kernel import Act, ActKind, Protocol
from protocol.languages.language import Language, Say, Whose
from protocol.names import Ref, Slug
from protocol.state import Instance, Instant, Item, PauseReason, Phase, Value
from protocol.telling.wording import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What is known of one task's clock. Instants are microseconds UTC; None: has not happened or is not known."""

    step: Slug
    owners: tuple[Slug, ...]
    agency: Slug | None = None
    """The agency that owns it; None: the step's."""
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
    item: Item | None = None
    """The item of a list that it is about."""


class Telling:
    """Says the pieces for one task's clock at an instant."""

    def __init__(self, protocol: Protocol, clock: Clock, now: Instant, language: Language) -> None:
        self.protocol = protocol
        self.step = protocol.step[clock.step]
        self.clock = clock
        self.now = now
        self.language = language
        self.agency = clock.agency or self.step.agency
        self.view = View(protocol, clock.fields, {}, (), now)

    def at(self, when: Instant) -> str:
        """A moment, in the zone of the owning agency."""
        return self.language.moment(when, self.now, self.protocol.calendar[self.agency].zone)

    def resolved(self, point: Point) -> Instant | None:
        """Where a point lies, as far as is known here."""
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
        return resolve(self.view, point, instance, due=clock.due)

    def limit(self, point: Point) -> str:
        """A limit, which stands alone or as one of several."""
        if isinstance(point, Either):
            then, otherwise = self.limit(point.then), self.limit(point.otherwise)
            return self.language.say(Say.EITHER, then=then, test=self.condition(point.test), otherwise=otherwise)
        if isinstance(point, Offset):
            return self._offset(point)
        sooner = point.pick == "earliest"
        limits = [f"({self.limit(each)})" if isinstance(each, Extreme) else self.limit(each) for each in _alike(point)]
        if len(limits) == 2:
            what = Say.SOONER_OF_TWO if sooner else Say.LATER_OF_TWO
        else:
            what = Say.SOONEST_OF if sooner else Say.LATEST_OF
        return self.language.say(what, limits=self.language.choices(limits))

    def condition(self, expr: Expr) -> str:
        """A condition, as a clause."""
        if isinstance(expr, Joined):
            join = self.language.listed if expr.word == "and" else self.language.any_of
            return join(self.condition(each) for each in expr.parts)
        kind, _, ref = expr.name.partition(":")
        if kind == "outcome":
            return self.cause(expr.name)
        what = _TESTS[expr.test][expr.negate]
        return self.language.say(what, name=words(ref or expr.name), value=words(str(expr.value)))

    def _offset(self, point: Offset) -> str:
        whose, length = self._whose(point.length), point.length
        said = self.language.length(length.count, length.unit, whose, words(length.calendar or ""))
        match point.anchor:
            case AnchorKind.FIELD:
                return self._around(point, said, self.clock.fields.get(point.name or ""))
            case AnchorKind.ITEM:
                return self._around(point, said, (self.clock.item or {}).get(point.name or ""))
            case AnchorKind.REF:
                cause = self.cause(point.name or "")
                return self.language.say(Say.AFTER_CAUSE if length.count else Say.AT_CAUSE, length=said, cause=cause)
        if length.unit is Unit.DAY and (point.edge is not Edge.END or length.count == 0):
            return self._day(point, whose)
        delivered, agency = self.clock.delivered, words(self.agency)
        if delivered is None:
            return self.language.say(Say.FROM_DELIVERY_TO_COME, length=said, agency=agency)
        return self.language.say(Say.FROM_DELIVERY, length=said, agency=agency, at=self.at(delivered))

    def _around(self, point: Offset, length: str, value: Value | None) -> str:
        name = words(point.name or "")
        if isinstance(value, int) and not isinstance(value, bool):
            return self.language.say(_KNOWN[_side(point)], length=length, field=name, at=self.at(value))
        return self.language.say(_UNKNOWN[_side(point)], length=length, field=name)

    def _day(self, point: Offset, whose: Whose) -> str:
        hour = "" if point.at is None else self.language.hour(*divmod(point.at, 60))
        what = _DAYS[point.edge, point.length.count > 0][whose]
        return self.language.say(what, hour=hour, agency=words(point.length.calendar or ""))

    def _whose(self, length: Length) -> Whose:
        if length.calendar is None:
            return Whose.PLAIN
        return Whose.WORKING if length.calendar in (OWNER, self.agency) else Whose.AGENCY

    def cause(self, ref: Ref) -> str:
        """What happened, as a clause."""
        kind, _, name = ref.partition(":")
        first, _, rest = name.partition("/")
        return self.language.say(_CAUSES[kind], name=words(first), rest=words(rest))

    def act(self, act: Act) -> str:
        """What a rung will do, as a clause."""
        if act.act is ActKind.END_AS:
            return self.language.say(Say.ACT_END_AS, outcome=words(act.targets[0]))
        roles = list(dict.fromkeys(role for each in act.targets for role in self._roles(each)))
        return self.language.say(ACTS[act.act], count=len(roles), roles=self.people(roles))

    def _roles(self, target: Slug) -> tuple[Slug, ...]:
        """The roles that a target means for this task; the coordinator where nobody else leads."""
        owners = self.clock.owners
        if target == "owner":
            return owners or (self.step.role,)
        if target == "deputy":
            found = tuple(self.protocol.role[each].deputy for each in owners or (self.step.role,))
            return tuple(each for each in found if each is not None) or ("coordinator",)
        if target in ("lead", "leads"):
            leads = tuple(each for each in self.protocol.agency[self.agency].leads if each not in owners)
            return (leads if target == "leads" else leads[:1]) or ("coordinator",)
        return (target,)

    def people(self, roles: Iterable[Slug]) -> str:
        """Roles, as people say them."""
        own = {"coordinator": Say.COORDINATOR}
        return self.language.listed(self.language.say(own.get(each, Say.ROLE), role=words(each)) for each in roles)


def _alike(point: Extreme) -> Iterator[Point]:
    """The limits of which the earliest (or latest) counts, those of nested ones of the same kind among them."""
    for each in point.points:
        if isinstance(each, Extreme) and each.pick == point.pick:
            yield from _alike(each)
        else:
            yield each


def _side(point: Offset) -> int:
    """At, before or after its anchor."""
    if point.length.count == 0:
        return 0
    return 1 if point.before else 2


_KNOWN = (Say.AT_FIELD, Say.BEFORE_FIELD, Say.AFTER_FIELD)
_UNKNOWN = (Say.AT_UNKNOWN, Say.BEFORE_UNKNOWN, Say.AFTER_UNKNOWN)
_NEXT_AT = {
    Whose.PLAIN: Say.NEXT_DAY_AT,
    Whose.WORKING: Say.NEXT_WORKING_DAY_AT,
    Whose.AGENCY: Say.NEXT_AGENCY_DAY_AT,
}
_DAY_END = {Whose.PLAIN: Say.DAY_END, Whose.WORKING: Say.WORKING_DAY_END, Whose.AGENCY: Say.AGENCY_DAY_END}
_DAYS = {
    (Edge.AT, True): _NEXT_AT,
    (Edge.AT, False): _NEXT_AT,
    (Edge.END, False): _DAY_END,
    (Edge.START, False): {
        Whose.PLAIN: Say.DAY_START,
        Whose.WORKING: Say.WORKING_DAY_START,
        Whose.AGENCY: Say.AGENCY_DAY_START,
    },
    (Edge.START, True): {
        Whose.PLAIN: Say.NEXT_DAY_START,
        Whose.WORKING: Say.NEXT_WORKING_DAY_START,
        Whose.AGENCY: Say.NEXT_AGENCY_DAY_START,
    },
}
"""By edge, and whether a following day is meant."""
_TESTS = {
    TestKind.TRUE: (Say.HOLDS, Say.HOLDS_NOT),
    TestKind.KNOWN: (Say.IS_KNOWN, Say.IS_NOT_KNOWN),
    TestKind.IS: (Say.IS, Say.IS_NOT),
    TestKind.AT_LEAST: (Say.AT_LEAST, Say.UNDER),
    TestKind.AT_MOST: (Say.AT_MOST, Say.OVER),
    TestKind.OVER: (Say.OVER, Say.AT_MOST),
    TestKind.UNDER: (Say.UNDER, Say.AT_LEAST),
    TestKind.PASSED: (Say.HAS_PASSED, Say.HAS_PASSED),
    TestKind.HAPPENED: (Say.HAS_HAPPENED, Say.HAS_HAPPENED),
    TestKind.OPEN: (Say.IS_OPEN, Say.IS_OPEN),
}
"""As it is, and negated; what has passed, happened or is open is never negated in a text."""
_CAUSES = {
    "event": Say.CAUSE_EVENT,
    "ended": Say.CAUSE_ENDED,
    "outcome": Say.CAUSE_OUTCOME,
    "opened": Say.CAUSE_OPENED,
    "late": Say.CAUSE_LATE,
    "cancelled": Say.CAUSE_CANCELLED,
    "settled": Say.CAUSE_SETTLED,
    "wait": Say.CAUSE_WAIT,
    "counter": Say.CAUSE_COUNTER,
}
ACTS = {
    ActKind.MOVE: Say.ACT_MOVE,
    ActKind.ADD: Say.ACT_ADD,
    ActKind.TELL: Say.ACT_TELL,
    ActKind.PAGE: Say.ACT_PAGE,
    ActKind.REMIND: Say.ACT_REMIND,
    ActKind.END_AS: Say.ACT_END_AS,
}
"""The acts of a ladder that people are told of beforehand."""
