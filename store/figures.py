"""How agencies keep their word, in totals: handoffs between two agencies by step, with small cells hidden.

Of a confidential agency only what everybody may know is counted: delivered, taken up in hand. A figure below five is
not given, nor one whose rest is below five, so that nothing can be found by taking one from another (NNEDV; trust T3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, select

from protocol.errors import HandoffError
from protocol.names import Slug
from protocol.state import Instant
from store.policy import Action, Class, Kind, Object, Subject, decide
from store.tables import case_file, task

LEAST = 5
"""The smallest figure that is given."""

FIGURES = Object(kind=Kind.FIGURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Handoffs of one step from an agency to another that were delivered in a span.

    None: too few to be told. ``kept`` are those answered in time; of a confidential agency (``confidential``), those
    taken up, which is all that others know.
    """

    protocol: Slug
    from_agency: Slug
    agency: Slug
    step: Slug
    confidential: bool
    delivered: int | None
    kept: int | None

    @property
    def share(self) -> float | None:
        """The part that was kept, 0 to 1."""
        return None if self.kept is None or not self.delivered else self.kept / self.delivered


def figures(
    connection: Connection, subject: Subject, since: Instant, until: Instant, *, practice: bool = False
) -> tuple[Figure, ...]:
    """The figures of handoffs delivered from ``since`` to before ``until`` and due or taken up by then.

    ``practice``: of practice cases alone, which no figure of real ones counts.

    Raises:
        HandoffError: ``NOT_YOURS`` for whoever is neither coordinator nor of the council.
    """
    if not decide(subject, Action.READ, FIGURES, Class.NEUTRAL).allowed:
        raise HandoffError("NOT_YOURS", "figures are for coordinators and the council")
    keys = (case_file.c.slug, task.c.from_agency, task.c.agency, task.c.step)
    rows = connection.execute(
        select(*keys, (task.c.owner.is_not(None)).label("confidential"), func.count().label("n"), kept())
        .join_from(task, case_file, task.c.case_id == case_file.c.case_id)
        .where(task.c.from_agency.is_not(None), task.c.from_agency != task.c.agency, counts(until))
        .where(case_file.c.practice.is_(practice))
        .where(task.c.delivered_at >= since, task.c.delivered_at < until)
        .group_by(*keys, task.c.owner.is_not(None))
        .order_by(*keys)
    )
    return tuple(_figure(row) for row in rows)


def counts(until: Instant) -> ColumnElement[bool]:
    """Of others' secrets every handoff sent; else those that ended or whose window has run out."""
    public = and_(task.c.owner.is_(None), case((task.c.on_time.is_not(None), True), else_=task.c.due_at < until))
    return public | and_(task.c.owner.is_not(None), task.c.outside)


def kept() -> ColumnElement[Any]:
    """How many were answered in time; of others' secrets, taken up."""
    taken = and_(task.c.owner.is_not(None), task.c.taken_at.is_not(None))
    return func.sum(case((taken, 1), (and_(task.c.owner.is_(None), task.c.on_time), 1), else_=0)).label("kept")


def _figure(row: Row[Any]) -> Figure:
    kept = int(row.kept)
    shown = row.n >= LEAST
    # Of the kept and of the rest neither may be so few that somebody can be meant.
    both = all(each == 0 or each >= LEAST for each in (kept, row.n - kept))
    return Figure(
        protocol=row.slug,
        from_agency=row.from_agency,
        agency=row.agency,
        step=row.step,
        confidential=bool(row.confidential),
        delivered=row.n if shown else None,
        kept=kept if shown and both else None,
    )
