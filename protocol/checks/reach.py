"""What can open and what follows at once: loops that never wait, duties that nothing can open.

Both follow from the tables alone, as graphs of occurrences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from protocol.errors import Finding
from protocol.expressions import (
    AnchorKind,
    Extreme,
    Offset,
    Point,
    Test,
    TestKind,
)
from protocol.kernel import (
    ActKind,
    Again,
    Link,
    Protocol,
    Step,
    When,
)
from protocol.names import Ref, Slug
from protocol.origins import behind, link_of, step_of, tests
from protocol.text.reading import Path, Places
from protocol.text.spec import STEPS_IN

LONGEST_CHAIN = 32
"""Counts, conditions, moments and linked cases that may follow from one another before one is too hard to follow."""
MOST_ASKED = 100
"""Questions a condition may come to, written out in full."""


def check_chains(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """What follows from other things must come from something that happens, not from itself, and be short to tell.

    Everything that later follows such chains relies on it: the checks, the labels and the engine.
    """
    graph = _sources(protocol)
    try:
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        name = next(each for each in reversed(error.args[1]) if not each.startswith("wait:"))
        says = f"{_plain(name)} follows from itself, so it never begins."
        write = "Let it follow from something that happens."
        yield Finding(code="FOLLOWS_ITSELF", says=says, place=place(_standing(protocol, name)), write=write)
        return
    depth: dict[str, int] = {}
    asked: dict[str, int] = {}
    for name in order:
        sources = graph.get(name, [])
        depth[name] = 1 + max((depth[each] for each in sources), default=0)
        asked[name] = max(1, sum(asked[each] for each in sources)) if name.startswith("field:") else 1
        if depth[name] > LONGEST_CHAIN or asked[name] > MOST_ASKED:
            says = f"{_plain(name)} follows from too many things that follow from others."
            write = "Let it follow from what happens, in fewer steps."
            yield Finding(code="TOO_FAR_BACK", says=says, place=place(_standing(protocol, name)), write=write)
            return


def _sources(protocol: Protocol) -> dict[str, list[str]]:
    """What each derived field, count, moment and linked case follows from, and what of that is of these kinds."""
    graph: dict[str, list[str]] = {}
    for field in protocol.fields:
        if field.expr is not None:
            graph[f"field:{field.id}"] = [f"field:{test.name}" for test in tests(field.expr) if _is_field(test)]
        elif field.counting is not None:
            graph[f"field:{field.id}"] = [_node(protocol, ref) for ref in field.counting.of]
    for wait in protocol.waits:
        graph[f"wait:{wait.id}"] = [_node(protocol, ref) for ref in wait.armed_by]
    for link in protocol.links:
        graph[f"opened:{link.id}"] = [_node(protocol, ref) for arm in link.when.arms for ref in arm]
    return graph


def _is_field(test: Test) -> bool:
    return test.test not in (TestKind.HAPPENED, TestKind.OPEN)


def _node(protocol: Protocol, ref: Ref) -> str:
    """The node of an occurrence: a count stands for its thresholds, a linked case's opening for its end too."""
    kind, _, name = ref.partition(":")
    if kind == "counter":
        return f"field:{name.partition('/')[0]}"
    return ref if link_of(protocol, ref) is None else f"opened:{name}"


def _plain(node: str) -> str:
    return node.partition(":")[2]


def _standing(protocol: Protocol, node: str) -> Path:
    """Where a node of the chains is written."""
    kind, _, name = node.partition(":")
    if kind == "field":
        return ("record", name)
    found = protocol.link.get(name)
    return () if found is None else (STEPS_IN + found.lane, found.id, "when")


def _immediate(point: Point) -> bool:
    """Whether a point may lie at or before delivery."""
    if isinstance(point, Offset):
        moving = (AnchorKind.FIELD, AnchorKind.REF, AnchorKind.ITEM)
        return point.before or point.length.count == 0 or point.anchor in moving
    if isinstance(point, Extreme):
        return any(_immediate(each) for each in point.points)
    return _immediate(point.then) or _immediate(point.otherwise)


def check_loops(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """Every loop must wait for a person, the world or time (reference §4 Termination)."""
    graph = _following(protocol)
    for step in protocol.steps:
        _step_edges(graph, step)
    for ref, target in _cancelling(protocol):
        graph.setdefault(f"cancelled:{target}", set()).add(ref)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = [each.partition(":")[2].partition("/")[0] for each in reversed(error.args[1])]
        step = protocol.step[next(each for each in names if each in protocol.step)]
        says = f"{' -> '.join(dict.fromkeys(names))} goes round without waiting."
        where = place((STEPS_IN + step.lane, step.id, "when"))
        write = "Let one step wait for a person or a time."
        yield Finding(code="LOOP_WITHOUT_WAITING", says=says, place=where, write=write)


def _step_edges(graph: dict[Ref, set[Ref]], step: Step) -> None:
    """What opens a step at once, and what a step publishes as soon as it opens."""
    opened = f"opened:{step.id}"
    at_once = (step.not_before is None or _immediate(step.not_before)) and step.again is not Again.ONCE
    for ref in (ref for arm in step.when.arms for ref in arm):
        if at_once:
            graph.setdefault(opened, set()).add(ref)
        if step.for_each is not None:
            graph.setdefault(f"settled:{step.id}", set()).add(ref)
    soon = step.due is not None and _immediate(step.due)
    for rung in step.rungs:
        if not _immediate(rung.at) or not (soon or not _due_anchored(rung.at)):
            continue
        made = [f"late:{step.id}"] if rung.id == "late" else []
        made += [rung.publishes] if rung.publishes is not None else []
        for act in rung.acts:
            if act.act is ActKind.END_AS:
                made += [f"ended:{step.id}", f"outcome:{step.id}/{act.targets[0]}", f"settled:{step.id}"]
        for each in made:
            graph.setdefault(each, set()).add(opened)


def _following(protocol: Protocol) -> dict[Ref, set[Ref]]:
    """What follows at once, without a step between: counts, waits without length, moments that may be past."""
    graph: dict[Ref, set[Ref]] = {}
    for name, counting in protocol.counters:
        for each in counting.thresholds:
            graph[f"counter:{name}/{each}"] = set(counting.of)
    for wait in protocol.waits:
        if not wait.armed_by or wait.at.length.count == 0:
            graph[f"wait:{wait.id}"] = set(behind(protocol, f"wait:{wait.id}"))
    return graph


def _cancelling(protocol: Protocol) -> Iterator[tuple[Ref, Slug]]:
    """(occurrence, step it cancels) for every cancel and lane closing in events, outcomes and rungs."""
    sources = [(f"event:{event.id}", event.acts) for event in protocol.events]
    sources += [(f"outcome:{step.id}/{each.id}", each.acts) for step in protocol.steps for each in step.outcomes]
    for step in protocol.steps:
        sources += [(f"opened:{step.id}", rung.acts) for rung in step.rungs if _immediate(rung.at)]
    for ref, acts in sources:
        for act in acts:
            if act.act is ActKind.CANCEL:
                yield from ((ref, target) for target in act.targets)
            if act.act is ActKind.CLOSE:
                yield from ((ref, step.id) for step in protocol.steps if step.lane == act.targets[0])


def _due_anchored(point: Point) -> bool:
    return isinstance(point, Offset) and point.anchor is AnchorKind.DUE


class Reach:
    """What may open and occur, as far as the tables tell; asked once for each duty, so it looks at a cause once."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.openings: dict[Slug, Step | Link] = {**protocol.step, **protocol.link}
        self.made = {each.id: made_by(each) for each in self.openings.values()}
        self.opened_by: dict[Ref, list[Slug]] = {}
        self.follows: dict[Ref, list[Ref]] = {}
        for each in self.openings.values():
            for ref in dict.fromkeys(ref for arm in each.when.arms for ref in arm):
                self.opened_by.setdefault(ref, []).append(each.id)
        for wait in protocol.waits:
            for ref in behind(protocol, f"wait:{wait.id}"):
                self.follows.setdefault(ref, []).append(f"wait:{wait.id}")
        for name, counting in protocol.counters:
            for ref in counting.of:
                self.follows.setdefault(ref, []).extend(f"counter:{name}/{each}" for each in counting.thresholds)

    def all(
        self, without: Slug | None = None, begin: Iterable[Ref] = (), had: Iterable[Ref] = ()
    ) -> tuple[set[Slug], set[Ref]]:
        """The steps and links that may open, and all that may occur.

        ``without`` names a step that is taken never to open: what is then out of reach comes after it only. ``begin``
        may occur whatever opens, and ``had`` has occurred: it helps to open what waits for several things.
        """
        known: set[Ref] = set(had)
        seen: set[Ref] = set()
        opened: set[Slug] = set()
        todo: list[Ref] = [*(f"event:{event.id}" for event in self.protocol.events), *begin]
        while todo:
            ref = todo.pop()
            if ref in seen:
                continue
            seen.add(ref)
            known.add(ref)
            todo.extend(self.follows.get(ref, ()))
            for each in self.opened_by.get(ref, ()):
                if each != without and each not in opened and _may_open(self.openings[each].when, known):
                    opened.add(each)
                    todo.extend(self.made[each])
        return opened, seen


def _may_open(when: When, known: set[Ref]) -> bool:
    arms = [arm for arm in when.arms if when.latest not in arm]
    enough = any if when.latest is not None and when.latest in known else all
    return enough(not known.isdisjoint(arm) for arm in arms)


def made_by(step: Step | Link) -> set[Ref]:
    """All that may occur once a step or a link has opened."""
    if isinstance(step, Link):
        return {f"opened:{step.id}", f"ended:{step.id}"}
    made = {f"{kind}:{step.id}" for kind in ("opened", "ended", "late", "cancelled", "settled")}
    made |= {f"outcome:{step.id}/{each.id}" for each in step.outcomes}
    return made | {rung.publishes for rung in step.rungs if rung.publishes is not None}


def check_openings(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """A step none of whose causes can ever come."""
    opened, _ = Reach(protocol).all()
    openings: tuple[Step | Link, ...] = (*protocol.steps, *protocol.links)
    shut = {each.id: each for each in openings if each.id not in opened}
    for each in shut.values():
        waits_for = {
            found.id
            for arm in each.when.arms
            for ref in arm
            if (found := step_of(protocol, ref) or link_of(protocol, ref)) is not None
        }
        others = sorted(other for other in waits_for & set(shut) if other != each.id)
        where = place((STEPS_IN + each.lane, each.id, "when"))
        if others and each.id in _waited_for(protocol, shut[others[0]], shut):
            says = f"{each.id} and {others[0]} wait for each other, so neither opens."
            yield Finding(
                code="WAIT_FOR_EACH_OTHER", says=says, place=where, write="Let one of them open by another cause."
            )
        else:
            says = f"{each.id} never opens: nothing that opens it can come."
            yield Finding(code="NEVER_OPENS", says=says, place=where, write="Give it a cause that can come.")


def _waited_for(protocol: Protocol, first: Step | Link, shut: Mapping[Slug, Step | Link]) -> set[Slug]:
    """Every shut step that one waits for, directly or through others."""
    seen: set[Slug] = set()
    todo: list[Step | Link] = [first]
    while todo:
        for ref in (ref for arm in todo.pop().when.arms for ref in arm):
            found = step_of(protocol, ref) or link_of(protocol, ref)
            if found is not None and found.id in shut and found.id not in seen:
                seen.add(found.id)
                todo.append(found)
    return seen
