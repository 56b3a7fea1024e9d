"""Which fields are surely known when something occurs: the greatest fixpoint over a protocol's occurrences.

Of causes of which any opens a step, only what all of them know is sure; the arms of a join add up. A field once set
stays set, so what a case's first event brings is known ever after (reference §5, check 4).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from protocol.expressions import (
    AnchorKind,
    Either,
    Expr,
    Extreme,
    Joined,
    Point,
    TestKind,
)
from protocol.kernel import Protocol, Step, When
from protocol.names import Ref, Slug
from protocol.origins import behind, offsets, setters

Fields = frozenset[Slug]


class Known:
    """The fields that are surely known at each opening of a step or link."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.all: Fields = frozenset(each.id for each in protocol.fields)
        starts = [frozenset(each.brings) for each in protocol.events if each.starts]
        self.base: Fields = _meet(starts, frozenset())
        self.anchors = self._anchors()
        causes: dict[Slug, When] = {each.id: each.when for each in protocol.steps}
        causes |= {each.id: each.when for each in protocol.links}
        self.opened = dict.fromkeys(causes, self.all)
        _settle(self.opened, causes, self._opening)
        self.came = dict.fromkeys(causes, self.anchors)
        _settle(self.came, causes, self._came)

    def at(self, ref: Ref) -> Fields:
        """The fields surely known when an occurrence happens."""
        return self.base | self._at(ref)

    def brought(self, ref: Ref) -> Fields:
        """The fields that an occurrence itself surely sets: what its event brings, or its form asks."""
        kind, _, name = ref.partition(":")
        if kind == "event":
            return frozenset(self.protocol.event[name].brings)
        step_name, _, outcome = name.partition("/")
        step = self.protocol.step.get(step_name)
        if step is None or kind not in ("outcome", "ended"):
            return frozenset()
        return self._asked(step, outcome if kind == "outcome" else None)

    def _at(self, ref: Ref) -> Fields:
        kind, _, name = ref.partition(":")
        if kind == "event":
            return self.brought(ref)
        if kind in ("wait", "counter"):
            wait = self.protocol.wait.get(name) if kind == "wait" else None
            own = frozenset({wait.at.name}) if wait is not None and not wait.armed_by and wait.at.name else frozenset()
            return own | _meet([self.at(each) for each in behind(self.protocol, ref)], frozenset())
        return self.opened[name.partition("/")[0]] | self.brought(ref)

    def _asked(self, step: Step, outcome: Slug | None) -> Fields:
        """What the forms of a step's ends surely ask (None: whichever it is)."""
        asked = [
            frozenset(ask.name for ask in each.asks if ask.required and self._always_asked(ask.name))
            for each in step.outcomes
            if outcome in (None, each.id)
        ]
        return _meet(asked, frozenset())

    def _always_asked(self, name: Slug) -> bool:
        field = self.protocol.field.get(name)
        return field is not None and field.asked_if is None

    def _opening(self, when: When) -> Fields:
        arms = [_meet([self.at(ref) for ref in arm], self.all) for arm in when.arms if when.latest not in arm]
        causes = _meet(arms, self.all) if when.latest is not None else _union(arms)
        for each in when.only_if:
            causes |= self._proved(each)
        return causes | self.base

    def _proved(self, expr: Expr) -> Fields:
        """The fields that must be known for a condition to be true."""
        if isinstance(expr, Joined):
            parts = [self._proved(each) for each in expr.parts]
            return _union(parts) if expr.word == "and" else _meet(parts, frozenset())
        if expr.test in (TestKind.HAPPENED, TestKind.OPEN) or (expr.test is TestKind.KNOWN and expr.negate):
            return frozenset()
        derived = self.protocol.field[expr.name].expr
        return frozenset({expr.name}) | (frozenset() if derived is None or expr.negate else self._proved(derived))

    def point(self, step: Step, point: Point) -> bool:
        """Whether a time is surely known when the step opens."""
        if isinstance(point, Extreme):
            return any(self.point(step, each) for each in point.points)
        if isinstance(point, Either):
            return self.point(step, point.then) and self.point(step, point.otherwise)
        if point.anchor is AnchorKind.REF:
            return point.name in self.came[step.id]
        return point.anchor is not AnchorKind.FIELD or point.name in self.opened[step.id]

    def _anchors(self) -> frozenset[Ref]:
        """The occurrences that due times are measured from: the only ones whose past matters."""
        points = [point for step in self.protocol.steps for point in (step.due, step.not_before) if point is not None]
        found = (each for point in points for each in offsets(point) if each.anchor is AnchorKind.REF)
        return frozenset(each.name for each in found if each.name is not None)

    def _before(self, ref: Ref) -> frozenset[Ref]:
        """The anchors that surely came before an occurrence, or with it."""
        kind, _, name = ref.partition(":")
        own = frozenset({ref})
        if kind in ("wait", "counter"):
            own |= _meet([self._before(each) for each in behind(self.protocol, ref)], frozenset())
        elif kind != "event":
            step = name.partition("/")[0]
            own |= self.came[step] | {f"opened:{step}"} | ({f"ended:{step}"} if kind == "outcome" else frozenset())
        return own & self.anchors

    def _came(self, when: When) -> frozenset[Ref]:
        arms = [_meet([self._before(each) for each in arm], self.anchors) for arm in when.arms]
        return _meet(arms, self.anchors) if when.latest is not None else _union(arms)


def _settle(
    sure: dict[Slug, frozenset[str]], causes: dict[Slug, When], reckon: Callable[[When], frozenset[str]]
) -> None:
    """Take away what is not sure until nothing more goes; to and fro, so that a chain written backwards is as quick."""
    order, more = list(causes), True
    while more:
        more = False
        for each in order:
            found = reckon(causes[each])
            more = more or found != sure[each]
            sure[each] = found
        order.reverse()


def _meet(parts: list[frozenset[str]], nothing: frozenset[str]) -> frozenset[str]:
    return reduce(frozenset.intersection, parts) if parts else nothing


def _union(parts: list[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*parts)


def never_set(protocol: Protocol) -> Fields:
    """Stored fields that no event brings and no form asks."""
    stored = {each.id for each in protocol.fields if each.expr is None and each.counting is None}
    return frozenset(each for each in stored if not setters(protocol, each))
