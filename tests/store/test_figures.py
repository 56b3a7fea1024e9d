"""Figures are totals, small ones hidden with their rests, and tell nothing of what happened inside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from protocol.errors import HandoffError
from store import figures, tables
from store.figures import LEAST
from store.policy import Subject
from store.session import Database
from tests.store.streams import HOUR, START, advocacy, publish
from tests.store.streams import store as put
from tests.store.worlds import Script, alike

COUNCIL = Subject(person_id="council-1", name="Council One", agency="council", roles=("council-member",))
COORDINATOR = Subject(person_id="coordinator-1", name="Coordinator One", agency="council", roles=("coordinator",))
ADVOCATE = Subject(person_id="advocate-1", name="Advocate One", agency="advocacy", roles=("advocate",))
SCRIPT = Script(acts={3: "given", 10: "report"}, first_acts=(1, 2, 4), strides=60)
SPAN = (START - HOUR, START + 1000 * HOUR)


def filled(database: Database, cases: int) -> None:
    """So many cases, all alike outside."""
    hash_ = publish(database)
    (play, _) = alike(advocacy(), SCRIPT, (1, 2))
    for number in range(cases):
        play.case_id = f"case-{number}"
        put(database, play, hash_)


def test_only_coordinators_and_council_get_figures(database: Database) -> None:
    """An advocate, even for their own agency, is told that figures are not theirs."""
    with database.read() as connection:
        assert figures.figures(connection, COUNCIL, *SPAN) == ()
        assert figures.figures(connection, COORDINATOR, *SPAN) == ()
        with pytest.raises(HandoffError, match="coordinators and the council"):
            figures.figures(connection, ADVOCATE, *SPAN)


def test_fewer_than_five_are_not_told(database: Database) -> None:
    """Four handoffs of a step have no figure; five have."""
    filled(database, LEAST - 1)
    with database.read() as connection:
        few = figures.figures(connection, COUNCIL, *SPAN)
    filled(database, LEAST)
    with database.read() as connection:
        enough = figures.figures(connection, COUNCIL, *SPAN)

    assert few
    assert {(each.delivered, each.kept, each.share) for each in few} == {(None, None, None)}
    assert {each.delivered for each in enough} == {LEAST}


def test_a_figure_whose_rest_is_small_is_not_told(database: Database) -> None:
    """Of nine, eight taken up would tell of the one that was not."""
    filled(database, 9)
    inner = (tables.task.c.case_id == "case-0", tables.task.c.outside)
    with database.write() as connection:
        connection.execute(update(tables.task).where(*inner).values(taken_at=None))
    with database.read() as connection:
        told = [each for each in figures.figures(connection, COUNCIL, *SPAN) if each.confidential]

    assert told
    assert {(each.delivered, each.kept) for each in told} == {(9, None)}


@pytest.mark.parametrize("seeds", [(25, 5), (27, 53), (6, 23)])
def test_what_happens_inside_changes_no_figure(fresh: Callable[[], Database], seeds: tuple[int, int]) -> None:
    """Two worlds alike outside and in each first act have the same figures, whatever was done inside."""
    told = []
    for play in alike(advocacy(), SCRIPT, seeds):
        database = fresh()
        hash_ = publish(database)
        for number in range(LEAST):
            play.case_id = f"case-{number}"
            put(database, play, hash_)
        with database.read() as connection:
            told.append(figures.figures(connection, COORDINATOR, *SPAN))

    assert told[0] == told[1] != ()
