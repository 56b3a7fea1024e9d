"""The label rule: nothing that depends on what happens inside a confidential agency may reach another.

Two labels: neutral and engagement. Everything a confidential agency's steps produce is engagement (outcomes,
tries, acknowledgement, its inner steps, the fields they set, events it reports), and engagement spreads through
causes, conditions, times, fields and lanes. It may open, end, cancel, time or tell nothing outside. One exception:
``unacknowledged after D`` may tell outside on a step that neutral causes alone open (privacy note §5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from protocol.errors import Finding, Place
from protocol.expressions import (
    AnchorKind,
    Either,
    Expr,
    Length,
    Offset,
    Point,
    Test,
    TestKind,
    Unit,
)
from protocol.kernel import (
    Act,
    ActKind,
    ChosenBy,
    Event,
    Field,
    Guard,
    Protocol,
    Rung,
    Step,
    When,
)
from protocol.names import Ref, Slug
from protocol.origins import link_of, offsets, owners_of, tests
from protocol.text.reading import Path, Places
from protocol.text.spec import STEPS_IN

TELLS = {ActKind.TELL, ActKind.PAGE, ActKind.REMIND}
REMEDIES = {
    ActKind.CANCEL: "Cancel its own steps.",
    ActKind.CLOSE: "Close its own lanes.",
    ActKind.REOPEN: "Reopen its own lanes.",
    ActKind.PAUSE: "Pause its own lanes.",
    ActKind.START_LINKED: "Let something outside start it.",
}


class Labels:
    """Which fields and occurrences carry engagement: the least fixpoint over a protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.inside = {each.id for each in protocol.agencies if each.confidential}
        self.fields: set[Slug] = set()
        self._spread()

    def ref(self, ref: Ref) -> bool:
        """Whether an occurrence carries engagement."""
        kind, _, name = ref.partition(":")
        if kind == "event":
            sources = self.protocol.event[name].sources
            return bool(sources) and set(sources) <= self.inside
        if kind == "wait":
            wait = self.protocol.wait[name]
            return any(self.ref(each) for each in wait.armed_by) or (not wait.armed_by and wait.at.name in self.fields)
        if kind == "counter":
            return name.partition("/")[0] in self.fields
        link = link_of(self.protocol, ref)
        if link is not None:
            return self.when(link.when) or self.protocol.lane[link.lane].agency is not None
        return self.owned(self.protocol.step[name.partition("/")[0]])

    def owned(self, step: Step) -> bool:
        """Whether a confidential agency may own a step."""
        return bool(self.inside & set(owners_of(self.protocol, step)))

    def when(self, when: When) -> bool:
        """Whether a cause or condition of an opening carries engagement."""
        causes = any(self.ref(ref) for arm in when.arms for ref in arm)
        return causes or any(self.expr(each) for each in (*when.only_if, *when.unless))

    def _spread(self) -> None:
        """Engagement from fields that people inside set, through derived fields and counters, until nothing is new."""
        for step in self.protocol.steps:
            if self.owned(step):
                self.fields.update(ask.name for outcome in step.outcomes for ask in outcome.asks)
        for event in self.protocol.events:
            if self.ref(f"event:{event.id}"):
                self.fields.update((*event.brings, *event.may_bring))
        while True:
            more = {each.id for each in self.protocol.fields if each.id not in self.fields and self._follows(each)}
            if not more:
                return
            self.fields |= more

    def _follows(self, field: Field) -> bool:
        if field.counting is not None:
            return any(self.ref(each) for each in (*field.counting.of, *field.counting.resets))
        return field.expr is not None and self.expr(field.expr)

    def expr(self, expr: Expr) -> bool:
        """Whether a condition carries engagement."""
        return any(self._test(each) for each in tests(expr))

    def _test(self, test: Test) -> bool:
        if test.test is TestKind.HAPPENED:
            return self.ref(test.name)
        if test.test is TestKind.OPEN:
            return self.owned(self.protocol.step[test.name])
        return test.name in self.fields

    def point(self, point: Point | None, items: Slug | None = None) -> bool:
        """Whether a time carries engagement; ``items`` is the list whose items it may be measured from."""
        if isinstance(point, Either) and self.expr(point.test):
            return True
        return any(self._offset(each, items) for each in offsets(point))

    def _offset(self, point: Offset, items: Slug | None) -> bool:
        if point.anchor is AnchorKind.FIELD:
            return point.name in self.fields
        if point.anchor is AnchorKind.ITEM:
            return items in self.fields
        return point.anchor is AnchorKind.REF and self.ref(point.name or "")


def mark_outside(protocol: Protocol) -> Protocol:
    """Mark the confidential agencies' steps that neutral causes alone open, and guard what may tell outside."""
    labels = Labels(protocol)
    return replace(protocol, steps=tuple(_marked(labels, step) for step in protocol.steps))


def _marked(labels: Labels, step: Step) -> Step:
    if step.agency not in labels.inside:
        return step
    causes = [ref for arm in step.when.arms for ref in arm]
    plain = step.for_each is None and step.chosen is None and step.votes is None
    outside = plain and all(not labels.ref(ref) for ref in causes) and not labels.point(step.not_before)
    rungs = tuple(
        replace(rung, guard=Guard.NOT_TAKEN_UP)
        if rung.guard is Guard.UNACKNOWLEDGED and _tells_outside(labels.protocol, step, rung.acts)
        else rung
        for rung in step.rungs
    )
    if outside and not any(rung.every is not None for rung in rungs):
        # A step that ends itself needs no reminder without end; the receipt of a handoff to it ends only when taken.
        span = Length(count=1, unit=Unit.DAY, calendar=step.agency)
        again = Offset(anchor=AnchorKind.LAST_RUNG, length=span)
        lead = (Act(act=ActKind.TELL, targets=("lead",)),)
        rungs = (*rungs, Rung(id="receipt-again", at=again, acts=lead, every=span, guard=Guard.RECEIPT))
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
        if labels.owned(step):
            yield from _inside_rungs(labels, step, place, path)
            for outcome in step.outcomes:
                yield from _acts(labels, step.agency, outcome.acts, place((*path, "outcomes", outcome.id)))
        else:
            yield from _outside_step(labels, step, place, path)
    for link in protocol.links:
        passed = (ref for passing in link.passes for ref in passing.refs)
        inside = protocol.lane[link.lane].agency is not None
        if not inside and (labels.when(link.when) or any(labels.ref(ref) for ref in passed)):
            where = place((STEPS_IN + link.lane, link.id))
            says = f"{link.id}: the linked case would show what happened inside a confidential agency."
            yield Finding(code="LABEL_LINK", says=says, place=where, write="Open it, and tell it, by outside causes.")
    for event in protocol.events:
        yield from _pauses(labels, event, place(("events", event.id)))
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
        if labels.point(point, step.for_each):
            yield Finding(
                code="LABEL_TIME", says=says, place=place((*path, key)), write="Measure it from something outside."
            )
    for rung in step.rungs:
        if rung.only_if is not None and labels.expr(rung.only_if):
            yield Finding(code="LABEL_CONDITION", says=says, place=place((*path, "ladder")), write="Remove only if.")
    for key in _other_flows(labels, step):
        yield Finding(
            code="LABEL_CONDITION", says=says, place=place((*path, key)), write="Let it depend on what others do."
        )


def _other_flows(labels: Labels, step: Step) -> Iterator[str]:
    """The further keys through which engagement would show: who owns it, when it stops or ends, what it may end as."""
    if step.chosen is not None and step.chosen.by is ChosenBy.FIELD and step.chosen.name in labels.fields:
        yield "who"
    if step.for_each in labels.fields:
        yield "for each"
    if step.pausing.condition is not None and labels.expr(step.pausing.condition):
        yield "clock stops"
    if step.series is not None and any(labels.ref(each) for each in step.series.until):
        yield "repeats"
    asked = [labels.protocol.field.get(ask.name) for outcome in step.outcomes for ask in outcome.asks]
    conditions = [each.only_if for each in step.outcomes]
    conditions += [each.asked_if for each in asked if each is not None]
    if any(labels.expr(each) for each in conditions if each is not None):
        yield "outcomes"


def _pauses(labels: Labels, event: Event, where: Place) -> Iterator[Finding]:
    """What happens inside may not end a pause outside."""
    for act in event.acts:
        outside = act.act is ActKind.PAUSE and labels.protocol.lane[act.targets[0]].agency is None
        if outside and any(labels.ref(each) for each in act.until):
            says = f"The end of the pause of {act.targets[0]} would show what happened inside a confidential agency."
            yield Finding(code="LABEL_TIME", says=says, place=where, write="Let something outside end it.")


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
                verb = {ActKind.START_LINKED: "start a linked case as", ActKind.MOVE: "move to"}.get(act.act, act.act)
                says = f"{verb} {each}: {reached} would see what happened inside {agency}."
                write = REMEDIES.get(act.act, f"Tell {protocol.agency[agency].leads[0]}.")
                yield Finding(code="LABEL_ACT", says=says, place=where, write=write)
        if act.act is ActKind.END_CASE and any(each.agency != agency for each in protocol.steps):
            says = f"end the case: other agencies would see what happened inside {agency}."
            yield Finding(code="LABEL_ACT", says=says, place=where, write="Close its own lanes.")


def _reached(protocol: Protocol, act: Act, target: Slug) -> Slug | None:
    """The agency an act reaches, when it reaches one."""
    if act.act in TELLS:
        return protocol.role[target].agency if target in protocol.role else None
    if act.act is ActKind.CANCEL:
        return next((each for each in owners_of(protocol, protocol.step[target])), None)
    if act.act is ActKind.START_LINKED:
        return next((each.agency for each in protocol.steps if not protocol.agency[each.agency].confidential), None)
    if act.act in (ActKind.CLOSE, ActKind.REOPEN, ActKind.PAUSE):
        return protocol.lane[target].agency or "another agency"
    return None
