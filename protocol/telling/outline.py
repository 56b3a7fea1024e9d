"""A compiled protocol told back in plain English, step by step, with numbered clauses.

Made from the kernel alone, so a council reads what the engine will do and not what the text seemed to say. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from protocol.engine.retention import UNSAID
from protocol.engine.retention import length_said as kept_for
from protocol.expressions import AnchorKind, Offset
from protocol.kernel import (
    Again,
    Calendar,
    ChosenBy,
    Counting,
    Event,
    Field,
    FieldType,
    Guard,
    Link,
    Outcome,
    Protocol,
    Rung,
    Series,
    Step,
    Tries,
    Votes,
)
from protocol.names import Slug
from protocol.telling.wording import (
    act_said,
    acts_said,
    capital,
    causes_said,
    condition_said,
    length_said,
    listed,
    minute_said,
    point_said,
    words,
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
        Part(title=lane_title(protocol, each.id), clauses=tuple(_clauses(protocol, each.id))) for each in protocol.lanes
    )
    known = tuple(_field(each) for each in protocol.fields)
    kept = tuple(f"{words(each.id)}: {words(each.type)}, kept by {words(each.keeper)}." for each in protocol.vault)
    parts = (
        Part(title="Who takes part", lines=tuple(_agency(protocol, each.id) for each in protocol.agencies)),
        Part(title="What a case records", lines=known),
        Part(title="What is kept protected", lines=kept),
        Part(title="How long it is kept", lines=tuple(_kept(protocol))),
        Part(title="What may happen outside", lines=tuple(_event(each) for each in protocol.events)),
        *lanes,
        Part(title="Times", lines=(_times(protocol),)),
    )
    return Outline(
        protocol=protocol.id, title=protocol.title, parts=tuple(each for each in parts if each.lines or each.clauses)
    )


def _times(protocol: Protocol) -> str:
    until = date.fromordinal(protocol.horizon)
    holidays = f"Holidays are fixed in it up to {until.day} {until.strftime('%B %Y')}."
    return f"Each window counts on the receiving agency's hours, in {protocol.zone}. {holidays}"


def _kept(protocol: Protocol) -> Iterable[str]:
    for keeping in protocol.keeping:
        first, *later = keeping.classes
        named = f" ({words(first.id)})" if later else ""
        said = [f"{capital(words(keeping.of))}: {kept_for(first.length)} after the case{named}"]
        said += [f"{kept_for(e.length)} once {listed(causes_said(e.once), 'or')} ({words(e.id)})" for e in later]
        yield f"{'; '.join(said)}."
    rest = "Everything else" if protocol.keeping else "Everything"
    yield f"{rest}: {kept_for(UNSAID.length)} after the case. What is under a hold stays until the hold is lifted."


def _agency(protocol: Protocol, name: Slug) -> str:
    agency = protocol.agency[name]
    roles = [words(each) for each in agency.roles if each not in agency.leads]
    said = [f"led by {listed((words(each) for each in agency.leads), 'then')}", *roles]
    private = " What happens inside stays inside." if agency.confidential else ""
    return f"{capital(words(name))}, {_hours(protocol.calendar[name])}: {', '.join(said)}.{private}"


def _hours(calendar: Calendar) -> str:
    if calendar.always:
        return "open always"
    said: list[str] = []
    for day, spans in zip(DAYS, calendar.week, strict=True):
        hours = " and ".join(f"{minute_said(opens)}-{minute_said(closes)}" for opens, closes in spans)
        if hours and said and said[-1].endswith(f" {hours}"):
            said[-1] = f"{said[-1].split(' ')[0].split('-')[0]}-{day} {hours}"
        elif hours:
            said.append(f"{day} {hours}")
    return f"open {', '.join(said)}"


def _counting(counting: Counting) -> str:
    within = f", in the last {length_said(counting.within, '')}" if counting.within else ""
    resets = f", from zero after {listed(causes_said(counting.resets), 'or')}" if counting.resets else ""
    return f"how often {listed(causes_said(counting.of), 'or')}{within}{resets}"


def _field(field: Field) -> str:
    kinds = {
        FieldType.YES_NO: "yes or no",
        FieldType.ONE_OF: f"one of {listed((words(each) for each in field.choices), 'or')}",
        FieldType.NUMBER: f"a number from {field.low} to {field.high}",
        FieldType.INSTANT: "a date and time",
        FieldType.ROLE: "a role",
        FieldType.REFERENCE: "a reference",
        FieldType.LIST: f"a list of {listed((words(each.id) for each in field.columns), 'and')}",
        FieldType.COUNT: _counting(field.counting) if field.counting else "a count",
        FieldType.DERIVED: f"yes if {condition_said(field.expr)}" if field.expr else "yes",
    }
    inside = f" Only {words(field.agency)} reads it." if field.agency else ""
    return f"{words(field.id)}: {kinds[field.type]}.{inside}"


def _event(event: Event) -> str:
    sources = [words(each) for each in event.sources] + (["a linked case"] if event.from_linked else [])
    said = [f"{words(event.id)}, reported by {listed(sources, 'or')}."]
    if event.brings:
        said.append(f"Brings {listed((words(each) for each in event.brings), 'and')}.")
    if event.may_bring:
        said.append(f"May bring {listed((words(each) for each in event.may_bring), 'and')}.")
    if event.starts:
        said.append("Begins a case.")
    said.extend(f"{capital(act_said(each))}." for each in event.acts)
    return " ".join(said)


def lane_title(protocol: Protocol, lane: Slug) -> str:
    """A lane, and what of it others see: ``Advocacy (inside advocacy; ..)``."""
    owner = protocol.lane[lane].agency
    private = f" (inside {words(owner)}; outsiders see a handoff sent and taken up, no more)" if owner else ""
    return f"{capital(words(lane))}{private}"


def _clauses(protocol: Protocol, lane: Slug) -> list[Clause]:
    found = [
        Clause(
            number=each.position + 1,
            step=each.id,
            role=each.role,
            agency=each.agency,
            sentences=tuple(_sentences(protocol, each)),
        )
        for each in protocol.steps
        if each.lane == lane
    ]
    found += [
        Clause(number=each.position + 1, step=each.id, role="", agency="", sentences=_linked(protocol, each))
        for each in protocol.links
        if each.lane == lane
    ]
    return sorted(found, key=lambda each: each.number)


def _sentences(protocol: Protocol, step: Step) -> Iterable[str]:
    said = protocol.words[f"step:{step.id}"]
    yield f"{owner_said(step)} must {said.title}{f', because {said.because}' if said.because else ''}."
    yield opening_said(protocol, step)
    if step.not_before is not None:
        yield f"It is not handed over before {point_said(step.not_before, step.agency).removeprefix('at ')}."
    yield f"Due {point_said(step.due, step.agency)}." if step.due is not None else "It has no deadline."
    if step.tries is not None:
        yield _tries(step.tries, step.agency)
    if step.series is not None:
        yield series_said(step.series, step.agency)
    if step.for_each is not None:
        yield f"Each item of {words(step.for_each)} is a duty of its own."
    if step.votes is not None:
        yield _votes(step.votes)
    if step.pausing.condition is not None and step.pausing.cap is not None:
        most = length_said(step.pausing.cap, step.agency)
        yield f"Its clock stops while {condition_said(step.pausing.condition)}, {most} at most."
    if step.shares:
        shared, roles = (listed((words(each) for each in names), "and") for names in (step.shares, step.shares_with))
        yield f"It passes {shared} to {roles}, only with a release in force."
    yield from (f"{rung_said(each, step.agency)}: {acts_said(each.acts)}." for each in step.rungs if each.acts)
    yield f"It ends as {'; or as '.join(_outcome(each) for each in step.outcomes)}."
    if step.again in AGAIN:
        yield AGAIN[step.again]


def owner_said(step: Step) -> str:
    """Who owes the step, where the text says so."""
    if step.chosen is None:
        return capital(words(step.role))
    name = words(step.chosen.name or "")
    return {
        ChosenBy.EACH: f"Each of {listed((words(each) for each in step.chosen.roles), 'and')}",
        ChosenBy.FIELD: f"The role that {name} says",
        ChosenBy.ITEM: f"The {name} of the item",
    }[step.chosen.by]


def _votes(votes: Votes) -> str:
    roles = listed((words(each) for each in votes.roles), "and")
    if votes.owner_decides:
        return f"It may end only after a vote of {roles}."
    return f"It is decided by {votes.needed} votes of {roles}."


def _linked(protocol: Protocol, link: Link) -> tuple[str, ...]:
    """What a linked case is, when it begins, what it is given and told."""
    sentences = [
        f"A linked case of {words(link.protocol)} begins as {words(link.event)}.",
        opening_said(protocol, link),
    ]
    if link.gives:
        sentences.append(f"It is given {listed((words(each) for each in link.gives), 'and')}.")
    sentences.extend(
        f"It is told {words(each.event)} when {listed(causes_said(each.refs), 'or')}." for each in link.passes
    )
    return tuple(sentences)


def opening_said(protocol: Protocol, step: Step | Link) -> str:
    """What opens it: ``It opens when arrest booked is reported.``."""
    when = step.when
    arms = [listed(causes_said(arm), "or") for arm in when.arms if when.latest not in arm]
    together = "all of these came: " if len(when.arms) > 1 else ""
    latest = ""
    if when.latest is not None:
        wait = protocol.wait[when.latest.removeprefix("wait:")]
        latest = f", or {point_said(wait.at, step.agency if isinstance(step, Step) else '')} with what has come"
    only = "".join(f", only if {condition_said(each)}" for each in when.only_if)
    unless = "".join(f", unless {condition_said(each)}" for each in when.unless)
    return f"It opens when {together}{'; '.join(arms)}{latest}{only}{unless}."


def _tries(tries: Tries, owner: Slug) -> str:
    apart = f", {length_said(tries.apart, owner)} apart" if tries.apart else ""
    if tries.up_to:
        return f"Up to {tries.count} tries{apart}; with the last it ends as {words(tries.then)}."
    counts = " A try in time counts as on time." if tries.counts_as_on_time else ""
    return f"It may end as {words(tries.then)} only after {tries.count} tries{apart}.{counts}"


def series_said(series: Series, owner: Slug) -> str:
    """When a step comes again: ``It comes again every 1 week, until ..``."""
    if series.every is None:
        return f"It comes again {listed((length_said(each, owner) for each in series.after), 'and')} later."
    until = f", until {listed(causes_said(series.until), 'or')}" if series.until else ""
    return f"It comes again every {length_said(series.every, owner)}{until}."


def rung_said(rung: Rung, owner: Slug) -> str:
    """When a rung is due, and under what guard: ``Not taken up after 15 minutes``."""
    if rung.every is not None:
        return f"Then every {length_said(rung.every, owner)}"
    if not isinstance(rung.at, Offset):
        return capital(point_said(rung.at, owner))
    span = length_said(rung.at.length, owner)
    if rung.guard is Guard.TOO_FEW_TRIES:
        return f"Too few tries after {span}"
    held = {Guard.UNACKNOWLEDGED: "Not taken up", Guard.NOT_TAKEN_UP: "Not taken up", Guard.UNTRIED: "Not tried"}
    if rung.at.anchor is AnchorKind.DELIVERY:
        return f"{held.get(rung.guard, 'Still open')} after {span}"
    if rung.at.anchor is AnchorKind.DUE:
        return "When due" if rung.at.length.count == 0 else f"{span} {'before due' if rung.at.before else 'late'}"
    return capital(point_said(rung.at, owner))


def _outcome(outcome: Outcome) -> str:
    notes = [condition_said(outcome.only_if)] if outcome.only_if else []
    required = [words(each.name) for each in outcome.asks if each.required]
    optional = [words(each.name) for each in outcome.asks if not each.required]
    notes = [f"only if {each}" for each in notes]
    notes += [f"asks {listed(required, 'and')}"] if required else []
    notes += [f"may ask {listed(optional, 'and')}"] if optional else []
    notes += [act_said(each) for each in outcome.acts]
    return words(outcome.id) + (f" ({'; '.join(notes)})" if notes else "")
