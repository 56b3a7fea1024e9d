"""A recipient's look at what a release shares.

Of two gates a value has to pass both: this one, which knows who is asking, and the owner's custodian, which believes
nothing that was not signed. Privacy notes §4; T1, T14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from secrets import token_hex

from sqlalchemy import Connection

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import audit, ids, vault
from store.custodian.port import Custodian, Item, Shown
from store.plain import Plain
from store.policy import Action, Class, Decision, Kind, Object, Subject, decide, unknown
from store.policy.values import kept_out
from store.releases import document, filing, log
from store.releases.acts import GONE, agreed, grant_of
from store.releases.document import Ground, Release, Ticket
from store.releases.filing import Filed
from store.releases.log import Line
from store.session import Database


def view(database: Database, custodian: Custodian, subject: Subject, id_: OpaqueId, now: Instant) -> dict[Slug, Plain]:
    """What a release shares, for its recipient: each named field that has a value.

    The audit's row and the log's line are committed before the custodian is asked.

    Raises:
        HandoffError: ``NOT_FOUND`` for whoever it is not for; ``RELEASE_REVOKED``, ``RELEASE_EXPIRED``,
            ``AGREEMENT_ENDED``; ``NOTHING_YET``; ``AUDIT_DOWN``; as ``Custodian.open_released``.
    """
    with database.read() as connection:
        filed, decision = _for_me(connection, subject, id_)
        release = filed.release
        in_force(connection, filed, now)
        refs = vault.newest(connection, release.owner, release.case_id, release.fields)
        items = vault.items_of(connection, release.owner, release.case_id, list(refs.values()))
    if not items:
        raise HandoffError("NOTHING_YET", "what this names has not been written down yet")
    line = _written_down(database, subject, release, tuple(sorted(refs)), decision, now)
    ticket = Ticket(
        release=release.id,
        agency=subject.agency,
        person=subject.person_id,
        roles=subject.roles,
        at=now,
        nonce=token_hex(16),
    )
    try:
        vouched = custodian.vouch(grant_of(subject), ticket)
        shown = Shown(release=release, signature=filed.signature or b"", ticket=ticket, vouched=vouched)
        values = custodian.open_released(shown, release.ground.value, items)
    except HandoffError as error:
        if error.code not in GONE:
            with database.write() as connection:
                log.enter(connection, release.owner, release.case_id, line.model_copy(update={"opened": False}))
        raise
    return _by_field(items, values)


def _by_field(items: Sequence[Item], values: Sequence[bytes]) -> dict[Slug, Plain]:
    return {item.place.field: Plain(value.decode()) for item, value in zip(items, values, strict=True)}


def in_force(connection: Connection, filed: Filed, now: Instant) -> None:
    """Whether a release opens anything now; the agreement by the newest text.

    Raises:
        HandoffError: ``RELEASE_REVOKED``, ``RELEASE_NOT_YET``, ``RELEASE_EXPIRED``, ``AGREEMENT_ENDED``.
    """
    if filed.revoked_at is not None:
        raise HandoffError("RELEASE_REVOKED", "this was taken back; it does not open any more")
    document.in_force(filed.release, now)
    file = filing.behind(connection, filed.release.case_id)
    try:
        agreed(connection, file, filed.release.owner, filed.release.to.agency, now)
    except HandoffError:
        raise HandoffError(
            "AGREEMENT_ENDED", "the agreement between the two agencies is over; renew it first"
        ) from None


def _for_me(connection: Connection, subject: Subject, id_: OpaqueId) -> tuple[Filed, Decision]:
    filed = filing.one(connection, id_)
    named = filed.signature is not None and filing.for_(filed, subject)
    it = Object(
        kind=Kind.VALUE,
        recipients=frozenset({subject.person_id} if named else ()),
        kept_out=kept_out(connection, filed.release.case_id),
    )
    decision = decide(subject, Action.OPEN, it, Class.VALUES)
    if not decision.allowed:
        raise unknown("release")
    return filed, decision


def _written_down(
    database: Database, who: Subject, release: Release, fields: tuple[Slug, ...], decision: Decision, now: Instant
) -> Line:
    # In clear the row is the owner's: that somebody else looked is told by what is sealed to it alone.
    ground = decision.ground if release.ground is Ground.RELEASE else release.ground.value
    entry = replace(
        audit.by(who, release.case_id, audit.Kind.OPEN, f"open-{release.ground.value}", now),
        agency=release.owner,
        keeper=release.owner,
        fields=tuple(f"slot:{each}" for each in fields),
        ground=ground,
    )
    line = Line(
        id=ids.random_id(),
        at=now,
        release=release.id,
        ground=release.ground,
        purpose=release.purpose,
        agency=who.agency,
        person=who.person_id,
        name=who.name,
        roles=who.roles,
        fields=fields,
    )
    try:
        with database.write() as connection:
            audit.append(connection, [entry])
            log.enter(connection, release.owner, release.case_id, line)
    except Exception as error:
        says = "this could not be written into the audit, so it is neither shown nor done"
        raise HandoffError("AUDIT_DOWN", says) from error
    return line
