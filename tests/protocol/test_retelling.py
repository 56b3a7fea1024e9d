"""Finished cases are told again as scenarios that hold, at other times, and name nobody."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from protocol.errors import HandoffError
from protocol.facts import (
    CaseEnded,
    Fact,
    FieldSet,
    LinkNoticed,
    SlotFilled,
    StepEnded,
)
from protocol.scenarios.retelling import WEEK, path, retold
from protocol.scenarios.scenario import play, read_scenarios
from tests.protocol.test_scenarios import stories
from tests.protocol.texts import compiled

FINISHED = [
    (slug, story.title, facts)
    for slug, story in stories()
    for facts in [play(compiled(slug).protocol, story)[1]]
    if any(isinstance(each.body, CaseEnded) for each in facts)
]


@pytest.mark.parametrize(("slug", "title", "facts"), FINISHED, ids=[each[1] for each in FINISHED])
def test_a_finished_case_is_told_again(slug: str, title: str, facts: list[Fact]) -> None:
    """Told again it holds, ends each step as it did then, and at other times, and has no person or reference in it."""
    protocol = compiled(slug).protocol
    text = retold(protocol, facts, "A case told again", Random(title))
    (story,) = read_scenarios(text, protocol.zone)
    problems, again = play(protocol, story)
    assert problems == []
    assert path(again) == path(facts)
    ended, then = ([each.recorded for each in some if isinstance(each.body, StepEnded)] for some in (again, facts))
    assert all(abs(now - was) > 3 * WEEK for now, was in zip(ended, then, strict=True))
    named = {getattr(each.body, name, None) for each in facts for name in ("person", "ref")}
    assert not any(each in text for each in named if each)
    assert title not in text


def test_two_tellings_are_of_other_days() -> None:
    """Chance moves the case, so that one telling says nothing of when it was."""
    slug, _, facts = FINISHED[0]
    told = {retold(compiled(slug).protocol, facts, "A case told again", Random(each)) for each in range(8)}
    assert len(told) > 4


def test_a_case_that_goes_on_is_not_told() -> None:
    """Only what has ended is."""
    slug, _, facts = FINISHED[0]
    going = [each for each in facts if not isinstance(each.body, CaseEnded)]
    with pytest.raises(HandoffError, match="CASE_OPEN"):
        retold(compiled(slug).protocol, going, "x", Random(1))


def test_what_does_not_come_about_again_is_not_told() -> None:
    """Facts that the engine does not make of these acts are refused, and no story is made up for them."""
    slug, _, facts = FINISHED[0]
    odd = [*facts[:-1], replace(facts[-2], body=LinkNoticed(link="nothing", ended=False)), facts[-1]]
    with pytest.raises(HandoffError, match="NOT_RETOLD"):
        retold(compiled(slug).protocol, odd, "x", Random(1))


def test_no_value_of_a_slot_and_no_reference_is_written() -> None:
    """A reference in the record and one into the vault are only said to be there."""
    slug, _, facts = next(each for each in FINISHED if any(isinstance(f.body, SlotFilled) for f in each[2]))
    marked = [
        replace(each, body=replace(each.body, ref="ref-canary")) if isinstance(each.body, SlotFilled) else each
        for each in facts
    ]
    text = retold(compiled(slug).protocol, marked, "x", Random(1))
    assert "canary" not in text
    assert any(isinstance(each.body, FieldSet) for each in marked)
