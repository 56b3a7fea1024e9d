"""What a driver keeps between two inputs of one case, so that the engine need not work out again what has not changed.

Nothing is decided here. Whatever was read to know a thing is kept beside it, and what was read otherwise is worked out
anew; a property test holds results with and without a memo equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from protocol.engine.points import View, due_of
from protocol.state import CaseState, Instance, Instant, LanePause

D = TypeVar("D")
"""A deadline, which is the machine's."""

Due = tuple[Instant | None, Instant | None]
"""When an instance is due, and the same before its floor."""


@dataclass(slots=True)
class Known(Generic[D]):
    """Of one open instance: when it is due and, once asked for, what it does unprompted; ``times`` of its rungs."""

    instance: Instance
    pauses: tuple[LanePause, ...]
    read: tuple[object, ...]
    due: Due
    ahead: list[D] | None = None
    first: D | None = None
    times: dict[int, Instant | None] = field(default_factory=dict)

    def still_due(self, instance: Instance, pauses: tuple[LanePause, ...], read: tuple[object, ...]) -> bool:
        """Whether the instance is due as it was: nothing of it that a due time is read from is another."""
        was = self.instance
        if pauses is not self.pauses or read != self.read:
            return False
        return instance is was or (
            instance.step == was.step
            and instance.delivered == was.delivered
            and instance.clock == was.clock
            and instance.suspensions == was.suspensions
            and instance.grace == was.grace
            and instance.floor == was.floor
            and instance.born == was.born
            and instance.agency == was.agency
            and instance.item == was.item
        )


@dataclass(slots=True)
class Memo(Generic[D]):
    """Of one case under one text: each open instance, and what comes next where time alone moves nothing."""

    duties: dict[int, Known[D]] = field(default_factory=dict)
    state: CaseState | None = None
    next: D | None = None


def known(memo: Memo[D], view: View, each: Instance) -> Known[D]:
    """What is known of an open instance, its due times worked out; kept unless time alone may move them."""
    anchors = view.protocol.anchors.get(each.step)
    if anchors is None:
        return Known(each, view.pauses, (), due_of(view, each))
    fields, refs = anchors
    read = (*map(view.fields.get, fields), *map(view.last.get, refs))
    found = memo.duties.get(each.n)
    if found is None or not found.still_due(each, view.pauses, read):
        found = memo.duties[each.n] = Known(each, view.pauses, read, due_of(view, each))
    elif found.instance is not each:
        found.instance, found.ahead = each, None
    return found
