"""What a run is watched by: cases that stayed or broke, people's answers, escalations, and how its first cases go on.

Counted is what everybody may know: no escalation inside a confidential agency, and no answer of its people.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from protocol.migrating.watching import BROKEN, SECOND, Seen, Soak
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.migrating.tables import migration_item, migration_run
from store.tables import case_file, fact, notice

HOUR = 3_600 * SECOND
BEFORE = 28 * 24 * HOUR
"""Microseconds before a run in which it is seen how many escalations are usual."""

REMIND = "remind"
WENT_ON = ("taken-up", "step-ended", "vote-cast", "event-recorded")
"""The kinds of facts by which a case has gone on."""


def usual(connection: Connection, slug: Slug, now: Instant) -> float:
    """How many escalations an hour a protocol's cases had in the weeks before, or since the first of them."""
    first = select(func.min(case_file.c.opened_at)).where(case_file.c.slug == slug, case_file.c.practice.is_(False))
    since = max(now - BEFORE, connection.execute(first).scalar() or now)
    return _escalations(connection, slug, since, now) * HOUR / max(HOUR, now - since)


def seen(connection: Connection, run: OpaqueId, now: Instant, stayed: tuple[str, ...], moved: tuple[str, ...]) -> Seen:
    """What is known of a run since it began, or since somebody last let it go on.

    ``stayed`` and ``moved`` are the results of cases that did not move, and that did.
    """
    row = connection.execute(select(migration_run).where(migration_run.c.id == run)).one()
    item = migration_item.c
    counted = select(item.result, item.code, func.count().label("n")).where(item.run == run, item.at > row.since)
    found = connection.execute(counted.group_by(item.result, item.code)).all()
    return Seen(
        stayed=sum(each.n for each in found if each.result in stayed),
        moved=sum(each.n for each in found if each.result in moved),
        broken=sum(each.n for each in found if each.result in moved and each.code == BROKEN),
        answers=row.answers,
        refused=row.refused,
        escalations=_escalations(connection, row.slug, max(row.since, now - HOUR), now),
        usual=row.usual,
    )


def answered(connection: Connection, slug: Slug, stages: tuple[str, ...], answers: int, refused: int) -> None:
    """Add to people's answers since the run of a protocol that is under way began."""
    known = migration_run.c
    under_way = update(migration_run).where(known.slug == slug, known.stage.in_(stages))
    connection.execute(under_way.values(answers=known.answers + answers, refused=known.refused + refused))


def soak(connection: Connection, run: OpaqueId, since: Instant, now: Instant, moved: str) -> Soak:
    """How the cases of a run's first share have gone on, by class. ``moved``: the result of those that moved."""
    item = migration_item.c
    went_on = exists().where(
        fact.c.case_id == item.case_id, fact.c.recorded > item.at, fact.c.kind.in_(WENT_ON), _public(fact.c)
    )
    of = (item.run == run, item.first, item.result == moved)
    kind = func.coalesce(item.kind, "")
    all_ = connection.execute(select(kind, func.count()).where(*of).group_by(kind)).all()
    some = connection.execute(select(kind, func.count()).where(*of, went_on).group_by(kind)).all()
    return Soak(since=since, now=now, moved=dict(map(tuple, all_)), went_on=dict(map(tuple, some)))


def _escalations(connection: Connection, slug: Slug, since: Instant, until: Instant) -> int:
    wanted = (
        select(func.count())
        .select_from(notice)
        .join(case_file, case_file.c.case_id == notice.c.case_id)
        .where(case_file.c.slug == slug, case_file.c.practice.is_(False))
        .where(notice.c.recorded > since, notice.c.recorded <= until, notice.c.repeat == 0, _public(notice.c))
        .where(or_(and_(notice.c.rung.is_not(None), notice.c.how != REMIND), notice.c.outside))
    )
    return int(connection.execute(wanted).scalar_one())


def _public(known: object) -> ColumnElement[bool]:
    """What everybody may know."""
    return or_(known.owner.is_(None), known.outside)  # type: ignore[attr-defined]
