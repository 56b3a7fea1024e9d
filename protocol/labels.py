"""The label rule: nothing that depends on what happens inside a confidential agency may reach another.

Two labels: neutral and engagement. Everything a confidential agency's steps produce is engagement (outcomes,
tries, acknowledgement, its inner steps, the fields they set, events it reports), and engagement spreads through
causes, conditions, times, fields and lanes. It may open, end, cancel, time or tell nothing outside. One exception:
``unacknowledged after D`` may tell outside on a step that neutral causes alone open (privacy note §5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from protocol.errors import Finding, Place
from protocol.kernel import (
    Act,
    ActKind,
    AnchorKind,
    Expr,
    Extreme,
    FieldType,
    Guard,
    Joined,
    Offset,
    Point,
    Protocol,
    Ref,
    Rung,
    Slug,
    Step,
    TestKind,
)
from protocol.reading import Path
from protocol.spec import STEPS_IN

TELLS = {ActKind.TELL, ActKind.PAGE, ActKind.REMIND}
Places = Callable[[Path], Place]


class Labels:
    """Which fields and occurrences carry engagement: the least fixpoint over a protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.inside = {each.id for each in protocol.agencies if each.confidential}
        self.fields = self._fields()

    def ref(self, ref: Ref) -> bool:
        """Whether an occurrence carries engagement."""
        kind, _, name = ref.partition(":")
        if kind == "event":
            sources = self.protocol.event[name].sources
            return bool(sources) and set(sources) <= self.inside
        if kind == "wait":
            return any(self.ref(each) for each in self.protocol.wait[name].armed_by)
        return self.protocol.step[name.partition("/")[0]].agency in self.inside

    def _fields(self) -> set[Slug]:
        found: set[Slug] = set()
        for step in self.protocol.steps:
            if step.agency in self.inside:
                found.update(ask.name for outcome in step.outcomes for ask in outcome.asks)
        for event in self.protocol.events:
            if self.ref(f"event:{event.id}"):
                found.update((*event.brings, *event.may_bring))
        while True:
            derived = {
                each.id
                for each in self.protocol.fields
                if each.type is FieldType.DERIVED
                and each.expr is not None
                and each.id not in found
                and self._expr(each.expr, found)
            }
            if not derived:
                return found
            found |= derived

    def _expr(self, expr: Expr, fields: set[Slug]) -> bool:
        if isinstance(expr, Joined):
            return any(self._expr(each, fields) for each in expr.parts)
        if expr.test is TestKind.HAPPENED:
            return self.ref(expr.name)
        if expr.test is TestKind.OPEN:
            return self.protocol.step[expr.name].agency in self.inside
        return expr.name in fields

    def expr(self, expr: Expr) -> bool:
        """Whether a condition carries engagement."""
        return self._expr(expr, self.fields)

    def point(self, point: Point | None) -> bool:
        """Whether a time carries engagement."""
        if point is None:
            return False
        if isinstance(point, Offset):
            if point.anchor is AnchorKind.FIELD:
                return point.name in self.fields
            return point.anchor is AnchorKind.REF and self.ref(point.name or "")
        if isinstance(point, Extreme):
            return any(self.point(each) for each in point.points)
        return self.expr(point.test) or self.point(point.then) or self.point(point.otherwise)


def mark_outside(protocol: Protocol) -> Protocol:
    """Mark the confidential agencies' steps that neutral causes alone open, and guard what may tell outside."""
    labels = Labels(protocol)
    return replace(protocol, steps=tuple(_marked(labels, step) for step in protocol.steps))


def _marked(labels: Labels, step: Step) -> Step:
    if step.agency not in labels.inside:
        return step
    causes = [ref for arm in step.when.arms for ref in arm]
    outside = all(not labels.ref(ref) for ref in causes) and not labels.point(step.not_before)
    rungs = tuple(
        replace(rung, guard=Guard.NOT_TAKEN_UP)
        if rung.guard is Guard.UNACKNOWLEDGED and _tells_outside(labels.protocol, step, rung.acts)
        else rung
        for rung in step.rungs
    )
    return replace(step, outside=outside, rungs=rungs)


def _tells_outside(protocol: Protocol, step: Step, acts: Iterable[Act]) -> bool:
    return any(
        each in protocol.role and protocol.role[each].agency != step.agency
        for act in acts
        if act.act in TELLS
        for each in act.targets
    )


def check_labels(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """Every way in which engagement would reach another agency."""
    labels = Labels(protocol)
    for step in protocol.steps:
        path: Path = (STEPS_IN + step.lane, step.id)
        if step.agency in labels.inside:
            yield from _inside_rungs(labels, step, place, path)
            for outcome in step.outcomes:
                yield from _acts(labels, step.agency, outcome.acts, place((*path, "outcomes", outcome.id)))
        else:
            yield from _outside_step(labels, step, place, path)
    for event in protocol.events:
        if labels.ref(f"event:{event.id}"):
            yield from _acts(labels, event.sources[0], event.acts, place(("events", event.id)))


def _outside_step(labels: Labels, step: Step, place: Places, path: Path) -> Iterator[Finding]:
    says = f"{step.id} of {step.agency} would show what happened inside a confidential agency."
    for ref in (ref for arm in step.when.arms for ref in arm):
        if labels.ref(ref):
            yield Finding(
                code="LABEL_CAUSE",
                says=says,
                place=place((*path, "when")),
                write="Open it by an outside event or step.",
            )
    for key, exprs in (("only if", step.when.only_if), ("unless", step.when.unless)):
        if any(labels.expr(each) for each in exprs):
            yield Finding(
                code="LABEL_CONDITION", says=says, place=place((*path, key)), write="Ask a field that others set."
            )
    times = (("due", step.due), ("not before", step.not_before), *(("ladder", each.at) for each in step.rungs))
    for key, point in times:
        if labels.point(point):
            yield Finding(
                code="LABEL_TIME", says=says, place=place((*path, key)), write="Measure it from something outside."
            )
    for rung in step.rungs:
        if rung.only_if is not None and labels.expr(rung.only_if):
            yield Finding(code="LABEL_CONDITION", says=says, place=place((*path, "ladder")), write="Remove only if.")


def _inside_rungs(labels: Labels, step: Step, place: Places, path: Path) -> Iterator[Finding]:
    for rung in step.rungs:
        if not _tells_outside(labels.protocol, step, rung.acts):
            continue
        where = place((*path, "ladder"))
        lead = labels.protocol.agency[step.agency].leads[0]
        if rung.guard is not Guard.NOT_TAKEN_UP:
            says = f"{step.id}: {_words(rung)} shows what happened inside."
            yield Finding(code="LABEL_RUNG", says=says, place=where, write=f"Tell {lead}.")
        elif not step.outside:
            says = f"{step.id}: an inner answer opens it, so {_words(rung)} shows what happened inside."
            yield Finding(code="LABEL_RUNG_INNER", says=says, place=where, write="Put it on the step that others open.")


def _words(rung: Rung) -> str:
    return " and ".join(f"{act.act.value} {', '.join(act.targets)}" for act in rung.acts)


def _acts(labels: Labels, agency: Slug, acts: Iterable[Act], where: Place) -> Iterator[Finding]:
    protocol = labels.protocol
    for act in acts:
        for each in act.targets:
            reached = _reached(protocol, act, each)
            if reached is not None and reached != agency:
                says = f"{act.act.value} {each}: {reached} would see what happened inside {agency}."
                write = (
                    "Close its own lanes." if act.act is ActKind.CLOSE else f"Tell {protocol.agency[agency].leads[0]}."
                )
                yield Finding(code="LABEL_ACT", says=says, place=where, write=write)
        if act.act is ActKind.END_CASE and any(each.agency != agency for each in protocol.steps):
            says = f"end the case: other agencies would see what happened inside {agency}."
            yield Finding(code="LABEL_ACT", says=says, place=where, write="Close its own lanes.")


def _reached(protocol: Protocol, act: Act, target: Slug) -> Slug | None:
    """The agency an act reaches, when it reaches one."""
    if act.act in TELLS:
        return protocol.role[target].agency if target in protocol.role else None
    if act.act is ActKind.CANCEL:
        return protocol.step[target].agency
    if act.act in (ActKind.CLOSE, ActKind.REOPEN):
        return protocol.lane[target].agency or "another agency"
    return None
