"""Figures of fixed periods, as they were ten days after each month's end: written once, and told the same ever after.

A month's figures are counted when it freezes; a quarter's and a year's are the sums of their months'. What may be told
of them is settled then (``store.hiding``), beside what was told before. Practice cases are counted in none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, insert, not_, or_, select

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.names import Slug
from protocol.state import Instant
from store import hiding
from store.edge_tables import figure, frozen_period
from store.figures import FIGURES, LEAST, counts, kept
from store.hiding import Cell, Told
from store.policy import Action, Class, Subject, decide
from store.tables import case_file, task

FREEZES_AFTER = 10 * 24 * clocks.HOUR
MONTHS = 12
"""How far back the first look goes, and how many months a view of months shows."""

STEP_OF_TIMES = 5
"""Usual times are told in steps of so many minutes: no single handoff's time is one's own."""

Key = tuple[Slug, Slug, Slug, Slug]
"""Protocol, from which agency, to which, which step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One handoff in one period, as far as it is told.

    ``n`` None: too few to show. ``kept`` None beside an ``n``: the rest is too small, and ``told`` says whether that is
    nearly all or nearly none. ``usual`` and ``most`` (9 of 10): minutes until it was answered, of others' secrets until
    it was taken up.
    """

    key: Key
    period: str
    confidential: bool
    told: Told
    n: int | None
    kept: int | None
    usual: int | None
    most: int | None


def periods(connection: Connection) -> tuple[str, ...]:
    """The periods that are frozen, the newest first, months before the quarters and years they end."""
    rows = connection.execute(select(frozen_period.c.period)).scalars()
    return tuple(sorted(rows, key=_ends, reverse=True))


def figures(connection: Connection, subject: Subject, wanted: Iterable[str]) -> tuple[Figure, ...]:
    """What is told of some periods.

    Raises:
        HandoffError: ``NOT_YOURS`` for whoever is neither coordinator nor of the council.
    """
    _must_see(subject)
    names = list(wanted)
    rows = connection.execute(select(figure).where(figure.c.step != ASIDE)).all()
    found = {(row.slug, row.from_agency, row.agency, row.step, row.period): row for row in rows}
    kinds = sorted({(row.slug, row.from_agency, row.agency, row.step) for row in rows})
    confidential = {each[:4] for each, row in found.items() if row.confidential}
    # A kind of handoff that had none is told like one that had few: what is missing would say which.
    return tuple(
        _figure(key, period, found.get((*key, period)), confidential=key in confidential)
        for key in kinds
        for period in names
    )


def aside(connection: Connection, subject: Subject, period: str) -> int | None:
    """How many of a period were counted in nothing, being paused or cancelled; None: too few to show."""
    _must_see(subject)
    row = connection.execute(select(figure).where(figure.c.period == period, figure.c.step == ASIDE)).first()
    return None if row is None or row.told == Told.NOTHING.value else int(row.n)


ASIDE = "-"
"""In the place of a step: what is counted in nothing."""

ASIDE_KEY: Key = ("-", "-", "-", ASIDE)


def _must_see(subject: Subject) -> None:
    if not decide(subject, Action.READ, FIGURES, Class.NEUTRAL).allowed:
        raise HandoffError("NOT_YOURS", "figures are for coordinators and the council")


def _figure(key: Key, period: str, row: Row[Any] | None, *, confidential: bool) -> Figure:
    told = Told.NOTHING if row is None else Told(row.told)
    whole = row if told is Told.ALL else None
    return Figure(
        key=key,
        period=period,
        confidential=confidential,
        told=told,
        n=None if row is None or told is Told.NOTHING else row.n,
        kept=None if whole is None else whole.kept,
        usual=None if whole is None else whole.usual,
        most=None if whole is None else whole.most,
    )


def to_freeze(connection: Connection, zone: str, now: Instant) -> tuple[str, ...]:
    """The months that are over for ten days and not frozen yet, the oldest first; none before the first case."""
    first = connection.execute(select(func.min(case_file.c.opened_at)).where(case_file.c.practice.is_(False))).scalar()
    if first is None:
        return ()
    known = set(connection.execute(select(frozen_period.c.period)).scalars())
    newest = max((each for each in known if is_month(each)), default="")
    at = clocks.moment(now, zone)
    found: list[str] = []
    for back in range(1, MONTHS + 1):
        year, month = divmod(at.year * 12 + at.month - 1 - back, 12)
        name = f"{year}-{month + 1:02d}"
        until = span(name, zone)[1]
        if until > first and until + FREEZES_AFTER <= now and name not in known and name > newest:
            found.append(name)
    return tuple(reversed(found))


def freeze(connection: Connection, month: str, zone: str, now: Instant) -> None:
    """Count a month, and the quarter and year that end with it, and settle what is told of them. Safe to repeat."""
    if connection.execute(select(frozen_period.c.period).where(frozen_period.c.period == month)).first() is not None:
        return
    counted = _counted(connection, *span(month, zone))
    before: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(select(figure)):
        before[row.slug, row.from_agency, row.agency, row.step].append(dict(row._mapping))
    known = set(connection.execute(select(frozen_period.c.period)).scalars())
    ended = _ended_with(month, known)
    times = {each: _minutes(connection, *span(each, zone)) for each in ended}
    for key in sorted(set(counted) | set(before)):
        rows = _rows(key, month, {each: times[each].get(key, []) for each in ended}, counted.get(key), before[key])
        old = [_cell(row) for row in _whole(key, before[key], known)]
        settled = hiding.settled(old, [_cell(row) for row in rows], LEAST)
        told = {each.period: each.told.value for each in settled}
        connection.execute(insert(figure), [{**row, "told": told[row["period"]]} for row in rows])
    connection.execute(insert(frozen_period), [{"period": each, "at": now} for each in (month, *ended)])


def _whole(key: Key, rows: Sequence[dict[str, Any]], known: set[str]) -> list[dict[str, Any]]:
    """A handoff's rows of every period frozen before; one it had no row in had nothing in it."""
    mine = {row["period"]: row for row in rows}
    return [mine.get(each) or _empty(key, each) for each in sorted(known)]


def _rows(
    key: Key,
    month: str,
    ended: Mapping[str, Sequence[int]],
    counted: dict[str, Any] | None,
    before: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """The new rows of a handoff: the month's, and the sums of the quarter and year that end with it, with its times."""
    made = {row["period"]: row for row in before}
    made[month] = {**_empty(key, month), **(counted or {})}
    for period, minutes in ended.items():
        parts = [made.get(each) or _empty(key, each) for each in hiding.parts_of(period)]
        made[period] = {
            **_empty(key, period),
            "confidential": any(part["confidential"] for part in parts),
            **{name: sum(part[name] for part in parts) for name in ("n", "kept")},
            **_times(minutes),
        }
    return [made[each] for each in (month, *ended)]


def _cell(row: dict[str, Any]) -> Cell:
    n, found = row["n"], row["kept"]
    told = row["told"] or hiding.first_told(n, found, LEAST)
    return Cell(period=row["period"], n=n, kept=found, told=Told(told))


def _empty(key: Key, period: str) -> dict[str, Any]:
    names = dict(zip(("slug", "from_agency", "agency", "step"), key, strict=True))
    return {**names, "period": period, "confidential": False, "n": 0, "kept": 0, "told": "", **_times(())}


def _counted(connection: Connection, since: Instant, until: Instant) -> dict[Key, dict[str, Any]]:
    """The figures of handoffs delivered in a span, known ten days after it; what is counted in nothing is one sum."""
    found: dict[Key, dict[str, Any]] = {}
    times = _minutes(connection, since, until)
    wanted = _delivered(since, until).add_columns(func.count().label("n"), kept())
    wanted = wanted.where(counts(until + FREEZES_AFTER), not_(_set_aside(until)))
    for row in connection.execute(wanted.group_by(*KEYS, task.c.owner.is_not(None))):
        key = (row.slug, row.from_agency, row.agency, row.step)
        found[key] = {"confidential": bool(row.confidential), "n": row.n, "kept": int(row.kept), **_times(times[key])}
    others = _delivered(since, until).where(_set_aside(until)).subquery()
    n = connection.execute(select(func.count()).select_from(others)).scalar_one()
    found[ASIDE_KEY] = {"confidential": False, "n": n, "kept": n}
    return found


KEYS = (case_file.c.slug, task.c.from_agency, task.c.agency, task.c.step)


def _delivered(since: Instant, until: Instant) -> Select[Any]:
    """Handoffs between agencies that were delivered in a span, practice left out."""
    return (
        select(*KEYS, task.c.owner.is_not(None).label("confidential"))
        .join_from(task, case_file, task.c.case_id == case_file.c.case_id)
        .where(task.c.from_agency.is_not(None), task.c.from_agency != task.c.agency, case_file.c.practice.is_(False))
        .where(task.c.delivered_at >= since, task.c.delivered_at < until)
    )


def _set_aside(until: Instant) -> ColumnElement[bool]:
    """What counts in nothing: its clock stood still at the freeze, or it was cancelled; nothing of others' secrets."""
    still = and_(
        task.c.paused_until.is_not(None), task.c.paused_until > until + FREEZES_AFTER, task.c.ended_at.is_(None)
    )
    return and_(task.c.owner.is_(None), or_(still, task.c.status == "cancelled"))


def _minutes(connection: Connection, since: Instant, until: Instant) -> dict[Key, list[int]]:
    """How long each handoff of a span took until it was answered, of others' secrets until it was taken up."""
    answered = case((task.c.owner.is_(None), task.c.ended_at), else_=task.c.taken_at).label("answered")
    wanted = _delivered(since, until).add_columns(task.c.delivered_at, answered)
    found: dict[Key, list[int]] = defaultdict(list)
    for row in connection.execute(wanted.where(counts(until + FREEZES_AFTER), not_(_set_aside(until)))):
        if row.answered is not None:
            minutes = (row.answered - row.delivered_at) // clocks.MINUTE
            found[row.slug, row.from_agency, row.agency, row.step].append(minutes)
    return found


def _times(minutes: Sequence[int]) -> dict[str, Any]:
    """The usual time and that of 9 in 10, in steps, where there are enough for neither to be anybody's own."""
    in_order = sorted(round(each / STEP_OF_TIMES) * STEP_OF_TIMES for each in minutes)
    enough = len(in_order) >= 2 * LEAST
    return {
        "usual": in_order[(len(in_order) - 1) // 2] if enough else None,
        "most": in_order[-(-9 * len(in_order) // 10) - 1] if enough else None,
    }


def span(period: str, zone: str) -> tuple[Instant, Instant]:
    """A period's first instant and the one after its last."""
    parts = hiding.parts_of(period)
    if parts:
        return span(parts[0], zone)[0], span(parts[-1], zone)[1]
    year, month = int(period[:4]), int(period[5:])
    after = (year, month + 1) if month < MONTHS else (year + 1, 1)
    first, last = (datetime(*each, 1, tzinfo=ZoneInfo(zone)) for each in ((year, month), after))
    return clocks.instant(first), clocks.instant(last)


def _ended_with(month: str, known: set[str]) -> tuple[str, ...]:
    """The quarter and the year that end with a month, if all of their parts are frozen."""
    year, number = month[:4], int(month[5:])
    quarter = f"{year}-Q{(number + 2) // 3}"
    found = []
    if number % 3 == 0 and set(hiding.parts_of(quarter)) <= known | {month}:
        found.append(quarter)
        if number == MONTHS and set(hiding.parts_of(year)) <= known | {quarter}:
            found.append(year)
    return tuple(found)


def is_month(period: str) -> bool:
    """Whether a period is a month."""
    return len(period) == len("2026-01")


def _ends(period: str) -> tuple[str, int]:
    """Periods in order of their ends."""
    year, _, rest = period.partition("-")
    if not rest:
        return f"{year}-12", 2
    return (f"{year}-{3 * int(rest[1:]):02d}", 1) if rest.startswith("Q") else (period, 0)
