"""Protected values: sealed without asking, opened only by their keeper's people, never in clear at rest."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text, update

from protocol.errors import HandoffError
from protocol.facts import Fact, SlotFilled
from store import sweeping, vault
from store.audit.tables import audit_row
from store.custodian.local import CustodianProcess, LocalCustodian
from store.custodian.port import Grant, Item, Order
from store.edge_tables import key_card, vault_record, vault_value
from store.plain import Plain
from store.policy import Subject, SubjectKind
from store.session import Database
from store.sweeping import DESTROY_AFTER, MINUTE, Verdict
from store.vault import Sealing
from tests.store.streams import START, Play, advocacy, opened, publish, store

CANARY = "612-555-0147 after nine, ask for the bakery"
ADVOCATE = Subject(person_id="advocate-1", name="Advocate One", agency="advocacy", roles=("advocate",))
PATROL = Subject(person_id="patrol-1", name="Patrol One", agency="police", roles=("patrol",))


@pytest.fixture(scope="module")
def process() -> Iterator[CustodianProcess]:
    """A custodian in a process of its own, in a folder short enough for a socket's path."""
    with tempfile.TemporaryDirectory() as folder, CustodianProcess(Path(folder) / "keys", Path(folder)) as made:
        yield made


@pytest.fixture
def custodian(process: CustodianProcess) -> LocalCustodian:
    """Its client."""
    return process.custodian


def arrive(database: Database, custodian: LocalCustodian, **values: str) -> tuple[Play, dict[str, str]]:
    """A case, and values that came with a command of it, accepted."""
    play = opened(advocacy())
    hash_ = publish(database)
    store(database, play, hash_)
    vault.learn_cards(database, custodian, advocacy())
    refs = seal(database, **values)
    accept(database, play, refs, hash_)
    return play, refs


def seal(database: Database, command: str = "command-1", **values: str) -> dict[str, str]:
    """Seal values as pending."""
    sealing = Sealing(case_id="case-1", command_id=command, now=START)
    given = {name.replace("_", "-"): Plain(value) for name, value in values.items()}
    with database.write() as connection:
        return vault.seal(connection, advocacy(), sealing, given)


def accept(database: Database, play: Play, refs: dict[str, str], hash_: str) -> None:
    """The engine accepted the command: a fact names each reference."""
    for slot, ref in refs.items():
        seq = len(play.facts) + 1
        play.facts.append(Fact(seq=seq, at=START, recorded=START, body=SlotFilled(slot=slot, ref=ref)))
    store(database, play, hash_)


def reveal(
    database: Database, custodian: LocalCustodian, refs: dict[str, str], who: Subject = ADVOCATE, case: str = "case-1"
) -> list[str]:
    """Open values and reveal them."""
    found = vault.open_values(database, custodian, who, case, list(refs.values()), why="task", now=START)
    return [found[each].reveal() for each in refs.values()]


def code_of(error: pytest.ExceptionInfo[HandoffError]) -> str:
    """The code of a caught error."""
    return error.value.code


def audited(database: Database) -> int:
    """How many audit rows there are."""
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(audit_row)).scalar_one()


def test_what_is_sealed_opens_for_its_keeper(database: Database, custodian: LocalCustodian) -> None:
    """A value comes back as it was, in any script and of any length up to the limit."""
    long = "ß字" * 9000
    _, refs = arrive(database, custodian, safe_numbers=CANARY, notes=long)
    assert reveal(database, custodian, refs) == [CANARY, long]


def test_sealing_asks_nobody(database: Database) -> None:
    """Once the card is known, values are sealed while the custodian is away."""
    with tempfile.TemporaryDirectory() as folder:
        with CustodianProcess(Path(folder) / "keys", Path(folder)) as process:
            vault.learn_cards(database, process.custodian, advocacy())
        assert set(seal(database, safe_numbers=CANARY)) == {"safe-numbers"}


def test_a_keeper_without_a_card_cannot_be_sealed_to(database: Database) -> None:
    """A value is refused rather than kept in clear."""
    with pytest.raises(HandoffError) as caught:
        seal(database, safe_numbers=CANARY)
    assert code_of(caught) == "NO_CARD"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("first-appearance", "x", "UNKNOWN_FIELD"), ("notes", "x" * (64 * 1024 + 1), "VALUE_TOO_LONG")],
)
def test_what_is_no_value_of_the_protocol_is_refused(
    database: Database, custodian: LocalCustodian, field: str, value: str, code: str
) -> None:
    """Only slots of the protocol, only up to 64 KB; the message does not repeat the value."""
    vault.learn_cards(database, custodian, advocacy())
    with pytest.raises(HandoffError) as caught:
        seal(database, wishes=CANARY, **{field.replace("-", "_"): value})
    assert code_of(caught) == code
    assert value * 2 not in str(caught.value)


def test_only_the_keepers_people_open(database: Database, custodian: LocalCustodian) -> None:
    """Another agency, a records system, another case and an unknown reference get the same answer, and no audit row."""
    _, refs = arrive(database, custodian, safe_numbers=CANARY)
    system = replace(ADVOCATE, kind=SubjectKind.SYSTEM)
    tries = [(PATROL, "case-1", refs), (system, "case-1", refs), (ADVOCATE, "case-2", refs),
             (ADVOCATE, "case-1", {**refs, "x": "unknown"})]  # fmt: skip
    for who, case, asked in tries:
        with pytest.raises(HandoffError) as caught:
            reveal(database, custodian, asked, who, case)
        assert code_of(caught) == "NOT_FOUND"
    assert audited(database) == 0


def test_a_value_not_accepted_yet_does_not_open(database: Database, custodian: LocalCustodian) -> None:
    """Pending values belong to nobody."""
    _, refs = arrive(database, custodian, safe_numbers=CANARY)
    pending = seal(database, "command-2", notes="not yet")
    with pytest.raises(HandoffError) as caught:
        reveal(database, custodian, {**refs, **pending})
    assert code_of(caught) == "NOT_FOUND"


def test_a_repeated_command_keeps_its_first_values(database: Database, custodian: LocalCustodian) -> None:
    """The same command gives the same references, whatever it brings the second time."""
    play, refs = arrive(database, custodian, safe_numbers=CANARY)
    again = seal(database, safe_numbers="other", notes="new")
    assert again["safe-numbers"] == refs["safe-numbers"]
    accept(database, play, {"notes": again["notes"]}, publish(database))
    assert reveal(database, custodian, again) == [CANARY, "new"]


@pytest.mark.parametrize(
    "change",
    [
        {"case_id": "case-2"},
        {"field": "wishes"},
        {"version": 2},
        {"nonce": b"0" * 12},
        {"commitment": b"0" * 32},
        {"ciphertext": b"0" * 272},
    ],
    ids=str,
)
def test_a_moved_or_altered_row_does_not_open(
    database: Database, custodian: LocalCustodian, change: dict[str, object]
) -> None:
    """A value opens only in the place it was sealed for, unaltered; nothing else that was asked for comes either."""
    _, refs = arrive(database, custodian, safe_numbers=CANARY, notes="fine")
    with database.write() as connection:
        connection.execute(update(vault_value).where(vault_value.c.ref == refs["safe-numbers"]).values(change))
        if "case_id" in change:
            connection.execute(update(vault_value).values(change))
            connection.execute(update(vault_record).values(case_id="case-2"))
    with pytest.raises(HandoffError) as caught:
        reveal(database, custodian, refs, case=str(change.get("case_id", "case-1")))
    assert code_of(caught) == "VALUE_SPOILED"


def test_two_rows_cannot_be_exchanged(database: Database, custodian: LocalCustodian) -> None:
    """Of two values of one record, neither opens under the other's reference."""
    _, refs = arrive(database, custodian, safe_numbers=CANARY, notes="fine")
    one, other = refs.values()
    with database.write() as connection:
        for old, new in ((one, "between"), (other, one), ("between", other)):
            connection.execute(update(vault_value).where(vault_value.c.ref == old).values(ref=new))
    with pytest.raises(HandoffError) as caught:
        reveal(database, custodian, refs)
    assert code_of(caught) == "VALUE_SPOILED"


def test_the_database_alone_tells_nothing(database: Database, custodian: LocalCustodian, tmp_path: Path) -> None:
    """A dump holds no value, nor how long it is; a planted one is found."""
    _, refs = arrive(database, custodian, safe_numbers=CANARY, notes="x")
    dump = dumped(database, tmp_path)
    assert CANARY.encode() not in dump
    with database.read() as connection:
        sizes = connection.execute(select(func.length(vault_value.c.ciphertext))).scalars().all()
        assert len(set(sizes)) == 1
    with database.write() as connection:
        connection.execute(
            update(vault_value).where(vault_value.c.ref == refs["notes"]).values(ciphertext=CANARY.encode())
        )
    assert CANARY.encode() in dumped(database, tmp_path)


def dumped(database: Database, folder: Path) -> bytes:
    """Every byte of the database: its files, and every row."""
    with database.read() as connection:
        names = [each.name for each in vault_value.metadata.sorted_tables]
        rows = [tuple(row) for name in names for row in connection.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608
    cells = [
        bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for row in rows for cell in row
    ]
    return b"\n".join([*cells, *(each.read_bytes() for each in folder.glob("handoff.db*"))])


def test_a_read_is_audited_before_it_happens(database: Database, custodian: LocalCustodian) -> None:
    """When the custodian is asked, the audit row is already there for everybody."""
    seen: list[int] = []

    class Watching(LocalCustodian):
        """Looks at the audit when asked."""

        def open(self, grant: Grant, why: str, items: list[Item]) -> tuple[bytes, ...]:  # type: ignore[override]
            seen.append(audited(database))
            return custodian.open(grant, why, items)

    _, refs = arrive(database, custodian, safe_numbers=CANARY, notes="x")
    reveal(database, Watching(Path("/nowhere")), refs)
    assert seen == [1]


def test_a_read_that_cannot_be_audited_does_not_happen(database: Database, custodian: LocalCustodian) -> None:
    """No audit row, no value, and the custodian is not even asked."""
    _, refs = arrive(database, custodian, safe_numbers=CANARY)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE audit_row RENAME TO audit_is_gone"))
    with pytest.raises(HandoffError, match="AUDIT_DOWN"):
        reveal(database, custodian, refs)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE audit_is_gone RENAME TO audit_row"))


def test_a_killed_custodian_is_said_and_can_be_started_again(database: Database, tmp_path: Path) -> None:
    """While it is dead nothing opens; a new one on the same keys opens what was sealed before."""
    with tempfile.TemporaryDirectory() as folder:
        keys, run = Path(folder) / "keys", Path(folder)
        with CustodianProcess(keys, run) as first:
            _, refs = arrive(database, first.custodian, safe_numbers=CANARY)
            os.kill(first.pid, signal.SIGKILL)
            first.stop()
            with pytest.raises(HandoffError) as caught:
                reveal(database, first.custodian, refs)
            assert code_of(caught) == "CUSTODIAN_DOWN"
            assert not first.custodian.answers()
            with CustodianProcess(keys, run):
                assert reveal(database, first.custodian, refs) == [CANARY]


def test_two_custodians_never_share_a_folder(process: CustodianProcess, tmp_path: Path) -> None:
    """The second is refused, and the first goes on."""
    run = process.custodian.run
    with pytest.raises(HandoffError) as caught:
        CustodianProcess(run / "keys", run)
    assert code_of(caught) == "CUSTODIAN_DOWN"
    assert process.custodian.answers()


def test_keys_socket_and_token_are_their_owners_alone(process: CustodianProcess) -> None:
    """Nobody else on the machine may read them or connect."""
    process.custodian.describe("advocacy")
    run = process.custodian.run
    found = [*(run / "keys").iterdir(), run / "custodian.sock", run / "custodian.token"]
    assert len(found) >= 4
    assert [each.name for each in found if stat.S_IMODE(each.stat().st_mode) & 0o077] == []
    assert stat.S_IMODE((run / "keys").stat().st_mode) == 0o700


def test_a_caller_without_the_token_gets_nothing(process: CustodianProcess, tmp_path: Path) -> None:
    """The socket alone does not let anybody in."""
    (tmp_path / "custodian.sock").symlink_to(process.custodian.run / "custodian.sock")
    (tmp_path / "custodian.token").write_text("guessed")
    with pytest.raises(HandoffError) as caught:
        LocalCustodian(tmp_path).describe("advocacy")
    assert code_of(caught) == "CUSTODIAN_DENIED"


def test_a_share_opens_one_value_for_another_agency(database: Database, custodian: LocalCustodian) -> None:
    """The wrap opens just that value, only for the agency it was made for."""
    _, refs = arrive(database, custodian, safe_numbers=CANARY, notes="private")
    grant = Grant(person="advocate-1", agency="advocacy")
    with database.read() as connection:
        items = {
            each.place.field: each for each in vault.items_of(connection, "advocacy", "case-1", list(refs.values()))
        }
    (wrap,) = custodian.share(grant, [items["safe-numbers"]], custodian.describe("court"))
    shared = replace(items["safe-numbers"], wrap=wrap)
    assert custodian.open(Grant(person="clerk-1", agency="court"), "release", [shared]) == (CANARY.encode(),)
    for agency, item, code in (
        ("police", shared, "CUSTODIAN_DENIED"),
        ("court", items["safe-numbers"], "CUSTODIAN_DENIED"),
        ("court", replace(items["notes"], wrap=wrap), "VALUE_SPOILED"),
    ):
        with pytest.raises(HandoffError) as caught:
            custodian.open(Grant(person="p", agency=agency), "release", [item])
        assert code_of(caught) == code


def test_what_is_forgotten_stays_forgotten(database: Database) -> None:
    """After an order to forget, the rows are gone and a restored copy of them does not open, even after a restart."""
    with tempfile.TemporaryDirectory() as folder:
        keys, run = Path(folder) / "keys", Path(folder)
        with CustodianProcess(keys, run) as process:
            _, refs = arrive(database, process.custodian, safe_numbers=CANARY)
            with database.read() as connection:
                record = connection.execute(select(vault_record)).one()._mapping
                value = connection.execute(select(vault_value)).one()._mapping
            receipt = vault.forget(database, process.custodian, "case-1", "advocacy")
            assert receipt.number == 1
            with pytest.raises(HandoffError):
                reveal(database, process.custodian, refs)
        with database.write() as connection:
            connection.execute(insert(vault_record).values(dict(record)))
            connection.execute(insert(vault_value).values(dict(value)))
        with CustodianProcess(keys, run) as process:
            with pytest.raises(HandoffError) as caught:
                reveal(database, process.custodian, refs)
            assert code_of(caught) == "VALUE_FORGOTTEN"
            order = Order(site=receipt.order.site, case_id="case-1", owner="advocacy")
            assert process.custodian.forget(order).number == 1


def test_a_refused_command_leaves_nothing(database: Database, custodian: LocalCustodian) -> None:
    """Its values are deleted, and never those of an accepted one."""
    arrive(database, custodian, safe_numbers=CANARY)
    seal(database, "command-2", notes="refused")
    with database.write() as connection:
        assert vault.discard(connection, "case-1", "command-2") == 1
        assert vault.discard(connection, "case-1", "command-1") == 0
        assert connection.execute(select(func.count()).select_from(vault_record)).scalar_one() == 1


def test_values_whose_answer_was_lost_are_asked_about(database: Database, custodian: LocalCustodian) -> None:
    """After ten minutes the case is asked; refused goes at once, never seen after a day, accepted stays."""
    vault.learn_cards(database, custodian, advocacy())
    verdicts = {"a": Verdict.ACCEPTED, "r": Verdict.REFUSED, "u": Verdict.UNKNOWN}
    for command in verdicts:
        seal(database, command, notes="x")
    asked: list[str] = []

    def ask(case_id: str, command_id: str) -> Verdict:
        asked.append(f"{case_id}/{command_id}")
        return verdicts[command_id]

    assert sweeping.sweep(database, ask, START + 10 * MINUTE).asked == 0
    assert sweeping.sweep(database, ask, START + 11 * MINUTE).destroyed == 1
    assert sweeping.sweep(database, ask, START + DESTROY_AFTER + MINUTE).destroyed == 1
    assert sorted(set(asked)) == ["case-1/a", "case-1/r", "case-1/u"]
    assert [each.command_id for each in sweeping.waiting(database, START + 2 * DESTROY_AFTER)] == ["a"]


def test_a_protected_value_leaks_in_no_usual_way() -> None:
    """Neither text, format, logs, JSON, pickle, copies nor attributes show it."""
    plain = Plain(CANARY)
    assert plain.reveal() == CANARY
    assert repr(plain) == "<protected>"
    assert CANARY not in repr([plain])
    assert plain != Plain(CANARY)
    for attempt in (
        lambda: str(plain),
        lambda: f"{plain}",
        lambda: "%s" % plain,  # noqa: UP031
        lambda: format(plain, ">20"),
        lambda: json.dumps(plain),
        lambda: pickle.dumps(plain),
        lambda: copy.copy(plain),
        lambda: copy.deepcopy(plain),
        lambda: vars(plain),
        plain.__getstate__,
    ):
        with pytest.raises(TypeError) as caught:
            attempt()
        assert CANARY not in str(caught.value)


def test_cards_are_learned_once(database: Database, custodian: LocalCustodian) -> None:
    """Each agency's, and again changes nothing; a new epoch would be added beside the old."""
    vault.learn_cards(database, custodian, advocacy())
    vault.learn_cards(database, custodian, advocacy())
    with database.read() as connection:
        found = connection.execute(select(key_card.c.agency, key_card.c.epoch).where(key_card.c.agency != "-")).all()
    assert sorted(map(tuple, found)) == sorted((each.id, 1) for each in advocacy().agencies)
