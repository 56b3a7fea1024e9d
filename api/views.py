"""What routes answer with: times as RFC 3339, clocks explained, nothing that counts what others may not see."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, JsonValue

from api.deps import Services, now
from api.recording import seen
from api.records import columns_of, item_shown
from protocol.engine import clocks
from protocol.kernel import Protocol
from protocol.languages import DEFAULT, TONGUES, Tongue
from protocol.names import Slug
from protocol.state import Instant, PauseReason, Value
from protocol.telling.explain import explain
from protocol.telling.pieces import Clock
from store import cases, escalations, people, protocols
from store.labels import step_owner
from store.policy import Subject
from store.session import Connection
from store.task_view import TaskView


class Closed(BaseModel):
    """Base of request and response models."""

    model_config = ConfigDict(extra="forbid")


class Explained(Closed):
    """The clock in five sentences."""

    head: str
    why: str
    change: str
    next: str
    ends: str


class TaskOut(Closed):
    """A task as its reader may see it.

    ``item`` is the item of a list that it is about, ``voters`` the roles that have a vote, ``votes`` those cast: an
    outcome by role, or null where the vote lets the owner decide. ``practice``: of a case made for practice, by whose
    own clock the time left is told. ``holder``: who of my own agency has it, by name.
    """

    id: str
    case: str
    code: str
    protocol: Slug
    step: Slug
    must: str
    agency: Slug
    from_agency: Slug | None
    status: str
    delivered_at: datetime | None
    taken_at: datetime | None
    due_at: datetime | None
    seconds_left: int | None
    late: bool | None
    owners: tuple[Slug, ...]
    yours: bool
    holder: str | None
    tries: int | None
    outcome: Slug | None
    receipt: bool | None
    item: dict[Slug, JsonValue] | None
    practice: bool
    voters: tuple[Slug, ...]
    votes: dict[Slug, Slug | None]
    clock: Explained


def spoken(accept: str) -> Tongue:
    """The language a reader asked for (RFC 9110 §12.5.4), of those that clocks are explained in; else English."""
    wanted: list[tuple[float, Tongue]] = []
    for each in accept.replace(" ", "").split(","):
        tag, _, weight = each.partition(";q=")
        found = next((tongue for tongue in TONGUES if tongue == tag.partition("-")[0].lower()), None)
        if found is not None:
            wanted.append((_weight(weight), found))
    best = max(wanted, key=lambda each: each[0], default=(0.0, DEFAULT))
    return best[1] if best[0] > 0 else DEFAULT


def _weight(said: str) -> float:
    try:
        return float(said) if said else 1.0
    except ValueError:
        return 0.0


async def _spoken(accept: Annotated[str, Header(alias="Accept-Language")] = "") -> Tongue:
    # As in ``deps``: no thread is woken for it.
    return spoken(accept)


Spoken = Annotated[Tongue, Depends(_spoken)]


def when(at: Instant | None) -> datetime | None:
    """An instant as an aware datetime."""
    return None if at is None else clocks.moment(at).astimezone(UTC)


def instant(at: datetime) -> Instant:
    """A datetime of a request, which carries its offset."""
    return clocks.instant(at)


def page(
    here: Services, who: Subject, rows: list[Any], cursor: tuple[int | str, ...] | None, **beside: str
) -> JSONResponse:
    """A page of rows with the link to the next (RFC 8288), and what is told beside them."""
    sealed = here.seal_cursor(who, cursor)
    body = {"items": [each.model_dump(mode="json") for each in rows], "next": sealed, **beside}
    headers = {} if sealed is None else {"Link": f'<?cursor={sealed}>; rel="next"'}
    return JSONResponse(body, headers=headers)


def task_out(
    protocol: Protocol, view: TaskView, who: Subject, clock: Clock, language: Tongue, holder: str | None
) -> TaskOut:
    """A task with its clock explained."""
    at = now() + view.ahead
    inside = view.full and step_owner(protocol, view.step) == who.agency
    seen(who, view.case_id, [f"step:{view.step}"] if inside else [])
    said = explain(protocol, clock, at, language)
    votes = protocol.step[view.step].votes
    left = None if view.due_at is None or view.status != "open" else (view.due_at - at) // 1_000_000
    return TaskOut(
        id=view.id,
        case=view.case_id,
        code=view.code,
        protocol=view.slug,
        step=view.step,
        must=protocol.words[f"step:{view.step}"].title,
        agency=view.agency,
        from_agency=view.from_agency,
        status=view.status,
        delivered_at=when(view.delivered_at),
        taken_at=when(view.taken_at),
        due_at=when(view.due_at),
        seconds_left=left,
        late=None if not view.full else view.missed_at is not None,
        owners=view.owners,
        yours=view.person == who.person_id,
        holder=holder,
        tries=view.tries,
        outcome=view.outcome,
        receipt=view.receipt,
        item=None if view.item is None else item_shown(columns_of(protocol, view.step), view.item),
        practice=view.practice,
        voters=votes.roles if votes is not None and view.full else (),
        votes=view.votes or {},
        clock=Explained(head=said.head, why=said.why, change=said.change, next=said.next, ends=said.ends),
    )


def _clock(view: TaskView, fields: dict[Slug, Value], told: list[tuple[Instant, Slug]]) -> Clock:
    return Clock(
        step=view.step,
        owners=view.owners,
        cause=view.cause or "",
        from_agency=view.from_agency,
        delivered=view.delivered_at,
        starts=view.starts_at,
        held=bool(view.held),
        due=view.due_at,
        was=view.was_due_at,
        moved_by=view.due_cause,
        short_notice=bool(view.short_notice),
        taken=view.taken_at,
        missed=view.missed_at,
        tries=view.tries or 0,
        paused_until=view.paused_until,
        pause_reason=None if view.pause_reason is None else PauseReason(view.pause_reason),
        ended=view.ended_at,
        outcome=view.outcome,
        on_time=view.on_time,
        told=tuple((at, (role,)) for at, role in told),
        fields=fields,
        receipt=bool(view.receipt),
        outsider=not view.full,
        agency=view.agency,
        item=view.item,
    )


def tasks_out(
    connection: Connection, who: Subject, rows: tuple[TaskView, ...], language: Tongue, *, told: bool = True
) -> list[TaskOut]:
    """Tasks with their clocks in a language, and (with ``told``) who was told of each that is late."""
    fields = cases.fields_of(connection, who, sorted({each.case_id for each in rows}))
    names: dict[str, str] = {}
    if any(each.person is not None and each.agency == who.agency for each in rows):
        names = people.names(connection, who.agency)
    # Whether an outsider's handoff was told to be untaken is its very state.
    late = [each.id for each in rows if not each.full or (told and each.missed_at is not None)]
    known = escalations.told(connection, who, late)
    texts = protocols.by_hashes(connection, {each.protocol_hash for each in rows})
    return [
        task_out(
            texts[each.protocol_hash],
            each,
            who,
            _clock(each, fields[each.case_id], known.get(each.id, [])),
            language,
            names.get(each.person or "") if each.agency == who.agency else None,
        )
        for each in rows
    ]
