"""The audit's chains: added to and never changed, whole or found not to be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from protocol.errors import HandoffError
from store import audit
from store.audit import heads, verify
from store.audit.tables import audit_row
from store.session import Database
from tests.store.conftest import SITE_KEY
from tests.store.streams import START

ADVOCATE = audit.Entry(
    chain="case-1", kind=audit.Kind.READ, at=START, agency="advocacy", person="advocate-1", action="case-page"
)


def add(database: Database, *entries: audit.Entry) -> None:
    """Append entries in a transaction of their own."""
    with database.write() as connection:
        audit.append(connection, entries)


def numbers(database: Database) -> list[tuple[str, int]]:
    """Every row's chain and number."""
    with database.read() as connection:
        rows = connection.execute(select(audit_row.c.chain, audit_row.c.n).order_by(audit_row.c.chain, audit_row.c.n))
        return [(row.chain, row.n) for row in rows]


def test_each_chain_is_numbered_and_whole(database: Database) -> None:
    """Rows of several chains in one transaction follow each in its own chain; nothing is wrong with them."""
    site = replace(ADVOCATE, chain=audit.SITE, kind=audit.Kind.SIGN_IN, action="sign-in")
    add(database, ADVOCATE, site, ADVOCATE)
    add(database, ADVOCATE)
    heads.make(database, SITE_KEY, START)

    assert numbers(database) == [("case-1", 1), ("case-1", 2), ("case-1", 3), ("site", 1)]
    assert verify.verify(database, SITE_KEY.public) == verify.Verdict(rows=4, chains=2, heads=1, flaws=())


def test_appends_at_once_never_fork_a_chain(database: Database) -> None:
    """Eight clients adding to one chain, and to others, make one row of each number."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: add(database, ADVOCATE, replace(ADVOCATE, chain=f"case-{n % 3}")), range(64)))

    assert [n for chain, n in numbers(database) if chain == "case-1"] == list(range(1, 86))
    assert verify.verify(database, SITE_KEY.public).flaws == ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_row SET kind = 'open'",
        "DELETE FROM audit_row",
        "DELETE FROM audit_head",
        "UPDATE audit_key SET agency = 'police'",
        "DELETE FROM audit_leaf",
        "INSERT OR REPLACE INTO audit_row SELECT * FROM audit_row",
        "TRUNCATE audit_row",
    ],
)
def test_the_application_may_only_add(database: Database, change: str) -> None:
    """The database itself refuses to change or delete a row, in every way it has."""
    add(database, ADVOCATE)
    heads.make(database, SITE_KEY, START)
    with pytest.raises(HandoffError, match="DATABASE_"), database.write() as connection:
        connection.execute(text(change))
    assert numbers(database) == [("case-1", 1)]
