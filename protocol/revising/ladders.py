"""Changes of ladders: who is told, when, instead of whom; who takes a duty over; what decides when nobody acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from protocol.kernel import Act, ActKind, Guard, Rung, Step
from protocol.names import Slug
from protocol.revising.changes import Change, Pair, Tag
from protocol.revising.guards import alike
from protocol.revising.windows import Verdict, compare
from protocol.telling.outline import rung_said
from protocol.telling.wording import capital as _cap
from protocol.telling.wording import condition_said, listed, words

TELLS = (ActKind.TELL, ActKind.PAGE, ActKind.REMIND)
TAKES = (ActKind.MOVE, ActKind.ADD)
ACKNOWLEDGEMENT = (Guard.UNACKNOWLEDGED, Guard.NOT_TAKEN_UP)
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def ladder_changes(pair: Pair, before: Step, after: Step, own: frozenset[Slug]) -> Iterator[Change]:
    """Changes of a step's rungs; a rung is known by its id."""
    # A rung without a name of its own is called by what it does and its place: one put in before it renames it, so
    # rungs that are the same but for that are taken together first.
    same = [(each, twin) for each in before.rungs if (twin := _twin(each, after)) is not None]
    old_same, new_same = ({id(pair[side]) for pair in same} for side in (0, 1))
    first = {each.id: each for each in before.rungs if _does(each) and id(each) not in old_same}
    second = {each.id: each for each in after.rungs if _does(each) and id(each) not in new_same}
    gone = [each for name, each in first.items() if name not in second]
    added = [each for name, each in second.items() if name not in first]
    for rung in tuple(added):
        twin = next((each for each in gone if _same_moment(each, rung) and _swaps(each, rung)), None)
        if twin is not None:
            gone.remove(twin)
            added.remove(rung)
            yield _instead(pair, after, twin, rung, own)
    yield from (each for rung in added for each in _added(pair, after, rung, own))
    yield from (each for rung in gone for each in _gone(pair, before, after, rung, own))
    for name, rung in second.items():
        if name in first and first[name] != rung:
            yield from _changed(pair, before, after, (first[name], rung), own)


def span_said(microseconds: int) -> str:
    """``15 minutes``, ``1 day 2 hours``: two units at most, rounded down but never to nothing."""
    seconds, said = max(1, microseconds // 1_000_000), []
    for size, unit in UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            said.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(said[:2])


def _twin(rung: Rung, step: Step) -> Rung | None:
    return next((each for each in step.rungs if replace(each, id=rung.id, after=rung.after) == rung), None)


def _does(rung: Rung) -> bool:
    return bool(rung.acts)


def _at(step: Step, rung: Rung) -> str:
    said = rung_said(rung, step.agency)
    return said[:1].lower() + said[1:]


def _told(rung: Rung) -> tuple[Slug, ...]:
    return tuple(each for act in rung.acts if act.act in TELLS for each in act.targets)


def _agencies(pair: Pair, step: Step, names: tuple[Slug, ...]) -> frozenset[Slug]:
    leads = frozenset({step.agency}) if {"lead", "leads", "owner", "owners"} & set(names) else frozenset()
    return pair.of_role(*names) | leads


def _name(names: tuple[Slug, ...]) -> str:
    return listed((words(each) for each in names), "and")


def _added(pair: Pair, step: Step, rung: Rung, own: frozenset[Slug]) -> Iterator[Change]:
    unit, at = f"rung:{step.id}/{rung.id}", _at(step, rung)
    told = _told(rung)
    if told:
        says = f"{_cap(words(step.id))}: {_name(told)} is now told {at}."
        yield Change(unit=unit, code="D31", tag=Tag.KNOWS, says=says, consent=own | _agencies(pair, step, told))
    yield from _other_acts(pair, step, rung, own, now=True)


def _gone(pair: Pair, before: Step, after: Step, rung: Rung, own: frozenset[Slug]) -> Iterator[Change]:
    unit, at, told = f"rung:{before.id}/{rung.id}", _at(before, rung), _told(rung)
    later = [each for each in after.rungs if set(told) & set(_told(each)) and each.every is None]
    if told and later:
        says = f"{_cap(words(before.id))}: {_name(told)} is no longer told {at}, but {_at(after, later[0])}."
        consent = own | _agencies(pair, before, told)
        yield Change(unit=unit, code="D33", tag=Tag.LOOSENS, says=says, consent=consent)
    elif told:
        still = tuple(dict.fromkeys(each for one in after.rungs for each in _told(one)))
        rest = f"; still told: {_name(still)}" if still else "; nobody else is told"
        says = f"{_cap(words(before.id))}: {_name(told)} is no longer told {at}{rest}."
        consent = own | _agencies(pair, before, told)
        yield Change(unit=unit, code="D32", tag=Tag.SAFEGUARD, says=says, consent=consent)
    yield from _other_acts(pair, before, rung, own, now=False)


def _other_acts(pair: Pair, step: Step, rung: Rung, own: frozenset[Slug], *, now: bool) -> Iterator[Change]:
    unit, at, word = f"rung:{step.id}/{rung.id}", _at(step, rung), "now" if now else "no longer"
    for act in rung.acts:
        consent = own | _agencies(pair, step, act.targets)
        if act.act in TAKES:
            says = f"{_cap(words(step.id))}: {at} {_name(act.targets)} {word} takes over the duty."
            yield Change(unit=unit, code="D35", tag=Tag.MOVES if now else Tag.SAFEGUARD, says=says, consent=consent)
        elif act.act is ActKind.END_AS:
            says = f"{_cap(words(step.id))}: {at} it {word} ends by itself as {_name(act.targets)}."
            yield Change(unit=unit, code="D36", tag=Tag.MOVES, says=says, consent=own | pair.everybody)
        elif act.act not in TELLS:
            says = f"{_cap(words(step.id))}: {at} {_deed(act)} {word}."
            yield Change(unit=unit, code="D41", tag=Tag.MOVES, says=says, consent=consent)


def _deed(act: Act) -> str:
    return f"{act.act.value.replace('-', ' ')} {_name(act.targets)}".strip()


def _same_moment(one: Rung, other: Rung) -> bool:
    return (one.at, one.guard, one.every) == (other.at, other.guard, other.every)


def _swaps(one: Rung, other: Rung) -> bool:
    return bool(_told(one)) and bool(_told(other)) and len(one.acts) == len(other.acts) == 1


def _instead(pair: Pair, step: Step, gone: Rung, added: Rung, own: frozenset[Slug]) -> Change:
    before, after = _told(gone), _told(added)
    says = f"{_cap(words(step.id))}: {_name(after)} is told {_at(step, added)} instead of {_name(before)}."
    consent = own | _agencies(pair, step, (*before, *after))
    return Change(unit=f"rung:{step.id}/{added.id}", code="D34", tag=Tag.KNOWS, says=says, consent=consent)


def _changed(pair: Pair, before: Step, after: Step, rungs: tuple[Rung, Rung], own: frozenset[Slug]) -> Iterator[Change]:
    first, second = rungs
    unit, name = f"rung:{after.id}/{second.id}", words(after.id)
    consent = own | _agencies(pair, after, (*_told(first), *_told(second)))
    if (first.at, first.every) != (second.at, second.every):
        yield _moved(pair, before, after, rungs, consent)
    if first.guard != second.guard or alike(pair.old, pair.new, first.only_if, second.only_if) is not True:
        only = "always" if second.only_if is None else f"only if {condition_said(second.only_if)}"
        says = f"{_cap(name)}: what comes {_at(after, second)} now comes {only}, was {_at(before, first)}."
        yield Change(unit=unit, code="D32", tag=Tag.SAFEGUARD, says=says, consent=consent)
    if first.acts != second.acts:
        lost = tuple(each for each in _told(first) if each not in _told(second))
        won = tuple(each for each in _told(second) if each not in _told(first))
        at = _at(after, second)
        if won:
            says = f"{_cap(name)}: {_name(won)} is now told {at}."
            yield Change(unit=unit, code="D31", tag=Tag.KNOWS, says=says, consent=consent)
        if lost:
            says = f"{_cap(name)}: {_name(lost)} is no longer told {at}."
            yield Change(unit=unit, code="D32", tag=Tag.SAFEGUARD, says=says, consent=consent)
        if not won and not lost:
            says = f"{_cap(name)}: what happens {at} changes."
            yield Change(unit=unit, code="D35", tag=Tag.MOVES, says=says, consent=consent)


def _moved(pair: Pair, before: Step, after: Step, rungs: tuple[Rung, Rung], consent: frozenset[Slug]) -> Change:
    first, second = rungs
    unit = f"rung:{after.id}/{second.id}"
    found = compare(pair.old, pair.new, first.at, second.at, after.agency)
    whom = _name(_told(second)) or "the next"
    now, was = _at(after, second), _at(before, first)
    if first.guard in ACKNOWLEDGEMENT and found.verdict in (Verdict.SOONER, Verdict.LATER):
        loose = found.verdict is Verdict.LATER
        says = f"{_cap(words(after.id))}: {words(after.role)} must say 'I have it' before this comes {now}, was {was}."
        tag = Tag.LOOSENS if loose else Tag.TIGHTENS
        return Change(unit=unit, code="D28", tag=tag, says=says, consent=consent)
    how = {
        Verdict.SOONER: (f"up to {span_said(found.sooner)} sooner", Tag.TIGHTENS),
        Verdict.LATER: (f"up to {span_said(found.later)} later", Tag.LOOSENS),
        Verdict.MIXED: ("sooner and later", Tag.LOOSENS),
    }.get(found.verdict, ("at another time", Tag.LOOSENS))
    says = f"{_cap(words(after.id))}: {whom} is told {now}, was {was}: {how[0]}."
    return Change(unit=unit, code="D33", tag=how[1], says=says, consent=consent)
