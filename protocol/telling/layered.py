"""Where the boxes and lines of a graph stand: lanes as bands, columns by how far a step is from the beginning. Pure.

A small layered layout (Sugiyama's, with bands): lines that lead back are taken out and boxes get columns by the longest
way to them; a line that passes a column gets a track of its own there, so no line runs through a box; boxes and
tracks of a column are ordered, band by band, by the mean height of what they are joined to. Units are SVG pixels.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from protocol.telling.graph import Edge, EdgeKind, Graph, Node

WIDTH = 216
"""Of a box."""
LETTERS = 30
"""That fit into a line of a box at 12 pixels, in wide letters too."""
GUTTER = 72
"""Between columns; lines cross from height to height here."""
GAP = 18
"""Between boxes, and between a band's edge and a box."""
TITLE, LINE, ROW, FOOT = 26, 15, 18, 8
"""Heights: a box's title, a line, a row, what is left below."""
TRACK = 12
"""The height of a line that passes a column."""
HEADING = 30
"""Of a band."""
MARGIN = 16
TURN = 26
"""How far a line that leads back swings out into the gutter."""
SWEEPS = 24


@dataclass(slots=True, kw_only=True)
class Box:
    """A node, wrapped and placed; ``rows`` are the heights (middle) of its exits by their id."""

    node: Node
    lines: tuple[str, ...]
    x: float = 0
    y: float = 0
    height: float = 0
    rows: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An edge and the curves (cubic, each four points) and straight tracks it is drawn with, as one SVG path."""

    edge: Edge
    path: str
    reach: tuple[tuple[float, float], ...]
    """Every point of the path, curves' own control points too: it stays inside their hull."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A band: where it begins and how high it is."""

    title: str
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A drawing without colours."""

    width: float
    height: float
    strips: tuple[Strip, ...]
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


@dataclass(slots=True, eq=False)
class _Item:
    """Something with a place in a column: a box, or the track of one line."""

    column: int
    band: int
    height: float
    order: float
    box: Box | None = None
    y: float = 0
    joined: list[_Item] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def layout(graph: Graph) -> Layout:
    """The graph with a place for everything: nothing overlaps, no line passes through a box."""
    return _Layouting(graph).done()


class _Layouting:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.columns = _columns(graph)
        self.bands = {each.id: number for number, each in enumerate(graph.bands)}
        self.items = {each.id: self._boxed(each, number) for number, each in enumerate(graph.nodes)}
        self.tracks: list[tuple[Edge, list[_Item]]] = [(each, self._tracked(each)) for each in graph.edges]
        self.cells: dict[tuple[int, int], list[_Item]] = defaultdict(list)
        for item in (*self.items.values(), *(each for _, track in self.tracks for each in track)):
            self.cells[item.band, item.column].append(item)
        for cell in self.cells.values():
            cell.sort(key=lambda each: each.order)

    def _boxed(self, node: Node, order: int) -> _Item:
        lines = tuple(part for each in node.lines for part in textwrap.wrap(each, LETTERS, subsequent_indent="  "))
        height = TITLE + LINE * len(lines) + ROW * len(node.exits) + FOOT
        box = Box(node=node, lines=lines, height=height)
        return _Item(self.columns[node.id], self.bands[node.band], height + GAP, order, box)

    def _tracked(self, edge: Edge) -> list[_Item]:
        """One track in each column that a line passes; a line that leads back passes its own ends' columns too."""
        source, target = self.items[edge.source], self.items[edge.target]
        if target.column > source.column:
            passed = range(source.column + 1, target.column)
        else:
            passed = range(source.column, target.column - 1, -1)
        track = [_Item(each, target.band, TRACK, target.order - 0.5) for each in passed]
        chain = [source, *track, target]
        for one, other in pairwise(chain):
            one.joined.append(other)
            other.joined.append(one)
        return track

    def done(self) -> Layout:
        tops = self._ordered()
        for item in self.items.values():
            self._placed(item)
        lines = tuple(self._line(edge, track) for edge, track in self.tracks)
        strips = tuple(
            Strip(title=each.title, y=tops[number], height=tops[number + 1] - tops[number])
            for number, each in enumerate(self.graph.bands)
        )
        right = max((point[0] for line in lines for point in line.reach), default=0)
        width = max(right, _left(max(self.columns.values(), default=0)) + WIDTH) + MARGIN
        boxes = tuple(each.box for each in self.items.values() if each.box is not None)
        return Layout(width=width, height=tops[-1] + MARGIN, strips=strips, boxes=boxes, lines=lines)

    def _ordered(self) -> list[float]:
        """Order every cell, sweep by sweep, and keep the order in which the lines climb least. The bands' tops."""
        tops = self._stack()
        best, kept = self._climb(), {key: list(cell) for key, cell in self.cells.items()}
        for _ in range(SWEEPS):
            for cell in self.cells.values():
                cell.sort(key=_pull)
            self._stack()
            climb = self._climb()
            if climb < best:
                best, kept = climb, {key: list(cell) for key, cell in self.cells.items()}
        self.cells.update(kept)
        return self._stack() or tops

    def _climb(self) -> float:
        return sum(
            abs(each.middle - other.middle) for cell in self.cells.values() for each in cell for other in each.joined
        )

    def _stack(self) -> list[float]:
        """Give everything its height: bands as high as their fullest column, each item near what it is joined to."""
        tops = [float(MARGIN + HEADING)]
        for band in range(len(self.graph.bands)):
            cells = [cell for (number, _), cell in self.cells.items() if number == band]
            full = max(sum(each.height for each in cell) for cell in cells)
            top = tops[-1] + HEADING + GAP / 2
            for cell in cells:
                _settle(cell, top, top + full)
            tops.append(top + full + GAP / 2)
        return tops

    def _placed(self, item: _Item) -> None:
        box = item.box
        if box is None:
            return
        box.x, box.y = _left(item.column), item.y + GAP / 2
        top = box.y + TITLE + LINE * len(box.lines)
        box.rows = {each.id: top + ROW * (number + 0.5) for number, each in enumerate(box.node.exits)}

    def _line(self, edge: Edge, track: list[_Item]) -> Line:
        source, target = self.items[edge.source].box, self.items[edge.target].box
        if source is None or target is None:
            raise TypeError(edge)
        height = target.y + (TITLE + 10 if edge.kind is EdgeKind.ENDS else TITLE / 2)
        here = (source.x + WIDTH, source.rows.get(edge.exit, source.y + TITLE / 2))
        there = (target.x, height)
        forward = target.x > source.x
        stops = [here]
        for item in track:
            near, far = (_left(item.column), item.middle), (_left(item.column) + WIDTH, item.middle)
            stops += [near, far] if forward else [far, near]
        return _curved(edge, [*stops, there], turns=not forward)


def _left(column: int) -> float:
    return MARGIN + TURN + column * (WIDTH + GUTTER)


def _pull(item: _Item) -> float:
    """Where the things joined to it would have an item stand."""
    return sum(each.middle for each in item.joined) / len(item.joined) if item.joined else item.middle


def _settle(cell: list[_Item], top: float, bottom: float) -> None:
    """Stack a column of a band in its order, each as near to its pull as the others and the band let it."""
    pulls = [_pull(each) - each.height / 2 for each in cell]
    below = top
    for item, pull in zip(cell, pulls, strict=True):
        item.y = max(below, pull)
        below = item.y + item.height
    above = bottom
    for item in reversed(cell):
        item.y = min(item.y, above - item.height)
        above = item.y


def _curved(edge: Edge, stops: list[tuple[float, float]], *, turns: bool) -> Line:
    """A path through its stops: curves in the gutters, straight along tracks; a line that leads back swings round."""
    said = [f"M{stops[0][0]:g},{stops[0][1]:g}"]
    reach = [stops[0]]
    crossings = len(stops) // 2
    for number in range(crossings):
        (x1, y1), (x2, y2) = stops[2 * number], stops[2 * number + 1]
        half = abs(x2 - x1) / 2
        first, second = (x1 + half, y1), (x2 - half, y2)
        if turns:
            out = TURN if number == 0 else -TURN if number == crossings - 1 else -half
            first, second = (x1 + out, y1), (x2 + (out if number in (0, crossings - 1) else half), y2)
        said.append(f"C{first[0]:g},{first[1]:g} {second[0]:g},{second[1]:g} {x2:g},{y2:g}")
        reach += [first, second, (x2, y2)]
        if number < crossings - 1:
            x, y = stops[2 * number + 2]
            said.append(f"L{x:g},{y:g}")
            reach.append((x, y))
    return Line(edge=edge, path="".join(said), reach=tuple(reach))


def _columns(graph: Graph) -> dict[str, int]:
    """Each node's column: one right of the furthest that opens it; what nothing opens stands close to what it opens."""
    after: dict[str, list[str]] = {each.id: [] for each in graph.nodes}
    opened: set[str] = set()
    for each in graph.edges:
        if each.kind is not EdgeKind.ENDS and each.source != each.target:
            after[each.source].append(each.target)
            opened.add(each.target)
    back = _leading_back([each for each in after if each not in opened], after)
    column = dict.fromkeys(after, 0)
    forward = {one: [other for other in others if (one, other) not in back] for one, others in after.items()}
    for one in _topological(forward):
        for other in forward[one]:
            column[other] = max(column[other], column[one] + 1)
    for one, others in forward.items():
        if others and one not in opened:
            column[one] = min(column[other] for other in others) - 1
    _spread(graph, column)
    return column


def _spread(graph: Graph, column: dict[str, int]) -> None:
    """Put what is joined to nothing where its band has most room, the first such column, instead of on one heap."""
    joined = {end for each in graph.edges for end in (each.source, each.target)}
    beside = {each.band: dict.fromkeys(range(max(column.values(), default=0) + 1), 0) for each in graph.nodes}
    for each in graph.nodes:
        beside[each.band][column[each.id]] += each.id in joined
    for each in graph.nodes:
        if each.id not in joined:
            room = beside[each.band]
            column[each.id] = min(room, key=room.__getitem__)
            room[column[each.id]] += 1


def _leading_back(roots: list[str], after: dict[str, list[str]]) -> set[tuple[str, str]]:
    """The lines that close a loop, met depth first in text order."""
    found: set[tuple[str, str]] = set()
    done: set[str] = set()
    for root in (*roots, *after):
        open_: dict[str, int] = {} if root in done else {root: 0}
        while open_:
            one, number = next(reversed(open_.items()))
            if number == len(after[one]):
                del open_[one]
                done.add(one)
                continue
            open_[one] = number + 1
            other = after[one][number]
            if other in open_:
                found.add((one, other))
            elif other not in done:
                open_[other] = 0
    return found


def _topological(after: dict[str, list[str]]) -> list[str]:
    waiting = dict.fromkeys(after, 0)
    for others in after.values():
        for other in others:
            waiting[other] += 1
    ready = [one for one, count in waiting.items() if count == 0]
    for one in ready:
        for other in after[one]:
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    return ready
