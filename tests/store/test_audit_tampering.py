"""Whoever changes the audit is found: any column, row, order or tail, also with the database and the key in hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select, text
from sqlalchemy.exc import IntegrityError

from store import audit, ids
from store.audit import heads, keeping, merkle, tables
from store.audit.chain import beginning, hash_of, header
from store.audit.checkpoints import DAY, Checkpoint
from store.audit.heads import FIRST, Head
from store.audit.verify import Wrong, look
from store.session import Database
from tests.store.conftest import SITE_KEY
from tests.store.streams import MINUTE, START

TABLES = {
    each.name: each
    for each in (tables.audit_row, tables.audit_key, tables.audit_leaf, tables.audit_head, tables.audit_checkpoint)
}
Rows = dict[str, list[dict[str, Any]]]
EXAMPLES = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def kept(database: Database) -> tuple[Head, ...]:
    """A database with an audit of several chains, one pruned, and the heads that an agency has kept of it."""
    entry = audit.Entry(
        chain="case-1", kind=audit.Kind.READ, at=START, agency="advocacy", person="p", action="case-page"
    )
    old = [replace(entry, chain="old", at=START - (3000 - n) * DAY) for n in range(2990)[::600]]
    made = []
    for turn in range(3):
        with database.write() as connection:
            audit.append(
                connection, [*old, replace(entry, agency="police", about=("case-1", "case-2"), chain="agency:police")]
            )
            audit.append(connection, [replace(entry, chain=f"case-{n % 3}", at=START + n) for n in range(7)])
        made.append(heads.make(database, SITE_KEY, START + turn * 10 * MINUTE)[0])
        old = []
    assert keeping.prune(database, SITE_KEY, 6, START + DAY) == 1
    return tuple(each for each in made if each is not None)


@contextmanager
def changing(database: Database) -> Iterator[Connection]:
    """A transaction of somebody who can do everything with the database, taken back at the end."""
    with database.engine.connect() as connection:
        transaction = connection.begin()
        if database.sqlite:
            found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for each in found:
                connection.execute(text(f"DROP TRIGGER {each}"))
        else:
            for name in TABLES:
                connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER ALL"))
        try:
            yield connection
        finally:
            transaction.rollback()


def read(connection: Connection) -> Rows:
    """Everything of the audit."""
    return {
        name: [
            {key: bytes(value) if isinstance(value, memoryview) else value for key, value in row._mapping.items()}
            for row in connection.execute(select(table).order_by(*table.primary_key))
        ]
        for name, table in TABLES.items()
    }


def write(connection: Connection, rows: Rows) -> None:
    """Put this in place of everything."""
    for name, table in TABLES.items():
        connection.execute(delete(table))
        if rows[name]:
            connection.execute(insert(table), rows[name])


def other(data: st.DataObject, value: Any) -> Any:
    """Something else than a value, of its kind."""
    if isinstance(value, int):
        return value + data.draw(st.sampled_from([-7, -1, 1, 300_000_000]))
    if isinstance(value, bytes):
        place = data.draw(st.integers(0, len(value)))
        return value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :] if place < len(value) else value + b"\0"
    if value is None:
        return "court"
    return data.draw(st.sampled_from([None, "court", f"x{value[1:]}"]))


def a_column(data: st.DataObject, rows: Rows) -> None:
    """One column of one row of one table."""
    name = data.draw(st.sampled_from(sorted(each for each in rows if rows[each])))
    row = data.draw(st.sampled_from(rows[name]))
    column = data.draw(st.sampled_from(sorted(row)))
    row[column] = other(data, row[column])


def a_row(data: st.DataObject, rows: Rows) -> None:
    """One row of one table, taken out."""
    name = data.draw(st.sampled_from(sorted(each for each in rows if rows[each])))
    rows[name].pop(data.draw(st.integers(0, len(rows[name]) - 1)))


def an_order(data: st.DataObject, rows: Rows) -> None:
    """Two rows, of a chain or of two, exchanged: all but their place."""
    one, two = (data.draw(st.sampled_from(rows["audit_row"])) for _ in range(2))
    assume(one is not two)
    for column in set(one) - {"chain", "n"}:
        one[column], two[column] = two[column], one[column]


def a_tail(data: st.DataObject, rows: Rows) -> None:
    """The end of a chain, or all of it, with all that says how long it was."""
    chain = data.draw(st.sampled_from(sorted({each["chain"] for each in rows["audit_row"]})))
    first = data.draw(st.integers(1, 7))
    before = len(rows["audit_row"])
    rows["audit_row"] = [each for each in rows["audit_row"] if each["chain"] != chain or each["n"] < first]
    assume(len(rows["audit_row"]) < before)
    if data.draw(st.booleans()):
        rows["audit_leaf"] = [each for each in rows["audit_leaf"] if each["chain"] != chain or each["length"] < first]


def a_row_and_its_hash(data: st.DataObject, rows: Rows) -> None:
    """One row, with everything behind it computed again, as far as no key is needed."""
    row = data.draw(st.sampled_from(rows["audit_row"]))
    column = data.draw(st.sampled_from(["at", "agency", "kind", "request", "about", "sealed"]))
    row[column] = other(data, row[column]) or "court"
    computed(rows, row["chain"])


def computed(rows: Rows, chain: str) -> None:
    """A chain's hashes, made anew."""
    prev = None
    for row in (each for each in rows["audit_row"] if each["chain"] == chain):
        row["prev"] = row["prev"] if prev is None else prev
        clear = header(chain, row["n"], row["at"], row["agency"], row["kind"], row["request"], row["key"], row["about"])
        prev = row["hash"] = hash_of(row["prev"], clear, row["sealed"])


@pytest.mark.parametrize("alter", [a_column, a_row, an_order, a_tail, a_row_and_its_hash])
def test_every_alteration_is_found(database: Database, kept: tuple[Head, ...], alter: Any) -> None:
    """Whatever is altered, something is found against the heads that were kept; without alteration nothing is."""
    with changing(database) as connection:
        before = read(connection)
        assert look(connection, SITE_KEY.public, kept).flaws == ()

    @EXAMPLES
    @given(st.data())
    def check(data: st.DataObject) -> None:
        with changing(database) as connection:
            after = read(connection)
            alter(data, after)
            assume(after != before)
            try:
                write(connection, after)
            except IntegrityError:
                # The database itself does not take it: two rows of one place.
                return
            assert look(connection, SITE_KEY.public, kept).flaws != ()

    check()
    with changing(database) as connection:
        # Each alteration was taken back: what was found was its own.
        assert read(connection) == before


def test_a_history_written_anew_with_the_sites_key_is_found_in_a_kept_head(
    database: Database, kept: tuple[Head, ...]
) -> None:
    """Rows, leaves and heads made consistent and signed again pass alone, and fail against any head kept before."""
    with changing(database) as connection:
        rows = read(connection)
        victim = next(each for each in rows["audit_row"] if each["chain"] == "case-1")
        victim["agency"] = "police"
        computed(rows, "case-1")
        forged(rows, ids.site_of(connection)[0])
        write(connection, rows)

        assert look(connection, SITE_KEY.public).flaws == ()
        for each in kept:
            assert {flaw.wrong for flaw in look(connection, SITE_KEY.public, [each]).flaws} == {Wrong.HEAD_REWRITTEN}


def forged(rows: Rows, site: str) -> None:
    """Leaves and heads made anew over whatever the rows say, with the site's own key."""
    hashes = {(each["chain"], each["n"]): each["hash"] for each in rows["audit_row"]}
    for each in rows["audit_leaf"]:
        if (each["chain"], each["length"]) in hashes:
            hash_ = hashes[each["chain"], each["length"]]
            each["leaf"] = merkle.leaf_of(each["salt"], each["chain"], each["length"], hash_)
    tree, previous = merkle.Tree(), FIRST
    for row in rows["audit_head"]:
        for each in rows["audit_leaf"]:
            if each["head"] == row["n"]:
                tree.put(each["place"], merkle.placed(each["salt"], each["chain"], each["length"], each["leaf"]))
        made = Head(n=row["n"], at=row["at"], previous=previous, root=tree.root(), signature=b"")
        row |= {"previous": previous, "root": made.root, "signature": SITE_KEY.sign(made.statement(site))}
        previous = replace(made, signature=row["signature"]).digest(site)


def test_dropping_young_rows_is_found_even_with_the_sites_key(database: Database, kept: tuple[Head, ...]) -> None:
    """A checkpoint signed over rows that were not a year old is false."""
    with changing(database) as connection:
        rows = read(connection)
        site = ids.site_of(connection)[0]
        row = next(each for each in rows["audit_row"] if (each["chain"], each["n"]) == ("case-1", 4))
        rows["audit_row"] = [each for each in rows["audit_row"] if each["chain"] != "case-1" or each["n"] >= 4]
        point = Checkpoint(chain="case-1", n=4, at=START + 30 * DAY, hash=row["hash"])
        sign = SITE_KEY.sign(point.statement(site))
        rows["audit_checkpoint"].append(
            {"chain": "case-1", "n": 4, "at": point.at, "hash": point.hash, "signature": sign}
        )
        write(connection, rows)

        found = look(connection, SITE_KEY.public, kept).flaws
    assert [(each.wrong, each.chain, each.n) for each in found] == [(Wrong.CHECKPOINT_FALSE, "case-1", 4)]


def test_a_chain_begins_at_its_own_site(database: Database, kept: tuple[Head, ...]) -> None:
    """A whole chain copied from another installation does not begin as one of this one."""
    with changing(database) as connection:
        rows = read(connection)
        first = next(each for each in rows["audit_row"] if each["chain"] == "case-2")
        first["prev"] = beginning("another-site", "case-2")
        computed(rows, "case-2")
        write(connection, rows)
        assert Wrong.ROW_DOES_NOT_FOLLOW in {each.wrong for each in look(connection, SITE_KEY.public).flaws}


@lru_cache
def rfc_root(leaves: tuple[bytes, ...]) -> bytes:
    """MTH as RFC 9162 §2.1.1 writes it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else merkle.EMPTY
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle._node(rfc_root(leaves[:split]), rfc_root(leaves[split:]))


@given(st.lists(st.binary(min_size=1, max_size=2), max_size=40), st.data())
def test_the_root_is_that_of_the_rfc(leaves: list[bytes], data: st.DataObject) -> None:
    """However leaves are added and replaced, the root is the one the RFC defines."""
    tree = merkle.Tree()
    for place, leaf in enumerate(leaves):
        tree.put(place, leaf)
    for _ in range(len(leaves) // 2):
        place = data.draw(st.integers(0, len(leaves) - 1))
        leaves[place] = b"new"
        tree.put(place, b"new")
    assert tree.root() == rfc_root(tuple(leaves))
