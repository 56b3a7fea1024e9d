"""Public ids and codes: keyed hashes, so that an id counts nothing and tells no time.

A task's id comes from its step, round and place among that step's own openings, never from the case's numbering of
instances or facts: that numbering counts what others may not see, and would make their ids differ with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets

from sqlalchemy import Connection, insert, select

from protocol.names import RungId, Slug
from store.tables import case_code, site

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Letters and digits that are not mistaken for one another: no 0 O 1 I L U."""


def derive(key: bytes, *parts: str | int | None) -> str:
    """26 lower-case letters and digits (128 bits) that stand for the parts."""
    digest = hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def task_id(key: bytes, case_id: str, step: Slug, round_: int, ordinal: int) -> str:
    """The public id of the ``ordinal``-th opening of a step's round."""
    return derive(key, "task", case_id, step, round_, ordinal)


def notice_id(key: bytes, case_id: str, about: str, rung: RungId | None, role: Slug, ordinal: int) -> str:
    """The public id of the ``ordinal``-th telling of a role by a rung about a task."""
    return derive(key, "notice", case_id, about, rung, role, ordinal)


def case_code_of(key: bytes, case_id: str, turn: int) -> str:
    """The ``turn``-th code to try for a case: eight characters."""
    number = int.from_bytes(hmac.new(key, f"code|{case_id}|{turn}".encode(), hashlib.sha256).digest())
    return "".join(ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(8))


def source_hash(key: bytes, agency: Slug, number: str) -> str:
    """The keyed hash of a source's own number; the key must not live in this database."""
    return hmac.new(key, json.dumps(["source", agency, number]).encode(), hashlib.sha256).hexdigest()


def random_id() -> str:
    """A random 128-bit id, for what has none of its own."""
    return derive(secrets.token_bytes(32), "random")


def site_of(connection: Connection) -> tuple[str, bytes]:
    """This installation's id and id key."""
    row = connection.execute(select(site.c.site_id, site.c.id_key)).one()
    return row.site_id, bytes(row.id_key)


def ensure_site(connection: Connection) -> None:
    """Give a new database its id and its id key."""
    if connection.execute(select(site.c.site_id)).first() is None:
        connection.execute(insert(site).values(site_id=random_id(), id_key=secrets.token_bytes(32)))


def give_code(connection: Connection, key: bytes, case_id: str) -> str:
    """The case's code: the one it has, or the first free one derived from its id."""
    known = connection.execute(select(case_code.c.code).where(case_code.c.case_id == case_id)).scalar()
    if known is not None:
        return str(known)
    turn = 0
    while True:
        code = case_code_of(key, case_id, turn)
        if connection.execute(select(case_code.c.code).where(case_code.c.code == code)).first() is None:
            connection.execute(insert(case_code).values(case_id=case_id, code=code))
            return code
        turn += 1


def case_of_code(connection: Connection, code: str) -> str | None:
    """The case that people call by this code, however they typed it; None if there is none."""
    plain = "".join(each for each in code.upper() if each.isalnum())
    return connection.execute(select(case_code.c.case_id).where(case_code.c.code == plain)).scalar()


def code_of(connection: Connection, case_id: str) -> str | None:
    """The code people call a case by; None while it has none."""
    return connection.execute(select(case_code.c.code).where(case_code.c.case_id == case_id)).scalar()
