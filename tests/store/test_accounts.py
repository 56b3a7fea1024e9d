"""Passwords, second factors, sessions and lockout, on a clock that is passed in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from protocol.errors import HandoffError
from store import people, sweeping
from store.accounts import challenges, enrolling, factors, passwords, secrets, sessions, signing
from store.accounts.tables import account, challenge, one_time_code, signed_in, wrong_tries
from store.policy import SubjectKind
from store.session import Database
from tests.store.accounts import HOUR, KEY, MINUTE, NOW, PASSWORD, SECOND, enrolled


def code_of(database: Database, attempt: signing.Attempt, now: int) -> str:
    """The code of what is wrong with a try; empty when nothing is."""
    try:
        signing.sign_in(database, KEY, attempt, now)
    except HandoffError as error:
        return error.code
    return ""


def test_a_password_alone_is_never_enough(database: Database) -> None:
    """Right password and number begin a session; either one wrong, and an unknown name, get one and the same answer."""
    who = enrolled(database)
    right = who.attempt(NOW)
    for wrong in (
        replace(right, code="000000"),
        replace(right, password="heron lantern gravel ninetx"),
        replace(right, login="nobody@example.org"),
        replace(right, code=""),
    ):
        with pytest.raises(HandoffError) as caught:
            signing.sign_in(database, KEY, wrong, NOW)
        assert ("SIGN_IN", signing.wrong().message) == (caught.value.code, caught.value.message)
    welcome = signing.sign_in(database, KEY, right, NOW)
    with database.read() as connection:
        found = sessions.find(connection, welcome.session, NOW)
    assert found is not None
    assert who.person_id == found.person_id


def test_a_number_is_taken_once(database: Database) -> None:
    """Who looks over a shoulder cannot use the number seen, nor one shown before it."""
    who = enrolled(database)
    assert "" == code_of(database, who.attempt(NOW), NOW)
    assert "SIGN_IN" == code_of(database, who.attempt(NOW), NOW + SECOND)
    assert "SIGN_IN" == code_of(database, replace(who.attempt(NOW), code=who.number(NOW - 30 * SECOND)), NOW)
    assert "" == code_of(database, who.attempt(NOW + 30 * SECOND), NOW + 30 * SECOND)


def test_ten_codes_work_once_each(database: Database) -> None:
    """A one-time code stands in for the authenticator, however it is spaced, and is gone afterwards."""
    who = enrolled(database)
    assert 10 == len(set(who.codes))
    for code in who.codes:
        used = replace(who.attempt(NOW), code=f" {code.lower().replace('-', ' ')} ")
        assert ("", "SIGN_IN") == (code_of(database, used, NOW), code_of(database, used, NOW))


def test_the_database_holds_nothing_to_sign_in_with(database: Database) -> None:
    """Password, authenticator's secret, codes, session and link are not in the tables of sign-in."""
    who = enrolled(database)
    welcome = signing.sign_in(database, KEY, who.attempt(NOW), NOW)
    with database.read() as connection:
        rows = [connection.execute(select(each)).all() for each in (account, one_time_code, signed_in)]
    kept = str(rows)
    assert who.person_id in kept
    assert not [each for each in (PASSWORD, who.secret, *who.codes, welcome.session, welcome.device) if each in kept]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short-words", "PASSWORD_SHORT"),
        ("x" * 257, "PASSWORD_LONG"),
        ("passwordpassword", "PASSWORD_COMMON"),
        ("P@ssw0rd123456", "PASSWORD_COMMON"),
        ("qwertyuiop123", "PASSWORD_COMMON"),
        ("123456789012", "PASSWORD_COMMON"),
        ("aaaaaaaaaaaaaaa", "PASSWORD_COMMON"),
        ("Welcome2026!!", "PASSWORD_COMMON"),
        ("advocate2026!advocate", "PASSWORD_COMMON"),
        ("placeholder.one1", "PASSWORD_COMMON"),
    ],
)
def test_a_password_that_is_tried_first_is_refused(password: str, code: str) -> None:
    """Twelve characters, and more in them than the words everybody takes and the person's own name."""
    with pytest.raises(HandoffError) as caught:
        passwords.check(password, "placeholder.one@example.org")
    assert code == caught.value.code
    assert password not in caught.value.message


@pytest.mark.parametrize("password", [PASSWORD, "correct horse battery staple", "k7!Qz92#mLp4", "тихая вода глубока"])
def test_a_good_password_is_taken(password: str) -> None:
    """Four words, or a dozen signs by chance, will do."""
    passwords.check(password, "placeholder.one@example.org")
    assert passwords.fits(passwords.hashed(password), password)


def test_passwords_are_argon2id_at_the_strength_promised() -> None:
    """19 MiB, two passes: said in the hash itself."""
    assert passwords.hashed(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_session_ends_by_itself(database: Database) -> None:
    """Thirty minutes without a request end it, and twelve hours whatever is asked."""
    who = enrolled(database)
    token = signing.sign_in(database, KEY, who.attempt(NOW), NOW).session

    def holds(at: int) -> bool:
        with database.read() as connection:
            return sessions.find(connection, token, at) is not None

    assert (True, False) == (holds(NOW + 30 * MINUTE - 1), holds(NOW + 30 * MINUTE))
    at = NOW
    while at < NOW + 12 * HOUR:
        with database.write() as connection:
            found = sessions.find(connection, token, at)
            assert found is not None
            sessions.note(connection, found, at)
        at += 29 * MINUTE
    assert not holds(NOW + 12 * HOUR)


def test_a_new_sign_in_is_a_new_session_and_all_can_be_ended(database: Database) -> None:
    """No token is used twice; ending one leaves the other, ending all leaves none, leaving the agency neither."""
    who = enrolled(database)
    at = (NOW, NOW + MINUTE, NOW + 2 * MINUTE)
    first, second, third = (signing.sign_in(database, KEY, who.attempt(each), each).session for each in at)
    assert 3 == len({first, second, third})

    def held() -> list[bool]:
        with database.read() as connection:
            return [sessions.find(connection, each, at[2]) is not None for each in (first, second, third)]

    with database.write() as connection:
        sessions.end(connection, first)
    assert [False, True, True] == held()
    with database.write() as connection:
        assert 2 == sessions.end_all(connection, who.person_id)
    assert [False, False, False] == held()
    with database.write() as connection:
        enrolling.deactivate(connection, who.person_id, NOW)
    assert "SIGN_IN" == code_of(database, who.attempt(at[2] + MINUTE), at[2] + MINUTE)


def test_a_link_enrols_once_and_in_time(database: Database) -> None:
    """Used, replaced or after three days it is over; enrolled again, what was there before ends."""
    who = enrolled(database)
    token = signing.sign_in(database, KEY, who.attempt(NOW), NOW).session
    with database.write() as connection:
        old, link = (enrolling.make_link(connection, who.person_id, NOW) for _ in range(2))
    for each, at in ((old, NOW), (link, NOW + 72 * HOUR), ("x", NOW)):
        with pytest.raises(HandoffError) as caught, database.write() as connection:
            enrolling.begin(connection, KEY, each, who.login, at)
        assert "LINK_OVER" == caught.value.code
    with database.write() as connection:
        begun = enrolling.begin(connection, KEY, link, who.login, NOW)
    again = replace(who, secret=begun.secret)
    chosen = enrolling.Chosen(link=link, login=who.login, password=f"{PASSWORD} one", code="000000")
    with pytest.raises(HandoffError) as caught:
        enrolling.finish(database, KEY, chosen, NOW)
    assert "CODE_WRONG" == caught.value.code
    enrolling.finish(database, KEY, replace(chosen, code=again.number(NOW)), NOW)
    with pytest.raises(HandoffError) as caught:
        enrolling.finish(database, KEY, replace(chosen, code=again.number(NOW)), NOW)
    assert "LINK_OVER" == caught.value.code
    with database.read() as connection:
        assert sessions.find(connection, token, NOW) is None
    assert "SIGN_IN" == code_of(database, who.attempt(NOW + MINUTE), NOW + MINUTE)
    now = NOW + MINUTE
    assert "" == code_of(database, again.attempt(now, password=f"{PASSWORD} one"), now)


def test_a_name_belongs_to_one_person(database: Database) -> None:
    """However it is capitalised; and a records system has none."""
    enrolled(database)
    with pytest.raises(HandoffError) as caught:
        enrolled(database, login=" Advocate@Example.org", role="backup")
    assert "LOGIN_TAKEN" == caught.value.code
    with database.write() as connection:
        system = people.add_person(connection, name="Records", agency_id="advocacy", kind=SubjectKind.SYSTEM)
    with pytest.raises(HandoffError) as caught, database.write() as connection:
        enrolling.make_link(connection, system.id, NOW)
    assert "NOT_A_PERSON" == caught.value.code


def test_the_steps_of_a_telephone_that_is_wrong_by_half_a_minute(database: Database) -> None:
    """A clock that is wrong by one step will do, by two will not."""
    who = enrolled(database)
    steps = {n: factors.step_of(who.secret, who.number(NOW + n * 30 * SECOND), 0, NOW) for n in (-2, -1, 0, 1, 2)}
    assert [-1, 0, 1] == [n for n, step in steps.items() if step is not None]


def test_what_is_over_is_forgotten_and_what_holds_is_kept(database: Database) -> None:
    """A session that holds stays; one that ended, a question nobody answered and an old count are gone."""
    who = enrolled(database)
    tokens = [signing.sign_in(database, KEY, who.attempt(at), at).session for at in (NOW, NOW + HOUR)]
    with database.write() as connection:
        question = challenges.put(connection, KEY, "passkey", {}, NOW)
        kept = challenges.put(connection, KEY, "passkey", {}, NOW + HOUR)
    sweeping.forget_sign_ins(database, NOW + HOUR + MINUTE)
    with database.read() as connection:
        held = connection.execute(select(signed_in.c.hash)).scalars().all()
        asked = connection.execute(select(challenge.c.hash)).scalars().all()
    assert [secrets.kept(tokens[1])] == held
    assert [secrets.kept(kept)] == asked
    assert question not in asked
    sweeping.forget_sign_ins(database, NOW + 30 * HOUR)
    with database.read() as connection:
        assert [] == connection.execute(select(wrong_tries.c.bucket)).all()


def test_a_limit_is_shared_by_no_two_agencies_and_tells_no_names(database: Database) -> None:
    """A known name counts against its agency; an unknown one against one agency for good, so that both look alike."""
    enrolled(database)
    enrolled(database, "patrol@example.org", "patrol", "police")
    unknown = [f"nobody-{number}@example.org" for number in range(40)]
    with database.read() as connection:
        names = ("advocate@example.org", " PATROL@example.org")
        known = [signing.agency_counted(connection, KEY, each) for each in names]
        given = [[signing.agency_counted(connection, KEY, each) for each in unknown] for _ in range(2)]
    assert ["advocacy", "police"] == known
    assert given[0] == given[1]
    assert {"advocacy", "police"} == set(given[0])
