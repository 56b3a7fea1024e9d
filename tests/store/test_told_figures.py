"""Figures of fixed periods freeze ten days after a month's end, and are told alike ever after."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from protocol.engine import clocks
from protocol.errors import HandoffError
from store import tables, told_figures
from store.hiding import Told
from store.session import Database
from tests.store.test_figures import ADVOCATE, COORDINATOR, filled

ZONE = "America/Chicago"
MARCH = "2026-03"


def at(year: int, month: int, day: int) -> int:
    """An instant."""
    return clocks.instant(datetime(year, month, day, 12, tzinfo=UTC))


def frozen(database: Database, now: int) -> tuple[str, ...]:
    """What freezes by an instant; all the periods there are then."""
    with database.read() as connection:
        months = told_figures.to_freeze(connection, ZONE, now)
    for month in months:
        with database.write() as connection:
            told_figures.freeze(connection, month, ZONE, now)
    with database.read() as connection:
        return told_figures.periods(connection)


def test_a_month_freezes_ten_days_after_its_end(database: Database) -> None:
    """Not on the ninth; the quarter comes with its last month, and a year only with twelve."""
    filled(database, 6)
    assert frozen(database, at(2026, 4, 9)) == ()
    assert frozen(database, at(2026, 4, 12)) == (MARCH,)
    assert frozen(database, at(2026, 7, 12)) == ("2026-Q2", "2026-06", "2026-05", "2026-04", MARCH)


def test_a_frozen_month_changes_no_more(database: Database) -> None:
    """What is recorded afterwards changes nothing that was told."""
    filled(database, 6)
    frozen(database, at(2026, 4, 12))
    with database.read() as connection:
        before = told_figures.figures(connection, COORDINATOR, [MARCH])
    with database.write() as connection:
        connection.execute(update(tables.task).values(on_time=False, taken_at=None))
    frozen(database, at(2026, 4, 13))
    with database.read() as connection:
        assert told_figures.figures(connection, COORDINATOR, [MARCH]) == before
    assert {each.n for each in before} == {6}


def test_few_are_told_as_nothing_and_a_month_without_any_alike(database: Database) -> None:
    """Four handoffs and none at all look the same."""
    filled(database, 4)
    frozen(database, at(2026, 5, 12))
    with database.read() as connection:
        found = told_figures.figures(connection, COORDINATOR, [MARCH, "2026-04"])
        assert told_figures.aside(connection, COORDINATOR, MARCH) is None
    assert found
    assert {(each.told, each.n, each.kept, each.usual) for each in found} == {(Told.NOTHING, None, None, None)}


def test_an_advocate_gets_no_figures(database: Database) -> None:
    """They are for coordinators and the council."""
    with database.read() as connection, pytest.raises(HandoffError, match="coordinators and the council"):
        told_figures.figures(connection, ADVOCATE, [MARCH])
