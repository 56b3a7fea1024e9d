"""What is a confidential agency's alone is sealed at rest, and reads as before for its own people."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select, update

from protocol.compiling.compiler import compile_text
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.messages import Answer, EventHappened
from store import cases, escalations, handoffs, ids, inbox, notices, tables, timeline
from store.edge_tables import notice_receipt
from store.keyring import Keyring, engagement
from store.keyring.resealing import seal_what_is_there
from store.keyring.sealing import SHAPES, sealer
from store.policy import Subject
from store.rebuild import fingerprint, rebuild
from store.session import Database, put
from tests.protocol.texts import TODAY, changed
from tests.store import rings
from tests.store.streams import HOUR, START, Play, actor, advocacy, publish, store, wander

SEALED: dict[str, Table] = {
    "fact": tables.fact,
    "task": tables.task,
    "notice": tables.notice,
    "field_value": tables.field_value,
    "slot_ref": tables.slot_ref,
}
ADVOCATE = Subject(person_id="advocate-1", name="a", agency="advocacy", roles=("advocate", "supervisor"))
COORDINATOR = Subject(person_id="coordinator-1", name="c", agency="council", roles=("coordinator",))


@cache
def wandered(seed: int) -> Play:
    """One of the cases that chance drove; nobody drives it on."""
    return wander(advocacy(), seed, f"case-{seed}")


def lived(database: Database, seeds: range = range(12)) -> None:
    """Cases that chance drove through everything P1 has."""
    hash_ = publish(database)
    for seed in seeds:
        store(database, wandered(seed), hash_)


def rows_of(database: Database, name: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(each._mapping) for each in connection.execute(select(SEALED[name]))]


def inner_words(protocol: Protocol) -> set[str]:
    """What nobody outside may learn of P1: outcomes of confidential steps, their inner steps, kinds of inner facts."""
    confidential = {each.id for each in protocol.agencies if each.confidential}
    steps = [each for each in protocol.steps if each.agency in confidential]
    outcomes = {outcome.id for step in steps for outcome in step.outcomes}
    inner = {step.id for step in steps if not step.outside}
    return outcomes | inner | {"try-logged", "step-ended", "step-cancelled", "claimed", "clock-paused", "window-missed"}


def test_no_confidential_row_says_in_clear_what_happened(database: Database) -> None:
    """In no column of a confidential agency's rows stands an outcome, an inner step or a kind of fact."""
    lived(database)
    words = inner_words(advocacy())
    found = {
        (name, column, value)
        for name, shape in SEALED.items()
        for row in rows_of(database, name)
        if row[SHAPES[name].owner] == "advocacy" and not (name == "notice" and row["outside"])
        for column, value in row.items()
        # That others were told so is theirs to know; the fact's kind happens to be spelt as an outcome is.
        if column != "sealed" and (column, value) != ("kind", "told") and str(value).strip('"') in words
    }

    assert found == set()


def test_every_confidential_row_is_sealed_and_no_other(database: Database) -> None:
    """A row has something sealed exactly if it is a confidential agency's and not a telling to others."""
    lived(database)
    for name in SEALED:
        rows = rows_of(database, name)
        own = [
            row
            for row in rows
            if row[SHAPES[name].owner] in {"advocacy", "-"} and not (name == "notice" and row["outside"])
        ]
        assert {row["sealed"] is not None for row in own} <= {True}, name
        assert {row["sealed"] is None for row in rows if row not in own} <= {True}, name
        assert own or name == "field_value", name


def test_nothing_equal_is_seen_to_be_equal(database: Database) -> None:
    """No two rows, of one case or of several, have the same sealed bytes, though many hold the same."""
    lived(database)
    sealed = [row["sealed"] for name in SEALED for row in rows_of(database, name) if row["sealed"] is not None]

    assert len(sealed) == len(set(sealed)) > 100


def test_a_field_that_an_advocate_filled_in_has_no_name_at_rest(database: Database) -> None:
    """Of a field that a confidential agency's answer sets neither name nor value stands anywhere; its people see it."""
    protocol = compile_text(changed("[talked, not-reached]", "{talked: ask danger, not-reached}"), today=TODAY).protocol
    play = Play(protocol)
    play.do(actor(protocol, "patrol"), EventHappened(event="arrest"), START)
    (refer,) = play.live("refer")
    refs = {"numbers": "ref-1"}
    assert play.do(actor(protocol, "patrol"), Answer(instance=refer.n, outcome="given", refs=refs), START) is None
    (call,) = play.live("call")
    said = Answer(instance=call.n, outcome="talked", fields={"danger": 17})
    assert play.do(actor(protocol, "advocate"), said, START + 1) is None
    store(database, play, publish(database, protocol))
    (row,) = [each for each in rows_of(database, "field_value") if each["owner"] == "shelter"]

    assert "danger" not in str({**row, "sealed": None})
    assert row["value"] == ""
    insider = Subject(person_id="advocate-1", name="a", agency="shelter", roles=("advocate",))
    with database.read() as connection:
        assert [(each.field, each.value) for each in cases.one(connection, insider, "case-1").fields] == [
            ("danger", 17)
        ]
        assert cases.fields_of(connection, insider, ["case-1"]) == {"case-1": {"danger": 17}}


def test_sizes_say_little(database: Database) -> None:
    """Sealed rows have a handful of sizes."""
    lived(database)
    sizes = {len(row["sealed"]) for name in SEALED for row in rows_of(database, name) if row["sealed"] is not None}

    assert len(sizes) <= 4


def test_a_rebuild_is_equal_to_the_byte(database: Database) -> None:
    """Sealing depends on nothing but what is sealed and where it stands."""
    lived(database)
    report = rebuild(database)

    assert report.before == report.after


READS: list[Callable[[Any, Subject], object]] = [
    lambda connection, who: inbox.inbox(connection, who, whole_agency=True),
    lambda connection, who: handoffs.handoffs(connection, who, START + HOUR),
    escalations.escalations,
    notices.notices,
    cases.recent,
    lambda connection, who: cases.one(connection, who, "case-3"),
    lambda connection, who: timeline.timeline(connection, who, "case-3"),
]


def test_outsiders_reads_need_no_key(database: Database) -> None:
    """Without any key every read of an outsider gives what it gives with all of them; an advocate's are locked."""
    lived(database)
    keyless = Database(database.url)
    codes = []
    with keyless.read() as without, database.read() as within:
        for read in READS:
            assert read(without, COORDINATOR) == read(within, COORDINATOR)
            try:
                assert read(without, ADVOCATE) == read(within, ADVOCATE)
            except HandoffError as error:
                codes.append(error.code)
    keyless.close()

    assert codes == ["ENGINE_LOCKED"] * 6


def test_a_row_that_was_altered_or_moved_does_not_open(database: Database) -> None:
    """A sealed row with one bit changed, or in another row's place, is refused with a stable code."""
    lived(database, range(2))
    rows = [row for row in rows_of(database, "task") if row["sealed"] is not None]
    one, other = rows[:2]
    flipped = one["sealed"][:-1] + bytes([one["sealed"][-1] ^ 1])
    with database.read() as connection:
        seals = sealer(connection)
        for wrong in ({**one, "sealed": flipped}, {**other, "sealed": one["sealed"]}):
            with pytest.raises(HandoffError) as caught:
                seals.opened("task", wrong)
            assert caught.value.code == "ROW_SPOILED"


def test_a_destroyed_key_leaves_nothing_to_read(database: Database) -> None:
    """After a case's key for an agency was destroyed its rows do not open, and others' reads go on."""
    lived(database)
    assert isinstance(database.keys, Keyring)
    database.keys.destroy("case-3", [engagement("advocacy")])
    with database.read() as connection:
        with pytest.raises(HandoffError) as caught:
            cases.one(connection, ADVOCATE, "case-3")
        assert caught.value.code == "KEY_DESTROYED"
        assert cases.one(connection, COORDINATOR, "case-3").tasks


def test_public_ids_of_inner_steps_cannot_be_guessed(database: Database) -> None:
    """No id of an inner task is made with the key that lies in the database; those that others see are."""
    lived(database)
    with database.read() as connection:
        _, key = ids.site_of(connection)
    steps = [each.id for each in advocacy().steps]
    guessed = {
        ids.task_id(key, f"case-{seed}", step, round_, ordinal)
        for seed in range(12)
        for step in steps
        for round_ in range(6)
        for ordinal in range(6)
    }
    rows = rows_of(database, "task")

    assert {row["id"] in guessed for row in rows if row["owner"] and not row["outside"]} == {False}
    assert {row["id"] in guessed for row in rows if not row["owner"] or row["outside"]} == {True}


def test_rows_from_before_the_keyring_are_sealed_by_a_start(database: Database) -> None:
    """What a former version left in clear is sealed once, reads as before, and receipts follow their notices."""
    lived(database, range(3))
    with database.read() as connection:
        before = fingerprint(connection)
        read = notices.notices(connection, ADVOCATE, limit=200)
    _unseal(database)
    (first, *_) = [each for each in read.rows if each.full]
    with database.write() as connection:
        connection.execute(update(tables.notice).where(tables.notice.c.id == first.id).values(id="old-id"))
        put(connection, notice_receipt, [{"notice_id": "old-id", "person_id": "advocate-1", "read_at": START}])
    assert isinstance(database.keys, Keyring)
    said: list[str] = []

    assert seal_what_is_there(database, database.keys, said.append) == 3
    assert seal_what_is_there(database, database.keys, said.append) == 0
    assert said == ["Sealed what confidential agencies recorded in 3 cases."]
    with database.read() as connection:
        assert fingerprint(connection) == before
        again = notices.notices(connection, ADVOCATE, limit=200)
    assert {each.id: each.read_by for each in again.rows}[first.id] == "advocate-1"


def test_a_start_without_the_keyholder_seals_what_it_can_later(database: Database, tmp_path: Path) -> None:
    """Cases of an agency whose keyholder is away are left as they are, and it is said."""
    lived(database)
    _unseal(database)
    away = rings.Steady()
    away.here = False
    said: list[str] = []
    late = rings.ring(f"sqlite:///{tmp_path / 'keys.db'}", away)

    assert seal_what_is_there(database, late, said.append) == 0
    assert said == ["The keys of these agencies' cases are locked until their keyholders answer: advocacy."]


def _unseal(database: Database) -> None:
    """Leave the rows as the version before left them."""
    with database.write() as connection:
        seals = sealer(connection)
        for name, table in SEALED.items():
            rows = [dict(each._mapping) for each in connection.execute(select(table))]
            clear = [{**seals.opened(name, row), "sealed": None} for row in rows]
            connection.execute(table.delete())
            connection.execute(table.insert(), clear)
