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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from protocol.domains import CHANGING, Domains, Truth, changes
from protocol.kernel import (
    Act,
    ActKind,
    Again,
    ChosenBy,
    Counting,
    Event,
    Link,
    Outcome,
    Protocol,
    Ref,
    Rung,
    Slug,
    Step,
    When,
)

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
class _Step:
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
        self.steps: dict[Slug, _Step] = {}
        for each in kept:
            self.domains.opens[each.id] = self._slot()
        for each in kept:
            self.steps[each.id] = self._of(each)
        openings: tuple[Step | Link, ...] = (*kept, *links)
        self.arms = {each.id: self._slot() for each in openings if len(each.when.arms) > 1}
        self.when = {each.id: self._conditions(each.when) for each in links}
        self.lane_steps: dict[Slug, list[_Step]] = {}
        for found in self.steps.values():
            self.lane_steps.setdefault(found.step.lane, []).append(found)
        self.until: dict[Ref, list[_Step]] = {}
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
        self.opens: dict[Ref, list[tuple[_Step, int, Ref]]] = {
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

    def _of(self, step: Step) -> _Step:
        each = step.chosen is not None and step.chosen.by is ChosenBy.EACH
        most = max(MOST_COPIES, len(step.chosen.roles) if step.chosen is not None and each else 0)
        finite = step.series is not None and step.series.every is None
        published = [rung.publishes for rung in step.rungs if rung.publishes is not None]
        if step.due is not None:
            published.insert(0, f"late:{step.id}")
        once = f"opened:{step.id}"
        return _Step(
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
                run = _Run(self, state)
                run.values[index] = 0
                yield run.after(Move("wait", wait.id), (f"wait:{wait.id}",))
        for link, index in self.links.values():
            if state[index]:
                for word, value in (("opens", LINK_OPENED), ("ends", 0)):
                    if value != state[index] and f"{'opened' if word == 'opens' else 'ended'}:{link.id}" in self.heard:
                        run = _Run(self, state)
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
            run = _Run(self, state)
            run.values[0] = LIVE
            names = {*event.brings, *(name for name, _ in given)} | set(event.may_bring)
            yield run.after(Move("event", event.id, "", given), (f"event:{event.id}",), given, event.acts, names)

    def _step(self, state: State, found: _Step) -> Iterator[After]:
        step = found.step
        if state[found.open]:
            for outcome in step.outcomes:
                if self._may_choose(state, step, outcome):
                    yield from self._end(state, found, outcome, "answer")
            for rung in found.rungs:
                yield from self._rung(state, found, rung)
            for ref, index in found.lates:
                if not state[index]:
                    run = _Run(self, state)
                    run.values[index] = 1
                    yield run.after(Move("late", step.id, ref), (ref,))
        if found.hold and state[found.hold]:
            run = _Run(self, state)
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

    def _end(self, state: State, found: _Step, outcome: Outcome, kind: Literal["answer", "end-as"]) -> Iterator[After]:
        step = found.step
        copies = state[found.open]
        many = step.for_each is not None or step.again is Again.ONE_MORE
        kept = (copies - 1, copies) if copies == MOST_COPIES and many else (copies - 1,)
        wanted = [] if kind == "end-as" else [(ask.name, ask.required) for ask in outcome.asks]
        names = {name for name, _ in wanted}
        for left in kept:
            for given in self.domains.choices(wanted):
                run = _Run(self, state)
                run.values[found.open] = left
                refs: tuple[Ref, ...] = (f"ended:{step.id}", f"outcome:{step.id}/{outcome.id}")
                if left == 0 or step.again is Again.ONE_MORE:
                    refs = (*refs, f"settled:{step.id}")
                if left == 0:
                    for _, index in found.lates:
                        run.values[index] = 0
                yield run.after(Move(kind, step.id, outcome.id, given), refs, given, outcome.acts, names)

    def _rung(self, state: State, found: _Step, rung: Rung) -> Iterator[After]:
        if rung.only_if is not None and self.domains.truth(rung.only_if)(state) is not True:
            return
        for act in rung.acts:
            if act.act is ActKind.END_AS:
                outcome = next(each for each in found.step.outcomes if each.id == act.targets[0])
                # What the owner may answer at any time needs no rung besides.
                if not self._may_choose(state, found.step, outcome):
                    yield from self._end(state, found, outcome, "end-as")
            elif act.act in (ActKind.CANCEL, ActKind.STOP_REPEATING):
                run = _Run(self, state)
                run.acts((act,))
                yield run.after(Move("time", found.step.id, rung.id), ())

    def _round(self, state: State, found: _Step) -> After:
        run = _Run(self, state)
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

    def lets(self, found: _Step, values: list[int]) -> bool:
        """Whether the conditions of a step let it open."""
        return all(each(values) is True for each in found.only_if) and not any(
            each(values) is True for each in found.unless
        )


class _Run:
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

    def _clear(self, found: _Step) -> bool:
        live = False
        for index in (found.open, found.hold, found.next):
            if index and self.values[index]:
                self.values[index], live = 0, True
        for _, index in found.lates:
            self.values[index] = 0
        return live

    def _cancel(self, found: _Step) -> None:
        if self._clear(found):
            self.publish((f"cancelled:{found.step.id}",))

    def _drop_rounds(self, found: _Step) -> None:
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

    def _open(self, found: _Step, cause: Ref) -> None:
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

    def deliver(self, found: _Step) -> None:
        """An instance is open; a series plans its next round."""
        values = self.values
        values[found.open] = min(values[found.open] + 1, found.most)
        for _, index in found.lates:
            values[index] = 0
        self.publish((f"opened:{found.step.id}",))
        self.schedule_round(found)

    def schedule_round(self, found: _Step) -> None:
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
