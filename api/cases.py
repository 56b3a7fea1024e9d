"""Cases, their timelines and protected values; handoffs between agencies; who was told what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import JsonValue

from api.deps import Here, Services, Who, actors, command_id, now
from api.once import Once
from api.recording import seen
from api.records import columns_of, item_shown, shown
from api.views import Closed, Spoken, TaskOut, page, tasks_out, when
from protocol.engine import clocks
from protocol.kernel import Protocol
from protocol.messages import Input, PageRead
from protocol.names import OpaqueId, Slug
from protocol.origins import owners_of
from store import cases, escalations, handoffs, notices, protocols, timeline, vault
from store.labels import agency_owner, field_owner, step_owner
from store.linked import LinkView
from store.paging import Page
from store.policy import Subject, SubjectKind, unknown
from store.policy.table import Condition
from store.policy.values import may_open
from store.releases import glass
from store.session import Connection
from workflows import client as flows
from workflows.messages import linked_case_id

router = APIRouter(route_class=Once)
Limit = Annotated[int, Query(ge=1, le=200)]
INSTANTS = {"due", "starts", "until", "was"}
"""Parts of facts that are instants."""


class CaseRow(Closed):
    """One case in a list. ``clock``: what the own clock of a practice case shows; null for a real one."""

    case: str
    code: str
    protocol: Slug
    protocol_hash: str
    opened_at: datetime | None
    status: str | None
    part: str
    practice: bool
    clock: datetime | None


class LinkedOut(Closed):
    """A case that this one began; ``link`` null: of the same protocol. ``case`` and ``code``: for its parties only."""

    link: Slug | None
    protocol: Slug
    event: Slug
    started_at: datetime | None
    opened_at: datetime | None
    ended_at: datetime | None
    case: str | None
    code: str | None


class LanePauseOut(Closed):
    """A lane whose clocks stand still, until a time at the latest."""

    lane: Slug
    since: datetime | None
    until: datetime | None


class CaseOut(Closed):
    """One case as its reader may see it; ``protected`` names the values kept, never their content.

    ``zone`` is the time zone of its protocol. ``may_move``: whether its reader may move its clock, for practice cases.
    ``version`` is the text's, ``agencies`` whoever owns a step in it; ``known_at``: since when a field has its value.
    """

    case: CaseRow
    fields: dict[Slug, JsonValue]
    known_at: dict[Slug, datetime | None]
    protected: list[Slug]
    tasks: list[TaskOut]
    linked: list[LinkedOut]
    pauses: list[LanePauseOut]
    zone: str
    may_move: bool
    version: int
    agencies: list[Slug]


class Moment(Closed):
    """One thing that happened, in its reader's own numbering."""

    number: int
    at: datetime | None
    recorded: datetime | None
    kind: str
    lane: Slug | None
    agency: Slug | None
    step: Slug | None
    task: str | None
    data: dict[str, JsonValue]


class NoticeOut(Closed):
    """Who was told, how, when and why; ``late_seconds``: how long after its instant it was done.

    ``read_at`` and ``read_by`` (the role that was told) are empty until somebody has read it.
    """

    id: str
    case: str
    code: str
    step: Slug
    agency: Slug | None
    told: Slug
    told_agency: Slug
    how: str
    why: str
    at: datetime | None
    recorded: datetime | None
    late_seconds: int
    taken_at: datetime | None
    due_at: datetime | None
    read_at: datetime | None
    read_by: Slug | None
    practice: bool


def row(found: cases.CaseSummary) -> CaseRow:
    """A case as lists have it."""
    return CaseRow(
        case=found.case_id,
        code=found.code,
        protocol=found.slug,
        protocol_hash=found.protocol_hash,
        opened_at=when(found.opened_at),
        status=found.status,
        part=found.part,
        practice=found.practice,
        clock=when(now() + found.ahead) if found.practice else None,
    )


@router.get("/cases")
async def recent(
    here: Here,
    who: Who,
    *,
    protocol: Slug | None = None,
    practice: bool = False,
    cursor: str | None = None,
    limit: Limit = 50,
) -> JSONResponse:
    """Cases in which my agency has a part, newest first: real ones, or with ``practice`` those for practice alone."""
    position = here.open_cursor(who, cursor)

    def ask(connection: Connection) -> Page[cases.CaseSummary]:
        found = cases.recent(connection, who, slug=protocol, practice=practice, cursor=position, limit=limit)
        known = protocols.by_hashes(connection, {each.protocol_hash for each in found.rows})
        for each in found.rows:
            seen(who, each.case_id, ["part"] if agency_owner(known[each.protocol_hash], who.agency) else [])
        return found

    found = await here.read(ask)
    return page(here, who, [row(each) for each in found.rows], found.next)


@router.get("/cases/{case}")
async def one(case: str, here: Here, who: Who, tongue: Spoken) -> CaseOut:
    """One case, by its id or its code."""

    def ask(connection: Connection) -> CaseOut:
        found = cases.one(connection, who, case)
        version = protocols.by_hash(connection, found.case.protocol_hash)
        protocol = version.protocol
        fields: dict[Slug, JsonValue] = {}
        inside = [f"field:{e.field}" for e in found.fields if field_owner(protocol, e.field) == who.agency]
        seen(who, found.case.case_id, [*inside, *(f"slot:{each.slot}" for each in found.slots)])
        for each in found.fields:
            fields[each.field] = shown(protocol.field.get(each.field), each.value)
        return CaseOut(
            case=row(found.case),
            fields=fields,
            known_at={each.field: when(each.at) for each in found.fields},
            protected=sorted({each.slot for each in found.slots}),
            tasks=tasks_out(connection, who, found.tasks, tongue),
            linked=[_linked(connection, here, who, protocol, found.case.case_id, each) for each in found.links],
            pauses=[LanePauseOut(lane=e.lane, since=when(e.since), until=when(e.until)) for e in found.pauses],
            zone=protocol.zone,
            may_move=found.case.practice and trains(who, protocol),
            version=version.version,
            agencies=list(dict.fromkeys(owner for each in protocol.steps for owner in owners_of(protocol, each))),
        )

    return await here.read(ask)


def trains(who: Subject, protocol: Protocol) -> bool:
    """Whether somebody may begin and move practice cases of a protocol."""
    agency = protocol.agency.get(who.agency)
    leads = agency is not None and not set(agency.leads).isdisjoint(who.roles)
    return who.kind is SubjectKind.PERSON and (who.coordinates or leads)


def _linked(
    connection: Connection, here: Services, who: Subject, protocol: Protocol, parent: OpaqueId, link: LinkView
) -> LinkedOut:
    case_id = linked_case_id(here.case_key, parent, link.seq)
    code = cases.code_seen(connection, who, case_id)
    return LinkedOut(
        link=link.link,
        protocol=protocol.id if link.link is None else protocol.link[link.link].protocol,
        event=link.event,
        started_at=when(link.started_at),
        opened_at=when(link.opened_at),
        ended_at=when(link.ended_at),
        case=None if code is None else case_id,
        code=code,
    )


@router.get("/cases/{case}/timeline")
async def happened(case: str, here: Here, who: Who) -> list[Moment]:
    """What happened in a case, as far as its reader may know."""
    return await here.read(lambda connection: moments(connection, who, case))


def moments(connection: Connection, who: Subject, case: str) -> list[Moment]:
    """What happened in a case, oldest first, with times as times; written down as seen."""
    rows, protocol = _timeline(connection, who, case)
    return [
        Moment(
            number=each.number,
            at=when(each.at),
            recorded=when(each.recorded),
            kind=each.kind,
            lane=each.lane,
            agency=each.agency,
            step=each.step,
            task=each.task_id,
            data=_data(protocol, each),
        )
        for each in rows
    ]


def _timeline(connection: Connection, who: Subject, case: str) -> tuple[tuple[timeline.TimelineRow, ...], Protocol]:
    found = cases.seen(connection, who, case)
    rows = timeline.timeline(connection, who, found.case_id)
    protocol = protocols.by_hash(connection, found.protocol_hash).protocol
    steps = {each.step for each in rows if each.full and each.step in protocol.step}
    seen(who, found.case_id, [f"step:{each}" for each in steps if each and step_owner(protocol, each) == who.agency])
    return rows, protocol


def _data(protocol: Protocol, row: timeline.TimelineRow) -> dict[str, JsonValue]:
    """What a fact says besides its time and place, with instants as times and values as their fields have them."""
    said = dict(row.data)
    for name in INSTANTS & set(said):
        at = said[name]
        said[name] = clocks.moment(at).isoformat() if isinstance(at, int) else None
    item = said.get("item")
    if isinstance(item, dict) and row.step is not None:
        said["item"] = item_shown(columns_of(protocol, row.step), item)
    if row.kind in ("field-set", "counted"):
        said["value"] = shown(protocol.field.get(str(said["field"])), said["value"])
    return said


@router.get("/cases/{case}/protected/{slot}")
async def opened(case: str, slot: Slug, here: Here, who: Who, why: Slug = "case-page") -> JSONResponse:
    """Open a protected value for a person of the agency that keeps it; written down before it is opened."""
    found, ground, broken = await here.read(lambda connection: _openable(connection, who, case, slot))
    refs = [each.ref for each in found.slots if each.slot == slot]
    case_id = found.case.case_id
    values = await run_in_threadpool(
        lambda: vault.open_values(
            *(here.database, here.custodian, who, case_id, refs[-1:]), why=why, now=now(), ground=ground, glass=broken
        )
    )
    headers = {"Cache-Control": "no-store"}
    return JSONResponse({"slot": slot, "value": values[refs[-1]].reveal()}, headers=headers)


def _openable(connection: Connection, who: Subject, case: str, slot: Slug) -> tuple[cases.CaseView, str, str | None]:
    """The case, if its reader may open this value of it, by what right, and through which glass if it is by that."""
    found = cases.one(connection, who, case)
    protocol = protocols.by_hash(connection, found.case.protocol_hash).protocol
    known = protocol.slot.get(slot)
    mine = known is not None and known.keeper == who.agency
    broken = glass.broken(connection, who.agency, found.case.case_id, now()) if mine else {}
    decision = may_open(connection, who, protocol, found.case.case_id, slot, frozenset(broken))
    if not decision.allowed or not any(each.slot == slot for each in found.slots):
        raise unknown("value")
    through = broken.get(who.person_id) if Condition.BROKEN_GLASS in decision.ground.split("+") else None
    return found, decision.ground, through


@router.get("/handoffs")
async def waiting(  # noqa: PLR0913 - what may be asked of a list
    here: Here,
    who: Who,
    tongue: Spoken,
    *,
    agency: Slug | None = None,
    from_agency: Slug | None = None,
    practice: bool = False,
    cursor: str | None = None,
    limit: Limit = 50,
) -> JSONResponse:
    """Who waits for whom: what nobody has taken up first, then what is late. Practice cases only by themselves."""
    position = here.open_cursor(who, cursor)

    def ask(connection: Connection) -> tuple[list[TaskOut], tuple[int | str, ...] | None]:
        found = handoffs.handoffs(
            connection,
            who,
            now(),
            agency=agency,
            from_agency=from_agency,
            practice=practice,
            cursor=position,
            limit=limit,
        )
        return tasks_out(connection, who, found.rows, tongue), found.next

    rows, following = await here.read(ask)
    return page(here, who, rows, following)


@router.get("/escalations")
async def told(
    here: Here,
    who: Who,
    *,
    case: str | None = None,
    practice: bool = False,
    cursor: str | None = None,
    limit: Limit = 50,
) -> JSONResponse:
    """Who was told what, when and why, newest first. Of practice cases only where one is named, or by themselves."""
    position = here.open_cursor(who, cursor)

    def ask(connection: Connection) -> Page[escalations.NoticeView]:
        found = escalations.escalations(connection, who, case_id=case, practice=practice, cursor=position, limit=limit)
        known = protocols.by_hashes(connection, {each.protocol_hash for each in found.rows})
        for each in found.rows:
            _seen(known[each.protocol_hash], who, each)
        return found

    found = await here.read(ask)
    return page(here, who, [_told(each) for each in found.rows], found.next)


def _seen(protocol: Protocol, who: Subject, each: escalations.NoticeView) -> escalations.NoticeView:
    inside = each.full and step_owner(protocol, each.step) == who.agency
    seen(who, each.case_id, [f"step:{each.step}"] if inside else [])
    return each


@router.post("/escalations/{notice}/read")
async def read(notice: str, here: Here, who: Who) -> NoticeOut:
    """Say that I have read what my role was told; a page is not repeated then. Safe to repeat."""
    found = await here.read(lambda connection: notices.target(connection, who, notice))
    if found.page is not None and not found.stopped:
        await _stop(here, who, found, found.page)
    await here.write(lambda connection: notices.mark_read(connection, who, notice, now()))

    def ask(connection: Connection) -> escalations.NoticeView:
        known = escalations.one(connection, who, notice)
        return _seen(protocols.by_hash(connection, known.protocol_hash).protocol, who, known)

    return _told(await here.read(ask))


async def _stop(here: Services, who: Subject, found: notices.NoticeTarget, number: int) -> None:
    """Tell the case that a page was read. Whoever reads it first, it is one command."""
    command = Input(
        command=command_id("page-read", found.case_id, str(number)),
        actor=actors(who, (found.role,)),
        body=PageRead(page=number),
    )
    try:
        reply = await flows.send(here.client, found.case_id, command)
    except (flows.Refused, flows.CaseHasEnded, flows.UnknownCase):
        # The task or the case has ended, and its pages with it: nothing is left to stop.
        return
    await here.projected(found.case_id, reply.seq)


def _told(each: escalations.NoticeView) -> NoticeOut:
    return NoticeOut(
        id=each.id,
        case=each.case_id,
        code=each.code,
        step=each.step,
        agency=each.agency,
        told=each.role,
        told_agency=each.told_agency,
        how=each.how,
        why=each.why,
        at=when(each.at),
        recorded=when(each.recorded),
        late_seconds=(each.recorded - each.at) // 1_000_000,
        taken_at=when(each.taken_at),
        due_at=when(each.due_at),
        read_at=when(each.read_at),
        read_by=None if each.read_at is None else each.role,
        practice=each.practice,
    )
