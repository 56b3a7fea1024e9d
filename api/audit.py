"""The audit as people meet it: heads to keep, who saw a case, what was found broken; and what looks after it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.deps import Here, Services, Who, now
from api.once import Once
from api.views import Closed, page, when
from protocol.errors import HandoffError
from protocol.names import Slug
from store import audit, cases, ids, protocols
from store.audit import breaches, heads, keeping
from store.audit import seen as readings
from store.policy import STEWARD, Subject
from store.session import Connection

log = structlog.get_logger("audit")
router = APIRouter(route_class=Once)
DAY = 24 * 3600
ASKED_EVERY = 15
"""Seconds between two looks whether a head is due."""

SETTLED = 600
"""Seconds after a start before the audit is looked at as a whole."""


class HeadOut(Closed):
    """One signed head; bytes as hexadecimal digits."""

    n: int
    at: int
    previous: str
    root: str
    signature: str


class HeadsOut(Closed):
    """Heads in their order, the site they are of, and the key that signed them."""

    site: str
    key: str
    heads: list[HeadOut]


class ReadingOut(Closed):
    """One thing somebody did with a case; empty below ``kind`` where it is another agency's to know."""

    at: datetime | None
    agency: Slug | None
    kind: str
    person: str | None = None
    name: str | None = None
    roles: tuple[Slug, ...] = ()
    action: str | None = None
    fields: tuple[str, ...] = ()
    ground: str | None = None
    allowed: bool | None = None
    reason: str | None = None


class BreachOut(Closed):
    """Something found broken, and until when whoever has to know is to be told."""

    id: str
    says: str
    code: str
    found_at: datetime | None
    due_at: datetime | None


@router.get("/audit/heads")
async def given_out(
    here: Here, who: Who, *, after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 1000
) -> HeadsOut:
    """Heads behind a number, for an agency's steward to keep."""
    _steward(who)

    def ask(connection: Connection) -> HeadsOut:
        return HeadsOut(
            site=ids.site_of(connection)[0],
            key=here.site_key.public.hex(),
            heads=[_head(each) for each in heads.after(connection, after, limit)],
        )

    return await here.read(ask)


def _head(head: heads.Head) -> HeadOut:
    return HeadOut(
        n=head.n,
        at=head.at,
        previous=head.previous.hex(),
        root=head.root.hex(),
        signature=head.signature.hex(),
    )


@router.get("/cases/{case}/readers")
async def readers(
    case: str, here: Here, who: Who, *, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> JSONResponse:
    """Who saw a case, newest first, for a lead or steward of an agency that has a part in it; asking is noted too."""
    position = here.open_cursor(who, cursor)

    def ask(connection: Connection) -> tuple[str, bool]:
        found = cases.seen(connection, who, case)
        return found.case_id, readings.may_ask(who, protocols.by_hash(connection, found.protocol_hash).protocol)

    case_id, may = await here.read(ask)
    if not may:
        raise HandoffError("NOT_YOURS", "who saw a case is told to a lead or the steward of an agency")
    entry = replace(audit.by(who, case_id, audit.Kind.AUDIT, "who-saw", now()), ground="lead")
    await run_in_threadpool(audit.write_down, here.database, [entry])
    found = await run_in_threadpool(
        lambda: readings.who_saw(
            here.database, here.custodian, here.site_key, who, case_id, cursor=position, limit=limit
        )
    )
    return page(here, who, [_reading(each) for each in found.rows], found.next)


def _reading(each: readings.Reading) -> ReadingOut:
    known = ReadingOut(at=when(each.at), agency=each.agency, kind=each.kind)
    if each.detail is None:
        return known
    said = each.detail
    return known.model_copy(
        update={
            "person": said.person,
            "name": each.name,
            "roles": said.roles,
            "action": said.action,
            "fields": said.fields,
            "ground": said.ground,
            "allowed": said.allowed,
            "reason": said.reason,
        }
    )


@router.get("/audit/breaches")
async def broken(here: Here, who: Who) -> list[BreachOut]:
    """What was found broken in the audit and nobody has seen to, for stewards."""
    _steward(who)
    found = await here.read(breaches.unanswered)
    return [
        BreachOut(
            id=each.id,
            says=each.says,
            code=each.wrong.value,
            found_at=when(each.found_at),
            due_at=when(each.due_at),
        )
        for each in found
    ]


@router.post("/audit/breaches/{breach}/answer")
async def answered(breach: str, here: Here, who: Who) -> list[BreachOut]:
    """Say that whoever has to know of a breach was told; what is left."""
    _steward(who)

    def change(connection: Connection) -> None:
        breaches.answer(connection, breach, who.person_id, now())
        entry = audit.by(who, audit.SITE, audit.Kind.AUDIT, "breach-answered", now())
        audit.append(connection, [entry])

    await here.write(change)
    return await broken(here, who)


def _steward(who: Subject) -> None:
    if STEWARD not in who.roles:
        raise HandoffError("NOT_YOURS", "only an agency's steward looks after the audit")


async def sign_heads(here: Services) -> None:
    """Sign a head every five minutes, until cancelled; a chain found cut starts the breach path."""
    while True:
        try:
            made, cut = await run_in_threadpool(heads.make, here.database, here.site_key, now())
            new = await run_in_threadpool(keeping.found_cut, here.database, cut, now())
            if new:
                log.critical("the audit was cut", count=new)
            if made is not None:
                log.info("audit head", seq=made.n, hash=hashlib.sha256(made.root).hexdigest())
        except HandoffError as error:
            log.exception("no audit head", code=error.code)
        # Asked for more often than made, so that a restart does not make one late.
        await asyncio.sleep(ASKED_EVERY)


async def look_after(here: Services) -> None:
    """Once a day verify the whole audit, then drop what was kept long enough, until cancelled."""
    await asyncio.sleep(SETTLED)
    while True:
        try:
            verdict, new = await run_in_threadpool(keeping.looked_at, here.database, here.site_key, now())
            if new:
                log.critical("the audit is broken", count=len(verdict.flaws))
            years = here.settings.audit_years
            gone = await run_in_threadpool(keeping.prune, here.database, here.site_key, years, now())
            log.info("audit looked at", count=verdict.rows, seq=gone)
        except HandoffError as error:
            log.exception("the audit was not looked at", code=error.code)
        await asyncio.sleep(DAY)
