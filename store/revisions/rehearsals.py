"""Keeps what rehearsals of a revision came to: one for each bundle, so that a vote and what it rests on agree."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.revisions.tables import rehearsal
from store.tables import case_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """One rehearsal. ``source``: where its arrivals are from; ``report`` is JSON, ``drawing`` an SVG."""

    revision: int
    bundle: OpaqueId
    at: Instant
    by: OpaqueId
    agency: Slug
    source: str
    report: str
    drawing: str


def keep(connection: Connection, found: Rehearsed) -> None:
    """Keep a rehearsal in the place of an earlier one of the same bundle."""
    known = rehearsal.c
    same = delete(rehearsal).where(known.revision == found.revision, known.bundle == found.bundle)
    connection.execute(same)
    names = ("revision", "bundle", "at", "by", "agency", "source", "report", "drawing")
    connection.execute(insert(rehearsal).values(**{each: getattr(found, each) for each in names}))


def newest(connection: Connection, number: int) -> Rehearsed | None:
    """The last rehearsal of a revision, of whatever it said then; None if it never was rehearsed."""
    wanted = select(rehearsal).where(rehearsal.c.revision == number).order_by(rehearsal.c.at.desc()).limit(1)
    row = connection.execute(wanted).first()
    return None if row is None else Rehearsed(**row._mapping)


def openings(connection: Connection, slug: Slug, since: Instant, most: int) -> tuple[Instant, ...]:
    """When the cases of a protocol were opened since then, the latest so many, in order: times and nothing else."""
    wanted = (
        select(case_file.c.opened_at)
        .where(case_file.c.slug == slug, case_file.c.opened_at >= since, case_file.c.practice.is_(False))
        .order_by(case_file.c.opened_at.desc())
        .limit(most)
    )
    return tuple(sorted(connection.execute(wanted).scalars()))
