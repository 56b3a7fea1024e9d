"""Which part of a protocol a question depends on: a step, and whatever may bring it about (or take it away).

Nothing outside a slice can change what happens inside it, so what holds in the slice holds in the whole protocol.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protocol.checks.domains import conditions
from protocol.checks.endings import Endings
from protocol.expressions import Test, TestKind
from protocol.kernel import ActKind, Link, Protocol, Step
from protocol.names import Ref, Slug
from protocol.origins import behind, fields_read, link_of, refs_read, setters, step_of, tests


def slice_of(protocol: Protocol, names: tuple[Slug, ...], *, stops: bool = False) -> frozenset[Slug]:
    """The steps and links that steps depend on: for whether they open; with ``stops``, for whether they end too."""
    openings: list[Step | Link] = [*protocol.steps, *protocol.links]
    nodes = {each.id: each for each in openings}
    found: set[Slug] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found or name not in nodes:
            continue
        found.add(name)
        todo.extend(_before(protocol, nodes[name], stops=stops))
    return frozenset(found)


def _before(protocol: Protocol, node: Step | Link, *, stops: bool) -> Iterator[Slug]:
    """The steps and links that a step or link depends on directly."""
    refs = [ref for arm in node.when.arms for ref in arm]
    steps, links = ((node,), ()) if isinstance(node, Step) else ((), (node,))
    for expr in conditions(steps, links):
        refs += [
            *refs_read(protocol, expr),
            *(ref for name in fields_read(protocol, expr) for ref in setters(protocol, name)),
        ]
        yield from _open_tests(protocol, expr_tests=list(tests(expr)))
    if isinstance(node, Step) and node.for_each is not None:
        refs += setters(protocol, node.for_each)
    if isinstance(node, Step) and stops and node.series is not None:
        refs += node.series.until
    for ref in refs:
        yield from makers(protocol, ref)
    for step in protocol.steps:
        for act in (
            *(act for each in step.outcomes for act in each.acts),
            *(act for rung in step.rungs for act in rung.acts),
        ):
            reopens = act.act is ActKind.REOPEN and node.lane in act.targets
            takes = (act.act is ActKind.CLOSE and node.lane in act.targets) or (
                act.act in (ActKind.CANCEL, ActKind.STOP_REPEATING) and node.id in act.targets
            )
            cancels = takes and f"cancelled:{node.id}" in protocol.opens
            if reopens or cancels or (stops and (takes or act.act is ActKind.END_CASE)):
                yield step.id


def _open_tests(protocol: Protocol, expr_tests: list[Test]) -> Iterator[Slug]:
    for test in expr_tests:
        if test.test is TestKind.OPEN:
            yield test.name
        elif test.test is not TestKind.HAPPENED and (expr := protocol.field[test.name].expr) is not None:
            yield from _open_tests(protocol, list(tests(expr)))


def makers(protocol: Protocol, ref: Ref, seen: frozenset[Ref] = frozenset()) -> Iterator[Slug]:
    """The steps and links whose occurrence this is, or follows from."""
    step, link = step_of(protocol, ref), link_of(protocol, ref)
    if link is not None:
        yield link.id
    elif step is not None:
        yield step.id
    elif ref not in seen:
        counting = (
            protocol.field[ref.partition(":")[2].partition("/")[0]].counting if ref.startswith("counter:") else None
        )
        for each in (*behind(protocol, ref), *(() if counting is None else counting.resets)):
            yield from makers(protocol, each, seen | {ref})


def leads_back(ends: Endings, step: Step, within: Mapping[Slug, Step]) -> frozenset[Slug]:
    """The steps that a step's endings may open, over and over, of those given (or of those that lead back to it)."""
    after = {each.id: ends.opened_by(each) for each in ends.protocol.steps}

    def reached(first: Slug) -> set[Slug]:
        seen: set[Slug] = set()
        todo = [first]
        while todo:
            for each in after[todo.pop()]:
                if each not in seen:
                    seen.add(each)
                    todo.append(each)
        return seen

    found = reached(step.id)
    return frozenset(each for each in found if (each in within if within else step.id in reached(each)))
