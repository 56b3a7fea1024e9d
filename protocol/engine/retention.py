"""When a part of a case is to be erased: which class it has come to, and the instant that follows. Pure.

A part is what one agency has of a case: its steps, what they brought, the values it keeps; or one value that the text
keeps for a time of its own. Time is counted in plain days of the protocol's zone from a *base* that the caller gives:
the end of the case, or for an agency that is not confidential the last thing everybody could see, so that nobody learns
from a part's erasure when things ended inside.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocol.engine import clocks
from protocol.expressions import Length, Unit
from protocol.facts import EventRecorded, FactBody, StepDelivered, StepEnded
from protocol.kernel import Keeping, Protocol, Retention
from protocol.languages import DEFAULT, LANGUAGES, Tongue
from protocol.languages.language import Say, Whose
from protocol.names import Ref, Slug
from protocol.origins import owners_of
from protocol.state import Instant

UNSAID = Retention(id="kept", length=Length(count=72, unit=Unit.MONTH))
"""Where the text says nothing: 6 years, the longest of T11's times, and as long as is kept who looked (S13)."""


def parts(protocol: Protocol) -> tuple[Keeping, ...]:
    """Every part a case of this protocol may have, and how long it is kept.

    First the agencies that own a step, report an event or keep a value, in the text's order; then the values with
    times of their own.
    """
    said = {each.of: each for each in protocol.keeping}
    found = {agency for step in protocol.steps for agency in owners_of(protocol, step)}
    found |= {source for event in protocol.events for source in event.sources}
    found |= {slot.keeper for slot in protocol.vault}
    agencies = [each.id for each in protocol.agencies if each.id in found]
    slots = [each.id for each in protocol.vault if each.id in said]
    return tuple(said.get(each) or Keeping(of=each, classes=(UNSAID,)) for each in (*agencies, *slots))


def part(protocol: Protocol, of: Slug) -> Keeping | None:
    """How long one part is kept; None if a case of this protocol has no such part."""
    return next((each for each in parts(protocol) if each.of == of), None)


def keeper(protocol: Protocol, of: Slug) -> Slug:
    """The agency whose a part is."""
    slot = protocol.slot.get(of)
    return of if slot is None else slot.keeper


def happened(facts: Iterable[FactBody]) -> frozenset[Ref]:
    """The occurrences that a class may go by, of these facts."""
    found: set[Ref] = set()
    for body in facts:
        match body:
            case EventRecorded():
                found.add(f"event:{body.event}")
            case StepDelivered() if not body.receipt:
                found.add(f"opened:{body.step}")
            case StepEnded() if body.outcome is not None:
                found |= {f"ended:{body.step}", f"outcome:{body.step}/{body.outcome}"}
    return frozenset(found)


def class_of(keeping: Keeping, occurred: frozenset[Ref]) -> Retention:
    """The class a case has come to: the last whose cause has occurred, else the first."""
    reached = [each for each in keeping.classes if occurred & set(each.once)]
    return reached[-1] if reached else keeping.classes[0]


def erase_at(protocol: Protocol, kept: Retention, base: Instant) -> Instant:
    """The instant from which a part of this class is to be erased: the end of the last day of its time."""
    return clocks.shift(protocol.clock, base, kept.length)


def next_look(protocol: Protocol, keeping: Keeping, base: Instant, after: Instant) -> Instant | None:
    """The first instant later than ``after`` at which some class of a part runs out; None: no more.

    Which of them a case is in is not asked: what is written down to look at it again tells nothing of its course.
    """
    found = sorted({erase_at(protocol, each, base) for each in keeping.classes})
    return next((each for each in found if each > after), None)


def length_said(length: Length, tongue: Tongue = DEFAULT) -> str:
    """``6 weeks``, ``6 years``."""
    language = LANGUAGES[tongue]
    if length.unit is Unit.MONTH and length.count % 12 == 0:
        return language.say(Say.YEARS, count=length.count // 12)
    return language.length(length.count, length.unit, Whose.PLAIN)
