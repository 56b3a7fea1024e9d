"""Machine keys: hashed, for one protocol and its events, a year at most, two at a time."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from protocol.errors import HandoffError
from store import people
from store.accounts import have_it, machine_keys
from store.accounts.tables import machine_key
from store.policy import Scope, SubjectKind
from store.session import Database
from tests.store.accounts import MINUTE, NOW, enrolled

DAY = machine_keys.DAY
SCOPE = Scope(protocol="post-arrest-advocacy", events=("arrest-booked",), may="submit")


def system(database: Database) -> str:
    with database.write() as connection:
        people.add_agency(connection, "police", "Police", confidential=False)
        return people.add_person(connection, name="Records System", agency_id="police", kind=SubjectKind.SYSTEM).id


def made(database: Database, person: str, days: int = 365, scope: Scope = SCOPE, now: int = NOW) -> str:
    with database.write() as connection:
        return machine_keys.make(connection, person, scope, now, days=days)


def holds(database: Database, key: str, now: int) -> bool:
    with database.read() as connection:
        return machine_keys.find(connection, key, now) is not None


def test_a_key_says_who_comes_and_for_what(database: Database) -> None:
    """It names agency, system and scope; the database has its hash alone; with one sign changed it is nobody's."""
    person = system(database)
    key = made(database, person)
    with database.read() as connection:
        found = machine_keys.find(connection, key, NOW)
        stored = str(connection.execute(select(machine_key)).all())
    assert found is not None
    assert (person, "police", SCOPE) == (found.person_id, found.agency, found.scope)
    assert re.fullmatch(r"hk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", key)
    assert key[16:] not in stored
    changed = key[:-1] + ("A" if key[-1] != "A" else "B")
    wrong = (changed, key[:-1], "hk_", "hk_000000000000_" + "A" * 43)
    assert [False] * 4 == [holds(database, each, NOW) for each in wrong]


def test_a_key_holds_for_a_year_at_most(database: Database) -> None:
    """To the microsecond; and nobody gets one for longer, nor for a person, nor for no event."""
    person = system(database)
    key = made(database, person, days=1)
    assert [True, False] == [holds(database, key, NOW + DAY - 1), holds(database, key, NOW + DAY)]
    someone = enrolled(database).person_id
    reads = Scope(protocol="post-arrest-advocacy", events=(), may="submit")
    for whose, days, scope, code in (
        (person, 366, SCOPE, "KEY_TOO_LONG_LIVED"),
        (person, 0, SCOPE, "KEY_TOO_LONG_LIVED"),
        (someone, 1, SCOPE, "KEY_OF_A_PERSON"),
        (person, 1, reads, "KEY_SCOPE"),
    ):
        with pytest.raises(HandoffError) as caught:
            made(database, whose, days, scope)
        assert code == caught.value.code


def test_two_keys_live_at_once_and_a_rotation_overlaps(database: Database) -> None:
    """A third is refused; a rotated key goes on for seven days, so that nothing stands still."""
    person = system(database)
    first = made(database, person)
    id_ = first.split("_")[1]
    with database.write() as connection:
        second = machine_keys.rotate(connection, id_, NOW, days=365)
    with pytest.raises(HandoffError) as caught:
        made(database, person)
    assert "TWO_LIVE" == caught.value.code
    later = NOW + machine_keys.OVERLAP
    assert [True, True] == [holds(database, each, later - 1) for each in (first, second)]
    assert [False, True] == [holds(database, each, later) for each in (first, second)]
    made(database, person, now=later)


def test_an_ended_key_is_nobodys(database: Database) -> None:
    """At once; a system that no longer acts has none that holds."""
    person = system(database)
    first, second = made(database, person), made(database, person)
    with database.write() as connection:
        machine_keys.end(connection, first.split("_")[1], NOW)
    assert [False, True] == [holds(database, each, NOW) for each in (first, second)]
    with database.write() as connection:
        people.deactivate(connection, person)
    assert not holds(database, second, NOW)
    with pytest.raises(HandoffError) as caught, database.write() as connection:
        machine_keys.end(connection, first.split("_")[1], NOW)
    assert "NOT_FOUND" == caught.value.code


def test_an_i_have_it_link_is_used_once_within_fifteen_minutes(database: Database) -> None:
    """Of one task for one person; the database has its hash alone."""
    who = enrolled(database)
    with database.write() as connection:
        first, second = (have_it.make(connection, "t" * 26, who.person_id, NOW) for _ in range(2))

    def meant(token: str, at: int) -> tuple[str, str] | str:
        try:
            with database.read() as connection:
                return have_it.meant(connection, token, at)
        except HandoffError as error:
            return error.code

    assert ("t" * 26, who.person_id) == meant(first, NOW + 15 * MINUTE - 1)
    assert "LINK_OVER" == meant(first, NOW + 15 * MINUTE)
    with database.write() as connection:
        have_it.use(connection, first, NOW)
    assert ["LINK_OVER", "LINK_OVER"] == [meant(first, NOW), meant("x", NOW)]
    assert ("t" * 26, who.person_id) == meant(second, NOW)
