"""Releases: signed by the owner's key, held to their word by the owner's custodian, gone the moment she says so."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from protocol.errors import HandoffError
from store import audit, protocols
from store.audit.tables import audit_row
from store.custodian.port import Item, Shown
from store.edge_tables import vault_value
from store.plain import Plain
from store.policy import Subject
from store.policy.tables import shield
from store.releases import acts, document, filing, log, opening, papers, words
from store.releases.document import DAY, HOUR, MINUTE, SECOND, Purpose, Signer, Ticket
from store.releases.filing import Filed
from store.releases.tables import paper
from store.session import Database
from store.vault import items_of
from tests.store.releasing import CANARY, SIGNED, House, house, on_sqlite
from tests.store.streams import advocacy


@pytest.fixture(params=[False, True], ids=["local", "keyholder"])
def made(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[House]:
    """The house, with advocacy's keys on this machine and at its keyholder."""
    with tempfile.TemporaryDirectory() as run, house(database, tmp_path, Path(run), keyholder=request.param) as found:
        yield found


@pytest.fixture
def one(template: Path, tmp_path: Path) -> Iterator[House]:
    """The house on SQLite with advocacy's keys at its keyholder, where nothing of the caller's is believed."""
    with at_home(template, tmp_path, keyholder=True) as found:
        yield found


@pytest.fixture(params=[False, True], ids=["local", "keyholder"])
def both(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Iterator[House]:
    """The house on SQLite, with advocacy's keys on this machine and at its keyholder."""
    with at_home(template, tmp_path, keyholder=request.param) as found:
        yield found


@contextmanager
def at_home(template: Path, folder: Path, *, keyholder: bool) -> Iterator[House]:
    """The house on SQLite."""
    with (
        on_sqlite(template, folder) as database,
        tempfile.TemporaryDirectory() as run,
        house(database, folder, Path(run), keyholder=keyholder) as found,
    ):
        yield found


def code_of(call: Any, *given: Any, **more: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(HandoffError) as caught:
        call(*given, **more)
    return caught.value.code


def advocate(made: House) -> Subject:
    """Who drafts and signs."""
    return made.who("advocate", "advocacy", "advocate")


def lawyer(made: House) -> Subject:
    """Whom it is for."""
    return made.who("lawyer", "court", "prosecutor")


def look(made: House, filed: Filed, who: Subject | None = None) -> dict[str, str]:
    """What somebody sees of a release."""
    shown = opening.view(made.database, made.custodian, who or lawyer(made), filed.release.id, made.now)
    return {field: value.reveal() for field, value in shown.items()}


def test_its_recipient_sees_the_named_field_and_no_other(made: House) -> None:
    """What she signed for opens for the role it names; the audit's row and the log's line are the owner's."""
    filed = made.release(advocate(made))
    assert look(made, filed) == {"safe-numbers": CANARY}
    with made.database.read() as connection:
        (line,) = log.lines(connection, "advocacy", "case-1")
        rows = connection.execute(select(audit_row).where(audit_row.c.kind == audit.Kind.OPEN.value)).all()
        shared = filing.shared_with(connection, lawyer(made), made.now)
    assert (line.agency, line.fields, line.purpose, line.release, line.opened) == (
        "court",
        ("safe-numbers",),
        Purpose.COURT_DATE,
        filed.release.id,
        True,
    )
    assert [row.agency for row in rows] == ["advocacy"]
    assert [each.release.id for each in shared] == [filed.release.id]


def test_nobody_else_learns_that_it_exists(one: House) -> None:
    """Another role, another agency, a shielded person, and the recipient before it is signed: there is no release."""
    drafted = one.draft(advocate(one))
    assert code_of(look, one, drafted) == "NOT_FOUND"
    filed = one.release(advocate(one))
    others = [one.who("clerk", "court", "clerk"), one.who("officer", "police", "sergeant")]
    for who in others:
        assert code_of(look, one, filed, who) == "NOT_FOUND"
        with one.database.read() as connection:
            assert filing.shared_with(connection, who, one.now) == ()
            assert words.told(connection, who, one.now) == ()
    with one.database.write() as connection:
        row = {"case_id": "case-1", "person_id": "lawyer-1", "reason": "conflict", "by_person": "p", "at": 0}
        connection.execute(shield.insert().values(**row, by_agency="court"))
    assert code_of(look, one, filed) == "NOT_FOUND"


def test_the_recipients_agency_is_told_without_a_word_of_the_case(one: House) -> None:
    """Something was shared: to the role it is for, from the signing on, and taken back with it."""
    filed = one.release(advocate(one))
    with one.database.read() as connection:
        (word,) = words.told(connection, lawyer(one), one.now)
    assert (word.says, "case-1" in word.model_dump_json()) == (words.Says.SHARED, False)
    with one.database.write() as connection:
        assert words.mark_read(connection, lawyer(one), word.id, one.now).read_by == "lawyer-1"
        assert code_of(words.mark_read, connection, advocate(one), word.id, one.now) == "NOT_FOUND"
    acts.revoke(one.database, one.custodian, advocate(one), filed.release.id, one.now)
    with one.database.read() as connection:
        assert words.told(connection, lawyer(one), one.now) == ()


def test_taken_back_it_opens_nothing_at_the_next_look(both: House) -> None:
    """Any of the owner's people takes it back without a reason; a second later nothing opens, and stays so."""
    filed = both.release(advocate(both))
    assert look(both, filed)
    planner = both.who("planner", "advocacy", "planner")
    acts.revoke(both.database, both.custodian, planner, filed.release.id, both.now)
    both.later(SECOND)
    assert code_of(look, both, filed) == "RELEASE_REVOKED"
    acts.revoke(both.database, both.custodian, planner, filed.release.id, both.now)
    assert code_of(acts.sign, both.database, both.custodian, advocate(both), filed.release.id, SIGNED, both.now) == (
        "RELEASE_REVOKED"
    )


def test_taken_back_while_the_keyholder_is_down(one: House) -> None:
    """Nothing opens meanwhile; when it is up again it is told, and then opens nothing for anybody."""
    assert one.held is not None
    filed = one.release(advocate(one))
    who = advocate(one)
    one.held.stop()
    assert code_of(look, one, filed) == "CUSTODIAN_DOWN"
    acts.revoke(one.database, one.custodian, who, filed.release.id, one.now)
    one.held.start()
    assert acts.tell_custodians(one.database, one.custodian) == 1
    assert acts.tell_custodians(one.database, one.custodian) == 0
    assert code_of(ask_custodian, one, filed) == "RELEASE_REVOKED"


def test_it_ends_by_itself(one: House) -> None:
    """The end is looked at when it is opened; no job has to run."""
    filed = one.release(advocate(one))
    one.later(29 * DAY)
    assert look(one, filed)
    one.later(2 * DAY)
    assert code_of(look, one, filed) == "RELEASE_EXPIRED"


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"until": 91}, "UNTIL_TOO_FAR"),
    ({"until": -1}, "UNTIL_PASSED"),
    ({"fields": ()}, "NO_FIELDS"),
    ({"fields": ("first-appearance",)}, "FIELD_NOT_OWNED"),
    ({"agency": "advocacy", "role": None}, "TO_ITSELF"),
    ({"agency": "nowhere", "role": None}, "NO_AGREEMENT"),
    ({"role": "patrol"}, "UNKNOWN_ROLE"),
    ({"role": None, "person": "nobody"}, "UNKNOWN_PERSON"),
    ({"purpose": Purpose.SAFETY_OF_LIFE}, "PURPOSE_WRONG"),
]


def test_a_draft_that_breaks_a_rule_is_not_written(one: House) -> None:
    """Over 90 days, over already, no field, a field of another's, a recipient there is not: each has its code."""
    for changed, code in BROKEN:
        given = {"fields": ("safe-numbers",), **changed}
        if "until" in given:
            given["until"] = one.now + given["until"] * DAY
        assert code_of(one.draft, advocate(one), **given) == code
    with one.database.read() as connection:
        assert filing.about(connection, "advocacy", "case-1") == ()


UNSIGNED: list[tuple[dict[str, Any], str | None]] = [
    ({"by_survivor": False}, "SIGNATURE_MISSING"),
    ({"explained_by": None}, "SIGNATURE_MISSING"),
    ({"signer": Signer.MINOR}, "GUARDIAN_MISSING"),
    ({"signer": Signer.MINOR, "by_guardian": True}, "GUARDIAN_SUSPECT"),
    (
        {"signer": Signer.MINOR, "by_survivor": False, "by_guardian": True, "guardian_not_suspect": True},
        "SIGNATURE_MISSING",
    ),
    ({"signer": Signer.MINOR, "by_guardian": True, "guardian_not_suspect": True}, None),
    ({"signer": Signer.INCAPACITY, "by_survivor": False}, "GUARDIAN_MISSING"),
    (
        {"signer": Signer.INCAPACITY, "by_survivor": False, "by_guardian": True, "guardian_not_suspect": True},
        "GUARDIAN_ORDER",
    ),
    (
        {
            "signer": Signer.INCAPACITY,
            "by_survivor": False,
            "by_guardian": True,
            "guardian_not_suspect": True,
            "guardians_order": True,
        },
        None,
    ),
]


def test_the_key_signs_only_what_was_signed_by_everybody_it_takes(one: House) -> None:
    """A minor's needs a guardian who is not the suspect as well; the custodian refuses it whoever asks (T4)."""
    drafted, who = one.draft(advocate(one)), advocate(one)
    for changed, code in UNSIGNED:
        whole = replace(drafted.release, signed=replace(SIGNED, **changed))
        if code is None:
            assert one.custodian.sign(acts.grant_of(who), whole)
            continue
        assert code_of(acts.sign, one.database, one.custodian, who, whole.id, whole.signed, one.now) == code
        assert code_of(one.custodian.sign, acts.grant_of(who), whole) == code


def ask_custodian(made: House, filed: Filed, **changed: Any) -> tuple[bytes, ...]:
    """What a caller who keeps to no rule of ours gets of advocacy's custodian."""
    release = changed.get("release", filed.release)
    ticket = Ticket(
        release=release.id, agency="court", person="lawyer-1", roles=("prosecutor",), at=made.now, nonce=str(made.now)
    )
    ticket = replace(ticket, **changed.get("ticket", {}))
    with made.database.read() as connection:
        field = changed.get("field", "safe-numbers")
        ref = connection.execute(select(vault_value.c.ref).where(vault_value.c.field == field)).scalar_one()
        items: list[Item] = items_of(connection, "advocacy", "case-1", [ref])
    vouching = replace(acts.grant_of(lawyer(made)), agency=changed.get("vouches", ticket.agency))
    vouched = made.custodian.vouch(vouching, replace(ticket, agency=vouching.agency))
    signature = changed.get("signature", filed.signature) or b""
    shown = Shown(release=release, signature=signature, ticket=ticket, vouched=changed.get("vouched", vouched))
    return made.custodian.open_released(shown, "release", items)


def test_the_custodian_believes_nothing_that_was_not_signed(both: House) -> None:
    """A caller that skips every check of ours gets nothing that the signed release does not give."""
    filed = both.release(advocate(both))
    it = filed.release
    assert ask_custodian(both, filed) == (CANARY.encode(),)
    to = replace(it.to, role=None)
    forged: list[dict[str, Any]] = [
        {"signature": b"0" * 64},
        {"release": replace(it, fields=("notes", "safe-numbers"))},
        {"release": replace(it, ends=it.ends + DAY)},
        {"release": replace(it, to=to)},
        {"release": replace(it, id="another")},
        {"release": replace(it, to=replace(it.to, key=both.custodian.identity("police")))},
    ]
    for each in forged:
        assert code_of(ask_custodian, both, filed, **each) == "RELEASE_FORGED"
    not_named: list[dict[str, Any]] = [
        {"ticket": {"agency": "police"}},
        {"ticket": {"roles": ("clerk",)}},
        {"ticket": {"release": "another"}},
        {"vouches": "police"},
        {"vouched": b"0" * 64},
    ]
    for each in not_named:
        assert code_of(ask_custodian, both, filed, **each) == "NOT_RECIPIENT"
    assert code_of(ask_custodian, both, filed, field="notes") == "FIELD_NOT_RELEASED"
    for away in (-2 * MINUTE, 2 * MINUTE):
        assert code_of(ask_custodian, both, filed, ticket={"at": both.now + away}) == "REPLAYED"
    both.later(31 * DAY)
    assert code_of(ask_custodian, both, filed) == "RELEASE_EXPIRED"


def test_a_ticket_is_good_once(both: House) -> None:
    """What a recipient's agency vouched for once opens nothing again."""
    filed = both.release(advocate(both))
    ticket = {"nonce": "nonce-1", "at": both.now}
    assert ask_custodian(both, filed, ticket=ticket)
    assert code_of(ask_custodian, both, filed, ticket=ticket) == "REPLAYED"


def test_the_installation_alone_cannot_sign(one: House) -> None:
    """At a keyholder a signature takes a person who proved themselves there within five minutes."""
    drafted, who = one.draft(advocate(one)), advocate(one)
    whole = replace(drafted.release, signed=SIGNED)
    for token, code in (("", "GRANT_NEEDED"), ("x" * 43, "GRANT_NEEDED")):
        assert code_of(one.custodian.sign, replace(acts.grant_of(who), token=token), whole) == code
    assert code_of(one.custodian.sign, replace(acts.grant_of(lawyer(one))), whole) == "CUSTODIAN_DENIED"
    one.later(6 * MINUTE)
    assert code_of(one.custodian.sign, acts.grant_of(who), whole) == "GRANT_STALE"
    with one.database.read() as connection:
        assert filing.one(connection, whole.id).signature is None


def test_the_agreement_ends_it(one: House) -> None:
    """When the agreement between two agencies is over, or a newer text drops it, nothing opens (T17)."""
    filed = one.release(advocate(one))
    assert filed.release.agreement == "arrest-mou"
    with one.database.write() as connection:
        without = replace(advocacy(), agreements=())
        protocols.publish(connection, without, "newer", published_at=one.now, published_by="council-1")
    assert code_of(look, one, filed) == "AGREEMENT_ENDED"
    over = replace(filed.release, agreed_until=one.now - 1)
    assert code_of(document.in_force, over, one.now) == "AGREEMENT_ENDED"
    assert code_of(one.draft, advocate(one)) == "NO_AGREEMENT"


def test_who_faces_the_suspect_is_nobodys_recipient(one: House) -> None:
    """Neither by role, nor as one of the agency it is for, nor by the custodian's own word (T6)."""
    facing = tuple(replace(each, faces_suspect=each.id == "bail-evaluator") for each in advocacy().roles)
    with one.database.write() as connection:
        newer = replace(advocacy(), roles=facing)
        protocols.publish(connection, newer, "newer", published_at=one.now, published_by="council-1")
    assert code_of(one.draft, advocate(one), role="bail-evaluator") == "FACES_SUSPECT"
    filed = one.release(advocate(one), role=None)
    assert look(one, filed)
    both = one.who("evaluator", "court", "bail-evaluator", "prosecutor")
    assert code_of(look, one, filed, both) == "NOT_FOUND"
    assert code_of(ask_custodian, one, filed, ticket={"roles": both.roles}) == "NOT_RECIPIENT"


def test_a_look_that_cannot_be_written_down_does_not_happen(one: House) -> None:
    """No audit row, no line, no value."""
    filed = one.release(advocate(one))
    with one.database.write() as connection:
        connection.execute(text("ALTER TABLE audit_row RENAME TO audit_is_gone"))
    assert code_of(look, one, filed) == "AUDIT_DOWN"
    with one.database.read() as connection:
        assert log.lines(connection, "advocacy", "case-1") == ()
    with one.database.write() as connection:
        connection.execute(text("ALTER TABLE audit_is_gone RENAME TO audit_row"))


def test_a_dump_tells_how_many_papers_and_nothing_else(one: House) -> None:
    """Neither case, recipient, field, purpose, time nor her words stand in the table, and all rows are alike."""
    said = Plain("canary of her own words")
    wanted = acts.Wanted(agency="court", role="prosecutor", fields=("notes",), until=one.now + DAY)
    acts.draft(one.database, one.custodian, advocate(one), "case-1", wanted, said=said, now=one.now)
    look(one, one.release(advocate(one)))
    with one.database.read() as connection:
        rows = connection.execute(select(paper)).all()
    dump = repr([tuple(row) for row in rows])
    for told in ("case-1", "court", "prosecutor", "safe-numbers", "notes", "canary", "release"):
        assert told not in dump
    assert len(rows) == 4
    assert {row.agency for row in rows} == {"advocacy"}


def test_what_is_erased_takes_its_papers_with_it(one: House) -> None:
    """With the case's key destroyed its releases and its log are gone, and their rows can be dropped."""
    filed = one.release(advocate(one))
    look(one, filed)
    keys: Any = one.database.keys
    keys.destroy("case-1", ["engagement:advocacy"])
    with one.database.read() as connection:
        assert filing.about(connection, "advocacy", "case-1") == ()
        assert log.lines(connection, "advocacy", "case-1") == ()
    with one.database.write() as connection:
        assert papers.drop(connection, "advocacy", "case-1") == 2


def test_the_log_as_she_is_given_it(one: House) -> None:
    """As CSV, safe in a spreadsheet, and as a letter in her language, without the agency that hands it over."""
    filed = one.release(advocate(one))
    look(one, filed, replace(lawyer(one), name="=SUM(placeholder)"))
    one.later(HOUR)
    assert code_of(ask_custodian, one, filed, field="notes") == "FIELD_NOT_RELEASED"
    with one.database.read() as connection:
        found = log.lines(connection, "advocacy", "case-1")
    rows = log.as_csv(found).splitlines()
    assert rows[0] == "when,agency,person,roles,fields,purpose,ground,release,opened"
    assert rows[1].split(",")[1:7] == [
        "court", "'=SUM(placeholder)", "prosecutor", "safe-numbers", "court-date", "release",
    ]  # fmt: skip
    english, spanish = (log.as_letter(found, each, "America/Chicago") for each in ("en", "es"))
    assert "of court looked at: safe-numbers" in english
    assert "la fecha del juzgado" in spanish
    assert "advocacy" not in english + spanish
    assert "Nobody outside" in log.as_letter((), "en", "UTC")
