"""How long a case is kept: holds, orders to erase, and how far each has come, for an agency's own leads and steward."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field

from api import edge
from api.deps import Here, Services, Who, command_id, now
from api.once import Once
from api.recording import seen
from api.views import Closed, Spoken, instant, when
from protocol.engine.retention import length_said
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.languages import LANGUAGES, Tongue
from protocol.languages.language import Say
from protocol.names import Slug
from protocol.state import Instant
from store import cases, ids, protocols, vault
from store.erasure import carrying, due, holds, opening, orders
from store.erasure.carrying import KEYS_BACKED_UP_FOR
from store.erasure.records import Ground, Hold, HoldReason, Order, Stage
from store.erasure.register import Register
from store.labels import agency_owner
from store.plain import Plain
from store.policy import STEWARD, Subject, unknown
from store.policy.values import kept_out
from store.session import Connection, Database
from store.vault import Sealing
from workflows.forgetting import delete_runs

log = structlog.get_logger("erasure")
router = APIRouter(route_class=Once)
SWEPT_EVERY = 3_600
"""Seconds between two looks for what is due."""
ANSWERED_WITHIN = 20.0
_UNDER_WAY: set[asyncio.Task[int]] = set()
"""Held here, for a task that nobody holds may be forgotten before it ends."""


class HoldIn(Closed):
    """Why nothing of the case may be erased, and by when somebody looks at that again; a ``note`` goes in ``vault``."""

    reason: HoldReason
    review_at: AwareDatetime
    vault: list[Slug] = Field(default_factory=list)


class KeepIn(Closed):
    """By when a hold is looked at again."""

    review_at: AwareDatetime
    vault: list[Slug] = Field(default_factory=list)


class LiftIn(Closed):
    """That a hold is lifted; a ``note`` goes in ``vault``."""

    vault: list[Slug] = Field(default_factory=list)


class OrderIn(Closed):
    """Why my agency's part of the case is erased now; a ``note`` goes in ``vault``."""

    ground: Ground
    vault: list[Slug] = Field(default_factory=list)


class ActOut(Closed):
    """What was done with a hold, and by whom; ``note`` opens under ``/cases/CASE/notes/NOTE``."""

    at: datetime | None
    act: str
    person: str
    note: str | None
    review_at: datetime | None


class HoldOut(Closed):
    """A hold that stands; ``to_review``: its day has come."""

    id: str
    case: str
    code: str | None
    reason: HoldReason
    set_at: datetime | None
    review_at: datetime | None
    to_review: bool
    says: str
    acts: list[ActOut]


class HoldLifted(Closed):
    """A hold that stands no more."""

    id: str
    case: str
    lifted_at: datetime | None


class StageOut(Closed):
    """A stage of an order that is done."""

    stage: Stage
    at: datetime | None
    detail: str


class OrderOut(Closed):
    """An order to erase: of which part, why, by whom (null: its time had passed), and how far it has come."""

    id: str
    case: str
    code: str | None
    part: Slug
    ground: Ground
    person: str | None
    ordered_at: datetime | None
    held: bool
    says: str
    stages: list[StageOut]


class ErasuresOut(Closed):
    """Holds that stand, those to be reviewed first, and orders, newest first."""

    holds: list[HoldOut]
    orders: list[OrderOut]


class KeptOut(Closed):
    """How long my agency's part of an ended case is kept; ``until`` is null while I do not know that it has ended."""

    case: str
    kept: Slug | None
    until: datetime | None
    says: str | None


@router.get("/erasures")
async def listed(here: Here, who: Who, tongue: Spoken) -> ErasuresOut:
    """My agency's holds and orders. For its leads and its steward."""

    def ask(connection: Connection) -> ErasuresOut:
        _may_look(connection, who)
        stand, found = holds.of_agency(connection, who.agency), orders.of_agency(connection, who.agency)
        listed_here = {each.case_id for each in stand} | {each.case_id for each in found}
        shut = {each for each in listed_here if who.person_id in kept_out(connection, each)}
        for each in sorted(listed_here - shut):
            seen(who, each, ["erasure"])
        return ErasuresOut(
            holds=[_hold_out(connection, each, tongue) for each in stand if each.case_id not in shut],
            orders=[_order_out(connection, each, tongue) for each in found if each.case_id not in shut],
        )

    return await here.read(ask)


@router.post("/erasures/run")
async def run(here: Here, who: Who, tongue: Spoken) -> ErasuresOut:
    """Look now for what is due, and carry my agency's orders on. Safe to repeat."""
    await here.read(lambda connection: _may_look(connection, who))
    await run_in_threadpool(due.order_due, here.database, now())
    carried = asyncio.create_task(_sweep(here, who.agency))
    _UNDER_WAY.add(carried)
    carried.add_done_callback(_UNDER_WAY.discard)
    # Temporal deletes in its own time: what is not done when the answer is due goes on after it.
    await asyncio.wait({carried}, timeout=ANSWERED_WITHIN)
    return await listed(here, who, tongue)


@router.get("/cases/{case}/kept")
async def kept(case: str, here: Here, who: Who, tongue: Spoken) -> KeptOut:
    """How long my agency's part of a case is kept. Others are not told, for it goes by what happened inside."""

    def ask(connection: Connection) -> KeptOut:
        found = cases.seen(connection, who, case)
        protocol = orders.case_protocol(connection, who, found.case_id)
        # The time runs from the case's end, which may be a confidential agency's own to know.
        known = due.kept(connection, found.case_id, who.agency) if found.status == "ended" else None
        seen(who, found.case_id, ["kept"] if agency_owner(protocol, who.agency) else [])
        said = None
        if known is not None:
            at = _at(protocol, known.until, tongue)
            said = LANGUAGES[tongue].say(Say.KEPT_UNTIL, at=at, length=length_said(known.kept.length, tongue))
        return KeptOut(
            case=found.case_id,
            kept=None if known is None else known.kept.id,
            until=None if known is None else when(known.until),
            says=said,
        )

    return await here.read(ask)


@router.post("/cases/{case}/holds", status_code=201)
async def hold(request: Request, case: str, body: HoldIn, here: Here, who: Who, tongue: Spoken) -> HoldOut:
    """Let nothing of my agency's in this case be erased until the hold is lifted."""
    note, at = edge.note(request), now()
    review = instant(body.review_at)

    def check(connection: Connection) -> Hold:
        found = cases.seen(connection, who, case)
        return holds.check(connection, who, found.case_id, body.reason, review, at)

    def put(connection: Connection) -> HoldOut:
        sealed = _sealed(connection, who, made.case_id, f"hold-{made.id}", note, at)
        holds.put(connection, made, who.person_id, sealed)
        return _hold_out(connection, made, tongue)

    made = await here.read(check)
    # The list has it first: a hold that is told of stands whatever is put back.
    await run_in_threadpool(_in_list, here, made)
    try:
        return await here.write(put)
    except HandoffError:
        await run_in_threadpool(_out_of_list, here, made)
        raise


@router.post("/cases/{case}/holds/{hold_id}/keep")
async def keep(  # noqa: PLR0913, PLR0917 - one command, whole
    request: Request, case: str, hold_id: str, body: KeepIn, here: Here, who: Who, tongue: Spoken
) -> HoldOut:
    """Let a hold stand until a later review."""
    note, at = edge.note(request), now()

    def change(connection: Connection) -> tuple[Hold, HoldOut]:
        found = cases.seen(connection, who, case)
        sealed = _sealed(connection, who, found.case_id, f"keep-{hold_id}-{at}", note, at)
        stands = holds.keep(connection, who, hold_id, instant(body.review_at), sealed, at)
        return stands, _hold_out(connection, stands, tongue)

    stands, answer = await here.write(change)
    await run_in_threadpool(_in_list, here, stands)
    return answer


@router.post("/cases/{case}/holds/{hold_id}/lift")
async def lift(request: Request, case: str, hold_id: str, body: LiftIn, here: Here, who: Who) -> HoldLifted:
    """Lift a hold: what is due is erased from now on."""
    del body
    note, at = edge.note(request), now()

    def change(connection: Connection) -> Hold:
        found = cases.seen(connection, who, case)
        sealed = _sealed(connection, who, found.case_id, f"lift-{hold_id}", note, at)
        return holds.lift(connection, who, hold_id, sealed, at)

    lifted = await here.write(change)
    await run_in_threadpool(_out_of_list, here, lifted)
    return HoldLifted(id=lifted.id, case=lifted.case_id, lifted_at=when(at))


@router.post("/cases/{case}/erasures", status_code=201)
async def order(request: Request, case: str, body: OrderIn, here: Here, who: Who, tongue: Spoken) -> list[OrderOut]:
    """Order that my agency's part of the case be erased; it begins when the case has ended. Safe to repeat."""
    note, at = edge.note(request), now()

    def change(connection: Connection) -> list[OrderOut]:
        found = cases.seen(connection, who, case)
        orders.may_decide(who, orders.case_protocol(connection, who, found.case_id))
        sealed = _sealed(connection, who, found.case_id, f"erase-{who.agency}", note, at)
        made = orders.requested(connection, who, found.case_id, body.ground, at, sealed)
        return [_order_out(connection, each, tongue) for each in made]

    return await here.write(change)


@router.get("/cases/{case}/notes/{note}")
async def opened(case: str, note: str, here: Here, who: Who) -> JSONResponse:
    """Open what was added to a hold or an order of my agency's; written down before it is opened."""

    def ask(connection: Connection) -> str:
        found = cases.seen(connection, who, case)
        orders.may_decide(who, orders.case_protocol(connection, who, found.case_id))
        if not holds.has_note(connection, found.case_id, who.agency, note):
            raise unknown("note")
        return found.case_id

    case_id = await here.read(ask)
    values = await run_in_threadpool(
        lambda: vault.open_values(here.database, here.custodian, who, case_id, [note], why="hold", now=now())
    )
    return JSONResponse({"note": values[note].reveal()}, headers={"Cache-Control": "no-store"})


def _may_look(connection: Connection, who: Subject) -> None:
    """A lead in any protocol, or the steward."""
    if STEWARD in who.roles:
        return
    for each in protocols.versions(connection):
        agency = each.protocol.agency.get(who.agency)
        if agency is not None and set(agency.leads) & set(who.roles):
            return
    raise HandoffError("NOT_YOURS", "only a lead or the steward of your agency sees what is erased or held")


def _sealed(
    connection: Connection, who: Subject, case_id: str, what: str, note: Plain | None, at: Instant
) -> str | None:
    if note is None:
        return None
    sealing = Sealing(case_id=case_id, command_id=command_id("note", what), now=at)
    return vault.seal_note(connection, sealing, who.agency, note)


def _hold_out(connection: Connection, hold: Hold, tongue: Tongue) -> HoldOut:
    to_review = hold.review_at <= now()
    protocol = orders.protocol_of_case(connection, hold.case_id)
    what = Say.HOLD_TO_REVIEW if to_review else Say.KEPT_BY_HOLD
    return HoldOut(
        id=hold.id,
        case=hold.case_id,
        code=ids.code_of(connection, hold.case_id),
        reason=hold.reason,
        set_at=when(hold.set_at),
        review_at=when(hold.review_at),
        to_review=to_review,
        says=LANGUAGES[tongue].say(what, at=_at(protocol, hold.review_at, tongue)),
        acts=[
            ActOut(at=when(e.at), act=e.act, person=e.person, note=e.note, review_at=when(e.review_at))
            for e in holds.acts(connection, hold.id)
        ],
    )


def _order_out(connection: Connection, order: Order, tongue: Tongue) -> OrderOut:
    done = orders.stages(connection, order.id)
    protocol = orders.protocol_of_case(connection, order.case_id)
    say: Callable[..., str] = LANGUAGES[tongue].say
    stands = holds.in_force(connection, order.case_id, order.agency)
    held = stands is not None and Stage.VALUES not in done
    if Stage.COMPLETE in done:
        says = say(Say.ERASED, at=_at(protocol, done[Stage.VALUES].at, tongue))
    elif Stage.KEYS in done:
        until = _at(protocol, done[Stage.KEYS].at + KEYS_BACKED_UP_FOR, tongue)
        says = say(Say.ERASED_BACKUPS_LEFT, at=_at(protocol, done[Stage.VALUES].at, tongue), until=until)
    elif held and stands is not None:
        says = say(Say.KEPT_BY_HOLD, at=_at(protocol, stands.review_at, tongue))
    else:
        says = say(Say.ERASING, at=_at(protocol, order.ordered_at, tongue))
    return OrderOut(
        id=order.id,
        case=order.case_id,
        code=ids.code_of(connection, order.case_id),
        part=order.part,
        ground=order.ground,
        person=order.person,
        ordered_at=when(order.ordered_at),
        held=held,
        says=says,
        stages=[StageOut(stage=e, at=when(done[e].at), detail=done[e].detail) for e in Stage if e in done],
    )


def _at(protocol: Protocol, at: Instant, tongue: Tongue) -> str:
    return LANGUAGES[tongue].moment(at, now(), protocol.zone)


def _in_list(here: Services, hold: Hold) -> None:
    with closing(Register(Database(here.settings.keys_database_url))) as register:
        register.keep_hold(hold)


def _out_of_list(here: Services, hold: Hold) -> None:
    with closing(Register(Database(here.settings.keys_database_url))) as register:
        register.drop_hold(hold.id)


async def _sweep(here: Services, agency: Slug | None = None) -> int:
    delete = partial(delete_runs, here.client)
    with opening.means(here.settings, here.database, here.custodian, here.ring, delete) as means:
        return await carrying.sweep(means, agency)


async def sweep_now_and_then(here: Services) -> None:
    """Order what is due and carry every order on, now and then, until cancelled; say whose holds wait for a review."""
    while True:
        try:
            await run_in_threadpool(due.order_due, here.database, now())
            await _sweep(here)
            waiting = await here.read(partial(holds.to_review, now=now()))
            for agency, number in sorted(waiting.items()):
                log.warning("holds to be reviewed", agency=agency, number=number)
        except HandoffError as error:
            log.warning("erasure waits", code=error.code)
        await asyncio.sleep(SWEPT_EVERY)
