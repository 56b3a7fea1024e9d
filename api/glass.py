"""Break-glass with a second person's yes; cases closed to one's own staff; words that hold nothing of a case."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api.deps import Here, StepUp, Who, now
from api.disclosures import AnswerIn
from api.edge import note
from api.once import Once
from api.recording import seen
from api.releases import Words
from api.views import Closed, when
from protocol.names import OpaqueId, Slug
from store import cases
from store.policy import Subject
from store.releases import glass as breaking
from store.releases import shields, words
from store.releases.glass import Glass, Reason
from store.releases.words import Says, Word
from store.session import Connection

router = APIRouter(route_class=Once)


class GlassIn(Closed):
    """Why, and for how long; the words go under ``vault`` as ``reason``."""

    reason: Reason
    minutes: Annotated[int, Field(ge=1)] = 60
    vault: Words


class GlassOut(Closed):
    """One asking. ``state``: asked, lapsed, denied, open, over."""

    glass: str
    case: str
    person: str
    name: str
    reason: Reason
    asked_at: datetime | None
    second: str | None
    answered_at: datetime | None
    until: datetime | None
    state: Slug


class ShieldIn(Closed):
    """Whom a case is to be closed to, of my own agency; ``me`` for myself."""

    person: OpaqueId
    reason: shields.Reason = shields.Reason.KNOWS_SOMEBODY


class ShieldOut(Closed):
    """Somebody a case is closed to."""

    person: str
    name: str
    reason: str
    by: str
    at: datetime | None


class WordOut(Closed):
    """Something to look at; what it is about is told where that is shown."""

    id: str
    says: Says
    at: datetime | None
    read_at: datetime | None


@router.post("/cases/{case}/break-glass")
async def ask(case: str, body: GlassIn, request: Request, here: Here, who: StepUp) -> GlassOut:
    """Ask a second person for their yes to my seeing a case that is not mine."""
    said = note(request, "reason")
    made = await run_in_threadpool(
        lambda: breaking.ask(
            *(here.database, here.custodian, who, case, body.reason), minutes=body.minutes, said=said, now=now()
        )
    )
    return _glass(who, made)


@router.post("/break-glass/{glass}/answer")
async def answer(glass: str, body: AnswerIn, here: Here, who: StepUp) -> GlassOut:
    """Say yes or no to somebody else's asking."""
    found = await run_in_threadpool(
        lambda: breaking.answer(here.database, here.custodian, who, glass, yes=body.yes, now=now())
    )
    return _glass(who, found)


@router.get("/break-glass")
async def listed(here: Here, who: Who) -> list[GlassOut]:
    """The last seven days: all of my agency's for who leads it, else mine and what waits for a yes."""

    def find(connection: Connection) -> list[GlassOut]:
        return [_glass(who, each) for each in breaking.listed(connection, who, now())]

    return await here.read(find)


def _glass(who: Subject, found: Glass) -> GlassOut:
    seen(who, found.case_id, ["glass"])
    return GlassOut(
        glass=found.id,
        case=found.code,
        person=found.person,
        name=found.name,
        reason=found.reason,
        asked_at=when(found.asked_at),
        second=found.second_name,
        answered_at=when(found.answered_at),
        until=when(found.ends),
        state=found.state(now()),
    )


@router.post("/cases/{case}/shields")
async def close(case: str, body: ShieldIn, here: Here, who: Who) -> dict[str, bool]:
    """Close a case to myself, or to somebody of the agency I lead."""
    whom = who.person_id if body.person == "me" else body.person
    await run_in_threadpool(lambda: shields.set_(here.database, who, case, whom, body.reason, now=now()))
    return {"shielded": True}


@router.post("/cases/{case}/shields/{person}/lift")
async def lift(case: str, person: str, here: Here, who: Who) -> dict[str, bool]:
    """Open a case to somebody again, as who leads the agency and is not shielded from it."""
    await run_in_threadpool(lambda: shields.lift(here.database, who, case, person, now=now()))
    return {"shielded": False}


@router.get("/cases/{case}/shields")
async def closed_to(case: str, here: Here, who: Who) -> list[ShieldOut]:
    """Who of my agency a case is closed to, for who leads it."""

    def find(connection: Connection) -> tuple[shields.Shield, ...]:
        found = shields.listed(connection, who, case)
        seen(who, cases.seen(connection, who, case).case_id, ["shield"])
        return found

    found = await here.read(find)
    return [
        ShieldOut(person=each.person, name=each.name, reason=each.reason, by=each.by, at=when(each.at))
        for each in found
    ]


@router.get("/words")
async def told(here: Here, who: Who) -> list[WordOut]:
    """What I was told that is no notice of a case, newest first."""
    found = await here.read(lambda connection: words.told(connection, who, now()))
    return [_word(each) for each in found]


@router.post("/words/{word}/read")
async def read(word: str, here: Here, who: Who) -> WordOut:
    """Say that I have read it."""
    return _word(await here.write(lambda connection: words.mark_read(connection, who, word, now())))


def _word(each: Word) -> WordOut:
    return WordOut(id=each.id, says=each.says, at=when(each.at), read_at=when(each.read_at))
