"""The second factor of a password: a number that changes every half minute, or one of ten codes on paper."""

from __future__ import annotations

import hmac
import secrets

import pyotp
from sqlalchemy import Connection, delete, insert, select, update

from protocol.names import OpaqueId
from protocol.state import Instant
from store.accounts.secrets import keyed, seal, unseal
from store.accounts.tables import account, one_time_code

STEP = 30
"""Seconds for which one number holds (RFC 6238)."""

DRIFT = 1
"""Steps a telephone's clock may be wrong by."""

CODES = 10
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP = 4, 4
"""A one-time code is XXXX-XXXX-XXXX-XXXX: 78 random bits."""

ISSUER = "Handoff"


def new_secret() -> str:
    """The secret of a new authenticator: 160 bits in base32."""
    return pyotp.random_base32(32)


def uri(secret: str, login: str) -> str:
    """What an authenticator app reads (as a picture, or by touch)."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def sealed(key: bytes, person_id: OpaqueId, secret: str) -> bytes:
    """The secret as it is kept."""
    return seal(key, secret.encode(), f"totp|{person_id}")


def step_of(secret: str, number: str, after: int, now: Instant) -> int | None:
    """The half minute a number belongs to, if it is later than the last that was taken."""
    here = now // 1_000_000 // STEP
    made = pyotp.TOTP(secret)
    for step in range(max(here - DRIFT, after + 1), here + DRIFT + 1):
        if hmac.compare_digest(made.at(step * STEP), number):
            return step
    return None


def take_number(connection: Connection, key: bytes, person_id: OpaqueId, number: str, now: Instant) -> bool:
    """Take a number from a person's authenticator; the same number is never taken twice."""
    row = connection.execute(
        select(account.c.totp, account.c.totp_step).where(account.c.person_id == person_id)
    ).first()
    if row is None:
        return False
    secret = unseal(key, bytes(row.totp), f"totp|{person_id}").decode()
    step = step_of(secret, number, row.totp_step, now)
    if step is None:
        return False
    # Two at once: the second finds the step already taken.
    done = connection.execute(
        update(account).where(account.c.person_id == person_id, account.c.totp_step < step).values(totp_step=step)
    )
    return done.rowcount == 1


def new_codes(connection: Connection, key: bytes, person_id: OpaqueId) -> tuple[str, ...]:
    """Ten new one-time codes, shown once; those before them end."""
    connection.execute(delete(one_time_code).where(one_time_code.c.person_id == person_id))
    made = tuple(
        "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS)) for _ in range(CODES)
    )
    connection.execute(
        insert(one_time_code), [{"person_id": person_id, "hash": _code(key, person_id, each)} for each in made]
    )
    return made


def spend_code(connection: Connection, key: bytes, person_id: OpaqueId, code: str) -> bool:
    """Take a one-time code; it is gone afterwards."""
    done = connection.execute(
        delete(one_time_code).where(
            one_time_code.c.person_id == person_id, one_time_code.c.hash == _code(key, person_id, code)
        )
    )
    return done.rowcount == 1


def is_code(typed: str) -> bool:
    """Whether what was typed has the form of a one-time code and not of an authenticator's number."""
    return len(_plain(typed)) == GROUPS * GROUP


def _code(key: bytes, person_id: OpaqueId, code: str) -> str:
    return keyed(key, "one-time-code", person_id, _plain(code))


def _plain(typed: str) -> str:
    return "".join(each for each in typed.upper() if each.isalnum())
