"""Week by week before and after a text came into force: what was due and what was kept, for the look at a change.

Counted is what every coordinator may count (``store.figures``). A case counts on the side of the text it ran on from
its beginning; one that was moved midway counts on neither (council.md section 7).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select

from protocol.council.learning import Learned, Week, before_after
from protocol.errors import HandoffError
from protocol.names import Slug
from protocol.state import Instant
from store.figures import FIGURES, counts, kept
from store.policy import Action, Class, Subject, decide
from store.tables import case_file, fact, protocol_in_force, protocol_version, task

WEEK = 7 * 24 * 3600 * 1_000_000
MOVED = "case-migrated"
MOST_WEEKS = 52
"""How far back and on a look goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One handoff before and after: from which agency to whose step, and what may be said of it.

    ``confidential``: kept is taken up, which is all that others know.
    """

    from_agency: Slug
    agency: Slug
    step: Slug
    confidential: bool
    learned: Learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Every handoff before and after a revision's text came into force."""

    protocol: Slug
    since: Instant
    versions: tuple[int, int]
    looks: tuple[Look, ...]


def looked(connection: Connection, subject: Subject, revision: int, now: Instant) -> Looked:
    """The looks at what a revision put in force, by the whole weeks before and after.

    Raises:
        HandoffError: ``NOT_YOURS`` for whoever is neither coordinator nor of the council; ``NOTHING_BEFORE`` when the
            revision put nothing in force, or there was no text before it.
    """
    if not decide(subject, Action.READ, FIGURES, Class.NEUTRAL).allowed:
        raise HandoffError("NOT_YOURS", "figures are for coordinators and the council")
    rows = connection.execute(
        select(protocol_in_force).where(
            protocol_in_force.c.slug.in_(
                select(protocol_in_force.c.slug).where(protocol_in_force.c.revision == revision)
            )
        ).order_by(protocol_in_force.c.seq)
    ).all()  # fmt: skip
    at = next((number for number, row in enumerate(rows) if row.revision == revision), None)
    if not at:
        raise HandoffError("NOTHING_BEFORE", f"revision {revision} has put no text in force that follows another")
    was, is_ = rows[at - 1], rows[at]
    # A text ends where the next begins: nothing later counts for it.
    until = rows[at + 1].since if at + 1 < len(rows) else now
    spans = ((was.version, max(was.since, is_.since - MOST_WEEKS * WEEK), is_.since), (is_.version, is_.since, until))
    before, after = (
        _weeks(connection, is_.slug, version, begin, end, backward=number == 0)
        for number, (version, begin, end) in enumerate(spans)
    )
    looks = []
    for key in sorted({*before, *after}):
        learned = before_after(before.get(key, ()), after.get(key, ()))
        looks.append(Look(from_agency=key[0], agency=key[1], step=key[2], confidential=key[3], learned=learned))
    return Looked(protocol=is_.slug, since=is_.since, versions=(was.version, is_.version), looks=tuple(looks))


Key = tuple[Slug, Slug, Slug, bool]


def _weeks(
    connection: Connection, slug: Slug, version: int, begin: Instant, end: Instant, *, backward: bool
) -> dict[Key, list[Week]]:
    """Whole weeks of a span, in order; counted back from its end, or on from its beginning."""
    count = min(MOST_WEEKS, (end - begin) // WEEK)
    start = end - count * WEEK if backward else begin
    if count < 1:
        return {}
    found: dict[Key, list[Week]] = {}
    for row in connection.execute(_counted(slug, version, start, start + count * WEEK)):
        key = (row.from_agency, row.agency, row.step, bool(row.confidential))
        weeks = found.setdefault(key, [Week(0, 0)] * count)
        weeks[row.week] = Week(row.n, int(row.kept))
    return found


def _counted(slug: Slug, version: int, start: Instant, end: Instant) -> Select[tuple[object, ...]]:
    hash_ = select(protocol_version.c.hash).where(
        protocol_version.c.slug == slug, protocol_version.c.version == version
    )
    moved = select(fact.c.case_id).where(fact.c.kind == MOVED)
    week = ((task.c.delivered_at - start) // WEEK).label("week")
    keys = (task.c.from_agency, task.c.agency, task.c.step, task.c.owner.is_not(None).label("confidential"), week)
    return (
        select(*keys, func.count().label("n"), kept())
        .join_from(task, case_file, task.c.case_id == case_file.c.case_id)
        .where(case_file.c.protocol_hash.in_(hash_), case_file.c.practice.is_(False), task.c.case_id.not_in(moved))
        .where(task.c.from_agency.is_not(None), task.c.from_agency != task.c.agency, counts(end))
        .where(task.c.delivered_at >= start, task.c.delivered_at < end)
        .group_by(*keys)
    )
