"""A compiled protocol as a table: each step in one row, in the words of its sentences. Pure.

For whoever looks for one duty among many: who owes it, within what, who hears of it, what ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocol.kernel import ActKind, Protocol, Step
from protocol.names import Slug
from protocol.telling.outline import opening_said, owner_said, rung_said
from protocol.telling.wording import acts_said, point_said, words

TELLS = {ActKind.TELL, ActKind.PAGE, ActKind.REMIND, ActKind.ADD, ActKind.MOVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step. ``number`` is its clause in the outline; ``told``: who hears of it as its window runs out, and when."""

    number: int
    step: Slug
    lane: Slug
    must: str
    opens: str
    who: str
    agency: Slug
    within: str
    told: tuple[str, ...]
    ends: tuple[str, ...]


def rows(protocol: Protocol) -> tuple[Row, ...]:
    """Every step, in the order of the text."""
    return tuple(_row(protocol, each) for each in sorted(protocol.steps, key=lambda each: each.position))


def _row(protocol: Protocol, step: Step) -> Row:
    return Row(
        number=step.position + 1,
        step=step.id,
        lane=step.lane,
        must=protocol.words[f"step:{step.id}"].title,
        opens=opening_said(protocol, step),
        who=owner_said(step),
        agency=step.agency,
        within="" if step.due is None else point_said(step.due, step.agency),
        told=tuple(_told(step)),
        ends=tuple(words(each.id) for each in step.outcomes),
    )


def _told(step: Step) -> Iterator[str]:
    for rung in step.rungs:
        if any(act.act in TELLS for act in rung.acts):
            yield f"{rung_said(rung, step.agency)}: {acts_said(rung.acts)}"
