"""The explained clock of duties that belong to whoever was chosen, or that are about one item of a list."""

from __future__ import annotations

from protocol.engine import clocks
from protocol.telling.explain import explain
from protocol.telling.pieces import Clock
from tests.protocol.texts import compiled

NOW = 1_772_856_000_000_000
MARAC = compiled("marac").protocol


def test_an_item_has_its_own_deadline() -> None:
    """What is due by an item's deadline says so, with the deadline."""
    clock = Clock(
        step="action",
        owners=("idva",),
        cause="outcome:meeting/planned",
        delivered=NOW,
        due=NOW + 3 * clocks.HOUR,
        agency="idva-service",
        item={"owner": "idva", "deadline": NOW + 3 * clocks.HOUR, "task": "one"},
        fields={"next-meeting": NOW + 500 * clocks.HOUR},
    )
    said = explain(MARAC, clock, NOW + clocks.HOUR)

    assert said.why.startswith("The earlier of the deadline (7:00 AM) and the next meeting (")
    assert said.head == "Due 7:00 AM, 2 h left."


def test_each_of_several_agencies_reads_of_its_own() -> None:
    """An instance that another agency owns than the one the step stands in for is told of that agency."""
    clock = Clock(step="research", owners=("idva",), cause="outcome:circulate/done", agency="idva-service",
                  outsider=True, delivered=NOW, taken=NOW)  # fmt: skip

    assert explain(MARAC, clock, NOW).why == "The rest is private to idva service."


def test_a_time_under_a_condition_says_both() -> None:
    """Where a condition decides which time counts, both are said, with the condition."""
    clock = Clock(step="idva-contact", owners=("idva",), cause="outcome:listing/listed", delivered=NOW, due=NOW + 1)

    assert explain(MARAC, clock, NOW).why == (
        "24 hours from when idva service got this (4:00 AM) if self referred, "
        "else 2 working days from when idva service got this (4:00 AM)."
    )
