"""Short runs towards an opening or an outcome, planned as if nothing that happens could ever undo anything.

Without undoing, what everything costs is found by one fixpoint over the tables, and whatever that fixpoint does not
reach can never come. A plan is only a guess: ``witnesses`` carries it out on the abstract machine and keeps what was
really reached on the way; where a plan fails, the searcher looks for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from protocol.checks.abstract import Model
from protocol.checks.consequences import After, Given, Move, State
from protocol.expressions import Expr, Joined, Test, TestKind
from protocol.kernel import (
    ActKind,
    Again,
    ChosenBy,
    Event,
    Link,
    Protocol,
    Step,
    When,
)
from protocol.names import Ref, Slug
from protocol.origins import behind, setters, step_of

K = TypeVar("K")
NEVER = 1 << 20_000
"""More than anything in a text of ``reading.MAX_NODES`` can cost: each join of joins adds its parts' whole costs up."""

LONGEST = 400
"""The most moves of a plan."""


@dataclass(slots=True)
class _Need:
    """What must have happened, and the values some fields must have had."""

    cost: int = 0
    refs: tuple[Ref, ...] = ()
    values: Given = ()

    def plus(self, other: _Need) -> _Need:
        return _Need(min(self.cost + other.cost, NEVER), self.refs + other.refs, self.values + other.values)


@dataclass(slots=True)
class _Way:
    """The cheapest way to an occurrence: what it needs, and the move that then makes it."""

    cost: int
    need: _Need
    move: Move | None = None
    times: int = 1


class Planner:
    """What every occurrence and opening costs at least, and how it comes."""

    def __init__(self, model: Model, *, outside: bool = False) -> None:
        """``outside``: what events besides those that start cases could bring about, from nothing."""
        self.model = model
        self.outside = outside
        self.ways: dict[Ref, _Way] = {}
        self._given: Ref | None = None
        self.makers = list(_makers(model))
        self.cancellers = {each.id: _cancellers(model.protocol, each) for each in model.protocol.steps}
        self.setters = {each.id: setters(model.protocol, each.id) for each in model.protocol.fields}
        cheaper = True
        while cheaper:
            cheaper = False
            for maker in self.makers:
                for ref, way in self._made(maker):
                    known = self.ways.get(ref)
                    if way.cost < NEVER and (known is None or way.cost < known.cost):
                        self.ways[ref], cheaper = way, True

    # Costs

    def cost(self, ref: Ref) -> int:
        """How many moves an occurrence takes at least; ``NEVER`` where none bring it about."""
        found = self.ways.get(ref)
        return NEVER if found is None else found.cost

    def _made(self, maker: Event | Step | Link | Ref) -> Iterator[tuple[Ref, _Way]]:
        if isinstance(maker, Event) and self.outside:
            yield f"event:{maker.id}", _Way(NEVER if maker.starts else 1, _Need())
        elif isinstance(maker, Event):
            first = _Need() if maker.starts else self._start()
            yield f"event:{maker.id}", _Way(first.cost + 1, first, Move("event", maker.id))
        elif isinstance(maker, Step):
            yield from self._by_step(maker)
        elif isinstance(maker, Link):
            need = self.opening(maker.when)
            for word, ref in (("opens", f"opened:{maker.id}"), ("ends", f"ended:{maker.id}")):
                yield ref, _Way(need.cost + 1, need, Move("link", maker.id, word))
        else:
            yield from self._by_time(maker)

    def _start(self) -> _Need:
        starts = [f"event:{each.id}" for each in self.model.protocol.events if each.starts]
        return self._any(starts)

    def _by_step(self, step: Step) -> Iterator[tuple[Ref, _Way]]:
        need = self.opening(step.when)
        yield f"opened:{step.id}", _Way(need.cost, need)
        live = _Need(need.cost, (f"opened:{step.id}",))
        votes = step.votes
        agree = votes is None or votes.owner_decides or votes.needed <= len(set(votes.roles))
        for outcome in step.outcomes:
            if not agree:
                continue
            chosen = live if outcome.only_if is None else live.plus(self._true(outcome.only_if))
            way = _Way(chosen.cost + 1, chosen, Move("answer", step.id, outcome.id))
            for ref in (f"outcome:{step.id}/{outcome.id}", f"ended:{step.id}", f"settled:{step.id}"):
                yield ref, way
        for rung in step.rungs:
            if rung.publishes is not None:
                yield rung.publishes, _Way(live.cost + 1, live, Move("late", step.id, rung.publishes))
            for act in rung.acts:
                if act.act is ActKind.END_AS:
                    way = _Way(live.cost + 1, live, Move("end-as", step.id, act.targets[0]))
                    for ref in (f"outcome:{step.id}/{act.targets[0]}", f"ended:{step.id}", f"settled:{step.id}"):
                        yield ref, way
        if step.due is not None:
            yield f"late:{step.id}", _Way(live.cost + 1, live, Move("late", step.id, f"late:{step.id}"))
        if step.for_each is not None:
            yield f"settled:{step.id}", _Way(need.cost, need)
        cancelling = self._any(self.cancellers[step.id])
        if cancelling.cost < NEVER:
            both = live.plus(cancelling)
            yield f"cancelled:{step.id}", _Way(both.cost, both)

    def _by_time(self, ref: Ref) -> Iterator[tuple[Ref, _Way]]:
        kind, _, name = ref.partition(":")
        need = self._any(behind(self.model.protocol, ref))
        if kind == "wait":
            yield ref, _Way(need.cost + 1, need, Move("wait", name))
        else:
            count = int(name.partition("/")[2])
            if self._at_most(name.partition("/")[0]) < count:
                return
            yield ref, _Way(min(need.cost + count - 1, NEVER), need, times=count)

    def _at_most(self, counter: Slug) -> int:
        """How often at most what a counter counts can happen, as far as ``again: once`` says."""
        counting = self.model.protocol.field[counter].counting
        steps = [step_of(self.model.protocol, ref) for ref in ([] if counting is None else counting.of)]
        if any(each is None or not _single(each) for each in steps):
            return NEVER
        return len(steps)

    def opening(self, when: When, cause: Ref | None = None) -> _Need:
        """What an opening takes: one cause of each arm, or one with the join's time-out, and its conditions."""
        arms = [self._any((cause,) if cause in arm else arm) for arm in when.arms if when.latest not in arm]
        if when.latest is not None and cause in (None, when.latest):
            found = min(arms, key=lambda each: each.cost).plus(self._any((when.latest,)))
            whole = self._all(arms)
            found = found if found.cost < whole.cost else whole
        else:
            found = self._all(arms)
        self._given = cause
        for each in when.only_if:
            found = self._true(each).plus(found)
        self._given = None
        for each in when.unless:
            found = self._not_true(each).plus(found)
        return found

    def _any(self, refs: Iterable[Ref]) -> _Need:
        best = min(refs, key=self.cost, default=None)
        return _Need(NEVER) if best is None else _Need(self.cost(best), (best,))

    def _all(self, needs: Iterable[_Need]) -> _Need:
        found = _Need()
        for each in needs:
            found = found.plus(each)
        return found

    def _true(self, expr: Expr) -> _Need:
        if isinstance(expr, Joined):
            if expr.word == "and":
                return self._both(expr.parts)
            return min((self._true(each) for each in expr.parts), key=lambda each: each.cost)
        return self._says(expr, wanted=True)

    def _both(self, parts: tuple[Expr, ...]) -> _Need:
        """All of several conditions; a field has one value at a time, so one must suit every test of it."""
        found, words = _Need(), dict[Slug, list[str]]()
        for each in parts:
            found = found.plus(self._true(each))
            if isinstance(each, Test) and each.name in self.model.domains.values and each.test is not TestKind.KNOWN:
                said = self.model.domains.saying(each, wanted=not each.negate)
                words[each.name] = [word for word in words.get(each.name, said) if word in said]
        if not all(words.values()):
            return _Need(NEVER)
        chosen = {name: known[0] for name, known in words.items()}
        others = tuple(each for each in found.values if each[0] not in chosen)
        return _Need(found.cost, found.refs, (*chosen.items(), *others))

    def _not_true(self, expr: Expr) -> _Need:
        """Not true is false or not known: what nobody has said yet needs nothing, but a value that says no is liked."""
        if isinstance(expr, Joined):
            parts = [self._not_true(each) for each in expr.parts]
            return self._all(parts) if expr.word == "or" else min(parts, key=lambda each: each.cost)
        return _Need(0, (), self._says(expr, wanted=False).values)

    def _says(self, test: Test, *, wanted: bool) -> _Need:
        """A test that says yes (or no)."""
        wanted = wanted != test.negate
        if test.test is TestKind.HAPPENED:
            return self._any((test.name,)) if wanted and test.name != self._given else _Need()
        if test.test is TestKind.OPEN:
            return self._any((f"opened:{test.name}",)) if wanted else _Need()
        known = self.model.protocol.field[test.name]
        if known.expr is not None:
            return self._true(known.expr) if wanted else self._not_true(known.expr)
        if known.counting is not None:
            return self._any(known.counting.of) if wanted else _Need()
        if test.test is TestKind.KNOWN:
            return self._any(self.setters[test.name]) if wanted else _Need()
        words = self.model.domains.saying(test, wanted=wanted)
        by = self._any(self.setters[test.name])
        return _Need(by.cost, by.refs, tuple((test.name, each) for each in words[:1])) if words else _Need(NEVER)

    # Plans

    def need(self, ref: Ref) -> _Need:
        """What an occurrence takes."""
        return _Need(self.cost(ref), (ref,))

    def plan(self, need: _Need) -> tuple[list[Move], dict[Slug, str]]:
        """The moves of a need, each after what it needs itself, and the values to choose on the way."""
        moves: list[Move] = []
        values = dict(need.values)
        done: set[Ref | Move] = set()
        for ref in need.refs:
            self._expand(ref, moves, values, done)
        return moves, values

    def _expand(self, ref: Ref, moves: list[Move], values: dict[Slug, str], done: set[Ref | Move]) -> None:
        if ref in done or len(moves) > LONGEST:
            return
        done.add(ref)
        way = self.ways[ref]
        for name, word in way.need.values:
            values.setdefault(name, word)
        for each in way.need.refs:
            self._expand(each, moves, values, done)
        if way.move is not None and way.move not in done:
            done.add(way.move)
            moves.append(way.move)
        moves.extend(self._again(way.need.refs[0]) for _ in range(way.times - 1))

    def _again(self, ref: Ref) -> Move:
        found = self.ways[ref].move
        return Move("time", "") if found is None else found


def _makers(model: Model) -> Iterator[Event | Step | Link | Ref]:
    protocol = model.protocol
    yield from sorted(protocol.events, key=lambda each: not each.starts)
    yield from (each.step for each in model.steps.values())
    yield from (link for link, _ in model.links.values())
    yield from (f"wait:{each.id}" for each in protocol.waits)
    for name, counting in protocol.counters:
        yield from (f"counter:{name}/{each}" for each in counting.thresholds)


def _single(step: Step) -> bool:
    """Whether a step has one instance in a case, and no more."""
    plain = step.series is None and step.for_each is None
    return step.again is Again.ONCE and plain and (step.chosen is None or step.chosen.by is not ChosenBy.EACH)


def _cancellers(protocol: Protocol, step: Step) -> list[Ref]:
    sources = [(f"event:{event.id}", event.acts) for event in protocol.events]
    sources += [(f"outcome:{each.id}/{o.id}", o.acts) for each in protocol.steps for o in each.outcomes]
    sources += [(f"opened:{each.id}", rung.acts) for each in protocol.steps for rung in each.rungs]
    return [
        ref
        for ref, acts in sources
        for act in acts
        if (act.act is ActKind.CANCEL and step.id in act.targets)
        or (act.act is ActKind.CLOSE and step.lane in act.targets)
    ]


@dataclass(slots=True)
class Tracks:
    """What carrying out plans has shown: each opening with its cause and the shortest run to it, each outcome too."""

    model: Model
    opened: dict[tuple[Slug, Ref], tuple[Move, ...]] = field(default_factory=dict)
    came: dict[Ref, tuple[Move, ...]] = field(default_factory=dict)
    states: set[State] = field(default_factory=set)
    _made: dict[tuple[State, Move], list[After]] = field(default_factory=dict)

    def carry_out(self, moves: list[Move], values: dict[Slug, str], target: Slug = "") -> None:
        """Make a plan's moves in order, each as soon as it can be made; what cannot be made ends it.

        Before the last of them ``target`` is answered, should it be open already: only then can it open by it.
        """
        state, left = self.model.initial, list(moves)
        run: tuple[Move, ...] = ()
        while left:
            last = left[-1]
            if len(left) == 1 and last.name != target and (ending := self._answer(state, target)) is not None:
                left = [ending, last]
            found = next((each for each in self._options(state, left) if each[1]), None)
            if found is None:
                return
            move, options = found
            after = max(options, key=lambda each: _fits(each.move.given, values))
            if move in left:
                left.remove(move)
            state, run = after.state, (*run, after.move)
            self.states.add(state)
            for each in after.opened:
                self._keep(self.opened, each, run)
            for ref in after.refs:
                self._keep(self.came, ref, run)

    def _answer(self, state: State, target: Slug) -> Move | None:
        found = self.model.steps.get(target)
        if found is None or not state[found.open]:
            return None
        outcome = min(found.step.outcomes, key=lambda each: (len(each.acts), each.only_if is not None))
        return Move("answer", target, outcome.id)

    def _options(self, state: State, left: list[Move]) -> Iterator[tuple[Move, list[After]]]:
        for move in left:
            found = self._after(state, move)
            if not found and move.kind in ("answer", "late", "end-as"):
                deliver = Move("deliver", move.name)
                yield deliver, self._after(state, deliver)
            yield move, found

    def _after(self, state: State, move: Move) -> list[After]:
        key = (state, move)
        if key not in self._made:
            self._made[key] = list(self.model.make(state, move))
        return self._made[key]

    def _keep(self, table: dict[K, tuple[Move, ...]], key: K, run: tuple[Move, ...]) -> None:
        if key not in table or len(run) < len(table[key]):
            table[key] = run


def _fits(given: Given, values: dict[Slug, str]) -> int:
    """How well values given agree with those wished; what nobody wished is better left out."""
    return sum(2 if values.get(name) == word else -1 if name not in values else -2 for name, word in given)
