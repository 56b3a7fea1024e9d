"""In which ways people can sign in: a password with an authenticator, passkeys, their agency's own service."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from protocol.names import OpaqueId
from store.accounts.tables import account, identity, passkey

TABLES = (("passkey", passkey), ("service", identity), ("password", account))
"""The strongest first."""


def ways(connection: Connection, person_ids: Collection[OpaqueId]) -> dict[OpaqueId, tuple[str, ...]]:
    """The ways of each: ``passkey``, ``service``, ``password``; none for who has not used their link yet."""
    found: dict[OpaqueId, tuple[str, ...]] = dict.fromkeys(person_ids, ())
    for name, table in TABLES:
        wanted = select(table.c.person_id).where(table.c.person_id.in_(person_ids)).distinct()
        for each in connection.execute(wanted).scalars():
            found[each] += (name,)
    return found
