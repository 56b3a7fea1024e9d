"""Changes around the duties: agencies, roles, hours, agreements, what is recorded, events, linked cases, keeping."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from protocol.kernel import ActKind, Event, Field, Protocol
from protocol.names import Slug
from protocol.revising.changes import Change, Pair, Tag
from protocol.revising.guards import alike
from protocol.revising.ladders import span_said
from protocol.revising.steps import everybody_around
from protocol.revising.windows import Verdict, compare
from protocol.telling.wording import acts_said, capital, causes_said, length_said, listed, words


def party_changes(pair: Pair) -> Iterator[Change]:
    """Every change that is not of a step."""
    yield from _times(pair)
    yield from _agencies(pair)
    yield from _roles(pair)
    yield from _agreements(pair)
    yield from _fields(pair)
    yield from _slots(pair)
    yield from _events(pair)
    yield from _links(pair)
    yield from _keeping(pair)
    yield from _notices(pair)


def _names(*some: dict[Slug, object]) -> tuple[Slug, ...]:
    return tuple(dict.fromkeys(each for one in some for each in one))


def _times(pair: Pair) -> Iterator[Change]:
    old, new = pair.old, pair.new
    if old.zone != new.zone:
        says = f"Times are read in {new.zone}, not {old.zone}."
        yield Change(unit="times:zone", code="D03", tag=Tag.LOOSENS, says=says, consent=pair.everybody)
    if old.horizon != new.horizon:
        says = f"Holidays are fixed to {date.fromordinal(new.horizon):%d %B %Y}."
        yield Change(unit="times:holidays", code="D10", tag=Tag.EDITORIAL, says=says)
    for agency in new.agencies:
        before, after = old.calendar.get(agency.id), new.calendar[agency.id]
        if before is None or (before.week, before.always) == (after.week, after.always):
            closed = (
                set() if before is None else {each for each in before.closed if each <= min(old.horizon, new.horizon)}
            )
            shut = {each for each in after.closed if each <= min(old.horizon, new.horizon)}
            if before is None or closed == shut:
                continue
        yield _hours(pair, agency.id)


def _hours(pair: Pair, agency: Slug) -> Change:
    sooner = later = counted = 0
    around: frozenset[Slug] = frozenset({agency})
    for step in pair.new.steps:
        before = pair.old.step.get(step.id)
        if before is None or before.due is None or step.due is None:
            continue
        found = compare(pair.old, pair.new, before.due, step.due, step.agency)
        if found.verdict in (Verdict.SAME, Verdict.UNDECIDED):
            continue
        counted, sooner, later = counted + 1, max(sooner, found.sooner), max(later, found.later)
        around |= everybody_around(pair, before, step)
    moves = [f"up to {span_said(much)} {way}" for much, way in ((sooner, "sooner"), (later, "later")) if much]
    ends = (
        f"{counted} window{'' if counted == 1 else 's'} end {' or '.join(moves)}"
        if moves
        else "no window ends otherwise"
    )
    tag = Tag.LOOSENS if later else Tag.TIGHTENS
    says = f"{capital(words(agency))} counts other hours or days: {ends}."
    return Change(unit=f"agency:{agency}", code="D09", tag=tag, says=says, consent=around)


def _agencies(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.agency, pair.new.agency
    for name in _names(dict(old), dict(new)):
        unit, said = f"agency:{name}", capital(words(name))
        if name not in old:
            owed = sum(each.agency == name for each in pair.new.steps)
            says = f"{said} joins, owing {owed} step{'' if owed == 1 else 's'}."
            yield Change(unit=unit, code="D04", tag=Tag.MOVES, says=says, consent=pair.everybody)
        elif name not in new:
            says = f"{said} leaves."
            yield Change(unit=unit, code="D04", tag=Tag.SAFEGUARD, says=says, consent=pair.everybody | {name})
        else:
            if old[name].confidential != new[name].confidential:
                now = "now" if new[name].confidential else "no longer"
                tag = Tag.KNOWS if new[name].confidential else Tag.SAFEGUARD
                says = f"{said} is {now} confidential."
                yield Change(unit=unit, code="D05", tag=tag, says=says, consent=pair.everybody)
            if old[name].leads != new[name].leads:
                now, was = (listed(map(words, side[name].leads), "then") for side in (new, old))
                says = f"{said} is led by {now}, was by {was}."
                yield Change(unit=unit, code="D07", tag=Tag.MOVES, says=says, consent=frozenset({name}))


def _roles(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.role, pair.new.role
    for name in _names(dict(old), dict(new)):
        unit, said = f"role:{name}", capital(words(name))
        if name not in old or name not in new:
            there = new if name not in old else old
            now = "is new" if name not in old else "is gone"
            consent = frozenset({there[name].agency})
            says = f"Role {words(name)} of {words(there[name].agency)} {now}."
            yield Change(unit=unit, code="D07", tag=Tag.MOVES, says=says, consent=consent)
            continue
        before, after = old[name], new[name]
        if before.agency != after.agency:
            says = f"{said} works for {words(after.agency)}, not {words(before.agency)}."
            both = pair.agencies(before.agency, after.agency)
            yield Change(unit=unit, code="D08", tag=Tag.KNOWS, says=says, consent=both)
        if before.faces_suspect != after.faces_suspect:
            now = "faces the suspect" if after.faces_suspect else "no longer faces the suspect"
            may = "nothing from her is" if after.faces_suspect else "what she releases may be"
            says = f"{said} {now}: {may} shared with them."
            inside = frozenset(each.id for each in pair.new.agencies if each.confidential)
            yield Change(unit=unit, code="D08", tag=Tag.KNOWS, says=says, consent=inside | {after.agency})
        if (before.always, before.by_rota, before.deputy) != (after.always, after.by_rota, after.deputy):
            hours = "always" if after.always else "in open hours"
            rota = ", by rota" if after.by_rota else ""
            then = f"; when away, {words(after.deputy)} answers" if after.deputy else ""
            says = f"{said} is there {hours}{rota}{then}."
            yield Change(unit=unit, code="D07", tag=Tag.MOVES, says=says, consent=frozenset({after.agency}))


def _agreements(pair: Pair) -> Iterator[Change]:
    old, new = ({each.id: each for each in side.agreements} for side in (pair.old, pair.new))
    for name in _names(dict(old), dict(new)):
        if old.get(name) == new.get(name):
            continue
        there = new.get(name) or old[name]
        unit, parties = f"agreement:{name}", listed(map(words, there.between), "and")
        consent = frozenset((*there.between, *(old[name].between if name in old else ())))
        if name not in new:
            says = f"The agreement of {parties} is gone."
            yield Change(unit=unit, code="D06", tag=Tag.SAFEGUARD, says=says, consent=consent)
        else:
            says = f"The agreement of {parties} runs to {date.fromordinal(there.review_by):%d %B %Y}."
            yield Change(unit=unit, code="D06", tag=Tag.MOVES, says=says, consent=consent)


def _readers(side: Protocol, field: Field) -> frozenset[Slug]:
    if field.agency is not None:
        return frozenset({field.agency})
    return frozenset(side.agency)


def _fields(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.field, pair.new.field
    for name in _names(dict(old), dict(new)):
        unit, said = f"field:{name}", words(name)
        if name not in new or name not in old:
            there = new.get(name) or old[name]
            side, now = (pair.new, "now reads") if name in new else (pair.old, "no longer reads")
            says = f"The engine {now} {said}."
            consent = _readers(side, there) & (pair.everybody | frozenset(pair.old.agency))
            yield Change(unit=unit, code="D11", tag=Tag.KNOWS, says=says, consent=consent)
            continue
        before, after = old[name], new[name]
        shape = [(e.type, tuple(sorted(e.choices)), e.low, e.high, e.columns) for e in (before, after)]
        if shape[0] != shape[1]:
            says = f"{capital(said)} has other values ({_values(after)}, was {_values(before)})."
            yield Change(unit=unit, code="D11", tag=Tag.KNOWS, says=says, consent=_readers(pair.new, after))
        if before.agency != after.agency or set(before.seen_by) != set(after.seen_by):
            says = f"{capital(said)} is read by {_read_by(after)}, was by {_read_by(before)}."
            consent = _readers(pair.new, after) | _readers(pair.old, before)
            yield Change(unit=unit, code="D12", tag=Tag.KNOWS, says=says, consent=consent)
        yield from _worked_out(pair, before, after)


def _values(field: Field) -> str:
    if field.choices:
        return listed(map(words, field.choices), "or")
    return f"{field.low} to {field.high}" if field.high else words(field.type.value)


def _read_by(field: Field) -> str:
    return listed(map(words, field.seen_by), "and") if field.seen_by else words(field.agency or "every agency")


def _worked_out(pair: Pair, before: Field, after: Field) -> Iterator[Change]:
    unit, said = f"field:{after.id}", capital(words(after.id))
    if alike(pair.old, pair.new, before.expr, after.expr) is not True:
        yield Change(
            unit=unit, code="D21", tag=Tag.SAFEGUARD, says=f"{said} is so under another condition.",
            consent=_readers(pair.new, after),
        )  # fmt: skip
    first, second = before.counting, after.counting
    if first != second and first is not None and second is not None:
        within = f" in {length_said(second.within, '')}" if second.within else ""
        says = (
            f"{said} counts {listed(causes_said(second.of), 'and')}{within}, up to {max(second.thresholds, default=0)}."
        )
        tag = Tag.LOOSENS if max(second.thresholds, default=0) > max(first.thresholds, default=0) else Tag.TIGHTENS
        yield Change(unit=unit, code="D45", tag=tag, says=says, consent=_readers(pair.new, after))


def _slots(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.slot, pair.new.slot
    for name in _names(dict(old), dict(new)):
        unit, said = f"slot:{name}", capital(words(name))
        if name in old and name in new:
            if old[name].keeper != new[name].keeper:
                says = f"{said} belongs to {words(new[name].keeper)}, not {words(old[name].keeper)}."
                both = frozenset({old[name].keeper, new[name].keeper})
                yield Change(unit=unit, code="D13", tag=Tag.SAFEGUARD, says=says, consent=both)
            if old[name].type != new[name].type:
                says = f"{said} is now {words(new[name].type.value)}."
                yield Change(unit=unit, code="D39", tag=Tag.KNOWS, says=says, consent=frozenset({new[name].keeper}))
        else:
            there, now = (new, "is kept from now on") if name in new else (old, "is no longer kept")
            keeper = there[name].keeper
            says = f"{said} {now}, by {words(keeper)}."
            yield Change(unit=unit, code="D39", tag=Tag.KNOWS, says=says, consent=frozenset({keeper}))


def _events(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.event, pair.new.event
    inside = pair.agencies(*(each.id for side in (pair.old, pair.new) for each in side.agencies if each.confidential))
    for name in _names(dict(old), dict(new)):
        unit, said = f"event:{name}", capital(words(name))
        first, second = old.get(name), new.get(name)
        if first is None and second is not None:
            consent = frozenset(second.sources) | inside
            says = f"{said}, from {listed(map(words, second.sources), 'or')}, is now heard."
            yield Change(unit=unit, code="D14", tag=Tag.MOVES, says=says, consent=consent)
        elif second is None and first is not None:
            consent = frozenset(first.sources) | inside
            says = f"{said}, from {listed(map(words, first.sources), 'or')}, is no longer heard."
            yield Change(unit=unit, code="D14", tag=Tag.SAFEGUARD, says=says, consent=consent)
        elif first is not None and second is not None:
            yield from _event(pair, first, second, inside)


def _event(pair: Pair, before: Event, after: Event, inside: frozenset[Slug]) -> Iterator[Change]:
    unit, said = f"event:{after.id}", capital(words(after.id))
    parties = pair.agencies(*before.sources, *after.sources) | inside
    if (set(before.sources), before.from_linked) != (set(after.sources), after.from_linked):
        lost = set(before.sources) - set(after.sources)
        now, was = (listed(map(words, sorted(each.sources)), "or") for each in (after, before))
        says = f"{said} is reported by {now}, was by {was}."
        yield Change(unit=unit, code="D14", tag=Tag.SAFEGUARD if lost else Tag.MOVES, says=says, consent=parties)
    brought = [(set(e.brings), set(e.may_bring)) for e in (before, after)]
    if brought[0] != brought[1]:
        must, may = (listed(map(words, sorted(each)), "and") for each in brought[1])
        says = f"{said} brings {must}, and may bring {may}."
        yield Change(unit=unit, code="D15", tag=Tag.MOVES, says=says, consent=parties)
    if set(map(repr, before.acts)) != set(map(repr, after.acts)) or before.starts != after.starts:
        lost_acts = [each for each in before.acts if each not in after.acts]
        grave = bool(lost_acts) or any(each.act is ActKind.CLOSE for each in after.acts if each not in before.acts)
        now, was = (acts_said(each.acts) if each.acts else "nothing more" for each in (after, before))
        says = f"When {words(after.id)} happens, {now}; before, {was}."
        yield Change(unit=unit, code="D15", tag=Tag.SAFEGUARD if grave else Tag.MOVES, says=says, consent=parties)


def _links(pair: Pair) -> Iterator[Change]:
    old, new = pair.old.link, pair.new.link
    for name in _names(dict(old), dict(new)):
        first, second = old.get(name), new.get(name)
        if first is not None and second is not None:
            same = all(
                getattr(first, part) == getattr(second, part)
                for part in ("protocol", "event", "gives", "passes", "lane", "when")
            )
            if same:
                continue
        there = second or first
        if there is None:
            continue
        how = "is new" if first is None else "is gone" if second is None else "goes otherwise"
        tag = Tag.SAFEGUARD if second is None else Tag.MOVES
        says = f"The linked case {words(name)} of {words(there.protocol)} {how}."
        yield Change(unit=f"link:{name}", code="D47", tag=tag, says=says, consent=pair.everybody)


def _keeping(pair: Pair) -> Iterator[Change]:
    old, new = ({each.of: each for each in side.keeping} for side in (pair.old, pair.new))
    for name in _names(dict(old), dict(new)):
        if old.get(name) == new.get(name):
            continue
        keeper = pair.new.slot[name].keeper if name in pair.new.slot else name
        says = f"What {words(name)} keeps of a case is kept for another time."
        # Not among the note's 51, for the language had no keeping then.
        yield Change(unit=f"keep:{name}", code="D52", tag=Tag.SAFEGUARD, says=says, consent=pair.agencies(keeper, name))


def _notices(pair: Pair) -> Iterator[Change]:
    old, new = ({each.act: each for each in side.notices} for side in (pair.old, pair.new))
    for act in dict.fromkeys((*old, *new)):
        if old.get(act) != new.get(act):
            says = f"Notices that {words(act.value)} go another way, or say something else."
            yield Change(unit=f"notice:{act.value}", code="D51", tag=Tag.KNOWS, says=says, consent=pair.everybody)
