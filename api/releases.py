"""Releases: an agency drafts, signs and takes them back; whoever one names looks at what it shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import Field

from api.deps import Here, Services, StepUp, Who, now
from api.edge import note
from api.once import Once
from api.recording import recorded, seen
from api.views import Closed, instant, when
from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store.policy import Action, Kind, Subject
from store.releases import acts, filing, opening
from store.releases.acts import Wanted
from store.releases.document import Form, Ground, Purpose, Signed, Signer
from store.releases.filing import Filed
from store.session import Connection

log = structlog.get_logger("releases")
router = APIRouter(route_class=Once)
ASKED_EVERY = 30
"""Seconds between two tries to tell a custodian of what was taken back while it did not answer."""

Words = Annotated[list[str], Field(default_factory=list, description="``words``: sealed, your agency alone reads them")]
Fields = Annotated[list[Slug], Field(max_length=100)]


class Viewing(APIRoute):
    """A route whose answer is written down and never kept, whatever key comes with it: it holds values."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler."""
        return recorded(super().get_route_handler(), self.path)


viewing = APIRouter(route_class=Viewing)


class RecipientIn(Closed):
    """With whom: an agency, or one role or person of it; and which fields, one by one."""

    agency: Slug
    role: Slug | None = None
    person: OpaqueId | None = None
    fields: Fields


class DraftIn(RecipientIn):
    """A release to be signed."""

    purpose: Purpose
    until: datetime
    starts: datetime | None = None
    vault: Words


class SignedIn(Closed):
    """What she and, where needed, her guardian signed; ``explained_by`` is whoever signs in, if left out."""

    signer: Signer = Signer.SURVIVOR
    form: Form = Form.PAPER
    by_survivor: bool = False
    by_guardian: bool = False
    guardian_not_suspect: bool = False
    guardians_order: bool = False
    explained_by: OpaqueId | None = None
    language: Slug = "english"


class ReleaseOut(Closed):
    """A release as the people of its agency see it. ``state``: draft, waiting, in-force, revoked, expired."""

    release: str
    case: str
    to_agency: Slug
    to_role: Slug | None
    to_person: str | None
    ground: Ground
    purpose: Purpose
    fields: tuple[Slug, ...]
    starts: datetime | None
    until: datetime | None
    agreement: Slug
    agreed_until: datetime | None
    state: Slug
    signed_at: datetime | None
    revoked_at: datetime | None
    signer: Signer | None
    form: Form | None
    explained_by: str | None
    language: Slug | None


class SharedOut(Closed):
    """Something that was shared with me."""

    release: str
    case: str
    from_agency: Slug
    purpose: Purpose
    fields: tuple[Slug, ...]
    until: datetime | None
    once: bool
    state: Slug


def release_out(filed: Filed) -> ReleaseOut:
    """A release for its own agency."""
    it, signed = filed.release, filed.release.signed
    return ReleaseOut(
        release=it.id,
        case=filed.code,
        to_agency=it.to.agency,
        to_role=it.to.role,
        to_person=it.to.person,
        ground=it.ground,
        purpose=it.purpose,
        fields=it.fields,
        starts=when(it.starts),
        until=when(it.ends),
        agreement=it.agreement,
        agreed_until=when(it.agreed_until),
        state=filed.state(now()),
        signed_at=when(filed.signed_at),
        revoked_at=when(filed.revoked_at),
        signer=None if signed is None else signed.signer,
        form=None if signed is None else signed.form,
        explained_by=None if signed is None else signed.explained_by,
        language=None if signed is None else signed.language,
    )


def noted(who: Subject, filed: Filed) -> ReleaseOut:
    """A release for its own agency; that it is shown is written down."""
    seen(who, filed.release.case_id, ["release", *(f"slot:{each}" for each in filed.release.fields)])
    return release_out(filed)


@router.post("/cases/{case}/releases")
async def draft(case: str, body: DraftIn, request: Request, here: Here, who: Who) -> ReleaseOut:
    """Write a release down, for her to read; nothing is shared before it is signed."""
    wanted = Wanted(
        agency=body.agency,
        role=body.role,
        person=body.person,
        fields=tuple(body.fields),
        purpose=body.purpose,
        until=instant(body.until),
        starts=None if body.starts is None else instant(body.starts),
    )
    said = note(request, "words")
    filed = await run_in_threadpool(
        lambda: acts.draft(here.database, here.custodian, who, case, wanted, said=said, now=now())
    )
    return noted(who, filed)


@router.get("/cases/{case}/releases")
async def listed(case: str, here: Here, who: Who) -> list[ReleaseOut]:
    """My agency's releases about a case, newest first."""

    def ask(connection: Connection) -> list[ReleaseOut]:
        file = filing.of_case(connection, who, case)
        filing.must(who, Action.READ, filing.object_of(connection, file, Kind.RELEASE, who.agency), "case")
        # That there is none is an answer about the case too.
        seen(who, file.case_id, ["release"])
        return [noted(who, each) for each in filing.about(connection, who.agency, file.case_id)]

    return await here.read(ask)


@router.post("/releases/{release}/sign")
async def sign(release: str, body: SignedIn, here: Here, who: StepUp) -> ReleaseOut:
    """Put my agency's key to what she signed; from then on its recipient may look."""
    signed = Signed(**{**body.model_dump(), "explained_by": body.explained_by or who.person_id})
    filed = await run_in_threadpool(lambda: acts.sign(here.database, here.custodian, who, release, signed, now()))
    return noted(who, filed)


@router.post("/releases/{release}/revoke")
async def revoke(release: str, here: Here, who: Who) -> ReleaseOut:
    """Take a release back, on her word, without a reason; from the next look on it opens nothing."""
    filed = await run_in_threadpool(lambda: acts.revoke(here.database, here.custodian, who, release, now()))
    return noted(who, filed)


@router.get("/releases")
async def shared(here: Here, who: Who) -> list[SharedOut]:
    """What was shared with me, newest first."""

    def ask(connection: Connection) -> list[SharedOut]:
        found = filing.shared_with(connection, who, now())
        for each in found:
            seen(who, each.release.case_id, ["release"])
        return [
            SharedOut(
                release=each.release.id,
                case=each.code,
                from_agency=each.release.owner,
                purpose=each.release.purpose,
                fields=each.release.fields,
                until=when(each.release.ends),
                once=each.release.once,
                state=each.state(now()),
            )
            for each in found
        ]

    return await here.read(ask)


@viewing.post("/releases/{release}/open")
async def opened(release: str, here: Here, who: Who) -> JSONResponse:
    """Look at what a release shares with me; the agency that shares it writes down that I did."""
    values = await run_in_threadpool(lambda: opening.view(here.database, here.custodian, who, release, now()))
    found = {field: value.reveal() for field, value in sorted(values.items())}
    return JSONResponse({"release": release, "values": found}, headers={"Cache-Control": "no-store"})


async def tell_custodians(here: Services) -> None:
    """Tell custodians of what was taken back while they did not answer, until cancelled."""
    while True:
        try:
            count = await run_in_threadpool(acts.tell_custodians, here.database, here.custodian)
            if count:
                log.info("custodians told", count=count)
        except HandoffError as error:
            log.warning("custodians not told", code=error.code)
        await asyncio.sleep(ASKED_EVERY)
