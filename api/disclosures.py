"""What left the house: the log that a survivor can be given, and disclosure without a release."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from api.deps import Here, StepUp, Who, now
from api.edge import note
from api.once import Once
from api.recording import seen
from api.releases import RecipientIn, ReleaseOut, Words, noted
from api.views import Closed, when
from protocol.languages import Tongue
from protocol.names import Slug
from store.policy import Action, Kind, Subject
from store.releases import acts, filing, log, threats
from store.releases.acts import Wanted
from store.releases.document import Ground, Purpose
from store.releases.filing import File, Filed
from store.releases.log import Line
from store.session import Connection

router = APIRouter(route_class=Once)


class LineOut(Closed):
    """One opening by somebody of another agency; ``opened`` is false where the custodian denied it."""

    at: datetime | None
    release: str
    ground: Ground
    purpose: Purpose
    agency: Slug
    name: str
    roles: tuple[Slug, ...]
    fields: tuple[Slug, ...]
    opened: bool


class Paper(StrEnum):
    """How the log is given out."""

    CSV = "csv"
    LETTER = "letter"


class ThreatIn(RecipientIn):
    """What must be told, to whom, on what ground; the reason goes under ``vault`` as ``reason``."""

    ground: Ground
    vault: Words


class AnswerIn(Closed):
    """Yes or no."""

    yes: bool


class ThreatOut(Closed):
    """A disclosure without a release, with what a supervisor said and until when it is to be reviewed."""

    disclosure: ReleaseOut
    answered: bool | None
    answered_at: datetime | None
    review_due: datetime | None
    reviewed_at: datetime | None
    review_late: bool


def _found(connection: Connection, who: Subject, case: str) -> tuple[File, tuple[Line, ...]]:
    file = filing.of_case(connection, who, case)
    filing.must(who, Action.READ, filing.object_of(connection, file, Kind.LOG, who.agency), "case")
    return file, log.lines(connection, who.agency, file.case_id)


@router.get("/cases/{case}/disclosures")
async def lines(case: str, here: Here, who: Who) -> list[LineOut]:
    """What left my agency about a case, oldest first."""
    file, found = await here.read(lambda connection: _found(connection, who, case))
    seen(who, file.case_id, ["disclosures"])
    return [
        LineOut(
            at=when(each.at),
            release=each.release,
            ground=each.ground,
            purpose=each.purpose,
            agency=each.agency,
            name=each.name,
            roles=each.roles,
            fields=each.fields,
            opened=each.opened,
        )
        for each in found
    ]


@router.get("/cases/{case}/disclosures/export")
async def exported(case: str, here: Here, who: StepUp, form: Paper = Paper.LETTER, language: Tongue = "en") -> Response:
    """The log as a letter to give her, or as CSV. Ask first whether it is safe for her to take home."""
    file, found = await here.read(lambda connection: _found(connection, who, case))
    await run_in_threadpool(acts.note, here.database, who, file.case_id, "disclosures-export", now())
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="letter.{_ending(form)}"'}
    if form is Paper.CSV:
        return Response(log.as_csv(found), media_type="text/csv; charset=utf-8", headers=headers)
    letter = log.as_letter(found, language, file.protocol.zone)
    return Response(letter, media_type="text/plain; charset=utf-8", headers=headers)


def _ending(form: Paper) -> str:
    return "csv" if form is Paper.CSV else "txt"


@router.post("/cases/{case}/threats")
async def ask(case: str, body: ThreatIn, request: Request, here: Here, who: StepUp) -> ThreatOut:
    """Ask to tell somebody what a danger to life, or the law, demands; a supervisor says yes or no."""
    wanted = Wanted(
        agency=body.agency,
        role=body.role,
        person=body.person,
        fields=tuple(body.fields),
        ground=body.ground,
        until=0,
    )
    reason = note(request, "reason")
    return _threat(
        who,
        await run_in_threadpool(
            lambda: threats.ask(
                *(here.database, here.custodian, who, case, wanted),
                reason=reason,
                now=now(),
                grounds=here.settings.grounds,
            )
        ),
    )


@router.post("/threats/{release}/answer")
async def answer(release: str, body: AnswerIn, here: Here, who: StepUp) -> ThreatOut:
    """Say yes, from which it may be looked at, or no, with which nothing leaves."""
    return _threat(
        who,
        await run_in_threadpool(
            lambda: threats.answer(here.database, here.custodian, who, release, yes=body.yes, now=now())
        ),
    )


@router.post("/threats/{release}/review")
async def review(release: str, here: Here, who: Who) -> ThreatOut:
    """Say that I have looked at what went ahead without an answer."""
    return _threat(who, await run_in_threadpool(threats.review, here.database, who, release, now()))


@router.get("/threats")
async def listed(here: Here, who: Who) -> list[ThreatOut]:
    """My agency's disclosures without a release that are mine to answer, newest first."""

    def find(connection: Connection) -> list[ThreatOut]:
        return [_threat(who, each) for each in threats.to_see(connection, who)]

    return await here.read(find)


def _threat(who: Subject, filed: Filed) -> ThreatOut:
    due = threats.review_due(filed)
    said = filed.answered
    return ThreatOut(
        disclosure=noted(who, filed),
        answered=None if said is None else said.yes,
        answered_at=None if said is None else when(said.at),
        review_due=when(due),
        reviewed_at=when(filed.reviewed_at),
        review_late=due is not None and filed.reviewed_at is None and now() > due,
    )
