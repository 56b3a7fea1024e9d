"""What each decision of a plan would make of an open duty, and the document written from what was chosen."""

from __future__ import annotations

from random import Random

import pytest

from protocol.errors import SpecError
from protocol.migrating.choices import foretold, offered
from protocol.migrating.crossing import migrate
from protocol.migrating.plan import Clock, Plan, read_plan
from protocol.migrating.route import route
from protocol.migrating.writing import with_lines
from protocol.revising.lines import Mark, line_changes
from protocol.serial import dump_protocol
from protocol.telling.tabular import rows
from tests.protocol import random_runs
from tests.protocol.test_migrating import compiled, pair
from tests.protocol.texts import SMALL


@pytest.mark.parametrize("seed", range(12))
def test_what_is_foretold_is_what_happens(seed: int) -> None:
    """Wherever a case moves under one decision for all, each duty is due when it was foretold to be."""
    chance = Random(seed)
    old, new = pair(chance)
    run = random_runs.drive(old, chance, chance.randint(1, 12))
    before, after = dump_protocol(old), dump_protocol(new)
    told = foretold(offered(before, after, new.id), run.state, run.now)
    for clock in Clock:
        way = route(before, after, Plan(migration=new.id, clock=clock).dump())
        made = migrate(way, run.state, "run", run.now)
        if made.hindrance is None:
            happened = [(way.onto.known_as[each.step], each.due) for each in made.moved if each.how != "unchanged"]
            assert sorted((each.step, each.due) for each in told if each.clock is clock) == sorted(happened)


SAID = "the jail: reports 'releases' itself # now"


def test_the_document_says_what_was_chosen() -> None:
    """It is read as the plan it stands for; a line gives way to a later choice, and the rest stays as it was."""
    text = compiled(SMALL)
    document = with_lines("", "small", {"refer": {"clock": "restart", "because": SAID}})
    document = with_lines(f"{document}quiet before: 5 minutes\n", "small", {"call": {"clock": "keep deadline"}})
    plan = read_plan(document, text, text)
    assert {name: line.clock for name, line in plan.steps.items()} == {
        "refer": Clock.RESTART,
        "call": Clock.KEEP_DEADLINE,
    }
    assert (plan.steps["refer"].because, plan.quiet_before) == (SAID, 300)
    again = with_lines(document, "small", {"refer": {"clock": "grandfather"}})
    assert read_plan(again, text, text).steps["refer"].because is None
    assert with_lines(again, "small", {}) == again
    assert with_lines("", "small", {}) == ""
    with pytest.raises(SpecError):
        with_lines("steps: [", "small", {"refer": {"clock": "restart"}})


def test_each_line_of_a_change_is_said_to_be_added_or_removed() -> None:
    """With two lines on either side; what is between is left out and counted."""
    new = SMALL.replace("due: within 2 hours", "due: within 3 hours")
    found = line_changes(SMALL, new)
    changed = [(each.mark, each.text.strip()) for each in found if each.mark in {Mark.ADDED, Mark.REMOVED}]
    assert changed == [(Mark.REMOVED, "due: within 2 hours"), (Mark.ADDED, "due: within 3 hours")]
    left_out = sum(each.number for each in found if each.mark is Mark.LEFT_OUT)
    assert left_out + sum(each.mark in {Mark.SAME, Mark.ADDED} for each in found) == len(new.splitlines())
    assert line_changes(SMALL, SMALL) == ()


def test_the_table_says_of_each_step_what_its_sentences_say() -> None:
    """Who, within what, who hears of it, what ends it."""
    refer, call = rows(compiled(SMALL))
    assert (refer.number, refer.who, refer.within, refer.ends) == (1, "Patrol", "within 2 hours", ("given",))
    assert refer.told[:2] == ("When due: the lead is told", "1 working day late: the coordinator is told")
    assert call.within == "within 1 working day, or 30 minutes before hearing if sooner"
