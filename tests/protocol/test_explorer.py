"""What exploration proves and finds, and that every example of it is a story that plays."""

from __future__ import annotations

import pytest

from protocol.checks.cover import Week, by_text, gaps, uncovered
from protocol.compiling.compiler import compile_text
from protocol.errors import Finding, SpecError
from protocol.scenarios.runs import UnplayableError, scenario_of
from protocol.scenarios.scenario import play
from tests.protocol.mutants import KINDS, Row, judge, mutants
from tests.protocol.texts import SMALL, TODAY, changed, compiled

SLUGS = ("post-arrest-advocacy", "full-case-flow", "marac", "self-referral")


def found(text: str) -> dict[str, Finding]:
    """What checking a text finds, by code."""
    try:
        findings = compile_text(text, today=TODAY).findings
    except SpecError as error:
        findings = error.findings
    return {each.code: each for each in findings}


@pytest.mark.parametrize("slug", SLUGS)
def test_the_bundled_protocols_are_clean_and_decided(slug: str) -> None:
    """No finding, nothing left undecided, and something was explored."""
    proof = compiled(slug).proof

    assert ((), ()) == (compiled(slug).findings, proof.undecided)
    assert 0 < proof.states <= 200_000


def test_a_long_chain_of_joins_is_clean() -> None:
    """A hundred steps, each fifth waiting for the two before it, open: however much a way there costs, there is one."""
    proof = compile_text(_chain(100), today=TODAY).proof

    assert ((), ()) == (proof.findings, proof.undecided)


def _chain(size: int) -> str:
    lines = [SMALL.split("events:")[0], "events:\n begun: {from: council, then: start a case}\n", "steps in chain:\n"]
    for number in range(size):
        when = f"when: step-{number - 1} done" if number else "when: begun"
        if number % 5 == 4:
            when = f"when all of: [step-{number - 2} done, step-{number - 1} done]"
        lines.append(f" step-{number}:\n  {when}\n  who: coordinator\n  must: do it\n  due: within 1 day\n")
    return "".join(lines)


def test_a_join_without_a_limit_waits_for_ever_after_an_arrest_without_a_report() -> None:
    """The order waits for a report that only an arrest at the scene brings."""
    text = (compiled("full-case-flow").source).replace("  or at latest: 2 court days after appearance done\n", "")
    finding = found(text)["JOIN_FOR_EVER"]

    assert "report done cannot come any more" in finding.says
    assert "appearance done" in finding.run
    assert "scene arrest" not in finding.run


def test_the_example_of_a_join_leaves_it_half_filled_on_the_engine() -> None:
    """The story plays, and then the order has some of its arms and never opens."""
    text = (compiled("full-case-flow").source).replace("  or at latest: 2 court days after appearance done\n", "")
    run = found(text)["JOIN_FOR_EVER"].run
    protocol = compiled("full-case-flow").protocol

    played = scenario_of(protocol, run)

    assert play(protocol, played.scenario)[0] == []
    assert played.state.arms["order"]


def test_a_run_that_does_not_come_true_is_no_story() -> None:
    """Nobody can answer what is not open."""
    with pytest.raises(UnplayableError, match="call is not open"):
        scenario_of(compile_text(SMALL, today=TODAY).protocol, ["arrest", "call talked"])


def test_a_lane_that_closes_as_it_opens_shuts_its_step_for_good() -> None:
    """Closing beats opening, so the call never comes; the example is the run in which it should."""
    finding = found(changed("outcomes: {given: ask numbers}", "outcomes: {given: [ask numbers, close care]}"))

    assert finding["NEVER_OPENS"].run == ("arrest", "refer given")


def test_a_series_that_nothing_stops_never_lets_the_case_end() -> None:
    """Nothing closes the lane of the call, and nothing ends the case."""
    text = changed("  tries: up to 3, 30 minutes apart, then not-reached\n", "  repeats: weekly\n")

    assert found(text)["CANNOT_END"].run == ("arrest", "refer given")


def test_a_finding_of_the_tables_has_an_example_too() -> None:
    """A window nobody hears of: the shortest run that opens it."""
    rung = "  ladder: {when due: remind owner, every 1 day after that: remind owner}\n  outcomes: [talked, not-reached]"
    finding = found(changed("  outcomes: [talked, not-reached]", rung))["MISS_REACHES_NOBODY"]

    assert finding.run == ("arrest", "refer given")


def test_a_role_that_nobody_holds_is_found() -> None:
    """The people of an installation are told for each role; a role left out is nobody's."""
    protocol = compiled("post-arrest-advocacy").protocol
    people = {each.id: Week.always() for each in protocol.roles}
    assert list(uncovered(protocol, people)) == []

    del people["planner"]

    assert {each.code for each in uncovered(protocol, people)} == {"NOBODY_HOLDS"}


def test_a_ladder_off_duty_for_days_is_named_with_its_hours() -> None:
    """From Friday's close to Monday's opening is 63 hours and no gap; a court that opens on Mondays alone has one."""
    protocol = compiled("full-case-flow").protocol
    assert [step.id for step, _, _ in gaps(protocol, by_text(protocol))] == []
    monday = {each.id: Week(0xFF << 8) for each in protocol.roles}

    assert {hours for _, _, hours in gaps(protocol, monday)} == {160}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutant_of_each_kind_is_found_and_its_examples_play(kind: str) -> None:
    """One of each kind: found if broken, not complained of if not, every example replayed."""
    row = Row()
    for mutant in mutants(1, kind):
        judge(mutant, row)

    assert ([], []) == (row.missed, row.false)
    assert row.made
