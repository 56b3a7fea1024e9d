"""Figures for coordinators and the council: totals of handoffs, nothing that leads to a case."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import AwareDatetime

from api.deps import Here, Who, now
from api.once import Once
from api.views import Closed, instant, when
from protocol.kernel import Slug
from store import figures
from store.figures import Figure

router = APIRouter(route_class=Once)
QUARTER = 91 * 24 * 3600 * 1_000_000


class FigureOut(Closed):
    """Handoffs of one step between two agencies; empty figures are too small to be told.

    ``kept`` were answered in time, or of a confidential agency taken up; ``share`` is their part, in whole points.
    """

    protocol: Slug
    from_agency: Slug
    agency: Slug
    step: Slug
    confidential: bool
    delivered: int | None
    kept: int | None
    share: int | None


class FiguresOut(Closed):
    """The figures of a span of time."""

    since: datetime | None
    until: datetime | None
    least: int
    practice: bool
    items: list[FigureOut]


@router.get("/figures")
async def told(
    here: Here,
    who: Who,
    *,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    practice: bool = False,
) -> FiguresOut:
    """On-time shares by agency pair and step, of the last quarter if no span is given; small cells are hidden.

    Practice cases are in no figure of real ones; ``practice`` gives theirs alone.
    """
    end = now() if until is None else instant(until)
    begin = end - QUARTER if since is None else instant(since)
    found = await here.read(lambda connection: figures.figures(connection, who, begin, end, practice=practice))
    return FiguresOut(
        since=when(begin),
        until=when(end),
        least=figures.LEAST,
        practice=practice,
        items=[_out(each) for each in found],
    )


def _out(each: Figure) -> FigureOut:
    return FigureOut(
        protocol=each.protocol,
        from_agency=each.from_agency,
        agency=each.agency,
        step=each.step,
        confidential=each.confidential,
        delivered=each.delivered,
        kept=each.kept,
        share=None if each.share is None else round(each.share * 100),
    )
