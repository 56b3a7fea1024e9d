"""Legal holds: while one stands, nothing of an agency's in a case is erased. Set, kept and lifted with who and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, func, insert, select, update

from protocol.engine.clocks import HOUR
from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids, tables
from store.erasure import tables as own
from store.erasure.orders import case_protocol, may_decide
from store.erasure.records import Hold, HoldReason, Stage
from store.policy import Subject, unknown

LONGEST = 366 * 24 * HOUR
"""The longest a hold stands without being looked at, in microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAct:
    """One thing done with a hold: set, kept or lifted, by whom, with a sealed note or without."""

    at: Instant
    act: str
    person: OpaqueId
    note: OpaqueId | None
    review_at: Instant | None


def check(
    connection: Connection, subject: Subject, case_id: OpaqueId, reason: HoldReason, review_at: Instant, now: Instant
) -> Hold:
    """A hold that the subject may set, not written down yet: the erasure list has it first.

    Raises:
        HandoffError: ``NOT_FOUND``, ``NOT_YOURS``; ``HOLD_REVIEW`` when it would be reviewed too late or in the past;
            ``ALREADY_HELD``; ``ALREADY_ERASED`` when there is nothing left to hold.
    """
    may_decide(subject, case_protocol(connection, subject, case_id))
    _check_review(review_at, now)
    if in_force(connection, case_id, subject.agency):
        raise HandoffError("ALREADY_HELD", "your agency holds this case already; keep that hold, or lift it")
    if _begun(connection, case_id, subject.agency):
        raise HandoffError(
            "ALREADY_ERASED", "your agency's part of this case was erased; there is nothing left to hold"
        )
    return Hold(
        id=ids.random_id(), case_id=case_id, agency=subject.agency, reason=reason, set_at=now, review_at=review_at
    )


def put(connection: Connection, hold: Hold, person: OpaqueId, note: OpaqueId | None) -> None:
    """Write down a hold that was checked.

    Raises:
        HandoffError: ``ALREADY_ERASED`` when the part went between the check and now.
    """
    lock(connection, hold.case_id)
    if _begun(connection, hold.case_id, hold.agency):
        raise HandoffError(
            "ALREADY_ERASED", "your agency's part of this case was erased; there is nothing left to hold"
        )
    connection.execute(
        insert(own.hold).values(
            id=hold.id,
            case_id=hold.case_id,
            agency=hold.agency,
            reason=hold.reason.value,
            set_at=hold.set_at,
            review_at=hold.review_at,
        )
    )
    _write(connection, hold.id, hold.set_at, "set", person, note, hold.review_at)


def keep(
    connection: Connection, subject: Subject, hold_id: OpaqueId, review_at: Instant, note: OpaqueId | None, now: Instant
) -> Hold:
    """Let a hold stand until a later review.

    Raises:
        HandoffError: ``NOT_FOUND`` for a hold of another agency, one that was lifted, and none; ``NOT_YOURS``;
            ``HOLD_REVIEW``.
    """
    found = _own(connection, subject, hold_id)
    _check_review(review_at, now)
    connection.execute(update(own.hold).where(own.hold.c.id == hold_id).values(review_at=review_at))
    _write(connection, hold_id, now, "kept", subject.person_id, note, review_at)
    return Hold(
        id=found.id,
        case_id=found.case_id,
        agency=found.agency,
        reason=found.reason,
        set_at=found.set_at,
        review_at=review_at,
    )


def lift(connection: Connection, subject: Subject, hold_id: OpaqueId, note: OpaqueId | None, now: Instant) -> Hold:
    """Lift a hold: what is due is erased from now on.

    Raises:
        HandoffError: ``NOT_FOUND`` for a hold of another agency, one that was lifted, and none; ``NOT_YOURS``.
    """
    found = _own(connection, subject, hold_id)
    connection.execute(update(own.hold).where(own.hold.c.id == hold_id).values(lifted_at=now))
    _write(connection, hold_id, now, "lifted", subject.person_id, note, None)
    return found


def lock(connection: Connection, case_id: OpaqueId) -> None:
    """Let nobody else set a hold on a case, or erase of it, until this transaction ends."""
    case = tables.case_file
    connection.execute(select(case.c.case_id).where(case.c.case_id == case_id).with_for_update())


def in_force(connection: Connection, case_id: OpaqueId, agency: Slug) -> Hold | None:
    """The hold of an agency that stands on a case, if one does."""
    row = connection.execute(
        select(own.hold).where(
            own.hold.c.case_id == case_id, own.hold.c.agency == agency, own.hold.c.lifted_at.is_(None)
        )
    ).first()
    return None if row is None else of_row(row)


def of_agency(connection: Connection, agency: Slug) -> tuple[Hold, ...]:
    """The holds of an agency that stand, those longest to be reviewed first."""
    rows = connection.execute(
        select(own.hold)
        .where(own.hold.c.agency == agency, own.hold.c.lifted_at.is_(None))
        .order_by(own.hold.c.review_at, own.hold.c.id)
    )
    return tuple(of_row(row) for row in rows)


def to_review(connection: Connection, now: Instant) -> dict[Slug, int]:
    """How many holds of each agency are past their review."""
    rows = connection.execute(
        select(own.hold.c.agency, func.count())
        .where(own.hold.c.lifted_at.is_(None), own.hold.c.review_at <= now)
        .group_by(own.hold.c.agency)
    )
    return {agency: number for agency, number in rows}  # noqa: C416 - rows are no pairs to mypy


def acts(connection: Connection, hold_id: OpaqueId) -> tuple[HoldAct, ...]:
    """What was done with a hold, first to last."""
    rows = connection.execute(
        select(own.hold_act).where(own.hold_act.c.hold_id == hold_id).order_by(own.hold_act.c.number)
    )
    return tuple(
        HoldAct(at=row.at, act=row.act, person=row.person_id, note=row.note_ref, review_at=row.review_at)
        for row in rows
    )


def has_note(connection: Connection, case_id: OpaqueId, agency: Slug, ref: OpaqueId) -> bool:
    """Whether a value is a note to a hold or an order of an agency's in a case, and nothing else it keeps."""
    of_hold = (
        select(own.hold_act.c.note_ref)
        .join(own.hold, own.hold.c.id == own.hold_act.c.hold_id)
        .where(own.hold.c.case_id == case_id, own.hold.c.agency == agency)
    )
    of_order = select(own.order.c.note_ref).where(own.order.c.case_id == case_id, own.order.c.agency == agency)
    return ref in {*connection.execute(of_hold).scalars(), *connection.execute(of_order).scalars()}


def of_row(row: Row[Any]) -> Hold:
    """A hold's row as a value."""
    return Hold(
        id=row.id,
        case_id=row.case_id,
        agency=row.agency,
        reason=HoldReason(row.reason),
        set_at=row.set_at,
        review_at=row.review_at,
    )


def _own(connection: Connection, subject: Subject, hold_id: OpaqueId) -> Hold:
    row = connection.execute(
        select(own.hold).where(
            own.hold.c.id == hold_id, own.hold.c.agency == subject.agency, own.hold.c.lifted_at.is_(None)
        )
    ).first()
    if row is None:
        raise unknown("hold")
    may_decide(subject, case_protocol(connection, subject, row.case_id))
    return of_row(row)


def _begun(connection: Connection, case_id: OpaqueId, agency: Slug) -> bool:
    """Whether the agency's part, not only one value of it, is gone."""
    gone = exists().where(
        and_(
            own.order.c.case_id == case_id,
            own.order.c.part == agency,
            own.stage.c.order_id == own.order.c.id,
            own.stage.c.stage == Stage.VALUES.value,
        )
    )
    return bool(connection.execute(select(gone)).scalar())


def _check_review(review_at: Instant, now: Instant) -> None:
    if not now < review_at <= now + LONGEST:
        raise HandoffError("HOLD_REVIEW", "a hold is reviewed within a year: give a day that is to come")


def _write(  # noqa: PLR0913, PLR0917 - the columns of one row
    connection: Connection,
    hold_id: OpaqueId,
    at: Instant,
    act: str,
    person: OpaqueId,
    note: OpaqueId | None,
    review_at: Instant | None,
) -> None:
    number = connection.execute(
        select(func.count()).select_from(own.hold_act).where(own.hold_act.c.hold_id == hold_id)
    ).scalar_one()
    connection.execute(
        insert(own.hold_act).values(
            hold_id=hold_id,
            number=number + 1,
            at=at,
            act=act,
            person_id=person,
            note_ref=note,
            review_at=review_at,
        )
    )
