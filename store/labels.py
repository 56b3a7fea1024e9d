"""Whose a thing is: the confidential agency that alone may see it, or nobody's in particular.

Derived from the compiled protocol only, never from what happened, so a label itself tells nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from protocol.checks.linking import refs_in
from protocol.engine import retention
from protocol.expressions import AnchorKind, Offset
from protocol.kernel import (
    Act,
    ActKind,
    Event,
    Guard,
    Protocol,
    Rung,
)
from protocol.names import Ref, RungId, Slug
from protocol.origins import behind, step_of

UNTAKEN = (Guard.NOT_TAKEN_UP.value, Guard.UNACKNOWLEDGED.value)
"""Reasons of a telling that nobody has taken something up."""

NOBODY = "-"
"""The owner of what no agency may see alone: with two confidential agencies, whether the case has ended."""


def step_owner(protocol: Protocol, step: Slug) -> Slug | None:
    """The confidential agency a step belongs to, by its own agency or by its lane; None if it is no secret."""
    known = protocol.step[step]
    return known.agency if protocol.agency[known.agency].confidential else protocol.lane[known.lane].agency


def lane_owner(protocol: Protocol, lane: Slug) -> Slug | None:
    """The confidential agency of a lane: its own, or that of the steps in it."""
    owners = {step_owner(protocol, each.id) for each in protocol.steps if each.lane == lane}
    found = sorted({each for each in owners if each is not None} | {protocol.lane[lane].agency or ""} - {""})
    return _only(tuple(found))


def agency_owner(protocol: Protocol, agency: Slug) -> Slug | None:
    """The agency itself if it is confidential."""
    known = protocol.agency.get(agency)
    return agency if known is not None and known.confidential else None


def field_owner(protocol: Protocol, field: Slug) -> Slug | None:
    """The confidential agencies whose answers or events give a field its value; NOBODY's if they are several."""
    known = protocol.field[field]
    asking = {
        step_owner(protocol, step.id)
        for step in protocol.steps
        if any(ask.name == field for outcome in step.outcomes for ask in outcome.asks)
    }
    bringing = {
        agency_owner(protocol, event.sources[0])
        for event in protocol.events
        if field in (*event.brings, *event.may_bring) and _all_inside(protocol, event)
    }
    counted = set() if known.counting is None else {_ref_owner(protocol, each) for each in known.counting.of}
    found = {each for each in (known.agency, *asking, *bringing, *counted) if each is not None}
    return _only(tuple(sorted(found)))


def _ref_owner(protocol: Protocol, ref: Ref) -> Slug | None:
    """The confidential agency an occurrence belongs to."""
    kind, _, name = ref.partition(":")
    if kind == "event":
        known = protocol.event[name]
        return agency_owner(protocol, known.sources[0]) if _all_inside(protocol, known) else None
    step = step_of(protocol, ref)
    if step is not None:
        return step_owner(protocol, step.id)
    return next((owner for each in behind(protocol, ref) if (owner := _ref_owner(protocol, each))), None)


def ending_owner(protocol: Protocol) -> Slug | None:
    """Who alone may know that the case has ended: its end waits for confidential steps."""
    return _only(tuple(each.id for each in protocol.agencies if each.confidential))


def owners_erased(protocol: Protocol, parts: Collection[Slug]) -> frozenset[Slug]:
    """The owners of whose things nothing is left once these parts of a case were erased.

    What belongs to no agency alone, because to several, goes with the last of them.
    """
    confidential = {each.of for each in retention.parts(protocol) if agency_owner(protocol, each.of) is not None}
    gone = confidential & set(parts)
    return frozenset(gone | {NOBODY} if confidential and gone == confidential else gone)


def linked_owner(protocol: Protocol, event: Slug) -> Slug | None:
    """Who alone may know that a linked case began: the confidential agencies whose acts can begin one."""
    found = {owner for owner, act in _acts(protocol) if act.act is ActKind.START_LINKED and event in act.targets}
    return _only(tuple(sorted(each for each in found if each is not None)))


def end_is_public(protocol: Protocol, link: Slug) -> bool:
    """Whether everybody may know that a linked case has ended: only where the text lets something here wait for it.

    Of a linked protocol with a confidential agency no text may; nothing else here says which those are.
    """
    return f"ended:{link}" in refs_in(protocol)


def event_is_public(protocol: Protocol, event: Slug) -> bool:
    """Whether only agencies that are not confidential report this event."""
    known = protocol.event.get(event)
    return known is not None and all(agency_owner(protocol, each) is None for each in known.sources)


def rung_of(protocol: Protocol, step: Slug, rung: RungId | None) -> Rung | None:
    """The rung a telling came from; None for an outcome's own telling."""
    return next((each for each in protocol.step[step].rungs if each.id == rung), None)


def reason(rung: Rung | None, *, missed: bool) -> str:
    """Why a rung spoke, in one word of the field."""
    if rung is None:
        return "outcome"
    if rung.guard is not Guard.NONE:
        return rung.guard.value
    due = isinstance(rung.at, Offset) and rung.at.anchor is AnchorKind.DUE
    if missed:
        return "late"
    if not due:
        return "elapsed"
    return "before-due" if isinstance(rung.at, Offset) and rung.at.before else "due"


def _all_inside(protocol: Protocol, event: Event) -> bool:
    return bool(event.sources) and all(agency_owner(protocol, each) is not None for each in event.sources)


def _only(agencies: tuple[Slug, ...]) -> Slug | None:
    if not agencies:
        return None
    return agencies[0] if len(agencies) == 1 else NOBODY


def _acts(protocol: Protocol) -> Iterator[tuple[Slug | None, Act]]:
    for event in protocol.events:
        owners = [agency_owner(protocol, each) for each in event.sources]
        owner = next((each for each in owners if each is not None), None)
        yield from ((owner, act) for act in event.acts)
    for step in protocol.steps:
        owner = step_owner(protocol, step.id)
        groups = [*(each.acts for each in step.rungs), *(each.acts for each in step.outcomes)]
        yield from ((owner, act) for acts in groups for act in acts)
