"""What follows from one abstract move: the occurrences it brings about, run to completion as the engine runs them.

The order is that of ``occurrences``: marks, fields, counters, lanes, cancels, series, waits, openings, linked cases.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from protocol.checks.domains import Truth
from protocol.kernel import (
    Act,
    ActKind,
    Again,
    ChosenBy,
    Link,
    Rung,
    Step,
    When,
)
from protocol.names import Ref, Slug

if TYPE_CHECKING:
    from protocol.checks.abstract import Model

State: TypeAlias = tuple[int, ...]
Given: TypeAlias = tuple[tuple[Slug, str], ...]

NEW, LIVE, ENDED = range(3)
MOST_COPIES = 2
LINK_STARTED, LINK_OPENED = 1, 2


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens: an event, an answer, a rung, a wait, a delivery, a linked case's notice, mere time.

    ``detail`` is the outcome, the ref a rung publishes, or ``opens`` or ``ends`` of a linked case; ``given`` the
    representative values that a form or an event brings.
    """

    kind: Literal["event", "answer", "end-as", "late", "wait", "deliver", "link", "time"]
    name: Slug
    detail: str = ""
    given: Given = ()


@dataclass(slots=True)
class After:
    """What a move led to: the state, and what occurred on the way (openings with their cause)."""

    move: Move
    state: State
    refs: list[Ref]
    opened: list[tuple[Slug, Ref]]


@dataclass(slots=True)
class Place:
    """Where a step stands in a state, and what of it others can see."""

    step: Step
    open: int
    hold: int
    next: int
    left: int
    most: int
    lane: int
    lates: tuple[tuple[Ref, int], ...]
    rungs: tuple[Rung, ...]
    once: int
    only_if: tuple[Truth, ...]
    unless: tuple[Truth, ...]


class Consequences:
    """One move being run to completion, occurrence by occurrence."""

    def __init__(self, model: Model, state: State) -> None:
        self.model = model
        self.values = list(state)
        self.queue: deque[tuple[tuple[Ref, ...], Given, tuple[Act, ...], Iterable[Slug]]] = deque()
        self.refs: list[Ref] = []
        self.opened: list[tuple[Slug, Ref]] = []
        self.cause: Ref = ""
        self.end_asked = False

    def after(
        self,
        move: Move,
        refs: tuple[Ref, ...],
        given: Given = (),
        acts: tuple[Act, ...] = (),
        names: Iterable[Slug] = (),
    ) -> After:
        """Run an occurrence (and whatever is queued) and all that follows."""
        if refs:
            self.queue.append((refs, given, acts, names))
        while self.queue:
            self._process(*self.queue.popleft())
        model, values = self.model, self.values
        if self.end_asked or (model.whole and not model.live(tuple(values))):
            for each in model.live_slots:
                values[each] = 0
            values[0] = ENDED
        return After(move, tuple(values), self.refs, self.opened)

    def publish(self, refs: tuple[Ref, ...]) -> None:
        """Queue an occurrence without values or acts."""
        self.queue.append((refs, (), (), ()))

    def _process(self, refs: tuple[Ref, ...], given: Given, acts: tuple[Act, ...], names: Iterable[Slug]) -> None:
        model, values = self.model, self.values
        self.refs.extend(refs)
        marks = model.domains.marks
        for ref in refs:
            if ref in marks:
                values[marks[ref]] = 1
        for name, word in given:
            index, words = model.domains.values[name]
            values[index] = words.index(word) + 1
        for name in names if model.timing else ():
            for index in model.timing.get(name, ()):
                values[index] = 1
        if model.counting and not model.counting.isdisjoint(refs):
            self._count(refs)
        if acts:
            self.acts(acts)
        for ref in refs:
            for each in model.until.get(ref, ()):
                self._drop_rounds(each)
            for index in model.arming.get(ref, ()):
                values[index] = 1
        self._openings(refs)
        self.end_asked = self.end_asked or any(act.act is ActKind.END_CASE for act in acts)

    def _count(self, refs: tuple[Ref, ...]) -> None:
        for name, counting, index, top in self.model.counters:
            counts, resets = (any(ref in refs for ref in known) for known in (counting.of, counting.resets))
            if not counts and not resets:
                continue
            before = self.values[index]
            value = 0 if resets else min(before + 1, top)
            self.values[index] = value
            for each in counting.thresholds:
                if before < each <= value:
                    self.publish((f"counter:{name}/{each}",))

    def acts(self, acts: tuple[Act, ...]) -> None:
        """Lanes close and reopen, then steps are cancelled and series stopped."""
        model = self.model
        for act in acts:
            if act.act is ActKind.CLOSE and not self.values[model.lanes[act.targets[0]]]:
                self.values[model.lanes[act.targets[0]]] = 1
                for each in model.lane_steps.get(act.targets[0], ()):
                    self._cancel(each)
            if act.act is ActKind.REOPEN and act.targets[0] in model.lanes:
                self.values[model.lanes[act.targets[0]]] = 0
        for act in acts:
            for target in act.targets if act.act in (ActKind.CANCEL, ActKind.STOP_REPEATING) else ():
                if target in model.steps and act.act is ActKind.CANCEL:
                    self._cancel(model.steps[target])
                elif target in model.steps:
                    self._drop_rounds(model.steps[target])

    def _clear(self, found: Place) -> bool:
        live = False
        for index in (found.open, found.hold, found.next):
            if index and self.values[index]:
                self.values[index], live = 0, True
        for _, index in found.lates:
            self.values[index] = 0
        return live

    def _cancel(self, found: Place) -> None:
        if self._clear(found):
            self.publish((f"cancelled:{found.step.id}",))

    def _drop_rounds(self, found: Place) -> None:
        if found.next and self.values[found.next]:
            self.values[found.next] = 0
            self.publish((f"cancelled:{found.step.id}",))

    def _openings(self, refs: tuple[Ref, ...]) -> None:
        model = self.model
        opens = [each for ref in refs for each in model.opens.get(ref, ())]
        if len(opens) > 1:
            first = {each[0].step.id: each for each in reversed(opens)}
            opens = sorted(first.values(), key=lambda each: each[0].step.position)
        for found, arm, ref in opens:
            when = found.step.when
            if len(when.arms) == 1 or self._join(found.step.id, when, arm, ref):
                self._open(found, ref)
        for ref in refs:
            for link, arm in model.starts.get(ref, ()):
                if len(link.when.arms) == 1 or self._join(link.id, link.when, arm, ref):
                    self._start(link, ref)

    def _join(self, name: Slug, when: When, arm: int, ref: Ref) -> bool:
        """As ``occurrences`` fills a join: bit n is arm n, bit late + n an arm that came after a time-out."""
        index, late = self.model.arms[name], len(when.arms)
        filled = self.values[index]
        on_time = filled & ((1 << late) - 1)
        if ref == when.latest:
            missing = sum(1 << (late + number) for number in range(late - 1) if not filled >> number & 1)
            self.values[index] = missing if filled else 0
            return filled != 0
        if filled >> (late + arm) & 1:
            self.values[index] = filled & ~(1 << (late + arm))
            return False
        wanted = late - (1 if when.latest is not None else 0)
        full = (on_time | 1 << arm).bit_count() == wanted
        self.values[index] = 0 if full else filled | 1 << arm
        return full

    def _open(self, found: Place, cause: Ref) -> None:
        values, step = self.values, found.step
        if found.lane and values[found.lane]:
            return
        if not self.model.lets(found, values) or (found.once and values[found.once]):
            return
        live = values[found.open] or (found.hold and values[found.hold])
        items = self.model.domains.items(step.for_each, values) if step.for_each is not None else 1
        waits = step.again in (Again.ONLY_WHEN_ENDED, Again.ONCE)
        if live and waits and step.for_each is None:
            return
        if step.again is Again.START_OVER or found.next:
            for index in (found.next, *((found.open, found.hold) if step.again is Again.START_OVER else ())):
                if index:
                    values[index] = 0
        self.opened.append((step.id, cause))
        if items == 0:
            self.publish((f"settled:{step.id}",))
            return
        if found.left and step.series is not None:
            values[found.left] = len(step.series.after)
        each = step.chosen is not None and step.chosen.by is ChosenBy.EACH
        copies = len(step.chosen.roles) if step.chosen is not None and each else items
        for _ in range(copies):
            if found.hold:
                values[found.hold] = 1
            else:
                self.deliver(found)

    def deliver(self, found: Place) -> None:
        """An instance is open; a series plans its next round."""
        values = self.values
        values[found.open] = min(values[found.open] + 1, found.most)
        for _, index in found.lates:
            values[index] = 0
        self.publish((f"opened:{found.step.id}",))
        self.schedule_round(found)

    def schedule_round(self, found: Place) -> None:
        """The next round of a series waits for its time, while there is one."""
        series, values = found.step.series, self.values
        if series is None:
            return
        if found.left:
            if values[found.left] == 0:
                return
            values[found.left] -= 1
        values[found.next] = 1

    def _start(self, link: Link, cause: Ref) -> None:
        model, values = self.model, self.values
        index = model.links[link.id][1]
        only_if, unless = model.when[link.id]
        shut = link.lane in model.lanes and values[model.lanes[link.lane]]
        lets = all(each(values) is True for each in only_if) and not any(each(values) is True for each in unless)
        if not shut and lets and not values[index]:
            values[index] = LINK_STARTED
            self.opened.append((link.id, cause))
