"""Passkeys (WebAuthn): a key pair on the person's device, opened by their finger, face or PIN: both factors at once.

They are discoverable, so nobody types a name; user verification is demanded; attestation is not asked for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, insert, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from protocol.state import Instant
from store.accounts import challenges, lockout
from store.accounts.decisions import decided
from store.accounts.tables import passkey
from store.edge_tables import person

MOST = 10
"""Passkeys a person may have."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where passkeys belong: the origin people open, with the name of its host."""

    origin: str

    @property
    def host(self) -> str:
        """The relying party's id."""
        return urlsplit(self.origin).hostname or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the browser hands to the device, and the name under which the answer comes back."""

    options: Json
    challenge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A device's answer, as the browser gives it (JSON)."""

    challenge: str
    credential: Json


def ask_new(connection: Connection, key: bytes, site: Site, person_id: OpaqueId, name: str, now: Instant) -> Asked:
    """Ask a device for a new passkey of a person.

    Raises:
        HandoffError: ``PASSKEYS_FULL``.
    """
    rows = connection.execute(select(passkey.c.credential).where(passkey.c.person_id == person_id)).scalars().all()
    if len(rows) >= MOST:
        raise HandoffError("PASSKEYS_FULL", f"a person has {MOST} passkeys at most; remove one first")
    made = generate_registration_options(
        rp_id=site.host,
        rp_name="Handoff",
        user_id=person_id.encode(),
        user_name=name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=bytes(each)) for each in rows],
    )
    detail = {"challenge": bytes_to_base64url(made.challenge), "person": person_id}
    return Asked(
        options=json.loads(options_to_json(made)),
        challenge=challenges.put(connection, key, "passkey-new", detail, now),
    )


def add(connection: Connection, key: bytes, site: Site, person_id: OpaqueId, answer: Answer, now: Instant) -> str:
    """Keep a person's new passkey; its id here.

    Raises:
        HandoffError: ``PASSKEY`` when the answer does not hold; ``CHALLENGE_OVER``.
    """
    asked = challenges.take(connection, key, "passkey-new", answer.challenge, now)
    if asked["person"] != person_id:
        raise wrong()
    try:
        found = verify_registration_response(
            credential=answer.credential,
            expected_challenge=base64url_to_bytes(asked["challenge"]),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise wrong() from error
    id_ = _id(found.credential_id)
    if connection.execute(select(passkey.c.id).where(passkey.c.id == id_)).first() is not None:
        raise wrong()
    connection.execute(
        insert(passkey).values(
            id=id_,
            person_id=person_id,
            credential=found.credential_id,
            public_key=found.credential_public_key,
            sign_count=found.sign_count,
            added_at=now,
            used_at=None,
        )
    )
    decided(connection, "passkey-added", now, person=person_id)
    return id_


def ask(connection: Connection, key: bytes, site: Site, now: Instant) -> Asked:
    """Ask a device for any passkey of this site: the same question whoever asks."""
    made = generate_authentication_options(rp_id=site.host, user_verification=UserVerificationRequirement.REQUIRED)
    detail = {"challenge": bytes_to_base64url(made.challenge)}
    return Asked(
        options=json.loads(options_to_json(made)), challenge=challenges.put(connection, key, "passkey", detail, now)
    )


def shown(connection: Connection, key: bytes, site: Site, answer: Answer, now: Instant) -> OpaqueId:
    """The person whose passkey answered. Never locked, and it unlocks the person's known devices.

    Raises:
        HandoffError: ``PASSKEY``, whatever does not hold; ``CHALLENGE_OVER``.
    """
    asked = challenges.take(connection, key, "passkey", answer.challenge, now)
    try:
        id_ = _id(base64url_to_bytes(str(answer.credential["rawId"])))
        wanted = select(passkey).join(person, person.c.id == passkey.c.person_id)
        row = connection.execute(wanted.where(passkey.c.id == id_, person.c.active)).first()
        if row is None:
            raise wrong()
        found = verify_authentication_response(
            credential=answer.credential,
            expected_challenge=base64url_to_bytes(asked["challenge"]),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=bytes(row.public_key),
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise wrong() from error
    count = found.new_sign_count
    connection.execute(update(passkey).where(passkey.c.id == id_).values(sign_count=count, used_at=now))
    lockout.open_devices(connection, row.person_id)
    person_id: OpaqueId = row.person_id
    return person_id


def listed(connection: Connection, person_id: OpaqueId) -> tuple[tuple[str, Instant, Instant | None], ...]:
    """A person's passkeys: id, when added, when last used."""
    wanted = select(passkey.c.id, passkey.c.added_at, passkey.c.used_at).where(passkey.c.person_id == person_id)
    return tuple((row.id, row.added_at, row.used_at) for row in connection.execute(wanted.order_by(passkey.c.added_at)))


def remove(connection: Connection, person_id: OpaqueId, id_: str, now: Instant) -> None:
    """Remove one of a person's passkeys.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    done = connection.execute(delete(passkey).where(passkey.c.person_id == person_id, passkey.c.id == id_))
    if done.rowcount != 1:
        raise HandoffError("NOT_FOUND", "you have no such passkey")
    decided(connection, "passkey-removed", now, person=person_id)


def wrong() -> HandoffError:
    """The one answer to a passkey that does not hold."""
    return HandoffError("PASSKEY", "this passkey does not open anything here")


def _id(credential: bytes) -> str:
    return hashlib.sha256(credential).hexdigest()
