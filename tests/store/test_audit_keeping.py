"""What is done about the audit: heads kept, old rows let go, breaches told, nothing shown that is not written down."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, select, text, update

from protocol.errors import HandoffError
from store import audit, ids
from store.audit import breaches, heads, keeping, kept, verify
from store.audit.breaches import DUE_WITHIN, Opened
from store.audit.checkpoints import DAY
from store.audit.tables import audit_key, audit_row
from store.audit.verify import Flaw, Wrong
from store.session import Database
from tests.store.conftest import SITE_KEY
from tests.store.streams import HOUR, MINUTE, START
from tests.store.test_audit import ADVOCATE, add, numbers
from tests.store.test_audit_tampering import changing

NOW = START + 10_000 * DAY


def made(database: Database, at: int, *entries: audit.Entry) -> heads.Head:
    """Append, and sign a head."""
    add(database, *entries)
    head, _ = heads.make(database, SITE_KEY, at)
    assert head is not None
    return head


def said(database: Database, after: int = 0) -> dict[str, object]:
    """What the interface answers to whoever keeps heads."""
    with database.read() as connection:
        found = [
            {"n": e.n, "at": e.at, "previous": e.previous.hex(), "root": e.root.hex(), "signature": e.signature.hex()}
            for e in heads.after(connection, after)
        ]
        return {"site": ids.site_of(connection)[0], "key": SITE_KEY.public.hex(), "heads": found}


def test_a_head_is_signed_every_five_minutes_also_when_nothing_happens(database: Database) -> None:
    """Each names the one before; the root tells nothing, and stays while nothing is added."""
    first = made(database, START, ADVOCATE)
    assert heads.make(database, SITE_KEY, START + 4 * MINUTE) == (None, ())
    second = made(database, START + 5 * MINUTE)
    third = made(database, START + 10 * MINUTE, ADVOCATE)

    with database.read() as connection:
        site = ids.site_of(connection)[0]
    assert (second.previous, third.previous) == (first.digest(site), second.digest(site))
    assert first.root == second.root != third.root


def test_no_head_agrees_to_a_chain_that_lost_rows(database: Database) -> None:
    """The head after a cut gives the chain back, and what was there before it stays proven."""
    made(database, START, ADVOCATE, ADVOCATE, ADVOCATE)
    with database.engine.begin() as connection:
        triggers_off(database, connection)
        connection.execute(delete(audit_row).where(audit_row.c.n == 3))
    _, cut = heads.make(database, SITE_KEY, START + HOUR)

    assert [(each.chain, each.length) for each in cut] == [("case-1", 3)]
    assert keeping.found_cut(database, cut, START) == 1
    assert Flaw(wrong=Wrong.CHAIN_CUT, chain="case-1", n=3) in verify.verify(database, SITE_KEY.public).flaws


def triggers_off(database: Database, connection: object) -> None:
    """As whoever holds the database can."""
    execute = connection.execute  # type: ignore[attr-defined]
    if database.sqlite:
        execute(text("DROP TRIGGER audit_row_no_delete"))
        execute(text("DROP TRIGGER audit_row_no_update"))
    else:
        execute(text("ALTER TABLE audit_row DISABLE TRIGGER ALL"))


def test_kept_heads_go_on_and_never_change(database: Database, tmp_path: Path) -> None:
    """New heads are added behind those kept; an altered file, another key and a changed history are refused."""
    path = tmp_path / "heads"
    made(database, START, ADVOCATE)
    first = kept.followed(kept.read(path), said(database))
    kept.add(path, first, first.heads)
    made(database, START + HOUR, ADVOCATE)
    known = kept.read(path)
    assert known is not None
    more = kept.followed(known, said(database, after=1))
    kept.add(path, more, more.heads[1:])

    whole = kept.read(path)
    assert whole is not None
    assert [each.n for each in whole.heads] == [1, 2]
    assert verify.verify(database, whole.key, whole.heads).flaws == ()
    for wrong in ({**said(database, 2), "key": "ab" * 32}, {**said(database, 2), "site": "x"}, said(database, 1)):
        with pytest.raises(HandoffError, match="HEADS_DIFFER"):
            kept.followed(whole, wrong)
    path.write_text(path.read_text().replace(whole.heads[0].root.hex(), "00" * 32))
    with pytest.raises(HandoffError, match="HEADS_DIFFER"):
        kept.read(path)
    path.write_text("not heads")
    with pytest.raises(HandoffError, match="HEADS_FILE"):
        kept.read(path)


def test_old_rows_go_behind_a_checkpoint_and_the_rest_stays_proven(database: Database) -> None:
    """Of a chain the rows older than its years go, but for the last of them; the audit is whole, and goes on."""
    old = [replace(ADVOCATE, at=START + n * DAY) for n in range(5)]
    first = made(database, START + 9 * DAY, *old, replace(ADVOCATE, at=NOW - DAY))

    assert keeping.prune(database, SITE_KEY, 6, NOW) == 4
    assert keeping.prune(database, SITE_KEY, 6, NOW) == 0
    add(database, ADVOCATE)

    assert numbers(database) == [("case-1", 5), ("case-1", 6), ("case-1", 7)]
    assert verify.verify(database, SITE_KEY.public, [first]).flaws == ()


def test_a_chain_with_a_flaw_is_evidence(database: Database) -> None:
    """Nothing of it is dropped, however old."""
    made(database, START, *(replace(ADVOCATE, at=START + n) for n in range(4)))
    with database.engine.begin() as connection:
        triggers_off(database, connection)
        connection.execute(update(audit_row).where(audit_row.c.n == 2).values(kind="open"))

    assert keeping.prune(database, SITE_KEY, 6, NOW) == 0


def test_a_breach_is_due_in_a_day_and_told_once(database: Database) -> None:
    """What is found wrong is on record until somebody has seen to it; looking again adds nothing."""
    flaws = [Flaw(wrong=Wrong.ROW_ALTERED, chain="case-1", n=2), Flaw(wrong=Wrong.HEAD_MISSING, n=7)]

    assert (breaches.record(database, flaws, START), breaches.record(database, flaws, START + HOUR)) == (2, 0)
    with database.write() as connection:
        found = breaches.unanswered(connection)
        breaches.answer(connection, found[0].id, "steward-1", START)
        left = breaches.unanswered(connection)
        with pytest.raises(HandoffError, match="NOT_FOUND"):
            breaches.answer(connection, found[0].id, "steward-1", START)
    assert {each.due_at for each in found} == {START + DUE_WITHIN}
    assert set(left) == set(found[1:])
    assert "case-1" not in found[0].says + found[1].says


def test_an_opening_that_no_row_matches_is_a_breach(database: Database) -> None:
    """One row stands for one opening, of one agency, at its time."""
    add(database, replace(ADVOCATE, kind=audit.Kind.OPEN, action="task"))
    one = Opened(agency="advocacy", case_id="case-1", at=START + MINUTE)
    with database.read() as connection:
        assert breaches.unmatched(connection, [one]) == ()
        wrong = [replace(one, agency="court"), replace(one, case_id="case-2"), replace(one, at=START + HOUR)]
        assert len(breaches.unmatched(connection, [one, one])) == 1
        assert [each.chain for each in breaches.unmatched(connection, wrong)] == ["case-1", "case-2", "case-1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fields": ("612-555-0147 after nine",)},
        {"fields": ("+1-555-0100",)},
        {"reason": "Canary Placeholder"},
        {"person": "Canary Placeholder"},
        {"action": "read it"},
        {"about": ("case 1",)},
        {"chain": ""},
        {"fields": ("x",) * 201},
    ],
    ids=str,
)
def test_no_value_gets_into_the_audit(wrong: dict[str, Any]) -> None:
    """An entry takes names of the program and ids; anything somebody could have said is refused, and not repeated."""
    with pytest.raises(HandoffError, match="AUDIT_ENTRY") as caught:
        replace(ADVOCATE, **wrong)
    assert "555" not in str(caught.value)


@contextmanager
def unwritable(database: Database) -> Iterator[None]:
    """SQLite on a full disk; PostgreSQL that takes no writes."""
    if database.sqlite:

        def full(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")

        event.listen(database.engine, "connect", full)
        database.close()
        try:
            yield
        finally:
            event.remove(database.engine, "connect", full)
            database.close()
        return
    name = database.engine.url.database
    with database.engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    database.close()
    try:
        yield
    finally:
        with database.engine.connect() as connection:
            connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"))
            connection.commit()
            connection.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
            connection.commit()
        database.close()


def test_a_full_disk_or_a_database_that_takes_nothing_shows_nothing(database: Database) -> None:
    """What cannot be written down is not shown; afterwards it is, and no row is left of what was not shown."""
    add(database, ADVOCATE)
    many = [replace(ADVOCATE, fields=("x" * 100,) * 100)] * 50
    with unwritable(database), pytest.raises(HandoffError, match="AUDIT_DOWN"):
        audit.write_down(database, many)
    audit.write_down(database, [ADVOCATE])

    assert numbers(database) == [("case-1", 1), ("case-1", 2)]
    assert verify.verify(database, SITE_KEY.public).flaws == ()


def test_a_key_whose_row_was_taken_back_is_not_used_again(database: Database) -> None:
    """After a transaction that failed, details are sealed under a key that the database has."""

    class Stopped(Exception):
        """The block ended early."""

    def fail() -> None:
        with database.write() as connection:
            audit.append(connection, [ADVOCATE])
            raise Stopped

    with pytest.raises(Stopped):
        fail()
    add(database, ADVOCATE)
    add(database, ADVOCATE)
    with database.read() as connection:
        keys = set(connection.execute(select(audit_key.c.id)).scalars())
        used = set(connection.execute(select(audit_row.c.key)).scalars())
    assert (used, len(used)) == (keys, 1)


def test_a_changed_audit_can_be_told_without_changing_it(database: Database) -> None:
    """Looking writes nothing: not a row, not a head."""
    made(database, START, ADVOCATE)
    with changing(database) as connection:
        before = connection.execute(select(audit_row)).all()
        verify.look(connection, SITE_KEY.public)
        assert connection.execute(select(audit_row)).all() == before
