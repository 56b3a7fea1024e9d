"""One hat a session: a coordinator who also works in an agency never has both views at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import HandoffError
from runtime.settings import load
from store import people
from store.accounts import hats, sessions
from store.diagnosis import diagnose
from store.policy import COORDINATOR, STEWARD, Subject
from store.session import Database
from tests.store.streams import START

BOTH = ("supervisor", COORDINATOR, STEWARD)


def who(*roles: str) -> Subject:
    return Subject(person_id="p-1", name="Somebody One", agency="advocacy", roles=roles)


@given(
    st.sets(st.sampled_from(["supervisor", "advocate", "patrol", COORDINATOR, STEWARD, "council-member"])),
    st.sampled_from([None, "agency", COORDINATOR, "other"]),
)
def test_no_session_coordinates_and_works_in_an_agency(roles: set[str], hat: str | None) -> None:
    """Whatever the roles and the hat: never both, nothing that is not theirs, and under one or the other all of it."""
    full = who(*sorted(roles))
    worn = set(hats.wearing(full, hat).roles)
    inside = worn - {COORDINATOR} - hats.WITH_BOTH
    assert worn <= roles
    assert not (COORDINATOR in worn and inside)
    assert roles == {role for each in (None, COORDINATOR) for role in hats.wearing(full, each).roles}


def test_a_session_begins_in_ones_own_agency_and_changes_by_choice(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    """The hat is the session's, not the person's; one that is not theirs is not put on; who has one chooses none."""
    with database.write() as connection:
        people.add_agency(connection, "advocacy", "Advocacy", confidential=True)
        person = people.add_person(connection, name="Somebody One", agency_id="advocacy", roles=BOTH)
        tokens = [sessions.begin(connection, person.id, "password", START) for _ in range(2)]
        first = sessions.find(connection, tokens[0], START)
        assert first is not None
        sessions.put_on(connection, first, hats.chosen(BOTH, COORDINATOR))
    with database.read() as connection:
        known = people.subject_of(connection, person.id)
        assert known is not None
        found = [sessions.find(connection, each, START) for each in tokens]
        worn = [hats.wearing(known, each.hat) for each in found if each is not None]
    assert [(set(each.roles), each.other_hat) for each in worn] == [
        ({COORDINATOR, STEWARD}, "agency"),
        ({"supervisor", STEWARD}, COORDINATOR),
    ]
    checks = diagnose(load({"data": tmp_path, "database_url": migrated_url}), date(2026, 3, 7))
    assert [each.says for each in checks if each.name == "two hats"] == [
        "Coordinate and work in an agency, by one hat a session: Somebody One."
    ]
    for roles, hat in ((BOTH, "supervisor"), (("supervisor",), COORDINATOR), ((COORDINATOR, STEWARD), "agency")):
        with pytest.raises(HandoffError) as caught:
            hats.chosen(roles, hat)
        assert caught.value.code == "NO_HAT"
