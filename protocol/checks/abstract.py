"""The abstract case: what a protocol's text can tell apart, with every length of time forgotten.

A state is a tuple of small integers: of each step how many instances are open, wait for delivery or for their next
round, and which of the rungs that others wait for have fired; lanes, joins, waits, counters and linked cases; and of
fields and past occurrences only what some condition reads, one representative value for each answer it may give.
Whatever is armed may be next: a rung, a wait, a delivery, a linked case's notice. Tries, acknowledgements, pauses and
telling are left out, for nothing that opens or ends depends on them but by time.

It follows ``occurrences`` and ``openings`` rule by rule and only ever has more runs than a case has, so what it cannot
reach no case can. What it reaches is a claim until ``runs`` has replayed it. Left out on purpose: steps that a slice
does not hold (``nodes``); instances beyond the second, or beyond the roles of an ``each of``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from protocol.checks.consequences import (
    ENDED,
    LINK_OPENED,
    LINK_STARTED,
    LIVE,
    MOST_COPIES,
    NEW,
    After,
    Consequences,
    Move,
    Place,
    State,
)
from protocol.checks.domains import CHANGING, Domains, Truth, changes
from protocol.kernel import (
    ActKind,
    Again,
    ChosenBy,
    Counting,
    Event,
    Link,
    Outcome,
    Protocol,
    Rung,
    Step,
    When,
)
from protocol.names import Ref, Slug


class Model:
    """The abstract machine of a protocol, or of some of its steps and links (a slice).

    A slice must hold whatever may open what it holds; it never ends by itself, for the rest may still be live.
    """

    def __init__(self, protocol: Protocol, nodes: frozenset[Slug] | None = None) -> None:
        self.protocol = protocol
        self.whole = nodes is None
        self._size = 1
        self.start_values: list[int] = [NEW]
        kept = [each for each in protocol.steps if nodes is None or each.id in nodes]
        links = [each for each in protocol.links if nodes is None or each.id in nodes]
        self.links: dict[Slug, tuple[Link, int]] = {each.id: (each, self._slot()) for each in links}
        self.lanes: dict[Slug, int] = {each: self._slot() for each in _closable(protocol)}
        self.domains = Domains(protocol, kept, links, self._slot)
        heard = self._heard(kept, links)
        self.counters: list[tuple[Slug, Counting, int, int]] = []
        for name, counting in protocol.counters:
            refs = {f"counter:{name}/{each}" for each in counting.thresholds}
            top = max((*counting.thresholds, *self.domains.counts.get(name, ())), default=0)
            if refs & heard or name in self.domains.counts:
                self.counters.append((name, counting, self._slot(), top + 1))
                heard |= {*counting.of, *counting.resets}
                self.domains.counted[name] = self.counters[-1][2]
        self.waits = {each.id: (each, self._slot()) for each in protocol.waits if f"wait:{each.id}" in heard}
        for wait, _ in self.waits.values():
            heard |= set(wait.armed_by)
        self.heard = heard
        self.steps: dict[Slug, Place] = {}
        for each in kept:
            self.domains.opens[each.id] = self._slot()
        for each in kept:
            self.steps[each.id] = self._of(each)
        openings: tuple[Step | Link, ...] = (*kept, *links)
        self.arms = {each.id: self._slot() for each in openings if len(each.when.arms) > 1}
        self.when = {each.id: self._conditions(each.when) for each in links}
        self.lane_steps: dict[Slug, list[Place]] = {}
        for found in self.steps.values():
            self.lane_steps.setdefault(found.step.lane, []).append(found)
        self.until: dict[Ref, list[Place]] = {}
        for found in self.steps.values():
            for ref in () if found.step.series is None else found.step.series.until:
                self.until.setdefault(ref, []).append(found)
        self.arming: dict[Ref, list[int]] = {}
        self.timing: dict[Slug, list[int]] = {}
        for wait, index in self.waits.values():
            for ref in wait.armed_by:
                self.arming.setdefault(ref, []).append(index)
            if not wait.armed_by and wait.at.name is not None:
                self.timing.setdefault(wait.at.name, []).append(index)
        self.counting = {ref for _, each, _, _ in self.counters for ref in (*each.of, *each.resets)}
        self.opens: dict[Ref, list[tuple[Place, int, Ref]]] = {
            ref: [(self.steps[step.id], arm, ref) for step, arm in found if step.id in self.steps]
            for ref, found in protocol.opens.items()
        }
        self.starts: dict[Ref, list[tuple[Link, int]]] = {
            ref: [(link, arm) for link, arm in found if link.id in self.links]
            for ref, found in protocol.starts_links.items()
        }
        self.events = [each for each in protocol.events if each.starts or self._matters(each)]
        self.live_slots = tuple(
            index for each in self.steps.values() for index in (each.open, each.hold, each.next) if index
        ) + tuple(index for _, index in self.waits.values())
        self.initial: State = tuple(self.start_values)

    def _slot(self, value: int = 0) -> int:
        self.start_values.append(value)
        self._size += 1
        return self._size - 1

    def _heard(self, steps: list[Step], links: list[Link]) -> set[Ref]:
        """Every occurrence that something in this slice waits for or remembers."""
        openings: tuple[Step | Link, ...] = (*steps, *links)
        found = {ref for each in openings for arm in each.when.arms for ref in arm}
        found |= {ref for each in steps if each.series is not None for ref in each.series.until}
        return found | set(self.domains.marks)

    def _of(self, step: Step) -> Place:
        each = step.chosen is not None and step.chosen.by is ChosenBy.EACH
        most = max(MOST_COPIES, len(step.chosen.roles) if step.chosen is not None and each else 0)
        finite = step.series is not None and step.series.every is None
        published = [rung.publishes for rung in step.rungs if rung.publishes is not None]
        if step.due is not None:
            published.insert(0, f"late:{step.id}")
        once = f"opened:{step.id}"
        return Place(
            step=step,
            open=self.domains.opens[step.id],
            hold=self._slot() if step.not_before is not None else 0,
            next=self._slot() if step.series is not None else 0,
            left=self._slot() if finite else 0,
            most=most,
            lane=self.lanes.get(step.lane, 0),
            lates=tuple((ref, self._slot()) for ref in published if ref in self.heard),
            rungs=tuple(each for each in step.rungs if changes(each)),
            once=self.domains.mark(once) if step.again is Again.ONCE else 0,
            only_if=tuple(self.domains.truth(expr) for expr in step.when.only_if),
            unless=tuple(self.domains.truth(expr) for expr in step.when.unless),
        )

    def _conditions(self, when: When) -> tuple[tuple[Truth, ...], tuple[Truth, ...]]:
        return (
            tuple(self.domains.truth(each) for each in when.only_if),
            tuple(self.domains.truth(each) for each in when.unless),
        )

    def _matters(self, event: Event) -> bool:
        fields = any(each in self.domains.values for each in (*event.brings, *event.may_bring))
        waits = any(wait.at.name in (*event.brings, *event.may_bring) for wait, _ in self.waits.values())
        acts = any(act.act in CHANGING for act in event.acts)
        return f"event:{event.id}" in self.heard or fields or waits or acts

    # Moves

    def live(self, state: State) -> bool:
        """Whether anything of this slice is open, waits to be delivered, or waits for a time."""
        return any(state[index] for index in self.live_slots) or any(
            (state[index] == LINK_STARTED and f"opened:{name}" in self.heard)
            or (state[index] and f"ended:{name}" in self.heard)
            for name, (_, index) in self.links.items()
        )

    def places(self, name: Slug) -> tuple[int, ...]:
        """Where the instances of a step stand in a state: open, to be delivered, to come round again."""
        found = self.steps.get(name)
        return () if found is None else tuple(each for each in (found.open, found.hold, found.next) if each)

    def moves(self, state: State, *, events: bool = True) -> Iterator[After]:
        """Everything that may happen next; without ``events`` only what the case does by people and time."""
        if state[0] == ENDED:
            return
        if state[0] == NEW:
            for event in self.events:
                if event.starts:
                    yield from self._event(state, event)
            return
        if events:
            for event in self.events:
                yield from self._event(state, event)
        for found in self.steps.values():
            yield from self._step(state, found)
        yield from self._others(state)

    def _others(self, state: State) -> Iterator[After]:
        for wait, index in self.waits.values():
            if state[index]:
                run = Consequences(self, state)
                run.values[index] = 0
                yield run.after(Move("wait", wait.id), (f"wait:{wait.id}",))
        for link, index in self.links.values():
            if state[index]:
                for word, value in (("opens", LINK_OPENED), ("ends", 0)):
                    if value != state[index] and f"{'opened' if word == 'opens' else 'ended'}:{link.id}" in self.heard:
                        run = Consequences(self, state)
                        run.values[index] = value
                        kind = "opened" if word == "opens" else "ended"
                        yield run.after(Move("link", link.id, word), (f"{kind}:{link.id}",))
        yield from self._time(state)

    def make(self, state: State, move: Move) -> Iterator[After]:
        """The ways in which one move can be made now, whatever is given with it; none when it cannot."""
        if state[0] == ENDED:
            return
        if move.kind == "event":
            event = self.protocol.event[move.name]
            yield from self._event(state, event) if event.starts or state[0] == LIVE else ()
        elif move.name in self.steps and state[0] == LIVE:
            found = self.steps[move.name]
            for after in self._step(state, found):
                if after.move.kind == move.kind and (move.kind == "deliver" or after.move.detail == move.detail):
                    yield after
        elif state[0] == LIVE:
            for after in self._others(state):
                if (after.move.kind, after.move.name, after.move.detail) == (move.kind, move.name, move.detail):
                    yield after

    def _event(self, state: State, event: Event) -> Iterator[After]:
        wanted = [(name, True) for name in event.brings] + [(name, False) for name in event.may_bring]
        for given in self.domains.choices(wanted):
            run = Consequences(self, state)
            run.values[0] = LIVE
            names = {*event.brings, *(name for name, _ in given)} | set(event.may_bring)
            yield run.after(Move("event", event.id, "", given), (f"event:{event.id}",), given, event.acts, names)

    def _step(self, state: State, found: Place) -> Iterator[After]:
        step = found.step
        if state[found.open]:
            for outcome in step.outcomes:
                if self._may_choose(state, step, outcome):
                    yield from self._end(state, found, outcome, "answer")
            for rung in found.rungs:
                yield from self._rung(state, found, rung)
            for ref, index in found.lates:
                if not state[index]:
                    run = Consequences(self, state)
                    run.values[index] = 1
                    yield run.after(Move("late", step.id, ref), (ref,))
        if found.hold and state[found.hold]:
            run = Consequences(self, state)
            run.values[found.hold] = 0
            run.deliver(found)
            yield run.after(Move("deliver", step.id), ())
        if found.next and state[found.next]:
            yield self._round(state, found)

    def _may_choose(self, state: State, step: Step, outcome: Outcome) -> bool:
        votes = step.votes
        if votes is not None and not votes.owner_decides and votes.needed > len(set(votes.roles)):
            return False
        return outcome.only_if is None or self.domains.truth(outcome.only_if)(state) is True

    def _end(self, state: State, found: Place, outcome: Outcome, kind: Literal["answer", "end-as"]) -> Iterator[After]:
        step = found.step
        copies = state[found.open]
        many = step.for_each is not None or step.again is Again.ONE_MORE
        kept = (copies - 1, copies) if copies == MOST_COPIES and many else (copies - 1,)
        wanted = [] if kind == "end-as" else [(ask.name, ask.required) for ask in outcome.asks]
        names = {name for name, _ in wanted}
        for left in kept:
            for given in self.domains.choices(wanted):
                run = Consequences(self, state)
                run.values[found.open] = left
                refs: tuple[Ref, ...] = (f"ended:{step.id}", f"outcome:{step.id}/{outcome.id}")
                if left == 0 or step.again is Again.ONE_MORE:
                    refs = (*refs, f"settled:{step.id}")
                if left == 0:
                    for _, index in found.lates:
                        run.values[index] = 0
                yield run.after(Move(kind, step.id, outcome.id, given), refs, given, outcome.acts, names)

    def _rung(self, state: State, found: Place, rung: Rung) -> Iterator[After]:
        if rung.only_if is not None and self.domains.truth(rung.only_if)(state) is not True:
            return
        for act in rung.acts:
            if act.act is ActKind.END_AS:
                outcome = next(each for each in found.step.outcomes if each.id == act.targets[0])
                # What the owner may answer at any time needs no rung besides.
                if not self._may_choose(state, found.step, outcome):
                    yield from self._end(state, found, outcome, "end-as")
            elif act.act in (ActKind.CANCEL, ActKind.STOP_REPEATING):
                run = Consequences(self, state)
                run.acts((act,))
                yield run.after(Move("time", found.step.id, rung.id), ())

    def _round(self, state: State, found: Place) -> After:
        run = Consequences(self, state)
        values = run.values
        values[found.next] = 0
        if not (found.lane and values[found.lane]):
            if self.lets(found, values):
                run.deliver(found)
            else:
                run.schedule_round(found)
        return run.after(Move("deliver", found.step.id, "round"), ())

    def _time(self, state: State) -> Iterator[After]:
        for _, counting, index, _ in self.counters:
            if counting.within is not None and state[index]:
                values = list(state)
                values[index] -= 1
                yield After(Move("time", "counter"), tuple(values), [], [])
        for name, index, future, passed in self.domains.passing:
            if state[index] == future:
                values = list(state)
                values[index] = passed
                yield After(Move("time", name), tuple(values), [], [])

    def lets(self, found: Place, values: list[int]) -> bool:
        """Whether the conditions of a step let it open."""
        return all(each(values) is True for each in found.only_if) and not any(
            each(values) is True for each in found.unless
        )


def _closable(protocol: Protocol) -> list[Slug]:
    acts = [act for event in protocol.events for act in event.acts]
    acts += [act for step in protocol.steps for outcome in step.outcomes for act in outcome.acts]
    return sorted({act.targets[0] for act in acts if act.act in (ActKind.CLOSE, ActKind.REOPEN)})


Parents: TypeAlias = dict[State, tuple[State, Move] | None]
"""Every state a search found, with the state and the move by which it was found first."""


def explore(
    model: Model, *, most: int, stop: Callable[[After], bool] | None = None
) -> tuple[Parents, tuple[Move, ...] | None]:
    """Breadth first from the beginning: every state, and the shortest run to what stopped the search, if it was.

    It gives up when it has found more than ``most`` states.
    """
    parents: Parents = {model.initial: None}
    todo = deque([model.initial])
    while todo and len(parents) <= most:
        state = todo.popleft()
        for after in model.moves(state):
            if stop is not None and stop(after):
                return parents, (*run_to(parents, state), after.move)
            if after.state not in parents:
                parents[after.state] = (state, after.move)
                todo.append(after.state)
    return parents, None


def run_to(parents: Parents, state: State) -> tuple[Move, ...]:
    """The moves by which a state was first reached."""
    found: list[Move] = []
    before = parents[state]
    while before is not None:
        found.append(before[1])
        before = parents[before[0]]
    return tuple(reversed(found))
