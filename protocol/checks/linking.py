"""Checks across protocols: what a text says of the protocols it runs, held against those protocols.

A link is an agreement between two texts that are published apart. Here each half is held against the other: when a
text is checked against the protocols it runs, and when a text would change under the protocols that run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass

from protocol.checks.known import Known
from protocol.errors import Finding
from protocol.kernel import (
    Event,
    Field,
    FieldType,
    Link,
    Passing,
    Protocol,
)
from protocol.names import Ref, Slug
from protocol.origins import setters
from protocol.text.names import did_you_mean
from protocol.text.reading import Path, Places
from protocol.text.spec import STEPS_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing about a link that the linked protocol does not bear out; ``key`` is where the link says it."""

    code: str
    key: Path
    says: str
    write: str = ""


def check_links(protocol: Protocol, others: Mapping[Slug, Protocol], place: Places) -> Iterator[Finding]:
    """Every finding about the protocols that this one runs; one that is not among the others is a warning."""
    every = {**others, protocol.id: protocol}
    for link in protocol.links:
        where: Path = (STEPS_IN + link.lane, link.id)
        other = every.get(link.protocol)
        if other is None:
            yield Finding(
                level="warning",
                code="LINK_UNKNOWN",
                says=f"{link.protocol} is not known here: its cases wait until it is published.",
                place=place((*where, "runs")),
                write=did_you_mean(link.protocol, every),
            )
            continue
        for each in faults(protocol, link, other):
            yield Finding(code=each.code, says=each.says, place=place((*where, *each.key)), write=each.write)


def check_linked_by(protocol: Protocol, others: Mapping[Slug, Protocol], place: Places) -> Iterator[Finding]:
    """Every finding about the protocols that run this one: what they rely on must stay as it is."""
    for other in others.values():
        for link in other.links:
            if link.protocol != protocol.id or other.id == protocol.id:
                continue
            for each in faults(other, link, protocol):
                at = place(("events", link.event) if link.event in protocol.event else ("events",))
                write = f"Keep what {other.id} relies on, or publish {other.id} without it first."
                yield Finding(code=each.code, says=f"{other.id} runs this. {each.says}", place=at, write=write)


def faults(protocol: Protocol, link: Link, other: Protocol) -> Iterator[Fault]:
    """What ``other`` does not bear out of what ``link`` of ``protocol`` says of it."""
    yield from _start(protocol, link, other)
    known = Known(protocol)
    for passing in link.passes:
        yield from _passing(known, passing, other)
    inside = [each.id for each in other.agencies if each.confidential]
    if inside and f"ended:{link.id}" in refs_in(protocol):
        says = f"{link.id} ends: when a case of {other.id} ends depends on what happens inside {inside[0]}."
        yield Fault(code="LABEL_LINK_END", key=(), says=says, write=f"Let nothing wait for {link.id} to end.")


def _start(protocol: Protocol, link: Link, other: Protocol) -> Iterator[Fault]:
    twin = next((each for each in protocol.links if each.protocol == link.protocol and each.event != link.event), None)
    if twin is not None:
        says = f"{link.id} and {twin.id} begin cases of {other.id} by different events."
        yield Fault(code="LINK_TWO_STARTS", key=("as",), says=says, write=f"Write as: {link.event} in both.")
    event = other.event.get(link.event)
    starts = [each.id for each in other.events if each.starts and each.from_linked]
    if event is None or not event.starts:
        says = f"{link.event} is no event that begins a case of {other.id}."
        yield Fault(code="LINK_EVENT", key=("as",), says=says, write=did_you_mean(link.event, starts))
        return
    if not event.from_linked:
        yield _not_from_linked(other, event, ("as",))
    for name in link.gives:
        if name not in (*event.brings, *event.may_bring):
            hint = did_you_mean(name, (*event.brings, *event.may_bring))
            says = f"{event.id} of {other.id} does not bring {name}."
            yield Fault(code="LINK_GIVES", key=("gives",), says=says, write=hint)
        elif not fits(protocol.field[name], other.field.get(name)):
            yield _unlike(other, name, ("gives",))
    sure = Known(protocol).opened[link.id]
    for name in event.brings:
        if name not in link.gives:
            says = f"{event.id} of {other.id} must bring {name}, and {link.id} does not give it."
            yield Fault(code="LINK_GIVES", key=("gives",), says=says, write=_remedy(protocol, other, event, name))
        elif name not in sure:
            says = f"{event.id} of {other.id} must bring {name}, which may not be known when {link.id} begins."
            write = f"Write only if: {name} is known, or let {event.id} of {other.id} say may bring: {name}."
            yield Fault(code="LINK_UNSURE", key=("gives",), says=says, write=write)


def _passing(known: Known, passing: Passing, other: Protocol) -> Iterator[Fault]:
    key: Path = ("passes on", passing.event)
    event = other.event.get(passing.event)
    if event is None:
        hint = did_you_mean(passing.event, [each.id for each in other.events if each.from_linked])
        says = f"{other.id} knows no event {passing.event}."
        yield Fault(code="LINK_EVENT", key=key, says=says, write=hint)
        return
    if event.starts:
        says = f"{event.id} begins a case of {other.id}, and this one has begun."
        yield Fault(code="LINK_TWO_STARTS", key=key, says=says, write="Pass on an event that begins none.")
    if not event.from_linked:
        yield _not_from_linked(other, event, key)
    for ref in passing.refs:
        for name in event.brings:
            if name not in known.brought(ref):
                says = f"{event.id} of {other.id} must bring {name}, and its cause here does not surely set it."
                write = f"Pass on what asks or brings {name}."
                yield Fault(code="LINK_GIVES", key=key, says=says, write=write)
        for name in (*event.brings, *event.may_bring):
            mine = known.protocol.field.get(name)
            if mine is not None and ref in setters(known.protocol, name) and not fits(mine, other.field.get(name)):
                yield _unlike(other, name, key)


def _not_from_linked(other: Protocol, event: Event, key: Path) -> Fault:
    says = f"{event.id} of {other.id} does not come from linked cases."
    return Fault(code="LINK_SOURCE", key=key, says=says, write="There, write from: linked cases, beside who else.")


def _unlike(other: Protocol, name: Slug, key: Path) -> Fault:
    says = f"{name} here may have values that {name} of {other.id} may not."
    return Fault(code="LINK_TYPE", key=key, says=says, write=f"Write {name} in both records alike.")


def _remedy(protocol: Protocol, other: Protocol, event: Event, name: Slug) -> str:
    if name in other.slot:
        return f"A link gives no protected value: let {event.id} of {other.id} say may bring: {name}."
    return f"Add {name} to gives." if name in protocol.field else f"Ask {name} in record, and add it to gives."


def fits(mine: Field, theirs: Field | None) -> bool:
    """Whether every value a field may have here is one that the field of the same name may have there."""
    if theirs is None or mine.type is not theirs.type or mine.type in (FieldType.DERIVED, FieldType.COUNT):
        return False
    if mine.type is FieldType.NUMBER:
        return theirs.low <= mine.low and mine.high <= theirs.high
    if mine.type is FieldType.LIST:
        columns = {each.id: each for each in theirs.columns}
        return {each.id for each in mine.columns} == set(columns) and all(
            fits(each, columns[each.id]) for each in mine.columns
        )
    return set(mine.choices) <= set(theirs.choices)


def refs_in(protocol: Protocol) -> frozenset[Ref]:
    """Every occurrence that anything in a protocol waits for, counts, asks about or measures from."""
    parts = (protocol.fields, protocol.events, protocol.steps, protocol.waits, protocol.links)
    return frozenset(_texts(parts))


def _texts(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif is_dataclass(part):
        for each in fields(part):
            yield from _texts(getattr(part, each.name))
    elif isinstance(part, tuple | list):
        for each in part:
            yield from _texts(each)
