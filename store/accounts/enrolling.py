"""Enrolment: a link made by the agency's steward, used once, with which a person chooses password and authenticator.

Used again for somebody who has lost everything: what they had before ends, and so do their sessions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from protocol.state import Instant
from store import people
from store.accounts import factors, lockout, passwords, secrets, sessions
from store.accounts.decisions import decided
from store.accounts.secrets import unseal
from store.accounts.signing import plain_login
from store.accounts.tables import account, device, enrolment, identity, passkey
from store.edge_tables import person
from store.policy import SubjectKind
from store.session import Database, put

HOLDS = 72 * 60 * 60 * 1_000_000
"""Microseconds a link holds: long enough for whoever comes back from days off."""

LOGIN = re.compile(r"[^\s\x00-\x1f]{3,254}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What the person puts into an authenticator: a secret, or the same as a link."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a person chose: the name to sign in with, a password, and the number the authenticator shows now."""

    link: str
    login: str
    password: str
    code: str

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Chosen(...)"


def make_link(connection: Connection, person_id: OpaqueId, now: Instant, *, by: OpaqueId | None = None) -> str:
    """A new link's secret for somebody; the one before it ends. ``by``: the steward; None for this machine's operator.

    Raises:
        HandoffError: ``NOT_FOUND`` for whoever does not act; ``NOT_A_PERSON`` for a records system.
    """
    found = people.one(connection, person_id)
    if not found.active:
        raise HandoffError("NOT_FOUND", "there is no such person")
    if found.kind is not SubjectKind.PERSON:
        raise HandoffError("NOT_A_PERSON", "a records system does not sign in: give it a machine key")
    link = secrets.new()
    connection.execute(delete(enrolment).where(enrolment.c.person_id == person_id))
    put(connection, enrolment, [_row(link, person_id, now)])
    decided(connection, "enrolment-link", now, person=by, agency=found.agency)
    return link


def begin(connection: Connection, key: bytes, link: str, login: str, now: Instant) -> Begun:
    """Give out the secret of a new authenticator, to be shown to the person once.

    Raises:
        HandoffError: ``LINK_OVER``; ``LOGIN_FORM``.
    """
    person_id = _whose(connection, link, now)
    if not LOGIN.fullmatch(plain_login(login)):
        raise HandoffError("LOGIN_FORM", "a name to sign in with has 3 to 254 characters and no spaces")
    secret = factors.new_secret()
    connection.execute(
        update(enrolment)
        .where(enrolment.c.hash == secrets.kept(link))
        .values(totp=factors.sealed(key, person_id, secret))
    )
    return Begun(secret=secret, uri=factors.uri(secret, plain_login(login)))


def finish(database: Database, key: bytes, chosen: Chosen, now: Instant) -> tuple[str, ...]:
    """Make the account, or make it anew; ten one-time codes for paper, shown once.

    Raises:
        HandoffError: ``LINK_OVER``; ``PASSWORD_SHORT``, ``PASSWORD_LONG``, ``PASSWORD_COMMON``; ``CODE_WRONG`` while
            the authenticator does not show the right number; ``LOGIN_TAKEN``.
    """
    login = plain_login(chosen.login)
    if not LOGIN.fullmatch(login):
        raise HandoffError("LOGIN_FORM", "a name to sign in with has 3 to 254 characters and no spaces")
    passwords.check(chosen.password, login)
    hashed = passwords.hashed(chosen.password)
    with database.write() as connection:
        person_id = _whose(connection, chosen.link, now)
        wanted = select(enrolment.c.totp).where(enrolment.c.hash == secrets.kept(chosen.link))
        sealed = connection.execute(wanted).scalar()
        secret = "" if sealed is None else unseal(key, bytes(sealed), f"totp|{person_id}").decode()
        step = factors.step_of(secret, chosen.code.strip(), 0, now) if secret else None
        if sealed is None or step is None:
            raise HandoffError("CODE_WRONG", "that is not the number the authenticator shows now; look at its clock")
        _free(connection, login, person_id)
        _end_everything(connection, person_id)
        row = {"person_id": person_id, "login": login, "password_hash": hashed, "totp": sealed, "totp_step": step}
        put(connection, account, [{**row, "enrolled_at": now}])
        decided(connection, "enrolled", now, person=person_id)
        return factors.new_codes(connection, key, person_id)


def deactivate(connection: Connection, person_id: OpaqueId, now: Instant, *, by: OpaqueId | None = None) -> None:
    """Somebody leaves: nothing they had signs in any more, and their sessions end."""
    people.deactivate(connection, person_id)
    _end_everything(connection, person_id)
    connection.execute(delete(account).where(account.c.person_id == person_id))
    decided(connection, "deactivated", now, person=by)


def person_of_link(connection: Connection, link: str, now: Instant) -> OpaqueId:
    """Whom a link enrols; it is used up. Raises ``LINK_OVER``."""
    person_id = _whose(connection, link, now)
    connection.execute(delete(enrolment).where(enrolment.c.person_id == person_id))
    return person_id


def _whose(connection: Connection, link: str, now: Instant) -> OpaqueId:
    wanted = (
        select(enrolment.c.person_id)
        .join(person, person.c.id == enrolment.c.person_id)
        .where(enrolment.c.hash == secrets.kept(link), enrolment.c.expires_at > now, person.c.active)
    )
    found: OpaqueId | None = connection.execute(wanted).scalar()
    if found is None:
        raise HandoffError("LINK_OVER", "this link is over or was used; ask your agency's steward for a new one")
    return found


def _free(connection: Connection, login: str, person_id: OpaqueId) -> None:
    taken = connection.execute(select(account.c.person_id).where(account.c.login == login)).scalar()
    if taken is not None and taken != person_id:
        raise HandoffError("LOGIN_TAKEN", "choose another name to sign in with")


def _end_everything(connection: Connection, person_id: OpaqueId) -> None:
    sessions.end_all(connection, person_id)
    lockout.open_all(connection, person_id)
    for table in (passkey, identity, device, enrolment):
        connection.execute(delete(table).where(table.c.person_id == person_id))


def _row(link: str, person_id: OpaqueId, now: Instant) -> dict[str, object]:
    return {"hash": secrets.kept(link), "person_id": person_id, "expires_at": now + HOLDS, "totp": None}
