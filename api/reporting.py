"""For those who report: which events are theirs and what each asks, a small file of them, and what arrived."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api.deps import Here, Services, Who, now
from api.edge import BYTES, note
from api.incidents import IncidentIn, take
from api.once import Once
from api.recording import seen
from api.records import shown
from api.tasks import Ask, ask_of
from api.views import Closed, when
from protocol.errors import HandoffError
from protocol.kernel import Event, Protocol
from protocol.names import Slug
from runtime import sheets
from runtime.incidents import Incident, RefusedRow
from runtime.sheets import Sheet
from store import people, protocols, reports
from store.plain import Plain
from store.policy import Subject
from store.session import Connection

router = APIRouter(prefix="/reports", route_class=Once)
FILE: Slug = "file"


class ReportForm(Closed):
    """An event that is mine to report. ``starts``: it begins a case. ``columns``: of a file of such events."""

    protocol: Slug
    title: str
    event: Slug
    source: Slug
    starts: bool
    asks: list[Ask]
    columns: list[Slug]
    zone: str


class ReportOut(Closed):
    """A report that arrived. ``name``: who sent it, of my own agency."""

    case: str
    code: str
    protocol: Slug
    event: Slug
    at: datetime | None
    recorded: datetime | None
    name: str | None


class FileIn(Closed):
    """A file of events that begin cases; its bytes go under ``vault`` as ``file``, one character each (latin-1)."""

    protocol: Slug
    event: Slug
    source: Slug
    vault: Annotated[list[str], Field(default_factory=list)]


class FixOut(Closed):
    """A row that does not go in: its line, what is wrong with which column. It repeats nothing of the row."""

    line: int
    code: str
    column: str
    says: str


class Checked(Closed):
    """What a file would do; nothing was sent. ``left_out``: columns that are not looked at."""

    ready: int
    fixes: list[FixOut]
    left_out: list[str]


class Sent(Closed):
    """What became of a file: cases opened, reports that joined one, rows that need a fix, and the cases' codes."""

    opened: int
    joined: int
    fixes: list[FixOut]
    codes: list[str]


@router.get("/forms")
async def forms(here: Here, who: Who) -> list[ReportForm]:
    """Every event I may report, with what it asks."""
    found = await here.read(lambda connection: mine(connection, who))
    return [_form(protocol, event, source) for protocol, event, source in found]


def mine(connection: Connection, who: Subject) -> list[tuple[Protocol, Event, Slug]]:
    """Every event of a text in force that somebody may report, and for which of their agencies."""
    theirs = (who.agency, *who.sources)
    return [
        (protocol, event, next(each for each in theirs if each in event.sources))
        for protocol in protocols.texts(connection).values()
        for event in protocol.events
        if not set(theirs).isdisjoint(event.sources)
    ]


def _form(protocol: Protocol, event: Event, source: Slug) -> ReportForm:
    asks = [ask_of(protocol, each, required=True) for each in event.brings]
    asks += [ask_of(protocol, each, required=False) for each in event.may_bring]
    return ReportForm(
        protocol=protocol.id,
        title=protocol.title,
        event=event.id,
        source=source,
        starts=event.starts,
        asks=asks,
        columns=list(sheets.columns(protocol, event)),
        zone=protocol.zone,
    )


@router.get("")
async def arrived(here: Here, who: Who, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[ReportOut]:
    """What my agency reported and what it became a part of, newest first. What is not here did not arrive."""

    def find(connection: Connection) -> list[ReportOut]:
        names = people.names(connection, who.agency)
        found = reports.reports(connection, who, limit=limit)
        for each in found:
            seen(who, each.case_id, ["report"])
        return [
            ReportOut(
                case=each.case_id,
                code=each.code,
                protocol=each.slug,
                event=each.event,
                at=when(each.at),
                recorded=when(each.recorded),
                name=names.get(each.person or ""),
            )
            for each in found
        ]

    return await here.read(find)


@router.post("/check")
async def check(request: Request, body: FileIn, here: Here, who: Who) -> Checked:
    """Say what a file would do, row by row that needs a fix."""
    _, sheet = await _read(request, body, here, who)
    return Checked(ready=len(sheet.ready), fixes=_fixes(sheet.fixes), left_out=list(sheet.left_out))


@router.post("/send")
async def send(request: Request, body: FileIn, here: Here, who: Who) -> Sent:
    """Send the rows of a file that are ready, each once however often the file comes; the others change nothing."""
    protocol, sheet = await _read(request, body, here, who)
    done: list[bool] = []
    codes: list[str] = []
    refused = list(sheet.fixes)
    for each in sheet.ready:
        said = {name: shown(protocol.field.get(name), value) for name, value in each.data.items()}
        incident = IncidentIn.model_validate({**_incident(body, each), "data": said})
        try:
            found = await take(here, who, incident, {name: Plain(value) for name, value in each.vault.items()})
        except HandoffError as error:
            if error.code.startswith(("NOT_YOUR", "DATABASE_", "TEMPORAL_", "UNANSWERED")):
                raise
            refused.append(RefusedRow(line=each.line, code=error.code, reason=error.message))
            continue
        done.append(found.joined)
        codes += [found.code] if found.code is not None else []
    return Sent(opened=done.count(False), joined=done.count(True), fixes=_fixes(refused), codes=codes)


def _incident(body: FileIn, row: Incident) -> dict[str, object]:
    return {
        "protocol": body.protocol,
        "event": body.event,
        "source": body.source,
        "key": row.key,
        "occurred_at": when(row.occurred_at),
        "hold_until": None if row.hold_until is None else when(row.hold_until),
    }


async def _read(request: Request, body: FileIn, here: Services, who: Subject) -> tuple[Protocol, Sheet]:
    """Read a file in memory.

    Raises:
        HandoffError: ``NOT_YOUR_EVENT``; ``UNKNOWN_EVENT`` for one that begins no case; ``FILE`` where there is none;
            as ``sheets.read_sheet``.
    """
    if body.source not in {who.agency, *who.sources}:
        raise HandoffError("NOT_YOUR_EVENT", f"you do not report for {body.source}")
    protocol = (await here.read(lambda connection: protocols.current(connection, body.protocol))).protocol
    event = protocol.event.get(body.event)
    if event is None or not event.starts or body.source not in event.sources:
        raise HandoffError("UNKNOWN_EVENT", f"{body.event} is no event of yours that begins a case")
    value = note(request, FILE)
    if value is None:
        raise HandoffError("FILE", "choose a file first")
    try:
        data = value.reveal().encode(BYTES)
    except UnicodeEncodeError:
        raise HandoffError("FILE", "send the file's bytes, one character each") from None
    at = now()
    return protocol, await run_in_threadpool(lambda: sheets.read_sheet(data, protocol, event, body.source, at))


def _fixes(rows: Iterable[RefusedRow]) -> list[FixOut]:
    return [FixOut(line=each.line, code=each.code, column=each.place, says=each.reason) for each in rows]
