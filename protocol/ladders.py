"""The rungs every ladder has: the built-in ladders, what marks a missed window, what is added so that it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protocol.kernel import Act, AnchorKind, Guard, Length, Offset, Rung, Step, Tries
from protocol.machine import LATE
from protocol.names import Names
from protocol.spec import RungSpec

USUAL = {"when due": "tell lead", "1 working day late": "tell coordinator"}
INSIDE = {"when due": "tell lead", "1 working day late": "tell leads"}
Ladder = Mapping[str, str | list[str] | RungSpec]


def with_late_causes(steps: tuple[Step, ...], names: Names) -> tuple[Step, ...]:
    """The steps with a rung for each ``S D late`` that something waits for."""
    found = []
    for step in steps:
        extra = tuple(
            Rung(
                id=f"late-{words}",
                at=Offset(anchor=AnchorKind.DUE, length=span),
                guard=late_guard(step.tries),
                publishes=f"late:{step.id}/{words}",
            )
            for words, span in names.late.get(step.id, {}).items()
        )
        found.append(replace(step, rungs=(*step.rungs[:1], *extra, *step.rungs[1:])) if extra else step)
    return tuple(found)


def late_guard(tries: Tries | None) -> Guard:
    """What may spare an escalation at the due time: a try in time, where one counts."""
    return Guard.NOT_TRIED_IN_TIME if tries is not None and tries.counts_as_on_time else Guard.NONE


def always_comes(rung: Rung) -> bool:
    """Whether a rung fires while its step is open, whatever is known: what comes after it comes too."""
    anchored = isinstance(rung.at, Offset) and rung.at.anchor in (AnchorKind.DUE, AnchorKind.DELIVERY)
    unguarded = rung.guard in (Guard.NONE, Guard.NOT_TRIED_IN_TIME)
    before = isinstance(rung.at, Offset) and rung.at.before
    return anchored and unguarded and not before and rung.only_if is None and rung.every is None


def ends_surely(rung: Rung) -> bool:
    """Whether nothing but its time decides that a rung fires."""
    return rung.only_if is None and rung.guard is Guard.NONE


def few_tries(within: Length, lead: tuple[Act, ...]) -> Rung:
    """The rung of ``at least 3 within 1 week``: the lead hears of fewer."""
    return Rung(
        id="too-few-tries", at=Offset(anchor=AnchorKind.DELIVERY, length=within), acts=lead, guard=Guard.TOO_FEW_TRIES
    )


def rung_id(name: str | None, act: Act, taken: list[str]) -> str:
    """``tell-sergeant``, then ``tell-sergeant-2``: stable when a time changes."""
    base = name or "-".join((act.act.value, *act.targets[:1]))
    number, found = 1, base
    while found in taken or found == LATE:
        number += 1
        found = f"{base}-{number}"
    return found
