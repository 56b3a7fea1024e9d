"""Signing in with a name, a password and a second factor, in one try that is answered in one way when it is wrong.

Nothing in an answer, and nothing in its time, says whether the name is known: unknown names are counted, locked and
compared with a password's hash like known ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from runtime.limits import TooMany
from store.accounts import factors, lockout, passwords, secrets, sessions
from store.accounts.decisions import decided
from store.accounts.lockout import Count
from store.accounts.sessions import Session
from store.accounts.tables import account
from store.edge_tables import agency, person
from store.session import Database

PASSWORD = "password"  # noqa: S105 - how, not what


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What was typed, and the cookie of a known device if there was one. ``code``: a number or a one-time code."""

    login: str
    password: str
    code: str
    device: str | None = None

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Attempt(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Signed in: the session's token and the device's, for their cookies."""

    person_id: OpaqueId
    session: str
    device: str


def plain_login(typed: str) -> str:
    """A name as it is kept: without case and outer spaces."""
    return typed.strip().casefold()


def sign_in(database: Database, key: bytes, attempt: Attempt, now: Instant) -> Welcome:
    """Begin a session for whoever shows a password and a second factor.

    Raises:
        HandoffError: ``SIGN_IN`` for a wrong name, password or code alike; ``LOCKED_OUT`` after too many of them.
    """
    person_id = shown(database, key, attempt, now)
    with database.write() as connection:
        return welcome(connection, person_id, PASSWORD, attempt.device, now)


def step_up(database: Database, key: bytes, session: Session, attempt: Attempt, now: Instant) -> None:
    """Let a session do what needs both factors shown just now. Raises as ``sign_in``."""
    person_id = shown(database, key, attempt, now)
    with database.write() as connection:
        if person_id != session.person_id:
            raise wrong()
        sessions.step_up(connection, session, now)
        decided(connection, "step-up", now, person=session.person_id)


def shown(database: Database, key: bytes, attempt: Attempt, now: Instant) -> OpaqueId:
    """The person who shows a password and a second factor. Raises as ``sign_in``."""
    login = plain_login(attempt.login)
    with database.write() as connection:
        person_id, kept = _account(connection, login)
        count = lockout.count_of(connection, key, login, person_id, attempt.device)
        until = lockout.begin(connection, count, now)
        spent = until is not None and _opens(connection, key, count, attempt, now)
    if until is not None and not spent:
        raise TooMany("LOCKED_OUT", _locked(until, now), after=_seconds(until - now))
    fits = passwords.fits(kept, attempt.password)
    with database.write() as connection:
        right = fits and person_id is not None and (spent or _second(connection, key, person_id, attempt, now))
        if right:
            lockout.forgive(connection, count, now)
        else:
            _denied(connection, count, now)
    if not right or person_id is None:
        raise wrong()
    return person_id


def wrong() -> HandoffError:
    """The one answer to whatever is wrong."""
    return HandoffError("SIGN_IN", "the name, the password or the code is wrong")


def welcome(connection: Connection, person_id: OpaqueId, how: Slug, cookie: str | None, now: Instant) -> Welcome:
    """A new session on a device that is known from now on; a known one keeps its cookie."""
    token = sessions.begin(connection, person_id, how, now)
    known = cookie is not None and lockout.knows_device(connection, person_id, cookie)
    device = cookie if known and cookie is not None else secrets.new()
    lockout.remember_device(connection, person_id, device, now)
    decided(connection, "sign-in", now, person=person_id, reason=how)
    return Welcome(person_id=person_id, session=token, device=device)


def login_of(connection: Connection, person_id: OpaqueId) -> str:
    """The name a person signs in with; empty for whoever signs in elsewhere."""
    return connection.execute(select(account.c.login).where(account.c.person_id == person_id)).scalar() or ""


def knows(connection: Connection, typed: str, cookie: str) -> bool:
    """Whether whoever has a name has signed in on a device before."""
    person_id, _ = _account(connection, plain_login(typed))
    return person_id is not None and lockout.knows_device(connection, person_id, cookie)


def agency_counted(connection: Connection, key: bytes, typed: str) -> Slug:
    """The agency whose limit a try counts against: the person's, or one that an unknown name is given for good.

    So that a limit is shared by no two agencies, and does not tell names that are known from names that are not.
    """
    login = plain_login(typed)
    wanted = select(person.c.agency).join(account, account.c.person_id == person.c.id).where(account.c.login == login)
    found: Slug | None = connection.execute(wanted).scalar()
    if found is not None:
        return found
    every = connection.execute(select(agency.c.id).order_by(agency.c.id)).scalars().all()
    return every[int(secrets.keyed(key, "agency", login), 16) % len(every)] if every else ""


def _account(connection: Connection, login: str) -> tuple[OpaqueId | None, str | None]:
    row = connection.execute(
        select(account.c.person_id, account.c.password_hash)
        .join(person, person.c.id == account.c.person_id)
        .where(account.c.login == login, person.c.active)
    ).first()
    return (None, None) if row is None else (row.person_id, row.password_hash)


def _opens(connection: Connection, key: bytes, count: Count, attempt: Attempt, now: Instant) -> bool:
    """A one-time code opens a shut count: it cannot be guessed, so whoever has one may try a password."""
    if count.person_id is None or not factors.is_code(attempt.code):
        return False
    if not factors.spend_code(connection, key, count.person_id, attempt.code):
        return False
    lockout.open_count(connection, count)
    lockout.begin(connection, count, now)
    decided(connection, "unlock", now, person=count.person_id, reason="one-time-code")
    return True


def _second(connection: Connection, key: bytes, person_id: OpaqueId, attempt: Attempt, now: Instant) -> bool:
    if factors.is_code(attempt.code):
        return factors.spend_code(connection, key, person_id, attempt.code)
    return factors.take_number(connection, key, person_id, attempt.code.strip(), now)


def _denied(connection: Connection, count: Count, now: Instant) -> None:
    decided(connection, "sign-in", now, person=count.person_id, allowed=False, reason="wrong")
    if lockout.is_shut(connection, count, now):
        which = "strangers" if count.device is None else "known-device"
        decided(connection, "lockout", now, person=count.person_id, allowed=False, reason=which)


def _locked(until: Instant, now: Instant) -> str:
    minutes = -(-(until - now) // lockout.MINUTE)
    return (
        f"too many wrong tries here: try again in {minutes} min, or sign in with a passkey or a one-time code, "
        "or ask your supervisor to unlock you"
    )


def _seconds(span: Instant) -> int:
    return max(1, -(-span // 1_000_000))
