"""Pieces of a compiled protocol in English: lengths, limits, causes, conditions, acts. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from protocol.expressions import (
    OWNER,
    AnchorKind,
    Edge,
    Either,
    Expr,
    Extreme,
    Joined,
    Length,
    Offset,
    Point,
    Test,
    TestKind,
)
from protocol.kernel import Act, ActKind
from protocol.names import Ref, Slug


def words(slug: str) -> str:
    """A name as people say it: ``legal-advocate`` is ``legal advocate``."""
    return slug.replace("-", " ")


def causes_said(refs: Iterable[Ref]) -> list[str]:
    """``first call ends as later or not reached`` for two refs of one step."""
    by_step: dict[str, list[str]] = {}
    said: list[str] = []
    for ref in refs:
        kind, _, name = ref.partition(":")
        step, _, outcome = name.partition("/")
        if kind != "outcome":
            said.append(cause_said(ref))
        else:
            by_step.setdefault(step, []).append(words(outcome))
    return [*said, *(f"{words(step)} ends as {listed(outcomes, 'or')}" for step, outcomes in by_step.items())]


def cause_said(ref: Ref) -> str:
    """``first call ends as later``, ``arrest booked is reported``."""
    kind, _, name = ref.partition(":")
    step, _, rest = (words(part) for part in name.partition("/"))
    return {
        "event": f"{step} is reported",
        "ended": f"{step} ends",
        "opened": f"{step} opens",
        "outcome": f"{step} ends as {rest}",
        "late": f"{step} is {rest} late" if rest else f"{step} is late",
        "cancelled": f"{step} is cancelled",
        "settled": f"all of {step} ended",
        "wait": f"it is {step.removeprefix('at ')}",
        "counter": f"{step} reaches {rest}",
    }[kind]


def condition_said(expr: Expr) -> str:
    """A condition: ``wants notice and not heard``."""
    if isinstance(expr, Joined):
        return f" {expr.word} ".join(condition_said(each) for each in expr.parts)
    return _test(expr)


def _test(test: Test) -> str:
    kind, _, ref = test.name.partition(":")
    name, isnt = words(test.name), "is not" if test.negate else "is"
    if test.test is TestKind.HAPPENED:
        step, _, outcome = (words(part) for part in ref.partition("/"))
        return f"{step} ended as {outcome}" if kind == "outcome" else f"{step} has happened"
    return {
        TestKind.TRUE: f"not {name}" if test.negate else name,
        TestKind.KNOWN: f"{name} {isnt} known",
        TestKind.IS: f"{name} {isnt} {words(str(test.value))}",
        TestKind.PASSED: f"{name} has passed",
        TestKind.OPEN: f"{name} is open",
    }.get(test.test, f"{name} is {words(test.test.value)} {test.value}")


def length_said(span: Length, owner: Slug) -> str:
    """``2 hours``, ``3 court days``, ``1 working day`` on the owner's own calendar."""
    unit = span.unit.value if span.count == 1 else f"{span.unit.value}s"
    if span.calendar is None:
        return f"{span.count} {unit}"
    return f"{span.count} {'working' if span.calendar in (owner, OWNER) else words(span.calendar)} {unit}"


def point_said(point: Point, owner: Slug) -> str:
    """A limit: ``within 2 hours``, ``at 11:00 on the next working day, or .. if sooner``."""
    if isinstance(point, Extreme):
        first, *rest = (point_said(each, owner) for each in point.points)
        pick = "sooner" if point.pick == "earliest" else "later"
        return first + "".join(f", or {each} if {pick}" for each in rest)
    if isinstance(point, Either):
        otherwise = point_said(point.otherwise, owner)
        return f"{point_said(point.then, owner)} if {condition_said(point.test)}, else {otherwise}"
    return _offset(point, owner)


def _offset(point: Offset, owner: Slug) -> str:
    kind = "" if point.length.calendar is None else f"{length_said(point.length, owner).split(' ', 2)[1]} "
    which = "next" if point.length.count else "same"
    if point.edge is Edge.AT and point.at is not None:
        return f"at {minute_said(point.at)} on the {which} {kind}day"
    span = length_said(point.length, owner)
    if point.anchor is AnchorKind.DELIVERY:
        if point.edge is Edge.START or point.length.count == 0:
            return f"at the {point.edge} of the {which} {kind}day"
        return f"within {span}"
    anchor = {
        AnchorKind.FIELD: words(point.name or ""),
        AnchorKind.ITEM: f"its {words(point.name or '')}",
        AnchorKind.DUE: "it is due",
        AnchorKind.LAST_RUNG: "that",
    }.get(point.anchor) or cause_said(point.name or "")
    if point.length.count == 0:
        return f"at {anchor}"
    return f"{span} {'before' if point.before else 'after'} {anchor}"


def acts_said(acts: Iterable[Act]) -> str:
    """Several acts in one breath."""
    return listed((act_said(each) for each in acts), "and")


def act_said(act: Act) -> str:
    """One act: ``the sergeant is told``."""
    names = listed((words(each) for each in act.targets), "and")
    if act.act is ActKind.PAUSE and act.most is not None:
        until = f", until {listed(causes_said(act.until), 'or')}" if act.until else ""
        return f"the clocks of the {names} lane stop for at most {length_said(act.most, '')}{until}"
    are = "are" if len(act.targets) > 1 or act.targets == ("leads",) else "is"
    return {
        ActKind.TELL: f"the {names} {are} told",
        ActKind.PAGE: f"the {names} {are} paged",
        ActKind.REMIND: f"the {names} {are} reminded",
        ActKind.ADD: f"the {names} joins",
        ActKind.MOVE: f"it moves to the {names}",
        ActKind.CANCEL: f"{names} {are} cancelled",
        ActKind.END_AS: f"it ends as {names}",
        ActKind.CLOSE: f"the {names} lane closes",
        ActKind.REOPEN: f"the {names} lane opens again",
        ActKind.START_LINKED: f"a linked case begins with {names}",
        ActKind.STOP_REPEATING: "it does not come again",
        ActKind.END_CASE: "the case ends",
    }[act.act]


def listed(items: Iterable[str], word: str) -> str:
    """``a, b and c``."""
    found = list(items)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} {word} {found[-1]}" if found else "nobody"


def capital(said: str) -> str:
    """With a capital to begin with."""
    return said[:1].upper() + said[1:]


def minute_said(minute: int) -> str:
    """``08:30``."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
