"""A compiled protocol told back in plain English, step by step, with numbered clauses.

Made from the kernel alone, so a council reads what the engine will do and not what the text seemed to say. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from protocol.kernel import (
    Act,
    ActKind,
    Again,
    AnchorKind,
    Calendar,
    Edge,
    Either,
    Event,
    Expr,
    Extreme,
    Field,
    FieldType,
    Guard,
    Joined,
    Length,
    Offset,
    Outcome,
    Point,
    Protocol,
    Ref,
    Rung,
    Series,
    Slug,
    Step,
    Test,
    TestKind,
    Tries,
)

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
AGAIN = {
    Again.START_OVER: "Another cause starts it over.",
    Again.ONE_MORE: "Another cause opens one more.",
    Again.ONCE: "It opens once in a case.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One step: its number in the text, who owes it, and sentences from its opening to its end."""

    number: int
    step: Slug
    role: Slug
    agency: Slug
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A heading and its lines, or a lane and its clauses."""

    title: str
    lines: tuple[str, ...] = ()
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A whole protocol as people read it."""

    protocol: Slug
    title: str
    parts: tuple[Part, ...]


def outline(protocol: Protocol) -> Outline:
    """The protocol in plain English: who takes part, what is known, what may happen, and every step."""
    lanes = tuple(
        Part(title=_lane_title(protocol, each.id), clauses=tuple(_clauses(protocol, each.id)))
        for each in protocol.lanes
    )
    known = tuple(_field(each) for each in protocol.fields)
    kept = tuple(f"{words(each.id)}: {words(each.type)}, kept by {words(each.keeper)}." for each in protocol.vault)
    parts = (
        Part(title="Who takes part", lines=tuple(_agency(protocol, each.id) for each in protocol.agencies)),
        Part(title="What everybody with a step may read", lines=known),
        Part(title="What is kept protected", lines=kept),
        Part(title="What may happen outside", lines=tuple(_event(each) for each in protocol.events)),
        *lanes,
        Part(title="Times", lines=(_times(protocol),)),
    )
    return Outline(
        protocol=protocol.id, title=protocol.title, parts=tuple(each for each in parts if each.lines or each.clauses)
    )


def words(slug: str) -> str:
    """A name as people say it: ``legal-advocate`` is ``legal advocate``."""
    return slug.replace("-", " ")


def _times(protocol: Protocol) -> str:
    until = date.fromordinal(protocol.horizon)
    holidays = f"Holidays are fixed in it up to {until.day} {until.strftime('%B %Y')}."
    return f"Each window counts on the receiving agency's hours, in {protocol.zone}. {holidays}"


def _agency(protocol: Protocol, name: Slug) -> str:
    agency = protocol.agency[name]
    roles = [words(each) for each in agency.roles if each not in agency.leads]
    said = [f"led by {_listed((words(each) for each in agency.leads), 'then')}", *roles]
    private = " What happens inside stays inside." if agency.confidential else ""
    return f"{_capital(words(name))}, {_hours(protocol.calendar[name])}: {', '.join(said)}.{private}"


def _hours(calendar: Calendar) -> str:
    if calendar.always:
        return "open always"
    said: list[str] = []
    for day, spans in zip(DAYS, calendar.week, strict=True):
        hours = " and ".join(f"{_clock(opens)}-{_clock(closes)}" for opens, closes in spans)
        if hours and said and said[-1].endswith(f" {hours}"):
            said[-1] = f"{said[-1].split(' ')[0].split('-')[0]}-{day} {hours}"
        elif hours:
            said.append(f"{day} {hours}")
    return f"open {', '.join(said)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _field(field: Field) -> str:
    kinds = {
        FieldType.YES_NO: "yes or no",
        FieldType.ONE_OF: f"one of {_listed((words(each) for each in field.choices), 'or')}",
        FieldType.NUMBER: f"a number from {field.low} to {field.high}",
        FieldType.INSTANT: "a date and time",
        FieldType.ROLE: "a role",
        FieldType.REFERENCE: "a reference",
        FieldType.DERIVED: f"yes if {_condition(field.expr)}" if field.expr else "yes",
    }
    return f"{words(field.id)}: {kinds[field.type]}."


def _event(event: Event) -> str:
    sources = [words(each) for each in event.sources] + (["a linked case"] if event.from_linked else [])
    said = [f"{words(event.id)}, reported by {_listed(sources, 'or')}."]
    if event.brings:
        said.append(f"Brings {_listed((words(each) for each in event.brings), 'and')}.")
    if event.may_bring:
        said.append(f"May bring {_listed((words(each) for each in event.may_bring), 'and')}.")
    if event.starts:
        said.append("Begins a case.")
    said.extend(f"{_capital(_act(each))}." for each in event.acts)
    return " ".join(said)


def _lane_title(protocol: Protocol, lane: Slug) -> str:
    owner = protocol.lane[lane].agency
    private = f" (inside {words(owner)}; outsiders see a handoff sent and taken up, no more)" if owner else ""
    return f"{_capital(words(lane))}{private}"


def _clauses(protocol: Protocol, lane: Slug) -> Iterable[Clause]:
    for number, step in enumerate(protocol.steps, start=1):
        if step.lane == lane:
            sentences = tuple(_sentences(protocol, step))
            yield Clause(number=number, step=step.id, role=step.role, agency=step.agency, sentences=sentences)


def _sentences(protocol: Protocol, step: Step) -> Iterable[str]:
    said = protocol.words[f"step:{step.id}"]
    yield f"{_capital(words(step.role))} must {said.title}{f', because {said.because}' if said.because else ''}."
    yield _opening(step)
    if step.not_before is not None:
        yield f"It is not handed over before {_point(step.not_before, step.agency)}."
    yield f"Due {_point(step.due, step.agency)}." if step.due is not None else "It has no deadline."
    if step.tries is not None:
        yield _tries(step.tries, step.agency)
    if step.series is not None:
        yield _series(step.series, step.agency)
    if step.shares:
        shared, roles = (_listed((words(each) for each in names), "and") for names in (step.shares, step.shares_with))
        yield f"It passes {shared} to {roles}, only with a release in force."
    yield from (f"{_rung_time(each, step.agency)}: {_acts(each.acts)}." for each in step.rungs if each.acts)
    yield f"It ends as {'; or as '.join(_outcome(each) for each in step.outcomes)}."
    if step.again in AGAIN:
        yield AGAIN[step.again]


def _opening(step: Step) -> str:
    arms = [_listed(_causes(arm), "or") for arm in step.when.arms]
    said = f"It opens when {_listed(arms, 'and')}" if len(arms) == 1 else f"It opens when all of these came: {arms[0]}"
    said += "".join(f"; {each}" for each in arms[1:])
    only = "".join(f", only if {_condition(each)}" for each in step.when.only_if)
    unless = "".join(f", unless {_condition(each)}" for each in step.when.unless)
    return f"{said}{only}{unless}."


def _causes(refs: Iterable[Ref]) -> list[str]:
    """``first call ends as later or not reached`` for two refs of one step."""
    by_step: dict[str, list[str]] = {}
    said: list[str] = []
    for ref in refs:
        kind, _, name = ref.partition(":")
        step, _, outcome = name.partition("/")
        if kind != "outcome":
            said.append(_cause(ref))
        else:
            by_step.setdefault(step, []).append(words(outcome))
    return [*said, *(f"{words(step)} ends as {_listed(outcomes, 'or')}" for step, outcomes in by_step.items())]


def _cause(ref: Ref) -> str:
    kind, _, name = ref.partition(":")
    step, _, rest = (words(part) for part in name.partition("/"))
    return {
        "event": f"{step} is reported",
        "ended": f"{step} ends",
        "opened": f"{step} opens",
        "outcome": f"{step} ends as {rest}",
        "late": f"{step} is {rest} late" if rest else f"{step} is late",
        "cancelled": f"{step} is cancelled",
        "settled": f"all of {step} ended",
        "wait": f"it is {step}",
    }[kind]


def _condition(expr: Expr) -> str:
    if isinstance(expr, Joined):
        return f" {expr.word} ".join(_condition(each) for each in expr.parts)
    return _test(expr)


def _test(test: Test) -> str:
    kind, _, ref = test.name.partition(":")
    name, isnt = words(test.name), "is not" if test.negate else "is"
    if test.test is TestKind.HAPPENED:
        step, _, outcome = (words(part) for part in ref.partition("/"))
        return f"{step} ended as {outcome}" if kind == "outcome" else f"{step} has happened"
    return {
        TestKind.TRUE: f"not {name}" if test.negate else name,
        TestKind.KNOWN: f"{name} {isnt} known",
        TestKind.IS: f"{name} {isnt} {words(str(test.value))}",
        TestKind.PASSED: f"{name} has passed",
        TestKind.OPEN: f"{name} is open",
    }.get(test.test, f"{name} is {words(test.test.value)} {test.value}")


def length(span: Length, owner: Slug) -> str:
    """``2 hours``, ``3 court days``, ``1 working day`` on the owner's own calendar."""
    unit = span.unit.value if span.count == 1 else f"{span.unit.value}s"
    if span.calendar is None:
        return f"{span.count} {unit}"
    return f"{span.count} {'working' if span.calendar == owner else words(span.calendar)} {unit}"


def _point(point: Point, owner: Slug) -> str:
    if isinstance(point, Extreme):
        first, *rest = (_point(each, owner) for each in point.points)
        pick = "sooner" if point.pick == "earliest" else "later"
        return first + "".join(f", or {each} if {pick}" for each in rest)
    if isinstance(point, Either):
        otherwise = _point(point.otherwise, owner)
        return f"{_point(point.then, owner)} if {_condition(point.test)}, else {otherwise}"
    return _offset(point, owner)


def _offset(point: Offset, owner: Slug) -> str:
    kind = "" if point.length.calendar is None else f"{length(point.length, owner).split(' ', 2)[1]} "
    which = "next" if point.length.count else "same"
    if point.edge is Edge.AT and point.at is not None:
        return f"at {_clock(point.at)} on the {which} {kind}day"
    span = length(point.length, owner)
    if point.anchor is AnchorKind.DELIVERY:
        if point.edge is Edge.START or point.length.count == 0:
            return f"at the {point.edge} of the {which} {kind}day"
        return f"within {span}"
    anchor = words(point.name or "") if point.anchor is AnchorKind.FIELD else _cause(point.name or "event:due")
    if point.length.count == 0:
        return f"at {anchor}"
    return f"{span} {'before' if point.before else 'after'} {anchor}"


def _tries(tries: Tries, owner: Slug) -> str:
    apart = f", {length(tries.apart, owner)} apart" if tries.apart else ""
    if tries.up_to:
        return f"Up to {tries.count} tries{apart}; with the last it ends as {words(tries.then)}."
    counts = " A try in time counts as on time." if tries.counts_as_on_time else ""
    return f"It may end as {words(tries.then)} only after {tries.count} tries{apart}.{counts}"


def _series(series: Series, owner: Slug) -> str:
    if series.every is None:
        return f"It comes again {_listed((length(each, owner) for each in series.after), 'and')} later."
    until = f", until {_listed(_causes(series.until), 'or')}" if series.until else ""
    return f"It comes again every {length(series.every, owner)}{until}."


def _rung_time(rung: Rung, owner: Slug) -> str:
    if rung.every is not None:
        return f"Then every {length(rung.every, owner)}"
    if not isinstance(rung.at, Offset):
        return _capital(_point(rung.at, owner))
    span = length(rung.at.length, owner)
    held = {Guard.UNACKNOWLEDGED: "Not taken up", Guard.NOT_TAKEN_UP: "Not taken up", Guard.UNTRIED: "Not tried"}
    if rung.at.anchor is AnchorKind.DELIVERY:
        return f"{held.get(rung.guard, 'Still open')} after {span}"
    if rung.at.anchor is AnchorKind.DUE:
        return "When due" if rung.at.length.count == 0 else f"{span} {'before due' if rung.at.before else 'late'}"
    return _capital(_point(rung.at, owner))


def _acts(acts: Iterable[Act]) -> str:
    return _listed((_act(each) for each in acts), "and")


def _act(act: Act) -> str:
    names = _listed((words(each) for each in act.targets), "and")
    are = "are" if len(act.targets) > 1 or act.targets == ("leads",) else "is"
    return {
        ActKind.TELL: f"the {names} {are} told",
        ActKind.PAGE: f"the {names} {are} paged",
        ActKind.REMIND: f"the {names} {are} reminded",
        ActKind.ADD: f"the {names} joins",
        ActKind.MOVE: f"it moves to the {names}",
        ActKind.CANCEL: f"{names} {are} cancelled",
        ActKind.END_AS: f"it ends as {names}",
        ActKind.CLOSE: f"the {names} lane closes",
        ActKind.REOPEN: f"the {names} lane opens again",
        ActKind.START_LINKED: f"a linked case begins with {names}",
        ActKind.STOP_REPEATING: "it does not come again",
        ActKind.END_CASE: "the case ends",
    }[act.act]


def _outcome(outcome: Outcome) -> str:
    notes = [_condition(outcome.only_if)] if outcome.only_if else []
    required = [words(each.name) for each in outcome.asks if each.required]
    optional = [words(each.name) for each in outcome.asks if not each.required]
    notes = [f"only if {each}" for each in notes]
    notes += [f"asks {_listed(required, 'and')}"] if required else []
    notes += [f"may ask {_listed(optional, 'and')}"] if optional else []
    notes += [_act(each) for each in outcome.acts]
    return words(outcome.id) + (f" ({'; '.join(notes)})" if notes else "")


def _listed(items: Iterable[str], word: str) -> str:
    found = list(items)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} {word} {found[-1]}" if found else "nobody"


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]
