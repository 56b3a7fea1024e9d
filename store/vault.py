"""Protected values: sealed on the way in without asking anybody, opened through the custodian on the way out.

A value comes in as ``pending`` under the command that brings it, and stays once a fact names it. Every opening is
written into the audit first, in a transaction of its own; what cannot be written down is not opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, not_, select, update
from sqlalchemy.sql import exists

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import audit, ids
from store.custodian import suite
from store.custodian.port import Custodian, Grant, Item, KeyCard, Order, Place, Receipt, Sealed, Wrap
from store.edge_tables import key_card, vault_record, vault_value
from store.plain import Plain
from store.policy import Subject, SubjectKind, unknown
from store.session import Database, add_new

LONGEST = 64 * 1024
"""The longest value, in bytes of UTF-8; longer ones are files."""

NOTE = "note"
"""The field of a note that somebody adds to a record of theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """Where values to be sealed come from: a case, and the command that brings them."""

    case_id: OpaqueId
    command_id: OpaqueId
    now: Instant


def learn_cards(database: Database, custodian: Custodian, protocol: Protocol) -> None:
    """Keep the public cards of every agency of a protocol: afterwards sealing values and audits asks nobody."""
    for each in protocol.agencies:
        learn_card(database, custodian.describe(each.id))


def learn_card(database: Database, card: KeyCard) -> None:
    """Keep an agency's public card; the newest is the one sealed to."""
    row = {"agency": card.agency, "epoch": card.epoch, "suite": card.suite, "public": card.public}
    with database.write() as connection:
        add_new(connection, key_card, [row])


def seal(
    connection: Connection, protocol: Protocol, sealing: Sealing, values: Mapping[Slug, Plain]
) -> dict[Slug, OpaqueId]:
    """Seal the values of one command, each to its keeper's card, as ``pending``; a reference for each field.

    A command that comes again keeps its first values and gets the same references.

    Raises:
        HandoffError: ``UNKNOWN_FIELD`` for a field that is not of the vault, ``VALUE_TOO_LONG``, ``NO_CARD`` when the
            keeper's card was never learned.
    """
    known = _refs(connection, sealing)
    by_keeper: dict[Slug, dict[Slug, bytes]] = {}
    for field, value in values.items():
        slot = protocol.slot.get(field)
        if slot is None:
            raise HandoffError("UNKNOWN_FIELD", f"{field} is not a protected field of this protocol")
        data = value.reveal().encode()
        if len(data) > LONGEST:
            raise HandoffError("VALUE_TOO_LONG", f"{field} is longer than {LONGEST // 1024} KB")
        if field not in known:
            by_keeper.setdefault(slot.keeper, {})[field] = data
    for keeper, fields in by_keeper.items():
        _seal_record(connection, sealing, keeper, fields)
    found = _refs(connection, sealing) if by_keeper else known
    return {field: found[field] for field in values}


def discard(connection: Connection, case_id: OpaqueId, command_id: OpaqueId) -> int:
    """Delete what a refused command brought; how many values. What a fact already names stays."""
    done = connection.execute(
        delete(vault_value).where(
            vault_value.c.case_id == case_id,
            vault_value.c.command_id == command_id,
            vault_value.c.state == "pending",
        )
    )
    _drop_empty_records(connection, case_id)
    return done.rowcount


def open_values(  # noqa: PLR0913 - who, what and why all go into the audit
    database: Database,
    custodian: Custodian,
    subject: Subject,
    case_id: OpaqueId,
    refs: Sequence[OpaqueId],
    *,
    why: Slug,
    now: Instant,
    ground: str = "owner",
    glass: OpaqueId | None = None,
) -> dict[OpaqueId, Plain]:
    """Open protected values of a case for a person of the agency that keeps them: all of them, or none.

    The audit's row is committed before the custodian is asked.

    Args:
        database: where the values lie.
        custodian: who holds the keys.
        subject: the person asking.
        case_id: the case the values must belong to.
        refs: the references.
        why: what they are opened for, as one word of the program (``task``, ``case-page``).
        now: the present instant.
        ground: by what right, for the audit: ``Decision.ground`` of the policy that allowed it.
        glass: the breaking of glass by which they look, if that is the right.

    Raises:
        HandoffError: ``NOT_FOUND`` when a reference is unknown, of another case, not accepted yet, or kept for
            another agency; ``AUDIT_DOWN`` when it cannot be written down; otherwise as ``port.Custodian`` says.
            Nothing is returned then.
    """
    if subject.kind is not SubjectKind.PERSON:
        raise unknown("value")
    wanted = tuple(dict.fromkeys(refs))
    if not wanted:
        return {}
    with database.read() as connection:
        items = items_of(connection, subject.agency, case_id, wanted)
    entry = audit.by(subject, case_id, audit.Kind.OPEN, why, now)
    fields = tuple(sorted({f"slot:{each.place.field}" for each in items}))
    audit.write_down(database, [replace(entry, fields=fields, ground=ground)])
    grant = Grant(person=subject.person_id, agency=subject.agency, token=subject.grant, glass=glass)
    values = custodian.open(grant, why, items)
    return {item.place.ref: Plain(value.decode()) for item, value in zip(items, values, strict=True)}


def forget(database: Database, custodian: Custodian, case_id: OpaqueId, keeper: Slug) -> Receipt:
    """Destroy what an agency keeps about a case: the custodian first, then the rows."""
    with database.read() as connection:
        site, _ = ids.site_of(connection)
    receipt = custodian.forget(Order(site=site, case_id=case_id, owner=keeper))
    with database.write() as connection:
        destroy(connection, case_id, keeper)
    return receipt


def destroy(connection: Connection, case_id: OpaqueId, keeper: Slug, field: Slug | None = None) -> int:
    """Delete what an agency keeps about a case, or one field of it, accepted or not; how many values."""
    records = select(vault_record.c.id).where(vault_record.c.case_id == case_id, vault_record.c.keeper == keeper)
    values = delete(vault_value).where(vault_value.c.record_id.in_(records))
    done = connection.execute(values if field is None else values.where(vault_value.c.field == field))
    _drop_empty_records(connection, case_id)
    return done.rowcount


def seal_note(connection: Connection, sealing: Sealing, keeper: Slug, note: Plain) -> OpaqueId:
    """Seal what somebody adds in words to a record of theirs (a hold, an order), at once accepted; its reference.

    The same command again keeps its first words.

    Raises:
        HandoffError: ``VALUE_TOO_LONG``, ``NO_CARD``.
    """
    data = note.reveal().encode()
    if len(data) > LONGEST:
        raise HandoffError("VALUE_TOO_LONG", f"the note is longer than {LONGEST // 1024} KB")
    if NOTE not in _refs(connection, sealing):
        _seal_record(connection, sealing, keeper, {NOTE: data})
    ref = _refs(connection, sealing)[NOTE]
    connection.execute(update(vault_value).where(vault_value.c.ref == ref).values(state="committed"))
    return ref


def _seal_record(connection: Connection, sealing: Sealing, keeper: Slug, fields: Mapping[Slug, bytes]) -> None:
    """One record: a fresh key for these values, wrapped once."""
    site, _ = ids.site_of(connection)
    card = card_of(connection, keeper)
    record, key = ids.random_id(), suite.new_record_key()
    places = [
        Place(
            site=site,
            case_id=sealing.case_id,
            owner=keeper,
            record=record,
            ref=ids.random_id(),
            field=field,
            version=_next_version(connection, sealing.case_id, field),
        )
        for field in fields
    ]
    wrap = suite.wrap_record(card, key, places[0])
    connection.execute(
        insert(vault_record).values(
            id=record,
            case_id=sealing.case_id,
            keeper=keeper,
            command_id=sealing.command_id,
            epoch=wrap.epoch,
            suite=wrap.suite,
            wrapped=wrap.wrapped,
        )
    )
    add_new(connection, vault_value, [_value_row(sealing, key, each, fields[each.field]) for each in places])


def _value_row(sealing: Sealing, key: bytes, place: Place, value: bytes) -> dict[str, Any]:
    sealed = suite.seal_value(suite.value_key(key, place), place, value)
    return {
        "ref": place.ref,
        "record_id": place.record,
        "case_id": place.case_id,
        "command_id": sealing.command_id,
        "field": place.field,
        "version": place.version,
        "state": "pending",
        "commitment": sealed.commitment,
        "nonce": sealed.nonce,
        "ciphertext": sealed.ciphertext,
        "created_at": sealing.now,
    }


def _next_version(connection: Connection, case_id: OpaqueId, field: Slug) -> int:
    newest = select(func.max(vault_value.c.version)).where(
        vault_value.c.case_id == case_id, vault_value.c.field == field
    )
    return (connection.execute(newest).scalar() or 0) + 1


def card_of(connection: Connection, agency: Slug) -> KeyCard:
    """An agency's newest card that is known here.

    Raises:
        HandoffError: ``NO_CARD``.
    """
    row = connection.execute(
        select(key_card).where(key_card.c.agency == agency).order_by(key_card.c.epoch.desc()).limit(1)
    ).first()
    if row is None:
        raise HandoffError("NO_CARD", f"the key of {agency} is not known here; start its custodian once")
    return KeyCard(agency=row.agency, epoch=row.epoch, suite=row.suite, public=bytes(row.public))


def _refs(connection: Connection, sealing: Sealing) -> dict[Slug, OpaqueId]:
    rows = connection.execute(
        select(vault_value.c.field, vault_value.c.ref).where(
            vault_value.c.case_id == sealing.case_id, vault_value.c.command_id == sealing.command_id
        )
    )
    return {row.field: row.ref for row in rows}


def newest(connection: Connection, keeper: Slug, case_id: OpaqueId, fields: Sequence[Slug]) -> dict[Slug, OpaqueId]:
    """The newest accepted value of each field that an agency keeps of a case; fields without one are left out."""
    rows = connection.execute(
        select(vault_value.c.field, vault_value.c.ref)
        .join_from(vault_value, vault_record, vault_value.c.record_id == vault_record.c.id)
        .where(
            vault_value.c.case_id == case_id,
            vault_value.c.field.in_(fields),
            vault_value.c.state == "committed",
            vault_record.c.keeper == keeper,
        )
        .order_by(vault_value.c.version)
    )
    return {row.field: row.ref for row in rows}


def items_of(connection: Connection, keeper: Slug, case_id: OpaqueId, refs: Sequence[OpaqueId]) -> list[Item]:
    """Accepted values of a case as their keeper's custodian takes them, in order.

    Raises:
        HandoffError: ``NOT_FOUND`` when one is unknown, of another case, not accepted yet, or kept by another agency.
    """
    site, _ = ids.site_of(connection)
    rows = connection.execute(
        select(vault_value, vault_record.c.keeper, vault_record.c.epoch, vault_record.c.suite, vault_record.c.wrapped)
        .join_from(vault_value, vault_record, vault_value.c.record_id == vault_record.c.id)
        .where(
            vault_value.c.ref.in_(refs),
            vault_value.c.case_id == case_id,
            vault_value.c.state == "committed",
            vault_record.c.keeper == keeper,
        )
    ).all()
    if len(rows) != len(refs):
        raise unknown("value")
    by_ref = {row.ref: _item(site, row) for row in rows}
    return [by_ref[each] for each in refs]


def _item(site: OpaqueId, row: Row[Any]) -> Item:
    return Item(
        place=Place(
            site=site,
            case_id=row.case_id,
            owner=row.keeper,
            record=row.record_id,
            ref=row.ref,
            field=row.field,
            version=row.version,
        ),
        sealed=Sealed(commitment=bytes(row.commitment), nonce=bytes(row.nonce), ciphertext=bytes(row.ciphertext)),
        wrap=Wrap(epoch=row.epoch, suite=row.suite, wrapped=bytes(row.wrapped)),
    )


def _drop_empty_records(connection: Connection, case_id: OpaqueId) -> None:
    kept = exists().where(vault_value.c.record_id == vault_record.c.id)
    connection.execute(delete(vault_record).where(vault_record.c.case_id == case_id, not_(kept)))
