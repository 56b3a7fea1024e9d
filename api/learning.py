"""What the figures show of a revision that is in force: each handoff before and after it, never why."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from api.deps import Here, Who, now
from api.views import Closed, when
from protocol.council.learning import SMALLEST, Share, Verdict
from protocol.names import Slug
from store import adherence
from store.adherence import Look
from store.revisions import keeping

router = APIRouter()


class ShareOut(Closed):
    """The share that was kept in time, in per cent, and between what it lies nineteen times of twenty."""

    share: float
    low: float
    high: float


class LookOut(Closed):
    """A handoff before and after. ``asked``: the revision changes its step; else it is also seen.

    ``due``: how many were due on each side, None where too few to be told. ``points`` is the difference, between
    ``low`` and ``high``. ``confidential``: kept is taken up, which is all that others know.
    """

    from_agency: Slug
    agency: Slug
    step: Slug
    confidential: bool
    asked: bool
    says: Verdict
    weeks: int
    due: tuple[int | None, int | None]
    before: ShareOut | None
    after: ShareOut | None
    points: float | None
    low: float | None
    high: float | None


class BeforeAfterOut(Closed):
    """A revision's figures since it came into force; what it is for first, the rest as also seen."""

    number: int
    aims: str
    since: datetime | None
    versions: tuple[int, int]
    looks: list[LookOut]


@router.get("/revisions/{number}/before-after")
async def before_after(number: int, here: Here, who: Who) -> BeforeAfterOut:
    """How each handoff was kept before and after a revision, by whole weeks of equal number on either side."""
    at = now()
    revision = await here.read(lambda connection: keeping.one(connection, number, at))
    found = await here.read(lambda connection: adherence.looked(connection, who, number, at))
    asked = {each.unit.partition(":")[2].partition("/")[0] for each in revision.standing.changes}
    looks = [_out(each, asked=each.step in asked) for each in found.looks]
    return BeforeAfterOut(
        number=number,
        aims=revision.draft.aims,
        since=when(found.since),
        versions=found.versions,
        looks=sorted(looks, key=lambda each: not each.asked),
    )


def _out(each: Look, *, asked: bool) -> LookOut:
    learned = each.learned
    before, after = learned.due
    return LookOut(
        from_agency=each.from_agency,
        agency=each.agency,
        step=each.step,
        confidential=each.confidential,
        asked=asked,
        says=learned.verdict,
        weeks=learned.weeks,
        due=(_many(before), _many(after)),
        before=_share(learned.before),
        after=_share(learned.after),
        points=_tenths(learned.points),
        low=_tenths(learned.low),
        high=_tenths(learned.high),
    )


def _many(number: int) -> int | None:
    return number if number >= SMALLEST else None


def _share(found: Share | None) -> ShareOut | None:
    if found is None:
        return None
    return ShareOut(share=round(100 * found.part, 1), low=round(100 * found.low, 1), high=round(100 * found.high, 1))


def _tenths(found: float | None) -> float | None:
    return None if found is None else round(found, 1)
