"""People, tokens, rotas, placeholder people, protocol versions, answers kept by key, sources' own numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from protocol.errors import HandoffError
from protocol.facts import CaseEnded, Fact
from store import demonstration, idempotency, intake, people, protocols, rotas, sweeping
from store.edge_tables import person, source_key
from store.idempotency import Asked, Stored
from store.intake import Recorded
from store.policy import SubjectKind
from store.session import Database
from tests.protocol.texts import compiled, small
from tests.store.streams import HOUR, SLUG, START, advocacy, opened, publish, store

KEY = b"a key from outside the database!"


def seeded(database: Database) -> tuple[demonstration.Credential, ...]:
    """Placeholder people for P1."""
    with database.write() as connection:
        return demonstration.seed(connection, advocacy())


def test_each_role_has_one_placeholder_named_after_it(database: Database) -> None:
    """Every role gets one person, every agency a steward and a records system; a second run makes nobody."""
    made = seeded(database)
    roles = [each.roles[0] for each in made if each.kind is SubjectKind.PERSON]
    systems = {each.agency for each in made if each.kind is SubjectKind.SYSTEM}
    stewards = ["steward"] * len(advocacy().agencies)
    assert sorted(roles) == sorted([*(each.id for each in advocacy().roles), *stewards])
    assert systems == {each.id for each in advocacy().agencies}
    assert {each.name for each in made if each.roles == ("legal-advocate",)} == {"Legal Advocate One"}
    assert seeded(database) == ()


def test_a_token_says_who_comes(database: Database) -> None:
    """A token gives the person's agency and roles; the database keeps only its hash."""
    made = {each.roles: each for each in seeded(database)}
    advocate = made["advocate",]
    with database.read() as connection:
        subject = people.verify(connection, advocate.token)
        stored = connection.execute(select(person)).all()
    assert (subject.person_id, subject.agency, subject.roles) == (advocate.person_id, "advocacy", ("advocate",))
    assert subject.sources == ("advocacy",)
    assert len(advocate.token) > 43
    assert advocate.token not in str(stored)


@pytest.mark.parametrize("token", ["", "hnd_", "hnd_" + "A" * 43, "Bearer x", "é"])
def test_an_unknown_token_is_nobody(database: Database, token: str) -> None:
    """Malformed, guessed and ended tokens get one answer."""
    seeded(database)
    with database.read() as connection, pytest.raises(HandoffError) as caught:
        people.verify(connection, token)
    assert caught.value.code == "BAD_TOKEN"


def test_a_new_token_ends_the_old_and_leaving_ends_both(database: Database) -> None:
    """One token a person; none for who has left."""
    first = seeded(database)[0]
    with database.write() as connection:
        second = people.issue_token(connection, first.person_id)
    with database.read() as connection:
        assert people.verify(connection, second).person_id == first.person_id
        with pytest.raises(HandoffError):
            people.verify(connection, first.token)
    with database.write() as connection:
        people.deactivate(connection, first.person_id)
    with database.write() as connection:
        with pytest.raises(HandoffError):
            people.verify(connection, second)
        with pytest.raises(HandoffError):
            people.issue_token(connection, first.person_id)


def test_an_agency_must_be_there(database: Database) -> None:
    """Nobody is added to an agency that is not."""
    with database.write() as connection, pytest.raises(HandoffError) as caught:
        people.add_person(connection, name="Clerk One", agency_id="court")
    assert caught.value.code == "UNKNOWN_AGENCY"


def test_the_rota_says_who_is_on_duty(database: Database) -> None:
    """Who is listed; else who is listed for the deputy; else everybody in the role: somebody always is."""
    made = {each.roles[0]: each.person_id for each in seeded(database) if each.roles}
    with database.write() as connection:
        second = people.add_person(connection, name="Advocate Two", agency_id="advocacy", roles=("advocate",))
        rotas.add_duty(connection, "advocate", second.id, START, START + HOUR)
        rotas.add_duty(connection, "backup", made["backup"], START, START + 2 * HOUR)

    def names(role: str, hours: float) -> list[str]:
        with database.read() as connection:
            at = START + int(hours * HOUR)
            return [each.name for each in rotas.on_duty(connection, advocacy(), role, at)]

    assert names("advocate", 0) == ["Advocate Two"]
    assert names("advocate", 1) == ["Backup One"]
    assert names("advocate", 2) == ["Advocate One", "Advocate Two"]
    assert names("clerk", 0) == ["Clerk One"]
    with database.write() as connection:
        people.deactivate(connection, second.id)
    assert names("advocate", 0.5) == ["Backup One"]


def test_a_rota_entry_must_make_sense(database: Database) -> None:
    """It ends after it starts, and lists people for roles they have."""
    made = {each.roles[0]: each.person_id for each in seeded(database) if each.roles}
    with database.write() as connection:
        with pytest.raises(HandoffError, match="ROTA_BACKWARDS"):
            rotas.add_duty(connection, "advocate", made["advocate"], START, START)
        with pytest.raises(HandoffError, match="NOT_THEIR_ROLE"):
            rotas.add_duty(connection, "advocate", made["clerk"], START, START + 1)


def test_a_text_published_again_is_the_version_it_is(database: Database) -> None:
    """Publishing is idempotent; the newest version is the current one; the compiled form comes back whole."""
    assert publish(database) == publish(database)
    with database.read() as connection:
        found = protocols.current(connection, SLUG)
        assert (found.version, found.protocol) == (1, advocacy())
        assert protocols.by_hash(connection, found.hash) == found
        assert protocols.versions(connection) == (found,)


def test_a_changed_text_needs_a_new_number(database: Database) -> None:
    """No published number ever gets another text, and no text differs without saying something else."""
    publish(database)
    protocol, source = advocacy(), compiled(SLUG).source
    other = replace(protocol, title="Changed")
    with database.write() as connection:
        for wanted, text, version, code in (
            (other, source + "#", 1, "VERSION_TAKEN"),
            (protocol, source + "#", None, "TEXT_CHANGED"),
            (other, source + "#", 3, "VERSION_SKIPPED"),
        ):
            with pytest.raises(HandoffError) as caught:
                protocols.publish(
                    connection, wanted, text, published_at=START, published_by="p", version=version
                )  # fmt: skip
            assert caught.value.code == code
        second = protocols.publish(connection, other, source + "#", published_at=START, published_by="p")
        assert second.version == 2
        assert protocols.current(connection, SLUG) == second
        assert protocols.publish(connection, protocol, source, published_at=START, published_by="p").version == 1
        assert protocols.current(connection, SLUG) == second


def test_an_unknown_protocol_is_said(database: Database) -> None:
    """By name and by hash."""
    with database.read() as connection:
        with pytest.raises(HandoffError, match="UNKNOWN_PROTOCOL"):
            protocols.current(connection, "small")
        with pytest.raises(HandoffError, match="UNKNOWN_PROTOCOL"):
            protocols.by_hash(connection, "0" * 64)


def test_a_case_is_recorded_apart_from_its_run(database: Database) -> None:
    """Of a case it is known what was reported by whom and that it ended; of an unknown one, nothing."""
    play = opened(advocacy())
    with database.read() as connection:
        assert intake.recorded(connection, "case-1") is None
    hash_ = publish(database)
    store(database, play, hash_)
    with database.read() as connection:
        found = intake.recorded(connection, "case-1")
        assert intake.recorded(connection, "case-2") is None
    assert found == Recorded(seq=play.facts[-1].seq, ended=False, events=frozenset({("police", "arrest-booked")}))
    ended = Fact(seq=found.seq + 1, at=START, recorded=START, body=CaseEnded(unfinished=0))
    store(database, play, hash_, [ended])
    with database.read() as connection:
        assert intake.recorded(connection, "case-1") == replace(found, seq=ended.seq, ended=True)


def test_two_protocols_are_listed_apart(database: Database) -> None:
    """Each protocol has its own numbers."""
    publish(database)
    with database.write() as connection:
        protocols.publish(connection, small().protocol, "text", published_at=START, published_by="p")
    with database.read() as connection:
        assert [(each.slug, each.version) for each in protocols.versions(connection)] == [(SLUG, 1), ("small", 1)]
        assert [each.slug for each in protocols.versions(connection, "small")] == ["small"]


def test_the_same_request_gets_the_same_answer(database: Database) -> None:
    """The first answer counts; other scopes do not meet."""
    asked = Asked(scope="p1", key="k", body_hash="h")
    first, second = Stored(status=201, response=b"one"), Stored(status=201, response=b"two")
    with database.write() as connection:
        assert idempotency.claim(connection, asked, START) is None
        assert idempotency.claim(connection, asked, START) is None
        assert idempotency.remember(connection, asked, first) == first
        assert idempotency.remember(connection, asked, second) == first
        assert idempotency.claim(connection, asked, START) == first
        assert idempotency.recall(connection, replace(asked, scope="p2")) is None


def test_a_key_is_bound_before_it_is_answered(database: Database) -> None:
    """Another request under a key is refused from the moment the first one came, answered or not."""
    asked = Asked(scope="p1", key="k", body_hash="h")
    with database.write() as connection:
        idempotency.claim(connection, asked, START)
    with database.write() as connection, pytest.raises(HandoffError) as caught:
        idempotency.claim(connection, replace(asked, body_hash="other"), START)
    assert caught.value.code == "KEY_REUSED"
    with database.read() as connection:
        assert idempotency.recall(connection, asked) is None


def test_keys_are_forgotten_after_a_week(database: Database) -> None:
    """A key is kept for a week to the microsecond, then it is free."""
    asked = Asked(scope="p1", key="k", body_hash="h")
    with database.write() as connection:
        idempotency.claim(connection, asked, START)
    assert sweeping.forget_keys(database, START + sweeping.KEYS_KEPT) == 0
    assert sweeping.forget_keys(database, START + sweeping.KEYS_KEPT + 1) == 1
    with database.write() as connection:
        assert idempotency.claim(connection, replace(asked, body_hash="other"), START) is None


def test_a_sources_number_finds_its_case(database: Database) -> None:
    """The first case stays; sources do not meet; the database holds no number."""
    with database.write() as connection:
        assert intake.remember(connection, KEY, "police", "JF-1", "case-1", START) == "case-1"
        assert intake.remember(connection, KEY, "police", "JF-1", "case-2", START) == "case-1"
        assert intake.find(connection, KEY, "police", "JF-1") == "case-1"
        assert intake.find(connection, KEY, "court", "JF-1") is None
        assert intake.find(connection, b"another key", "police", "JF-1") is None
        assert intake.known(connection, KEY, "police", ["JF-1", "JF-2"]) == {"JF-1"}
        assert "JF-1" not in str(connection.execute(select(source_key)).all())
