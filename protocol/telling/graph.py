"""A compiled protocol as boxes and lines: what opens what, what cancels what, what a linked case is told. Pure.

One plain graph for every way of drawing it (``drawing``): bands of nodes, each with rows of what may come of it, and
edges that leave from a row. Made from the kernel alone, so the drawing shows what the engine will run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from protocol.kernel import (
    Act,
    ActKind,
    Event,
    Link,
    Protocol,
    Step,
    When,
)
from protocol.names import Ref, Slug
from protocol.telling.outline import lane_title, owner_said, rung_said, series_said
from protocol.telling.wording import (
    act_said,
    capital,
    cause_said,
    causes_said,
    condition_said,
    length_said,
    listed,
    point_said,
    words,
)

OUTSIDE = "outside"
"""The band of what happens outside: events, and moments that a field of the record says."""

QUIET = (ActKind.TELL, ActKind.PAGE, ActKind.REMIND)
"""Acts that change nothing of the case; the ladders show them."""


class NodeKind(StrEnum):
    """What a box stands for."""

    EVENT = "event"
    MOMENT = "moment"
    STEP = "step"
    LINK = "link"
    COUNT = "count"


class EdgeKind(StrEnum):
    """What a line says of its target."""

    OPENS = "opens"
    """It opens it, or counts in it."""
    ENDS = "ends"
    """It cancels it, or sets it to zero."""
    TELLS = "tells"
    """The linked case is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """One row of a box: something that may come of it. Lines leave from it, or none do."""

    id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box: its name, lines of what it is, and its rows. ``id`` is ``kind:name``; ``band`` is one of the graph's."""

    id: str
    kind: NodeKind
    band: Slug
    title: str
    lines: tuple[str, ...]
    exits: tuple[Exit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A line from a row of one box (``exit`` is its id; empty: from the box itself) to another box."""

    source: str
    exit: str
    target: str
    kind: EdgeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A lane, or what happens outside."""

    id: Slug
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A protocol to be drawn. Bands, nodes and edges come in text order."""

    title: str
    bands: tuple[Band, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def label(self, edge: Edge) -> str:
        """What stands on a line: the words of the row that it leaves from."""
        (source,) = (each for each in self.nodes if each.id == edge.source)
        return next((each.label for each in source.exits if each.id == edge.exit), "")


def graph(protocol: Protocol, *, ladders: bool = False) -> Graph:
    """The graph of a protocol; ``ladders`` writes every rung into the box of its step."""
    edges = tuple(dict.fromkeys(_Edges(protocol).all()))
    used: dict[str, list[str]] = {}
    for each in edges:
        used.setdefault(each.source, []).append(each.exit)
    nodes = tuple(_nodes(protocol, used, ladders=ladders))
    shown = {each.band for each in nodes}
    bands = (
        Band(id=OUTSIDE, title="What happens outside"),
        *(Band(id=each.id, title=lane_title(protocol, each.id)) for each in protocol.lanes),
    )
    title = protocol.title or capital(words(protocol.id))
    return Graph(title=title, bands=tuple(each for each in bands if each.id in shown), nodes=nodes, edges=edges)


class _Edges:
    """Every line of a protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    def all(self) -> Iterator[Edge]:
        yield from self._opening()
        yield from self._counting()
        yield from self._cancelling()
        for link in self.protocol.links:
            for passing in link.passes:
                yield from self._from(passing.refs, f"link:{link.id}", EdgeKind.TELLS)

    def _opening(self) -> Iterator[Edge]:
        for step in self.protocol.steps:
            yield from self._from(_causes(step.when), f"step:{step.id}", EdgeKind.OPENS)
        for link in self.protocol.links:
            yield from self._from(_causes(link.when), f"link:{link.id}", EdgeKind.OPENS)

    def _counting(self) -> Iterator[Edge]:
        for name, counting in self.protocol.counters:
            yield from self._from(counting.of, f"count:{name}", EdgeKind.OPENS)
            yield from self._from(counting.resets, f"count:{name}", EdgeKind.ENDS)

    def _cancelling(self) -> Iterator[Edge]:
        for event in self.protocol.events:
            yield from _cancels(f"event:{event.id}", "", event.acts)
        for step in self.protocol.steps:
            for outcome in step.outcomes:
                yield from _cancels(f"step:{step.id}", f"outcome/{outcome.id}", outcome.acts)
            for rung in step.rungs:
                yield from _cancels(f"step:{step.id}", f"rung/{rung.id}", rung.acts)

    def _from(self, refs: Iterable[Ref], target: str, kind: EdgeKind) -> Iterator[Edge]:
        for ref in refs:
            for source, leaves in self._sources(ref):
                yield Edge(source=source, exit=leaves, target=target, kind=kind)

    def _sources(self, ref: Ref) -> Iterator[tuple[str, str]]:
        """The boxes and rows in which an occurrence comes about."""
        kind, _, name = ref.partition(":")
        owner, _, rest = name.partition("/")
        if kind == "wait":
            wait = self.protocol.wait[name]
            for each in wait.armed_by:
                yield from ((source, f"wait/{name}") for source, _ in self._sources(each))
            if not wait.armed_by:
                yield f"moment:{name}", ""
        elif kind == "event":
            yield f"event:{name}", ""
        elif kind == "counter":
            yield f"count:{owner}", f"reaches/{rest}"
        else:
            box = "link" if owner in self.protocol.link else "step"
            yield f"{box}:{owner}", f"{kind}/{rest}" if rest else kind


def _causes(when: When) -> Iterator[Ref]:
    """What opens something; the latest time of a join is a line of its box instead."""
    return (ref for arm in when.arms for ref in arm if ref != when.latest)


def _cancels(source: str, leaves: str, acts: Iterable[Act]) -> Iterator[Edge]:
    for act in acts:
        if act.act is ActKind.CANCEL:
            for target in act.targets:
                yield Edge(source=source, exit=leaves, target=f"step:{target}", kind=EdgeKind.ENDS)


def _nodes(protocol: Protocol, used: dict[str, list[str]], *, ladders: bool) -> Iterator[Node]:
    for event in protocol.events:
        lines = tuple(_event_lines(event))
        yield _node(NodeKind.EVENT, event.id, OUTSIDE, words(event.id), lines, _rest(protocol, used, event.id, "event"))
    for wait in protocol.field_waits:
        yield _node(NodeKind.MOMENT, wait.id, OUTSIDE, point_said(wait.at, ""), (), ())
    for step in protocol.steps:
        own = tuple(Exit(id=f"outcome/{each.id}", label=words(each.id)) for each in step.outcomes)
        exits = (*own, *_rest(protocol, used, step.id, "step"))
        lines = tuple(_step_lines(protocol, step, ladders=ladders))
        yield _node(NodeKind.STEP, step.id, step.lane, words(step.id), lines, exits)
    for link in protocol.links:
        exits = _rest(protocol, used, link.id, "link")
        yield _node(NodeKind.LINK, link.id, link.lane, words(link.id), tuple(_link_lines(protocol, link)), exits)
    for name, counting in protocol.counters:
        within = f"in the last {length_said(counting.within, '')}" if counting.within else "in all"
        counted = f"how often {listed(causes_said(counting.of), 'or')}, {within}"
        yield _node(
            NodeKind.COUNT, name, _band_of(protocol, counting.of[0]), words(name), (counted,),
            tuple(Exit(id=f"reaches/{each}", label=f"reaches {each}") for each in counting.thresholds),
        )  # fmt: skip


def _node(kind: NodeKind, name: Slug, band: Slug, title: str, lines: tuple[str, ...], exits: tuple[Exit, ...]) -> Node:
    return Node(
        id=f"{kind}:{name}", kind=kind, band=band, title=capital(title), exits=exits,
        lines=tuple(" ".join(each.split()) for each in lines),
    )  # fmt: skip


def _rest(protocol: Protocol, used: dict[str, list[str]], name: Slug, kind: str) -> tuple[Exit, ...]:
    """The rows that are no outcomes: those from which something comes."""
    found = dict.fromkeys(each for each in used.get(f"{kind}:{name}", ()) if each and not each.startswith("outcome/"))
    return tuple(Exit(id=each, label=_exit_label(protocol, name, each)) for each in found)


def _exit_label(protocol: Protocol, name: Slug, leaves: str) -> str:
    kind, _, rest = leaves.partition("/")
    if kind == "wait":
        wait = protocol.wait[rest]
        mine = [each.partition(":")[2].partition("/") for each in wait.armed_by]
        since = listed((words(outcome) or "it" for owner, _, outcome in mine if owner == name), "or")
        return f"{length_said(wait.at.length, '')} after {since}"
    if kind == "rung":
        (rung,) = (each for each in protocol.step[name].rungs if each.id == rest)
        return rung_said(rung, protocol.step[name].agency)
    return cause_said(f"{kind}:{name}/{rest}" if rest else f"{kind}:{name}").removeprefix(f"{words(name)} ")


def _band_of(protocol: Protocol, ref: Ref) -> Slug:
    """The lane of the step that a count counts first; an event's count stands outside."""
    name = ref.partition(":")[2].partition("/")[0]
    return protocol.step[name].lane if name in protocol.step else OUTSIDE


def _event_lines(event: Event) -> Iterator[str]:
    sources = [words(each) for each in event.sources] + (["linked cases"] if event.from_linked else [])
    yield f"from {listed(sources, 'or')}"
    if event.starts:
        yield "begins a case"
    yield from (act_said(each) for each in event.acts if each.act is not ActKind.CANCEL)


def _step_lines(protocol: Protocol, step: Step, *, ladders: bool) -> Iterator[str]:
    yield f"{owner_said(step)}: {protocol.words[f'step:{step.id}'].title}"
    yield f"due {point_said(step.due, step.agency)}" if step.due is not None else "no deadline"
    if step.not_before is not None:
        yield f"not before {point_said(step.not_before, step.agency).removeprefix('at ')}"
    yield from _conditions(protocol, step)
    if step.for_each is not None:
        yield f"for each item of {words(step.for_each)}"
    if step.series is not None:
        yield series_said(step.series, step.agency).removeprefix("It comes ").removesuffix(".")
    for outcome in step.outcomes:
        acts = [each for each in outcome.acts if each.act not in (*QUIET, ActKind.CANCEL)]
        yield from (f"{words(outcome.id)}: {act_said(each)}" for each in acts)
    if ladders:
        yield from (
            f"{rung_said(each, step.agency)}: {listed((act_said(act) for act in each.acts), 'and')}"
            for each in step.rungs
            if each.acts
        )


def _link_lines(protocol: Protocol, link: Link) -> Iterator[str]:
    yield f"a linked case of {words(link.protocol)}, as {words(link.event)}"
    if link.gives:
        yield f"is given {listed((words(each) for each in link.gives), 'and')}"
    if link.passes:
        yield f"is told {listed((words(each.event) for each in link.passes), 'and')}"
    yield from _conditions(protocol, link)


def _conditions(protocol: Protocol, opened: Step | Link) -> Iterator[str]:
    when = opened.when
    arms = [arm for arm in when.arms if when.latest not in arm]
    if len(arms) > 1:
        yield "opens when all of them came"
    if when.latest is not None:
        wait = protocol.wait[when.latest.removeprefix("wait:")]
        yield f"opens at latest {point_said(wait.at, opened.agency if isinstance(opened, Step) else '')}"
    yield from (f"only if {condition_said(each)}" for each in when.only_if)
    yield from (f"unless {condition_said(each)}" for each in when.unless)
