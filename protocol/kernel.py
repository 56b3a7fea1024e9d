"""The kernel: what a protocol text compiles to, and all that the engine, checks and drivers see.

Frozen tables, no behaviour beyond look-ups. The surface text is gone here: "lead", "2 hours late",
"or within D if sooner" have become roles, points and rungs. A compiled protocol is a value: it
travels inside each case as canonical JSON and is known by the SHA-256 of that JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from protocol.expressions import (
    AnchorKind,
    DayOrdinal,
    Either,
    Expr,
    Extreme,
    Joined,
    Length,
    Minute,
    Offset,
    Point,
    Test,
    TestKind,
)
from protocol.names import Ref, RungId, Slug


class FieldType(StrEnum):
    """Closed types a record field may have; free text is not among them (it belongs in the vault)."""

    YES_NO = "yes-no"
    ONE_OF = "one-of"
    NUMBER = "number"
    INSTANT = "instant"
    ROLE = "role"
    REFERENCE = "reference"
    LIST = "list"
    COUNT = "count"
    DERIVED = "derived"


MOST_ITEMS = 32
"""The most items a list field may hold, and so the most instances one cause may open."""

MOST_COUNTED = 1_000
"""The most occurrences a counter remembers: beyond it the oldest are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What a counter counts: occurrences of any of ``of``, those of the last ``within`` only, from zero after a reset.

    ``thresholds`` are the counts the text waits for; reaching one is the occurrence ``counter:id/n``.
    """

    of: tuple[Ref, ...]
    within: Length | None = None
    resets: tuple[Ref, ...] = ()
    thresholds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One fact about a case that the engine may read.

    ``derived`` fields are named conditions and ``count`` fields counters, neither ever set; a ``list`` has items of
    ``columns``. A form asks the field only while ``asked_if`` is true.
    """

    id: Slug
    type: FieldType
    choices: tuple[Slug, ...] = ()
    low: int = 0
    high: int = 0
    expr: Expr | None = None
    counting: Counting | None = None
    columns: tuple[Field, ...] = ()
    asked_if: Expr | None = None
    seen_by: tuple[Slug, ...] = ()
    show_always: bool = False
    agency: Slug | None = None
    """The confidential agency whose people alone may see it; None: every agency with a step."""


class VaultType(StrEnum):
    """Kinds of protected value; the engine handles references to them only."""

    TEXT = "text"
    NAME = "name"
    PHONE_NUMBERS = "phone-numbers"
    ADDRESS = "address"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One protected value of a case and the agency whose custodian keeps it."""

    id: Slug
    type: VaultType
    keeper: Slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """A class of keeping: how long after the base, once any of ``once`` has occurred; a case begins in the first."""

    id: Slug
    length: Length
    once: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long an agency's part of a case is kept, or one vault slot: the last of ``classes`` the case has come to."""

    of: Slug
    classes: tuple[Retention, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """One agency's hours in its zone, with the days it is closed frozen in at publishing.

    ``week`` holds, Monday first, each day's opening intervals in minutes; ``always`` means 24 hours a day.
    ``closed`` are local dates up to the protocol's ``horizon``.
    """

    id: Slug
    zone: str
    always: bool
    week: tuple[tuple[tuple[Minute, Minute], ...], ...]
    closed: tuple[DayOrdinal, ...]

    def __hash__(self) -> int:
        """By name alone: calendars are looked up far more often than two of one name differ."""
        return hash((self.id, self.zone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A duty-holder in an agency; ``always`` cover or in open hours; by rota; with a deputy role.

    ``faces_suspect``: works with the suspect, so that nothing that came from her is ever shared with it (T6).
    """

    id: Slug
    agency: Slug
    always: bool = False
    by_rota: bool = False
    faces_suspect: bool = False
    deputy: Slug | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """An agency, its chain of leads, and whether what happens inside it stays inside."""

    id: Slug
    confidential: bool
    leads: tuple[Slug, ...]
    roles: tuple[Slug, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A signed working agreement between agencies and the date it must be reviewed by."""

    id: Slug
    between: tuple[Slug, ...]
    signed: DayOrdinal
    review_by: DayOrdinal


class ActKind(StrEnum):
    """Everything a rung, an outcome or an event may do besides being an occurrence."""

    TELL = "tell"
    PAGE = "page"
    REMIND = "remind"
    ADD = "add"
    MOVE = "move"
    CANCEL = "cancel"
    END_AS = "end-as"
    CLOSE = "close"
    REOPEN = "reopen"
    PAUSE = "pause"
    START_LINKED = "start-linked"
    STOP_REPEATING = "stop-repeating"
    END_CASE = "end-case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act on its targets: roles (``owner``, ``lead`` .. too), steps, a lane, an outcome, an event.

    A lane is paused for ``most`` at most, and until one of ``until`` occurs.
    """

    act: ActKind
    targets: tuple[Slug, ...] = ()
    most: Length | None = None
    until: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens outside: who may report it, what it brings, what it does."""

    id: Slug
    sources: tuple[Slug, ...]
    from_linked: bool
    brings: tuple[Slug, ...] = ()
    may_bring: tuple[Slug, ...] = ()
    acts: tuple[Act, ...] = ()
    starts: bool = False


class Guard(StrEnum):
    """What must still be true of the instance for a rung to fire.

    A duty that moves must be acknowledged again (``unacknowledged``); an agency takes a handoff up once, by its
    first act of any kind (``not-taken-up``): the only guard whose telling may leave a confidential agency. A rung
    for receipts (``receipt``) is for handoffs that opened nothing.
    """

    NONE = "none"
    UNACKNOWLEDGED = "unacknowledged"
    NOT_TAKEN_UP = "not-taken-up"
    UNTRIED = "untried"
    TOO_FEW_TRIES = "too-few-tries"
    RECEIPT = "receipt"
    NOT_TRIED_IN_TIME = "not-tried-in-time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One unprompted move of a ladder: at a point, once; or ``every`` length, first ``after`` that rung fired."""

    id: RungId
    at: Point
    acts: tuple[Act, ...] = ()
    guard: Guard = Guard.NONE
    only_if: Expr | None = None
    every: Length | None = None
    after: RungId | None = None
    publishes: Ref | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A field or vault slot that the form of an outcome asks for."""

    name: Slug
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One way a step may end: when it may be chosen, what its form asks, what it does."""

    id: Slug
    only_if: Expr | None = None
    asks: tuple[Ask, ...] = ()
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What opens a step: any of the refs of one arm, or one of each arm (a join), under conditions.

    ``latest`` is the wait that opens a join with what has come.
    """

    arms: tuple[tuple[Ref, ...], ...]
    latest: Ref | None = None
    only_if: tuple[Expr, ...] = ()
    unless: tuple[Expr, ...] = ()


class Again(StrEnum):
    """What another cause does while an instance is live."""

    ONLY_WHEN_ENDED = "only-when-ended"
    START_OVER = "start-over"
    ONE_MORE = "one-more"
    ONCE = "once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """Bounded tries: ``up_to`` n ends the step as ``then``; otherwise ``then`` is refused before n."""

    count: int
    up_to: bool
    then: Slug
    apart: Length | None = None
    counts_as_on_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Further rounds of a step: one at each of ``after`` from the opening, or every ``every`` until a ref."""

    after: tuple[Length, ...] = ()
    every: Length | None = None
    until: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pausing:
    """What stops the clock: a lead by hand, ``most`` at most, or a condition while it is true, ``cap`` in all."""

    allowed: bool
    most: Length
    condition: Expr | None = None
    cap: Length | None = None


class ChosenBy(StrEnum):
    """How the owner of a step is found when it opens."""

    EACH = "each"
    FIELD = "field"
    ITEM = "item"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An owner that is not one fixed role: each of ``roles`` has an instance, or a field or item says which role."""

    by: ChosenBy
    roles: tuple[Slug, ...]
    """Every role that may own an instance."""
    name: Slug | None = None
    """The role field of the record, or the column of the item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """A decision of several roles.

    With ``owner_decides`` the owner's answer needs a vote of each of ``roles``; else each of them casts one outcome,
    and the first outcome with ``needed`` votes ends the step.
    """

    roles: tuple[Slug, ...]
    needed: int
    owner_decides: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One duty of one role (``chosen`` when it opens, where not fixed; ``role`` and ``agency`` stand in for it then).

    ``for_each`` names the list of which each item gets an instance of its own.

    ``outside`` marks a confidential agency's step that only outsiders' acts open: of it alone others may see
    *delivered*, *taken up*, *not taken up*.

    ``stands_for`` is the step of the text whose older terms these are: a case that moved to a newer text carries them
    for a duty that was open then. What it publishes goes by that step's name, and nothing opens it.
    """

    id: Slug
    lane: Slug
    agency: Slug
    role: Slug
    when: When
    again: Again = Again.ONLY_WHEN_ENDED
    not_before: Point | None = None
    due: Point | None = None
    tries: Tries | None = None
    series: Series | None = None
    pausing: Pausing
    rungs: tuple[Rung, ...]
    outcomes: tuple[Outcome, ...]
    shares: tuple[Slug, ...] = ()
    shares_with: tuple[Slug, ...] = ()
    imminent_threat: bool = False
    chosen: Chosen | None = None
    for_each: Slug | None = None
    votes: Votes | None = None
    outside: bool = False
    stands_for: Slug | None = None
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A group of steps that closes together; ``agency`` is its confidentiality owner, if any."""

    id: Slug
    agency: Slug | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A step nobody owns: it publishes ``wait:id`` at its point.

    Armed when one of ``armed_by`` occurs; if none is named, whenever the field it is measured from has a later value
    than it last published for.
    """

    id: Slug
    armed_by: tuple[Ref, ...]
    at: Offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """An event that a case passes on to its linked case when one of ``refs`` occurs."""

    event: Slug
    refs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A linked case of another protocol: opened as its event ``event``, with the fields it is given.

    ``opened:id`` and ``ended:id`` are occurrences of this case when the linked one opened and ended.
    """

    id: Slug
    lane: Slug
    protocol: Slug
    when: When
    event: Slug
    gives: tuple[Slug, ...] = ()
    passes: tuple[Passing, ...] = ()
    position: int = 0


class Channel(StrEnum):
    """How a notice travels; none carries anything of a case."""

    DESK = "desk"
    EMAIL = "email"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """How people are told (``act``: tell, page, remind): the words, with ``<link>`` and ``<agency>``, and the ways."""

    act: ActKind
    says: str = ""
    by: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What people read about one thing of the protocol; never read by the engine."""

    title: str = ""
    because: str = ""
    question: str = ""
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A compiled protocol: frozen tables by id. ``words`` is for people; everything else is for the engine."""

    id: Slug
    title: str
    zone: str
    horizon: DayOrdinal
    agencies: tuple[Agency, ...]
    roles: tuple[Role, ...]
    calendars: tuple[Calendar, ...]
    agreements: tuple[Agreement, ...]
    fields: tuple[Field, ...]
    vault: tuple[Slot, ...]
    events: tuple[Event, ...]
    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    waits: tuple[Wait, ...]
    links: tuple[Link, ...] = ()
    notices: tuple[Notice, ...] = ()
    keeping: tuple[Keeping, ...] = ()
    renamed: dict[str, Slug] = field(default_factory=dict)
    """What had another name in an earlier text: ``step:new-name`` to the old name."""
    base: str | None = None
    """The hash of the published text that this is, with older terms carried beside it for open duties."""
    words: dict[str, Words] = field(default_factory=dict)
    """Keyed ``kind:id``, for example ``step:first-call`` or ``field:spoken-language``."""

    @cached_property
    def agency(self) -> dict[Slug, Agency]:
        """Agencies by id."""
        return {each.id: each for each in self.agencies}

    @cached_property
    def role(self) -> dict[Slug, Role]:
        """Roles by id."""
        return {each.id: each for each in self.roles}

    @cached_property
    def calendar(self) -> dict[Slug, Calendar]:
        """Calendars by their agency."""
        return {each.id: each for each in self.calendars}

    @cached_property
    def field(self) -> dict[Slug, Field]:
        """Record fields by id."""
        return {each.id: each for each in self.fields}

    @cached_property
    def slot(self) -> dict[Slug, Slot]:
        """Vault slots by id."""
        return {each.id: each for each in self.vault}

    @cached_property
    def event(self) -> dict[Slug, Event]:
        """Events by id."""
        return {each.id: each for each in self.events}

    @cached_property
    def step(self) -> dict[Slug, Step]:
        """Steps by id."""
        return {each.id: each for each in self.steps}

    @cached_property
    def known_as(self) -> dict[Slug, Slug]:
        """The name by which each step is known in the text, carried older terms too."""
        return {each.id: each.stands_for or each.id for each in self.steps}

    @cached_property
    def lane(self) -> dict[Slug, Lane]:
        """Lanes by id."""
        return {each.id: each for each in self.lanes}

    @cached_property
    def wait(self) -> dict[Slug, Wait]:
        """Waits by id."""
        return {each.id: each for each in self.waits}

    @cached_property
    def link(self) -> dict[Slug, Link]:
        """Linked cases by id."""
        return {each.id: each for each in self.links}

    @cached_property
    def starts_links(self) -> dict[Ref, tuple[tuple[Link, int], ...]]:
        """For each occurrence: the linked cases it may open and the arm of the join it fills."""
        table: dict[Ref, list[tuple[Link, int]]] = {}
        for each in self.links:
            for number, arm in enumerate(each.when.arms):
                for ref in arm:
                    table.setdefault(ref, []).append((each, number))
        return {ref: tuple(found) for ref, found in table.items()}

    @cached_property
    def awaited(self) -> frozenset[Ref]:
        """The occurrences that open something, arm a wait or are counted."""
        counted = (ref for _, counting in self.counters for ref in (*counting.of, *counting.resets))
        return frozenset((*self.opens, *self.starts_links, *self.arms_waits, *counted))

    @cached_property
    def passed_on(self) -> dict[Ref, tuple[tuple[Link, Slug], ...]]:
        """For each occurrence: the linked cases that hear of it, and as which of their events."""
        table: dict[Ref, list[tuple[Link, Slug]]] = {}
        for each in self.links:
            for passing in each.passes:
                for ref in passing.refs:
                    table.setdefault(ref, []).append((each, passing.event))
        return {ref: tuple(found) for ref, found in table.items()}

    @cached_property
    def timed(self) -> dict[Slug, tuple[Test, ...]]:
        """For each step: the tests that stop its clock or choose its times, and that time alone may change."""
        found: dict[Slug, tuple[Test, ...]] = {}
        for step in self.steps:
            points = (step.due, step.not_before, *(rung.at for rung in step.rungs))
            exprs = [expr for point in points if point is not None for expr in _choices(point)]
            exprs += [] if step.pausing.condition is None else [step.pausing.condition]
            tests = tuple(test for expr in exprs for test in self._timed(expr))
            if tests:
                found[step.id] = tests
        return found

    def _timed(self, expr: Expr) -> Iterator[Test]:
        if isinstance(expr, Joined):
            for part in expr.parts:
                yield from self._timed(part)
        elif expr.test is TestKind.PASSED:
            yield expr
        elif expr.test not in (TestKind.HAPPENED, TestKind.OPEN):
            field = self.field[expr.name]
            if field.expr is not None:
                yield from self._timed(field.expr)
            if field.counting is not None and field.counting.within is not None:
                yield expr

    @cached_property
    def anchors(self) -> dict[Slug, tuple[tuple[Slug, ...], tuple[Ref, ...]]]:
        """The fields and occurrences that the times of a step are measured from; no entry where conditions choose."""
        found: dict[Slug, tuple[tuple[Slug, ...], tuple[Ref, ...]]] = {}
        for step in self.steps:
            points = [point for point in (step.due, *(rung.at for rung in step.rungs)) if point is not None]
            if step.id in self.timed or any(True for point in points for _ in _choices(point)):
                continue
            offsets = [each for point in points for each in _offsets(point)]
            fields = {each.name for each in offsets if each.anchor is AnchorKind.FIELD and each.name}
            refs = {each.name for each in offsets if each.anchor is AnchorKind.REF and each.name}
            found[step.id] = tuple(sorted(fields)), tuple(sorted(refs))
        return found

    @cached_property
    def counters(self) -> tuple[tuple[Slug, Counting], ...]:
        """The counters, in text order."""
        return tuple((each.id, each.counting) for each in self.fields if each.counting is not None)

    @cached_property
    def field_waits(self) -> tuple[Wait, ...]:
        """The waits that are measured from a field."""
        return tuple(each for each in self.waits if not each.armed_by)

    @cached_property
    def clock(self) -> Calendar:
        """Plain days in the protocol's own zone."""
        return Calendar(id="always", zone=self.zone, always=True, week=(), closed=())

    @cached_property
    def opens(self) -> dict[Ref, tuple[tuple[Step, int], ...]]:
        """For each occurrence: the steps it may open and the arm of the join it fills, in text order."""
        table: dict[Ref, list[tuple[Step, int]]] = {}
        for each in self.steps:
            for number, arm in enumerate(each.when.arms):
                for ref in arm:
                    table.setdefault(ref, []).append((each, number))
        return {ref: tuple(found) for ref, found in table.items()}

    @cached_property
    def arms_waits(self) -> dict[Ref, tuple[Wait, ...]]:
        """For each occurrence: the waits it arms."""
        table: dict[Ref, list[Wait]] = {}
        for each in self.waits:
            for ref in each.armed_by:
                table.setdefault(ref, []).append(each)
        return {ref: tuple(found) for ref, found in table.items()}


def _offsets(point: Point) -> Iterator[Offset]:
    """The offsets of a point that no condition chooses."""
    if isinstance(point, Offset):
        yield point
    elif isinstance(point, Extreme):
        for each in point.points:
            yield from _offsets(each)


def _choices(point: Point) -> Iterator[Expr]:
    """The conditions that choose between times."""
    if isinstance(point, Either):
        yield point.test
        yield from _choices(point.then)
        yield from _choices(point.otherwise)
    elif isinstance(point, Extreme):
        for each in point.points:
            yield from _choices(each)
