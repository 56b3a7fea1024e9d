"""Mutants of a protocol are noticed by scenarios that pin what was changed, and by no others."""

from __future__ import annotations

import pytest

from protocol import expressions
from protocol.compiling.compiler import compile_text
from protocol.errors import HandoffError
from protocol.mutating.mutants import mutants, negated
from protocol.mutating.trial import noticed, tried
from protocol.revising.diff import diff
from protocol.scenarios.scenario import read_scenarios
from tests.protocol.test_scenarios import STORIES
from tests.protocol.texts import SPECS, TODAY, compiled

SLUG = "post-arrest-advocacy"
HAPPY = """
scenario: The referral comes in time
of: post-arrest-advocacy
story:
 - {at: 2026-03-06 23:00, when: arrest-booked, expect: referral is due 01:00}
 - {at: 23:10, when: patrol ends referral as given, expect: custody-check is open}
"""
LATE = """
scenario: The referral comes late
of: post-arrest-advocacy
story:
 - {at: 2026-03-06 23:00, when: arrest-booked}
 - {at: 2026-03-07 00:59, expect: sergeant was not told}
 - {at: 01:00, expect: [sergeant was told, coordinator was not told]}
 - {at: 02:59, expect: coordinator was not told}
 - {at: 03:00, expect: coordinator was told}
"""


def test_a_ladder_that_no_scenario_waits_for_may_be_anything() -> None:
    """With the happy path alone its rungs survive, told as what they change; with the late one all are noticed."""
    protocol = compiled(SLUG).protocol
    happy = read_scenarios(HAPPY, protocol.zone)
    survivors = tried(protocol, happy, only="step:referral").survivors
    said = "D32 S  Referral: coordinator is no longer told 2 hours late; still told: sergeant and lead."

    assert said in [says for each in survivors if each.kind == "rung dropped" for says in each.says]
    assert {each.unit for each in survivors} == {"step:referral"}
    assert tried(protocol, (*happy, *read_scenarios(LATE, protocol.zone)), only="step:referral").survivors == ()


def test_every_mutant_differs_in_meaning_or_is_none() -> None:
    """Each mutant compares with its protocol, most as a change in meaning; no unit is changed that is not there."""
    protocol = compiled("self-referral").protocol
    made = list(mutants(protocol))
    units = {f"step:{each.id}" for each in protocol.steps} | {f"event:{each.id}" for each in protocol.events}
    units |= {f"field:{each.id}" for each in protocol.fields} | {f"calendar:{each.id}" for each in protocol.calendars}

    assert {each.unit for each in made} <= units
    assert {each.unit for each in made} >= {f"step:{each.id}" for each in protocol.steps}
    assert sum(bool(diff(protocol, each.protocol).in_meaning) for each in made[::25]) > 0.9 * len(made[::25])


def test_no_mutant_repeats_without_waiting() -> None:
    """A series of rounds with no time between them would play for ever."""
    for slug in ("self-referral", "full-case-flow"):
        for each in mutants(compiled(slug).protocol):
            series = [step.series.every for step in each.protocol.steps if step.series is not None]
            assert all(every is None or every.count for every in series)


def test_a_condition_turned_round_twice_is_itself() -> None:
    """Over and, or, and a test that is negated already."""
    tests = (
        expressions.Test(test=expressions.TestKind.TRUE, name="a"),
        expressions.Test(test=expressions.TestKind.IS, name="b", value="c", negate=True),
    )
    expr = expressions.Joined(word="and", parts=(*tests, expressions.Joined(word="or", parts=tests)))

    assert negated(negated(expr)) == expr != negated(expr)


def test_a_scenario_that_does_not_hold_tries_nothing() -> None:
    """Who would notice cannot be asked of a story that is wrong already."""
    protocol = compiled(SLUG).protocol
    wrong = read_scenarios(HAPPY.replace("due 01:00", "due 02:00"), protocol.zone)
    with pytest.raises(HandoffError) as caught:
        tried(protocol, wrong)

    assert caught.value.code == "SCENARIO_FAILS"


def test_a_change_is_noticed_by_a_scenario_that_holds_on_one_text_only() -> None:
    """A shorter window by the story that expects the due time; a rung that moved by none of them."""
    text = (SPECS / SLUG / "1.yaml").read_text()
    old = compiled(SLUG).protocol
    new = compile_text(
        text.replace("due: within 2 hours", "due: within 90 minutes", 1).replace(
            "2 hours late: tell coordinator", "3 hours late: tell coordinator", 1
        ),
        today=TODAY,
    ).protocol
    happy = read_scenarios(HAPPY, old.zone)

    found = noticed(old, new, happy)
    assert found == {"step:referral": True, "rung:referral/tell-coordinator": True}
    assert noticed(old, new, happy[:0]) == dict.fromkeys(found, False)


def test_the_stories_beside_p1_notice_what_matters_of_its_first_calls() -> None:
    """Nobody could change who hears of an untaken first call, or when, without a bundled story failing."""
    protocol = compiled(SLUG).protocol
    stories = [each for slug, each in STORIES if slug == SLUG]
    trial = tried(protocol, stories, only="step:first-call")

    assert trial.made > 20
    assert trial.survivors == ()


def test_the_stories_beside_self_referral_notice_all_but_one_mutant_in_a_hundred() -> None:
    """99.2 % of 122, as found by hand; of the other texts, which take longer, ``python -m bench.stories`` says it."""
    protocol = compiled("self-referral").protocol
    trial = tried(protocol, [each for slug, each in STORIES if slug == "self-referral"])

    assert trial.made >= 122
    assert trial.share >= 99.0
