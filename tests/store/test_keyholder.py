"""An agency's own keyholder: reached by who is pinned, opened by who signed in, written down before, limited."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from protocol.errors import HandoffError
from runtime.settings import Settings, load
from store import protocols, vault
from store.custodian import joining, levels, remote, rotating, suite, tls, wire
from store.custodian.book_tables import audit
from store.custodian.keys import KeyFolder
from store.custodian.local import CustodianProcess, LocalCustodian
from store.custodian.port import Grant, Item, KeyCard, Order, Place
from store.custodian.remote import Code, RemoteCustodian
from store.custodian.router import Custodians
from store.policy import Subject
from store.session import Database
from tests.store.keyholders import PASSWORD, Running, running
from tests.store.streams import START, publish
from tests.store.test_vault import ADVOCATE, CANARY, accept, arrive, seal

WHO = "Advocate One"


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Running]:
    """A keyholder of advocacy with one person."""
    with running(tmp_path / "box") as made:
        made.enrol(WHO)
        yield made


@pytest.fixture
def client(held: Running, tmp_path: Path) -> RemoteCustodian:
    """An installation that is enrolled there."""
    (tmp_path / "known").mkdir()
    return remote.enrol(tmp_path / "known", held.code())


def signed_in(held: Running, client: RemoteCustodian) -> Grant:
    """The person's grant."""
    token = client.sign_in("advocacy", WHO, PASSWORD, held.totp(WHO))
    return Grant(person="p", agency="advocacy", token=token)


def item(card: KeyCard, case: str = "case-1", value: bytes = CANARY.encode()) -> Item:
    """A value sealed to a card."""
    place = Place(
        site="site", case_id=case, owner="advocacy", record="record", ref="ref", field="safe-numbers", version=1
    )
    key = suite.new_record_key()
    sealed = suite.seal_value(suite.value_key(key, place), place, value)
    return Item(place=place, sealed=sealed, wrap=suite.wrap_record(card, key, place))


def code_of(call: Any, *given: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(HandoffError) as caught:
        call(*given)
    return caught.value.code


def test_a_value_opens_for_who_signed_in(held: Running, client: RemoteCustodian) -> None:
    """Who proves to be a person of the agency gets its values, and the audit names them, the case and the count."""
    grant = signed_in(held, client)
    assert client.open(grant, "task", [item(client.describe("advocacy"))]) == (CANARY.encode(),)
    with held.book.database.read() as connection:
        last = connection.execute(select(audit).order_by(audit.c.n.desc())).first()
    assert last is not None
    assert (last.person, last.what, last.why, last.cases, last.records) == (WHO, "open", "task", "case-1", 1)
    assert held.book.verify() == last.n


def test_the_installation_cannot_make_a_grant(held: Running, client: RemoteCustodian) -> None:
    """Without a grant, or with one made up, nothing opens, whatever the caller says of the person."""
    items = [item(client.describe("advocacy"))]
    assert code_of(client.open, Grant(person="p", agency="advocacy"), "task", items) == "GRANT_NEEDED"
    assert code_of(client.open, Grant(person="p", agency="advocacy", token="x" * 43), "task", items) == "GRANT_NEEDED"
    grant = signed_in(held, client)
    assert code_of(client.open, replace(grant, agency="court"), "task", items) == "CUSTODIAN_DENIED"
    held.book.remove_person(WHO)
    assert code_of(client.open, grant, "task", items) == "GRANT_NEEDED"


@pytest.mark.parametrize(("step", "times"), [(31 * 60, 1), (29 * 60, 26)])
def test_a_grant_ends(held: Running, step: int, times: int) -> None:
    """After half an hour without use, and after twelve hours in any case."""
    token = held.book.sign_in(WHO, PASSWORD, held.totp(WHO))
    for _ in range(times - 1):
        held.ahead += step
        if held.ahead <= 12 * 3600:
            assert held.book.holder(token) == WHO
    held.ahead += step
    assert code_of(held.book.holder, token) == "GRANT_NEEDED"


def test_only_the_grants_hash_is_kept(held: Running, client: RemoteCustodian) -> None:
    """The keyholder's files hold neither a grant, nor a password, nor an enrolment code."""
    grant = signed_in(held, client)
    code = Code.read(held.code())
    held.book.database.close()
    kept = b"".join(each.read_bytes() for each in held.folder.rglob("*") if each.is_file())
    for secret in (grant.token, PASSWORD, code.secret):
        assert secret.encode() not in kept


def test_a_one_time_code_is_good_once(held: Running) -> None:
    """The same code does not sign in twice, nor does an older one; the answer is that of a wrong password or name."""
    now = held.totp(WHO)
    held.book.sign_in(WHO, PASSWORD, now)
    assert code_of(held.book.sign_in, WHO, PASSWORD, now) == "PROOF_WRONG"
    assert code_of(held.book.sign_in, WHO, "not the password", now) == "PROOF_WRONG"
    assert code_of(held.book.sign_in, "Nobody", PASSWORD, now) == "PROOF_WRONG"


def test_guessing_is_stopped(held: Running) -> None:
    """After ten wrong tries a person's name is shut for ten minutes, then open again."""
    for _ in range(10):
        assert code_of(held.book.sign_in, WHO, PASSWORD, "000000") == "PROOF_WRONG"
    assert code_of(held.book.sign_in, WHO, PASSWORD, held.totp(WHO)) == "TOO_MANY_TRIES"
    held.ahead += 601
    assert held.book.sign_in(WHO, PASSWORD, held.totp(WHO))


def test_strangers_get_nothing(held: Running, client: RemoteCustodian, tmp_path: Path) -> None:
    """A certificate that is not pinned does not get through; without one, nothing but enrolling is answered."""
    other = tmp_path / "stranger"
    other.mkdir()
    tls.certificate(other / remote.CLIENT)
    (other / "advocacy.json").write_bytes((tmp_path / "known" / "advocacy.json").read_bytes())
    assert code_of(RemoteCustodian(other, "advocacy").engine_share, "advocacy") == "CUSTODIAN_DOWN"
    sent = wire.Sent(at=0, nonce="n", call=wire.EngineShare(agency="advocacy"))
    assert code_of(held.keyholder.answer, None, sent) == "NOT_ENROLLED"
    assert len(client.engine_share("advocacy")) == 32


def test_somebody_elses_certificate_is_not_spoken_to(held: Running, client: RemoteCustodian, tmp_path: Path) -> None:
    """A server that shows another certificate than the pinned one hears nothing, and neither does one at enrolment."""
    with running(tmp_path / "impostor") as other:
        held.stop()
        other.stop()
        other.port = held.port
        other.start()
        assert code_of(client.sign_in, "advocacy", WHO, PASSWORD, "123456") == "CUSTODIAN_DOWN"
        assert code_of(remote.enrol, tmp_path / "known", held.code()) == "WRONG_CERTIFICATE"
        other.stop()
        held.start()
        other.port = 0
        other.start()


def test_an_enrolment_code_is_good_once_and_for_an_hour(held: Running, tmp_path: Path) -> None:
    """Used or over, a code lets nobody in; a text that is no code says so."""
    (tmp_path / "known").mkdir()
    code = held.code()
    remote.enrol(tmp_path / "known", code)
    assert code_of(remote.enrol, tmp_path / "known", code) == "CODE_USED"
    late = held.code()
    held.ahead += 3601
    assert code_of(remote.enrol, tmp_path / "known", late) == "CODE_USED"
    assert code_of(remote.enrol, tmp_path / "known", "abc") == "BAD_CODE"


def test_a_request_is_answered_once_and_fresh(held: Running) -> None:
    """The same request again is not answered, nor is one over a minute from the keyholder's clock."""
    sent = wire.Sent(at=held.book._clock(), nonce="n-1", call=wire.EngineShare(agency="advocacy"))
    assert held.keyholder.answer("f", sent).engine_share
    assert code_of(held.keyholder.answer, "f", sent) == "REPLAYED"
    for apart in (-61, 61):
        stale = sent.model_copy(update={"nonce": f"n{apart}", "at": sent.at + apart})
        assert code_of(held.keyholder.answer, "f", stale) == "CLOCK_APART"


def test_a_person_opens_so_much_and_no_more(held: Running, client: RemoteCustodian) -> None:
    """120 values a minute, 600 an hour, 40 cases an hour: the value over the limit does not open."""
    card, grant = client.describe("advocacy"), signed_in(held, client)
    opens = held.keyholder.answer

    def ask(count: int, case: str) -> wire.Answer:
        call = wire.Open(grant=grant, why="task", items=(item(card, case, b"v"),) * count)
        nonce = f"{held.ahead}-{case}-{count}"
        return opens("f", wire.Sent(at=held.book._clock(), nonce=nonce, call=call))

    assert ask(120, "case-1").values
    assert code_of(ask, 1, "case-1") == "LIMIT_REACHED"
    for minute in range(1, 5):
        held.ahead = minute * 61.0
        assert ask(120, "case-1").values
    held.ahead = 6 * 61.0
    assert code_of(ask, 1, "case-1") == "LIMIT_REACHED"
    held.ahead = 3600 + 6 * 61.0
    grant = replace(grant, token=held.book.sign_in(WHO, PASSWORD, held.totp(WHO)))
    for each in range(40):
        assert ask(1, f"case-{each}").values
    assert code_of(ask, 1, "case-40") == "LIMIT_REACHED"
    assert ask(2, "case-39").values


def test_a_full_disk_opens_nothing(held: Running, client: RemoteCustodian) -> None:
    """What cannot be written down is not opened, and leaves no row."""
    card, grant = client.describe("advocacy"), signed_in(held, client)
    before = held.book.verify()
    with held.book.database.read() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()

    def full(raw: Any, _record: object) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")

    held.book.database.close()
    event.listen(held.book.database.engine, "connect", full)
    code, rows = "", before
    while not code:
        try:
            client.engine_share("advocacy")
            rows += 1
        except HandoffError as error:
            code = error.code
    assert code == "AUDIT_DOWN"
    assert code_of(client.open, grant, "task", [item(card)]) == "AUDIT_DOWN"
    assert held.book.verify() == rows


@pytest.mark.parametrize("change", [{"records": 9}, {"person": "Nobody"}, {"n": 99}])
def test_an_altered_row_of_the_audit_is_found(held: Running, client: RemoteCustodian, change: dict[str, Any]) -> None:
    """A changed or moved row breaks the chain."""
    client.engine_share("advocacy")
    signed_in(held, client)
    with held.book.database.write() as connection:
        connection.execute(update(audit).where(audit.c.n == 2).values(change))
    assert code_of(held.book.verify) == "CHAIN_BROKEN"


def test_what_is_forgotten_stays_shut(held: Running, client: RemoteCustodian) -> None:
    """After an order, the case's values do not open, also not after the keyholder was started again."""
    card, grant = client.describe("advocacy"), signed_in(held, client)
    receipt = client.forget(Order(site="site", case_id="case-1", owner="advocacy"))
    assert receipt.number == 1
    assert code_of(client.open, grant, "task", [item(card)]) == "VALUE_FORGOTTEN"
    assert KeyFolder(held.folder / "keys").is_forgotten(receipt.order)


def test_a_spoiled_value_does_not_open(held: Running, client: RemoteCustodian) -> None:
    """Moved to another case, field or record, or with any byte of it changed, a value is refused: each one of them."""
    card, grant = client.describe("advocacy"), signed_in(held, client)
    good = item(card)
    keeper = held.keyholder._keeper
    spoiled = [
        replace(
            good,
            place=replace(good.place, **{name: "other"}),  # type: ignore[arg-type]
        )
        for name in ("site", "case_id", "record", "ref", "field")
    ]
    spoiled.append(replace(good, place=replace(good.place, version=2)))
    for part in ("ciphertext", "nonce", "commitment"):
        data: bytes = getattr(good.sealed, part)
        for at in range(0, len(data), 7):
            other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            spoiled.append(replace(good, sealed=replace(good.sealed, **{part: other})))
    for at in range(0, len(good.wrap.wrapped), 7):
        other = good.wrap.wrapped
        spoiled.append(
            replace(good, wrap=replace(good.wrap, wrapped=other[:at] + bytes([other[at] ^ 1]) + other[at + 1 :]))
        )
    for each in spoiled:
        assert code_of(keeper.answer, wire.Open(grant=grant, why="t", items=(each,))) == "VALUE_SPOILED"
    assert code_of(client.open, grant, "task", [replace(good, wrap=replace(good.wrap, epoch=7))]) == "UNKNOWN_KEY"
    assert len(spoiled) > 200


def test_keys_come_home(held: Running, database: Database, tmp_path: Path) -> None:
    """Joined, old values and new ones open at the keyholder alone, under the same engine share; no seed is left.

    What was taken back before is shut there as well.
    """
    settings = load({"data": tmp_path / "data", "database_url": database.url})
    settings.make_folders()
    with CustodianProcess(settings.custodian_keys, Path(held.folder) / "r") as process:
        play, old = arrive(database, process.custodian, safe_numbers=CANARY)
        share = process.custodian.engine_share("advocacy")
        process.custodian.revoke("advocacy", "release-1")
        assert levels.levels(settings)["advocacy"] == (True, True)
        joining.join(settings, held.code())
        assert KeyFolder(held.folder / "keys").closed() == ("release-1",)
        assert levels.levels(settings)["advocacy"] == (True, False)
        assert levels.levels(settings)["court"][1]
        assert not list(settings.custodian_keys.glob("advocacy.*.seed"))
        router = Custodians(process.custodian, settings.keyholders)
        assert router.engine_share("advocacy") == share
        new = seal(database, "command-2", safe_numbers="another")
        accept(database, play, new, play_hash(database))
        token = router.sign_in("advocacy", WHO, PASSWORD, held.totp(WHO))
        who = replace(ADVOCATE, grant=token)
        refs = [*old.values(), *new.values()]
        found = vault.open_values(database, router, who, "case-1", refs, why="task", now=START)
        assert [found[each].reveal() for each in refs] == [CANARY, "another"]
        held.stop()
        down = code_of(lambda: vault.open_values(database, router, who, "case-1", refs, why="task", now=START))
        assert down == "CUSTODIAN_DOWN"
        assert seal(database, "command-3", safe_numbers="while down")
        assert router.describe("advocacy").epoch == 2
        assert router.describe("court").agency == "court"
        assert router.keyholders() == {"advocacy": False}
        assert router.answers()
        held.start()
        assert router.keyholders() == {"advocacy": True}
        assert vault.open_values(database, router, who, "case-1", refs, why="task", now=START)


def test_a_key_is_rotated_without_loss(held: Running, database: Database, tmp_path: Path) -> None:
    """Here and at the keyholder: all records move to the next key, all open before, between and after; none is lost."""
    known = tmp_path / "known"
    known.mkdir()
    with CustodianProcess(tmp_path / "keys", Path(held.folder) / "r") as process:
        router = Custodians(process.custodian, known)
        _, refs = arrive(database, process.custodian, safe_numbers=CANARY)

        def opens(who: Subject) -> bool:
            found = vault.open_values(database, router, who, "case-1", list(refs.values()), why="task", now=START)
            return [each.reveal() for each in found.values()] == [CANARY]

        share = router.engine_share("advocacy")
        assert rotating.rotate(database, router, "advocacy") == rotating.Rotated(epoch=2, moved=1, records=1)
        assert opens(ADVOCATE)
        assert router.engine_share("advocacy") == share
        keys = KeyFolder(tmp_path / "keys")
        remote.enrol(known, held.code(), keys.seeds("advocacy"))
        keys.drop("advocacy")
        who = replace(ADVOCATE, grant=router.sign_in("advocacy", WHO, PASSWORD, held.totp(WHO)))
        assert opens(who)
        assert rotating.rotate(database, router, "advocacy") == rotating.Rotated(epoch=3, moved=1, records=1)
        assert rotating.rotate(database, router, "advocacy") == rotating.Rotated(epoch=3, moved=0, records=1)
        KeyFolder(held.folder / "keys").rotate("advocacy")
        assert code_of(RemoteCustodian(known, "advocacy").rotate, "advocacy") == "ROTATE_THERE"
        assert rotating.rotate(database, router, "advocacy") == rotating.Rotated(epoch=4, moved=1, records=1)
        assert opens(who)
        assert router.engine_share("advocacy") == share


def play_hash(database: Database) -> str:
    """The published protocol's hash."""
    with database.read() as connection:
        return protocols.versions(connection)[0].hash


def test_production_does_not_keep_a_confidential_agencys_keys(database: Database, tmp_path: Path) -> None:
    """In earnest a confidential agency holds its keys, or runs the machine; a demonstration says where they are."""
    publish(database)
    said: list[str] = []

    def settings(**given: object) -> Settings:
        return load({"data": tmp_path / "d", "database_url": database.url, **given})

    levels.judge(settings(), said.append)
    assert said == ["Keys are on this machine. Whoever has this disk can read the cases."]
    held = [each for each, (secret, _) in levels.levels(settings()).items() if secret]
    assert code_of(levels.judge, settings(demonstration=False), said.append) == "KEYS_HELD_BY_OPERATOR"
    if held == ["advocacy"]:
        levels.judge(settings(demonstration=False, operator_agency="advocacy"), said.append)


def test_the_embedded_custodian_signs_nobody_in(tmp_path: Path) -> None:
    """Where the keys are on this machine there is no keyholder to sign in at."""
    assert code_of(LocalCustodian(tmp_path).sign_in, "advocacy", WHO, "", "") == "NO_KEYHOLDER"


def test_only_tls_1_3_is_spoken(held: Running) -> None:
    """An older version of TLS does not get through."""
    context = tls.for_client(None, None)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", held.port)) as raw:
        context.wrap_socket(raw)
