"""Figures for coordinators and the council: totals of handoffs in fixed periods, nothing that leads to a case."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool

from api.deps import Here, Services, Who, now
from api.once import Once
from api.views import Closed
from protocol.errors import HandoffError
from protocol.names import Slug
from store import figures, protocols, told_figures
from store.figures import LEAST
from store.hiding import Told
from store.policy import Subject
from store.session import Connection
from store.told_figures import MONTHS, Figure

log = structlog.get_logger("api")
router = APIRouter(route_class=Once)
LOOKED_EVERY = 3_600
"""Seconds between two looks for months that are to freeze."""

QUARTER = 91 * 24 * 3600 * 1_000_000
PERIOD = r"^\d{4}(-(Q[1-4]|(0[1-9]|1[0-2])))?$"


class FigureOut(Closed):
    """Handoffs of one step between two agencies in one period.

    ``told``: all; nearly-all or nearly-none (were kept: the rest is too small to tell); count (how many, not how they
    divide); nothing (too few, or too few would follow). ``kept`` were answered in time, or of a confidential agency
    taken up; ``share`` is their part, in whole points. ``usual``, ``most``: minutes in which half, and 9 of 10, were.
    """

    protocol: Slug
    from_agency: Slug
    agency: Slug
    step: Slug
    period: str
    confidential: bool
    told: Told
    delivered: int | None
    kept: int | None
    share: int | None
    usual: int | None
    most: int | None


class FiguresOut(Closed):
    """The figures of a period; ``months``: of the twelve before its end; ``periods``: those there are, newest first.

    ``aside``: how many were paused or cancelled and are counted in nothing; None: too few to tell.
    """

    period: str | None
    practice: bool
    periods: list[str]
    least: int
    aside: int | None
    items: list[FigureOut]
    months: list[FigureOut]


@router.get("/figures")
async def told(
    here: Here, who: Who, *, period: Annotated[str | None, Query(pattern=PERIOD)] = None, practice: bool = False
) -> FiguresOut:
    """On-time shares by agency pair and step in a month, quarter or year that is frozen, by default the newest month.

    Practice cases are in no figure of real ones; ``practice`` gives theirs alone, of the last quarter up to now.
    """
    if practice:
        return await here.read(lambda connection: _practised(connection, who))

    def ask(connection: Connection) -> FiguresOut:
        known = told_figures.periods(connection)
        months = [each for each in known if told_figures.is_month(each)]
        chosen = period or next(iter(months), None)
        if chosen is not None and chosen not in known and period is not None:
            raise HandoffError("NO_PERIOD", "that period is not there: a month's figures come ten days after its end")
        shown = () if chosen is None else told_figures.figures(connection, who, [chosen])
        line = sorted(months)[-MONTHS:]
        return FiguresOut(
            period=chosen,
            practice=False,
            periods=list(known),
            least=LEAST,
            aside=None if chosen is None else told_figures.aside(connection, who, chosen),
            items=[_out(each) for each in shown],
            months=[_out(each) for each in told_figures.figures(connection, who, line)],
        )

    return await here.read(ask)


def _practised(connection: Connection, who: Subject) -> FiguresOut:
    at = now()
    found = figures.figures(connection, who, at - QUARTER, at, practice=True)
    shown = [
        Figure(
            key=(each.protocol, each.from_agency, each.agency, each.step),
            period="",
            confidential=each.confidential,
            told=Told.NOTHING if each.delivered is None else Told.COUNT if each.kept is None else Told.ALL,
            n=each.delivered,
            kept=each.kept,
            usual=None,
            most=None,
        )
        for each in found
    ]
    items = [_out(each) for each in shown]
    return FiguresOut(period=None, practice=True, periods=[], least=LEAST, aside=None, items=items, months=[])


@router.get("/figures.csv")
async def download(here: Here, who: Who) -> Response:
    """Everything that is told of every period, as a table: no figure that no page shows."""

    def ask(connection: Connection) -> list[FigureOut]:
        return [_out(each) for each in told_figures.figures(connection, who, told_figures.periods(connection))]

    rows = await here.read(ask)
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(FigureOut.model_fields)
    table.writerows(
        ["" if value is None else value for value in each.model_dump(mode="json").values()] for each in rows
    )
    headers = {"Content-Disposition": 'attachment; filename="figures.csv"', "Cache-Control": "no-store"}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _out(each: Figure) -> FigureOut:
    protocol, from_agency, agency, step = each.key
    share = None if each.kept is None or not each.n else round(100 * each.kept / each.n)
    return FigureOut(
        protocol=protocol,
        from_agency=from_agency,
        agency=agency,
        step=step,
        period=each.period,
        confidential=each.confidential,
        told=each.told,
        delivered=each.n,
        kept=each.kept,
        share=share,
        usual=each.usual,
        most=each.most,
    )


async def freeze_now_and_then(here: Services) -> None:
    """Freeze the months that are over for ten days, one after another, now and then, until cancelled."""
    while True:
        try:
            await run_in_threadpool(freeze_all, here)
        except HandoffError as error:
            log.warning("figures not frozen", code=error.code)
        await asyncio.sleep(LOOKED_EVERY)


def freeze_all(here: Services) -> None:
    """Freeze every month that is to freeze now, in the zone of the first text in force."""
    with here.database.read() as connection:
        zone = protocols.site_zone(connection)
        months = told_figures.to_freeze(connection, zone, now())
    for month in months:
        with here.database.write() as connection:
            told_figures.freeze(connection, month, zone, now())
