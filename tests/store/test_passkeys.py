"""Passkeys: real registrations and assertions of a software authenticator, and each way in which one does not hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from protocol.errors import HandoffError
from store.accounts import lockout, passkeys, signing
from store.accounts.passkeys import Answer, Site
from store.session import Database
from tests.authenticator import Authenticator
from tests.store.accounts import KEY, MINUTE, NOW, Enrolled, enrolled
from tests.store.test_accounts import code_of
from tests.store.test_lockout import shut

SITE = Site(origin="https://handoff.example.org")


def registered(database: Database, who: Enrolled, device: Authenticator) -> str:
    with database.write() as connection:
        asked = passkeys.ask_new(connection, KEY, SITE, who.person_id, "Placeholder", NOW)
        answer = Answer(challenge=asked.challenge, credential=device.register(asked.options))
        return passkeys.add(connection, KEY, SITE, who.person_id, answer, NOW)


def signed_in(database: Database, device: Authenticator, now: int = NOW) -> str:
    """The person a device signs in."""
    with database.write() as connection:
        asked = passkeys.ask(connection, KEY, SITE, now)
        answer = Answer(challenge=asked.challenge, credential=device.answer(asked.options))
        return passkeys.shown(connection, KEY, SITE, answer, now)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(HandoffError) as caught:
        act()
    return caught.value.code


def test_a_passkey_says_who_somebody_is(database: Database) -> None:
    """Two people, two devices: each signs in its own person, again and again."""
    first, second = enrolled(database), enrolled(database, "backup@example.org", "backup")
    devices = [Authenticator(SITE.origin) for _ in range(2)]
    for who, device in zip((first, second), devices, strict=True):
        registered(database, who, device)
    for _ in range(2):
        assert [first.person_id, second.person_id] == [signed_in(database, each) for each in devices]


def test_a_passkey_that_does_not_hold_opens_nothing(database: Database) -> None:
    """Another site's, without finger or PIN, an unknown one, a copied one: one and the same answer."""
    who = enrolled(database)
    device, elsewhere = Authenticator(SITE.origin), Authenticator("https://handoff.example.com")
    registered(database, who, device)
    signed_in(database, device)
    elsewhere.key, elsewhere.credential = device.key, device.credential
    elsewhere.counts = 10
    assert "PASSKEY" == refused(lambda: signed_in(database, elsewhere))
    assert "PASSKEY" == refused(lambda: signed_in(database, Authenticator(SITE.origin)))
    device.verifies, device.counts = False, 20
    assert "PASSKEY" == refused(lambda: signed_in(database, device))
    # A copy that counts from where it was taken: the device itself has counted on since.
    device.verifies, device.counts = True, 0
    assert "PASSKEY" == refused(lambda: signed_in(database, device))
    device.counts = 30
    assert who.person_id == signed_in(database, device)


def test_every_altered_answer_is_refused(fresh: Callable[[], Database]) -> None:
    """Each part of an assertion, altered, and an answer to another question: nobody is signed in."""
    database = fresh()
    who, device = enrolled(database), Authenticator(SITE.origin)
    registered(database, who, device)

    def answered(changed: dict[str, object]) -> str:
        with database.write() as connection:
            asked = passkeys.ask(connection, KEY, SITE, NOW)
            given = device.answer(asked.options)
            given["response"] = {name: value for name, value in {**given["response"], **changed}.items() if value != ""}
            return passkeys.shown(connection, KEY, SITE, Answer(challenge=asked.challenge, credential=given), NOW)

    for part in ("signature", "authenticatorData", "clientDataJSON"):
        for value in ("", "AAAA", None, 7):
            assert "PASSKEY" == refused(partial(answered, {part: value}))
    for given in ({}, {"rawId": "AAAA"}, {"rawId": 7, "response": []}):
        with database.write() as connection:
            asked = passkeys.ask(connection, KEY, SITE, NOW)
        with pytest.raises(HandoffError) as caught, database.write() as connection:
            passkeys.shown(connection, KEY, SITE, Answer(challenge=asked.challenge, credential=given), NOW)
        assert "PASSKEY" == caught.value.code


def test_a_question_is_answered_once_and_in_time(database: Database) -> None:
    """The same answer twice, after ten minutes, or under a made-up name: over."""
    who, device = enrolled(database), Authenticator(SITE.origin)
    registered(database, who, device)
    with database.write() as connection:
        first, second = (passkeys.ask(connection, KEY, SITE, NOW) for _ in range(2))
    answer = Answer(challenge=first.challenge, credential=device.answer(first.options))
    late = Answer(challenge=second.challenge, credential=device.answer(second.options))

    def show(given: Answer, at: int) -> str:
        with database.write() as connection:
            return passkeys.shown(connection, KEY, SITE, given, at)

    device.counts = 0
    assert who.person_id == show(answer, NOW)
    assert "CHALLENGE_OVER" == refused(lambda: show(answer, NOW))
    assert "CHALLENGE_OVER" == refused(lambda: show(late, NOW + 10 * MINUTE))
    assert "CHALLENGE_OVER" == refused(lambda: show(Answer(challenge="x", credential={}), NOW))


def test_a_passkey_is_added_once_to_one_person(database: Database) -> None:
    """Not to two, not for somebody else's question, and not a copy without finger or PIN."""
    first, second = enrolled(database), enrolled(database, "backup@example.org", "backup")
    device = Authenticator(SITE.origin)
    registered(database, first, device)
    assert "PASSKEY" == refused(lambda: registered(database, second, device))
    assert "PASSKEY" == refused(lambda: registered(database, second, Authenticator(SITE.origin, verifies=False)))
    assert "PASSKEY" == refused(lambda: registered(database, second, Authenticator("https://elsewhere.example.org")))
    with database.write() as connection:
        asked = passkeys.ask_new(connection, KEY, SITE, first.person_id, "Placeholder", NOW)
    given = Answer(challenge=asked.challenge, credential=Authenticator(SITE.origin).register(asked.options))
    with pytest.raises(HandoffError) as caught, database.write() as connection:
        passkeys.add(connection, KEY, SITE, second.person_id, given, NOW)
    assert "PASSKEY" == caught.value.code


def test_a_passkey_never_locks_and_unlocks(database: Database) -> None:
    """With her telephone's count shut she signs in by passkey, after which the password works again; strangers wait."""
    who, device = enrolled(database), Authenticator(SITE.origin)
    cookie = signing.sign_in(database, KEY, who.attempt(NOW), NOW).device
    registered(database, who, device)
    at = NOW + MINUTE
    shut(database, who, at, cookie)
    shut(database, who, at)
    with database.read() as connection:
        assert not lockout.locked_out(connection, who.person_id, at + MINUTE)
    assert who.person_id == signed_in(database, device, at + MINUTE)
    assert "" == code_of(database, who.attempt(at + MINUTE, cookie), at + MINUTE)
    assert "LOCKED_OUT" == code_of(database, who.attempt(at + MINUTE), at + MINUTE)


def test_a_removed_passkey_opens_nothing(database: Database) -> None:
    """Only its person removes it."""
    first, second = enrolled(database), enrolled(database, "backup@example.org", "backup")
    device = Authenticator(SITE.origin)
    id_ = registered(database, first, device)

    def remove(who: Enrolled) -> None:
        with database.write() as connection:
            passkeys.remove(connection, who.person_id, id_, NOW)

    assert "NOT_FOUND" == refused(lambda: remove(second))
    remove(first)
    assert "PASSKEY" == refused(lambda: signed_in(database, device))
