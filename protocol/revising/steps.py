"""Changes of duties: who owes what, when it opens, by when it is due, how it may end, what follows."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.expressions import Expr, Joined
from protocol.kernel import ActKind, Outcome, Protocol, Step, When
from protocol.names import Slug
from protocol.revising.changes import Change, Pair, Tag
from protocol.revising.guards import alike
from protocol.revising.ladders import ladder_changes, span_said
from protocol.revising.windows import Verdict, compare
from protocol.telling.outline import lane_title, series_said
from protocol.telling.wording import (
    acts_said,
    capital,
    causes_said,
    condition_said,
    length_said,
    listed,
    point_said,
    words,
)


def step_changes(pair: Pair) -> Iterator[Change]:
    """Every change of steps: new, gone, and otherwise than it was."""
    old, new = pair.old.step, pair.new.step
    for step in pair.new.steps:
        if step.id not in old:
            yield _added(pair, step)
    for step in pair.old.steps:
        if step.id not in new:
            yield _removed(pair, step)
    for step in pair.new.steps:
        if step.id in old:
            yield from _changed(pair, old[step.id], step)


def concerned(pair: Pair, *steps: Step) -> frozenset[Slug]:
    """The owners' agencies of a step, and its lane's confidentiality owner."""
    lanes = (side.lane[each.lane].agency for side in (pair.old, pair.new) for each in steps if each.lane in side.lane)
    return pair.agencies(*(each.agency for each in steps), *lanes)


def handed_to(pair: Pair, step: Step) -> frozenset[Slug]:
    """The agencies of the steps that a step's end opens, in either text."""
    prefix = (f"ended:{step.id}", f"outcome:{step.id}/", f"late:{step.id}", f"cancelled:{step.id}")
    return frozenset(
        each.agency
        for side in (pair.old, pair.new)
        for each in side.steps
        for arm in each.when.arms
        for ref in arm
        if ref.startswith(prefix)
    )


def everybody_around(pair: Pair, *steps: Step) -> frozenset[Slug]:
    """O, N and A of the note: owners, those it hands to, the lane's owner."""
    return concerned(pair, *steps) | frozenset(each for step in steps for each in handed_to(pair, step))


def _added(pair: Pair, step: Step) -> Change:
    due = "with no window" if step.due is None else point_said(step.due, step.agency)
    says = f"{capital(words(step.role))} now owes {words(step.id)} {due}, when {_when(step.when)}."
    return Change(unit=f"step:{step.id}", code="D16", tag=Tag.MOVES, says=says, consent=concerned(pair, step))


def _removed(pair: Pair, step: Step) -> Change:
    twin = next((e for e in pair.new.steps if e.id not in pair.old.step and _same_body(e, step)), None)
    hint = (
        ""
        if twin is None
        else f" {capital(words(twin.id))} is new and just like it: if it is the same, write was: {step.id}."
    )
    says = f"Nobody owes {words(step.id)} any more.{hint}"
    return Change(
        unit=f"step:{step.id}", code="D17", tag=Tag.SAFEGUARD, says=says, consent=everybody_around(pair, step)
    )


def _same_body(one: Step, other: Step) -> bool:
    return (one.role, one.due, one.when, one.tries) == (other.role, other.due, other.when, other.tries)


def _changed(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    yield from _owner(pair, before, after)
    yield from _opening(pair, before, after)
    yield from _window(pair, before, after)
    yield from _tries(pair, before, after)
    yield from _other(pair, before, after)
    yield from _outcomes(pair, before, after)
    yield from ladder_changes(pair, before, after, concerned(pair, before, after))


def _change(pair: Pair, step: Step, code: str, tag: Tag, says: str, *consent: frozenset[Slug]) -> Change:
    agreed = frozenset(each for some in consent for each in some) or concerned(pair, step)
    return Change(unit=f"step:{step.id}", code=code, tag=tag, says=says, consent=agreed)


def _owner(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    both = concerned(pair, before, after)
    if (before.role, before.chosen) != (after.role, after.chosen):
        says = f"{capital(words(after.id))} moves from {_who(before)} to {_who(after)}."
        yield _change(pair, after, "D18", Tag.KNOWS, says, both)
    if before.lane != after.lane:
        says = f"{capital(words(after.id))} closes with {words(after.lane)}, not {words(before.lane)}"
        inside = lane_title(pair.new, after.lane).partition(" (")[2]
        parties = pair.agencies(pair.old.lane[before.lane].agency, pair.new.lane[after.lane].agency)
        says = f"{says} ({inside}." if inside else f"{says}."
        yield _change(pair, after, "D19", Tag.KNOWS, says, both, parties)
    if before.for_each != after.for_each:
        item = "case" if after.for_each is None else f"item of {words(after.for_each)}"
        was = "case" if before.for_each is None else f"item of {words(before.for_each)}"
        says = f"{capital(words(after.id))} is owed once per {item}, was per {was}."
        yield _change(pair, after, "D48", Tag.MOVES, says, both)


def _who(step: Step) -> str:
    if step.chosen is None:
        return words(step.role)
    return listed((words(each) for each in step.chosen.roles), "or" if step.chosen.name else "and")


def _opening(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    name, both = capital(words(after.id)), concerned(pair, before, after)
    first, second = (tuple(sorted(tuple(sorted(arm)) for arm in each.when.arms)) for each in (before, after))
    joins = len(first) > 1 or len(second) > 1
    if first != second and joins:
        says = f"{name} waits for {_when(after.when)}, was {_when(before.when)}."
        yield _change(pair, after, "D42", Tag.MOVES, says, both)
    elif first != second:
        lost, won = set(first[0]) - set(second[0]), set(second[0]) - set(first[0])
        if won:
            says = f"{name} now starts when {listed(causes_said(sorted(won)), 'or')}."
            yield _change(pair, after, "D20", Tag.MOVES, says, both)
        if lost:
            says = f"{name} no longer starts when {listed(causes_said(sorted(lost)), 'or')}."
            yield _change(pair, after, "D20", Tag.SAFEGUARD, says, both)
    yield from _latest(pair, before, after)
    for word, one, other in (
        ("only if", _all(before.when.only_if), _all(after.when.only_if)),
        ("unless", _any(before.when.unless), _any(after.when.unless)),
    ):
        same = alike(pair.old, pair.new, one, other)
        if same is not True:
            now = "always" if other is None else f"{word} {condition_said(other)}"
            was = "always" if one is None else f"{word} {condition_said(one)}"
            tag = Tag.MOVES if other is None else Tag.SAFEGUARD
            unclear = "" if same is False else " The two were too many cases to compare."
            yield _change(pair, after, "D21", tag, f"{name} now applies {now}, was {was}.{unclear}", both)
    if before.not_before != after.not_before:
        says = f"{name} may start {_not_before(after)}, was {_not_before(before)}."
        yield _change(pair, after, "D22", Tag.LOOSENS, says, everybody_around(pair, before, after))


def _not_before(step: Step) -> str:
    return "at once" if step.not_before is None else f"not before {point_said(step.not_before, step.agency)}"


def _latest(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    first, second = _wait(pair.old, before), _wait(pair.new, after)
    if first == second:
        return
    tag = Tag.SAFEGUARD if second is None else Tag.TIGHTENS if first is None else Tag.LOOSENS
    says = f"{capital(words(after.id))} waits {_at_most(second)}, was {_at_most(first)}."
    yield _change(pair, after, "D43", tag, says, concerned(pair, before, after))


def _at_most(said: str | None) -> str:
    return "for ever" if said is None else f"no longer than {said}"


def _wait(protocol: Protocol, step: Step) -> str | None:
    if step.when.latest is None:
        return None
    return point_said(protocol.wait[step.when.latest.removeprefix("wait:")].at, step.agency)


def _window(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    around, own = everybody_around(pair, before, after), concerned(pair, before, after)
    who, name = capital(words(after.role)), words(after.id)
    if before.due is None and after.due is None:
        return
    if after.due is None:
        yield _change(pair, after, "D27", Tag.SAFEGUARD, f"{capital(name)} has no window any more.", around)
        return
    now = point_said(after.due, after.agency)
    if before.due is None:
        says = f"{who} has a window for {name} now: {now}."
        yield _change(pair, after, "D23", Tag.TIGHTENS, says, own)
        return
    found = compare(pair.old, pair.new, before.due, after.due, after.agency)
    was = point_said(before.due, before.agency)
    has = f"{who} has {now} for {name}, was {was}" if now != was else f"{who} has {now} for {name}, counted otherwise"
    if found.verdict is Verdict.SOONER:
        says = f"{has}: never later, up to {span_said(found.sooner)} sooner."
        yield _change(pair, after, "D23", Tag.TIGHTENS, says, own)
    elif found.verdict is Verdict.LATER:
        says = f"{has}: up to {span_said(found.later)} later."
        yield _change(pair, after, "D24", Tag.LOOSENS, says, around)
    elif found.verdict is Verdict.MIXED:
        says = f"{has}: up to {span_said(found.sooner)} sooner, up to {span_said(found.later)} later."
        yield _change(pair, after, "D25", Tag.LOOSENS, says, around)
    elif found.verdict is Verdict.UNDECIDED:
        says = f"{has}: measured otherwise, so whether it ends sooner or later is not decided here."
        yield _change(pair, after, "D25", Tag.SAFEGUARD, says, around)


def _tries(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    first, second = before.tries, after.tries
    if first == second:
        return
    both, name = concerned(pair, before, after), words(after.id)
    if first is None or second is None:
        tag = Tag.SAFEGUARD if second is None else Tag.TIGHTENS
        says = f"Tries are {'no longer' if second is None else 'now'} counted for {name}."
        yield _change(pair, after, "D29", tag, says, both)
        return
    if first.then != second.then:
        says = f"After the last try {name} ends as {words(second.then)}, was {words(first.then)}."
        yield _change(pair, after, "D30", Tag.MOVES, says, everybody_around(pair, before, after))
    if (first.count, first.apart, first.up_to) != (second.count, second.apart, second.up_to):
        fewer = second.count < first.count
        gaps = [
            f"{each.count} tries" + (f" {length_said(each.apart, after.agency)} apart" if each.apart else "")
            for each in (second, first)
        ]
        says = f"{capital(gaps[0])} for {name}, was {gaps[1]}."
        yield _change(pair, after, "D29", Tag.SAFEGUARD if fewer else Tag.TIGHTENS, says, both)
    if first.counts_as_on_time != second.counts_as_on_time:
        counts = "now counts" if second.counts_as_on_time else "no longer counts"
        tag = Tag.SAFEGUARD if second.counts_as_on_time else Tag.TIGHTENS
        yield _change(pair, after, "D29", tag, f"A try in time {counts} as on time for {name}.", both)


def _other(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    name, both = words(after.id), concerned(pair, before, after)
    if before.series != after.series:
        now, was = (
            "It does not come again." if each.series is None else series_said(each.series, each.agency)
            for each in (after, before)
        )
        tag = Tag.LOOSENS if after.series is None else Tag.TIGHTENS if before.series is None else Tag.LOOSENS
        yield _change(pair, after, "D44", tag, f"{capital(name)}: {now} Was: {was}", both)
    if before.pausing != after.pausing:
        yield from _pausing(pair, before, after)
    if before.votes != after.votes:
        now, was = (
            "its owner alone" if e.votes is None else f"{e.votes.needed} of {listed(map(words, e.votes.roles), 'and')}"
            for e in (after, before)
        )
        voters = pair.of_role(*(r for e in (before, after) if e.votes is not None for r in e.votes.roles))
        yield _change(pair, after, "D49", Tag.MOVES, f"{capital(name)} is decided by {now}, was {was}.", both | voters)
    if (before.shares, before.shares_with) != (after.shares, after.shares_with):
        more = set(after.shares) - set(before.shares) or set(after.shares_with) - set(before.shares_with)
        said = f"{listed(map(words, after.shares), 'and')} to {listed(map(words, after.shares_with), 'and')}"
        says = f"{capital(name)} may pass {said}, with a release."
        yield _change(pair, after, "D50", Tag.SAFEGUARD if more else Tag.TIGHTENS, says, both)
    if before.imminent_threat != after.imminent_threat:
        now = "may now" if after.imminent_threat else "may no longer"
        yield _change(pair, after, "D50", Tag.SAFEGUARD, f"{capital(name)} {now} tell of an imminent threat.", both)
    if before.again != after.again:
        says = f"While {name} is open another cause now does otherwise ({after.again.value}, was {before.again.value})."
        yield _change(pair, after, "D47", Tag.MOVES, says, both)


def _pausing(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    first, second, name = before.pausing, after.pausing, words(after.id)
    around = everybody_around(pair, before, after)
    if (first.allowed, first.most) != (second.allowed, second.most):
        most = length_said(second.most, after.agency)
        says = f"{capital(name)} may {f'pause, {most} at most' if second.allowed else 'not pause'}."
        tag = Tag.LOOSENS if second.allowed and not first.allowed else Tag.TIGHTENS
        tag = Tag.LOOSENS if second.allowed and first.allowed else tag
        yield _change(pair, after, "D46", tag, says, around)
    same = alike(pair.old, pair.new, first.condition, second.condition)
    if same is not True or first.cap != second.cap:
        stops = "is not stopped" if second.condition is None else f"stops while {condition_said(second.condition)}"
        tag = Tag.TIGHTENS if second.condition is None else Tag.LOOSENS
        yield _change(pair, after, "D46", tag, f"The clock of {name} {stops}.", around)


def _outcomes(pair: Pair, before: Step, after: Step) -> Iterator[Change]:
    first, second = ({each.id: each for each in step.outcomes} for step in (before, after))
    around = everybody_around(pair, before, after)
    for name in (*second, *first):
        unit = f"outcome:{after.id}/{name}"
        if (name in first) != (name in second):
            now = "can now" if name in second else "can no longer"
            says = f"{capital(words(after.id))} {now} end as {words(name)}."
            yield Change(unit=unit, code="D37", tag=Tag.MOVES, says=says, consent=around)
    for name in first:
        if name in second:
            yield from _outcome(pair, after, first[name], second[name])


def _outcome(pair: Pair, step: Step, before: Outcome, after: Outcome) -> Iterator[Change]:
    unit, said = f"outcome:{step.id}/{after.id}", f"{words(step.id)} as {words(after.id)}"
    own, around = concerned(pair, step), everybody_around(pair, step)
    asked, asks = ({each.name: each.required for each in one.asks} for one in (before, after))
    for name in dict.fromkeys((*asks, *asked)):
        if asked.get(name) == asks.get(name):
            continue
        now = "need not" if name not in asks else "must now" if asks[name] else "may now"
        keeper = frozenset(side.slot[name].keeper for side in (pair.old, pair.new) if name in side.slot)
        says = f"Ending {said}, {words(step.role)} {now} record {words(name)}."
        yield Change(unit=unit, code="D39", tag=Tag.KNOWS, says=says, consent=own | keeper)
    if alike(pair.old, pair.new, before.only_if, after.only_if) is not True:
        now = "always" if after.only_if is None else f"only if {condition_said(after.only_if)}"
        yield Change(unit=unit, code="D37", tag=Tag.MOVES, says=f"{capital(said)} may be chosen {now}.", consent=around)
    for kind, code, tag in (
        ((ActKind.CLOSE, ActKind.REOPEN, ActKind.PAUSE), "D40", Tag.SAFEGUARD),
        ((ActKind.CANCEL, ActKind.STOP_REPEATING, ActKind.END_CASE), "D41", Tag.MOVES),
        ((ActKind.TELL, ActKind.PAGE, ActKind.REMIND), "D31", Tag.KNOWS),
        ((ActKind.START_LINKED,), "D47", Tag.MOVES),
    ):
        lost, won = (
            sorted((e for e in one.acts if e.act in kind and e not in other.acts), key=repr)
            for one, other in ((before, after), (after, before))
        )
        told = pair.of_role(*(each for act in (*lost, *won) for each in act.targets))
        if won:
            yield Change(unit=unit, code=code, tag=tag, says=f"After {said} {acts_said(won)}.", consent=own | told)
        if lost:
            grave = Tag.SAFEGUARD if code == "D31" else tag
            says = f"After {said} it is no longer so that {acts_said(lost)}."
            code_ = "D32" if code == "D31" else code
            yield Change(unit=unit, code=code_, tag=grave, says=says, consent=around | told)


def _when(when: When) -> str:
    arms = [listed(causes_said(arm), "or") for arm in when.arms if when.latest not in arm]
    return ("all of: " if len(arms) > 1 else "") + "; ".join(arms)


def _all(parts: tuple[Expr, ...]) -> Expr | None:
    return None if not parts else parts[0] if len(parts) == 1 else Joined(word="and", parts=parts)


def _any(parts: tuple[Expr, ...]) -> Expr | None:
    return None if not parts else parts[0] if len(parts) == 1 else Joined(word="or", parts=parts)
