"""The rungs every ladder has: the built-in ladders, what marks a missed window, what is added so that it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protocol.engine.machine import LATE
from protocol.expressions import AnchorKind, Length, Offset, Unit
from protocol.kernel import Act, Guard, Rung, Step, Tries
from protocol.text.names import NO_TIME, Names
from protocol.text.spec import RungSpec

USUAL = {"when due": "tell lead", "1 working day late": "tell coordinator"}
INSIDE = {"when due": "tell lead", "1 working day late": "tell leads"}
LAST = "every-day-after"
"""The rung that ends every ladder which does not say how it goes on."""

STILL_OPEN, STILL_OPEN_AGAIN, TOO_FEW = "still-open", "still-open-again", "too-few-tries"
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


def unwritten(step: Step, rung: Rung) -> bool:
    """Whether a rung is the language's and stands in no text: the mark of a miss, the last, the built-in ladders'."""
    own = (LATE, LAST, STILL_OPEN, STILL_OPEN_AGAIN)
    said = [each for each in step.rungs if each.id not in (*own, TOO_FEW) and not each.id.startswith(f"{LATE}-")]
    whom = tuple(tuple(act.targets for act in each.acts) for each in said)
    built_in = whom in (((("lead",),), (("coordinator",),)), ((("lead",),), (("leads",),))) and all(
        isinstance(each.at, Offset)
        and each.at.length.count == count
        and each.at.length.unit in (Unit.DAY, NO_TIME.unit)
        for each, count in zip(said, (0, 1), strict=True)
    )
    return rung.id in own or (built_in and rung.id != TOO_FEW)


def few_tries(within: Length, lead: tuple[Act, ...]) -> Rung:
    """The rung of ``at least 3 within 1 week``: the lead hears of fewer."""
    return Rung(id=TOO_FEW, at=Offset(anchor=AnchorKind.DELIVERY, length=within), acts=lead, guard=Guard.TOO_FEW_TRIES)


def rung_id(name: str | None, act: Act, taken: list[str]) -> str:
    """``tell-sergeant``, then ``tell-sergeant-2``: stable when a time changes."""
    base = name or "-".join((act.act.value, *act.targets[:1]))
    number, found = 1, base
    while found in taken or found == LATE:
        number += 1
        found = f"{base}-{number}"
    return found
