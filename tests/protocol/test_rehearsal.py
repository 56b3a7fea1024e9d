"""Rehearsals: the same chance under both texts, nothing learned of anybody, and the engine's own rules."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import facts, messages, state
from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.engine.machine import Deadline, step
from protocol.engine.memo import Memo
from protocol.errors import SpecError
from protocol.evolving import evolve
from protocol.kernel import Protocol
from protocol.rehearsal import charts, saying
from protocol.rehearsal.chance import Chance
from protocol.rehearsal.comparing import Comparison, compare
from protocol.rehearsal.habits import Delay, Habits, read_habits
from protocol.rehearsal.people import SECOND
from protocol.rehearsal.playing import Arrival, play
from protocol.rehearsal.tally import Tally
from protocol.rehearsal.variants import variants
from protocol.state import CaseState
from tests.protocol.random_runs import drive
from tests.protocol.random_texts import accepted
from tests.protocol.texts import SPECS, TODAY, compiled

P1 = "post-arrest-advocacy"
START = clocks.instant(datetime(2025, 3, 3, 6, tzinfo=UTC))
HABITS = (SPECS / P1 / "habits.yaml").read_bytes()
FEW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


def arrivals(count: int, seed: int = 1, event: str = "arrest-booked", source: str = "police") -> tuple[Arrival, ...]:
    """Arrests by chance, about four a week for each hundred."""
    chance = Random(seed)
    return tuple(
        Arrival(at=START + chance.randrange(20 * 7 * 86_400) * SECOND, event=event, source=source) for _ in range(count)
    )


def edited(old: str, new: str) -> Protocol:
    text = (SPECS / P1 / "1.yaml").read_text()
    assert old in text
    return compile_text(text.replace(old, new), today=TODAY).protocol


def rehearsed(new: Protocol, *, seed: int = 1, count: int = 60, habits: Habits | None = None) -> Comparison:
    known, old = read_habits(HABITS, compiled(P1).protocol) if habits is None else habits, compiled(P1).protocol
    found = arrivals(count)
    tallies = [play(each, known, found, seed, days=20) for each in (old, new)]
    return compare(tallies[0], tallies[1], (old, new), known, seed=seed, days=20)


@pytest.mark.parametrize("slug", sorted(each.name for each in SPECS.iterdir() if each.is_dir()))
def test_every_bundled_text_can_be_rehearsed_and_differs_from_itself_by_nothing(slug: str) -> None:
    """Whatever begins a case; every figure of both is the same, and modelled people do nothing the text refuses."""
    protocol = compiled(slug).protocol
    event = next(each for each in protocol.events if each.starts)
    found = arrivals(25, event=event.id, source=event.sources[0])
    first, second = (play(protocol, Habits(), found, 3, days=30) for _ in range(2))
    both = compare(first, second, (protocol, protocol), Habits(), seed=3, days=30)

    assert first.cases.total() >= 25
    assert not [each for each in both.steps if each.on_time.differs or each.usual[0] != each.usual[1]]
    assert not [each for each in both.rungs if each.per_hundred.differs]
    assert set(first.refused) <= {"QUORUM"}


def test_the_same_seed_gives_the_same_bytes() -> None:
    """As JSON, as the printed table and as a drawing."""
    new = edited("due: within 2 hours", "due: within 90 minutes")
    one, two = rehearsed(new), rehearsed(new)

    assert json.dumps(saying.data(one)) == json.dumps(saying.data(two))
    assert list(saying.lines(one)) == list(saying.lines(two))
    assert charts.svg(one, "t") == charts.svg(two, "t")


def test_two_seeds_rank_what_changes_alike() -> None:
    """A shorter window is kept less often under either chance, and nothing else is said to differ."""
    new = edited("due: within 2 hours", "due: within 60 minutes")

    for seed in (1, 2):
        found = rehearsed(new, seed=seed)
        differs = {each.step: each.on_time.difference for each in found.steps if each.on_time.differs}
        assert list(differs) == ["referral"]
        assert (differs["referral"] or 0) < -5


def test_an_added_rung_and_a_removed_lane_are_seen() -> None:
    """The new rung tells, the removed lane's step is owed no more."""
    rung = edited("{when due: tell sergeant,", "{60 minutes before due: tell sergeant, when due: tell sergeant,")
    more = {(each.step, each.rung) for each in rehearsed(rung).rungs} - {
        (each.step, each.rung) for each in rehearsed(compiled(P1).protocol).rungs
    }

    assert {name for name, _ in more} == {"referral"}


def test_fewer_people_at_work_keep_people_waiting_longer() -> None:
    """A queue of one is slower than a queue of four, with the same tasks taking as long."""
    slow = Habits.model_validate(
        {"roles": {"patrol": {"staff": 1, "answers": {"usual": "9 hours", "nine of ten": "14 hours"}}}}
    )
    roles = {"patrol": slow.roles["patrol"].model_copy(update={"staff": 4})}
    protocol, found = compiled(P1).protocol, arrivals(400)
    one = play(protocol, slow, found, 1, days=20)
    four = play(protocol, slow.model_copy(update={"roles": roles}), found, 1, days=20)

    assert sum(one.waits["referral"]) > 2 * sum(four.waits["referral"])


def test_nothing_arrives_and_nothing_is_said() -> None:
    """An export without arrests gives a report without figures."""
    protocol = compiled(P1).protocol
    none = play(protocol, Habits(), (), 1)
    found = compare(none, none, (protocol, protocol), Habits(), seed=1, days=60)

    assert (found.cases, found.steps, found.rungs) == ((0, 0), (), ())
    assert "0 cases over 0 weeks" in next(saying.lines(found))
    assert charts.svg(found, "t").endswith("</svg>\n")


def test_figures_of_fewer_than_five_are_not_shown() -> None:
    """Neither shares nor escalations, on the table or in JSON."""
    protocol = compiled(P1).protocol
    found = rehearsed(protocol, count=4)

    assert found.steps
    assert not [each for each in found.steps if each.on_time.old is not None and each.of[0] < 5]
    assert all(each.usual[0] is None for each in found.steps if each.of[0] < 5)


def test_hours_of_a_learned_role_of_two_are_nobodys_business() -> None:
    """They are shown where three or more share the work, or where nothing was learned from anybody."""
    protocol = compiled(P1).protocol
    roles = {"patrol": {"staff": 2, "answers": {"usual": "9 minutes", "nine of ten": "14 minutes"}}}
    learned = Habits.model_validate({"learned": True, "roles": roles})
    found = rehearsed(protocol, habits=learned)
    enough = learned.model_copy(update={"roles": {"patrol": learned.roles["patrol"].model_copy(update={"staff": 3})}})

    assert all(each.hours is None for each in found.roles)
    assert [e.role for e in rehearsed(protocol, habits=enough).roles if e.hours is not None] == ["patrol"]


@pytest.mark.parametrize(("share", "calibrated"), [("80%", True), ("20%", False)])
def test_a_step_that_the_old_text_does_not_tell_as_it_was_has_no_difference(share: str, *, calibrated: bool) -> None:
    """On time within three points and times within a fifth, or it says so and nothing else (council.md section 5)."""
    habits = read_habits(HABITS, compiled(P1).protocol)
    base = next(each for each in rehearsed(compiled(P1).protocol, habits=habits).steps if each.step == "referral")
    assert base.on_time.old is not None
    seen = {
        "on time": base.on_time.old / 100 if calibrated else share,
        "usual": base.usual[0],
        "nine of ten": base.nine_of_ten[0],
        "of": 300,
    }
    known = Habits.model_validate({**habits.model_dump(by_alias=True), "steps": {"referral": {"seen": seen}}})
    found = rehearsed(edited("due: within 2 hours", "due: within 60 minutes"), habits=known)
    said = next(line for line in saying.lines(found) if line.startswith("  referral"))

    assert [each.calibrated for each in found.steps if each.step == "referral"] == [calibrated]
    assert ("not calibrated" in said) is not calibrated


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("roles:\n patrl: {staff: 1}", "UNKNOWN_NAME", 2),
        ("steps:\n referral: {outcomes: {gone: 3}}", "UNKNOWN_NAME", 2),
        ("events:\n released: {after: bail, usual: 1 hour, nine of ten: 2 hours}", "UNKNOWN_NAME", 2),
        ("everybody:\n answers: {usual: 2 hours, nine of ten: 1 hour}", "WRONG_SHAPE", 2),
        ("everybody:\n reached: lots", "WRONG_SHAPE", 2),
        ("everybody:\n answers: {usual: soon, nine of ten: 1 hour}", "WRONG_SHAPE", 2),
        ("roles:\n patrol: {crew: 1}", "UNKNOWN_KEY", 2),
        ("steps:\n referral: {outcomes: {given: 0}}", "WRONG_SHAPE", 2),
    ],
)
def test_a_slip_in_a_habits_file_is_shown_at_its_line(text: str, code: str, line: int) -> None:
    """A habit of nobody would change nothing unseen."""
    with pytest.raises(SpecError) as found:
        read_habits(text, compiled(P1).protocol)

    assert [(each.code, each.place.line) for each in found.value.findings] == [(code, line)]


def test_a_delay_goes_through_its_two_points() -> None:
    """Half are at most usual, nine of ten at most that; measured over ten thousand draws."""
    delay, chance = Delay.model_validate({"usual": "20 minutes", "nine of ten": "1 hour"}), Chance(5)
    drawn = sorted(delay.seconds(chance.normal("x", n)) for n in range(10_000))

    assert drawn[5_000] == pytest.approx(1_200, rel=0.05)
    assert drawn[9_000] == pytest.approx(3_600, rel=0.05)


def test_assumptions_are_varied_one_at_a_time() -> None:
    """Slower, faster, fewer, busier: each changes what it says and nothing else, in the first eight weeks."""
    habits = read_habits(HABITS, compiled(P1).protocol)
    as_assumed, slower, faster, fewer, busier = variants(habits, arrivals(500), 1)
    takes = [each.habits.roles["patrol"].answers for each in (as_assumed, slower, faster)]

    assert [each and each.usual for each in takes] == [3_300, 4_290, 2_310]
    assert fewer.habits.roles["legal-advocate"].staff == 2
    assert len(as_assumed.arrivals) < len(busier.arrivals) <= 1.4 * len(as_assumed.arrivals)
    assert fewer.arrivals == as_assumed.arrivals


@FEW
@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_memo_never_changes_what_the_engine_does(which: int, chance: int) -> None:
    """Random protocols, random people: with one memo for the whole case, every result is the same."""
    protocol = compiled(P1).protocol if which % 3 == 0 else accepted(which).protocol
    run, memo, known = drive(protocol, Random(chance), 40), Memo[Deadline](), CaseState()

    for (command, now), result in zip(run.sent, run.results, strict=True):
        found = step(protocol, known, command, now, memo)
        assert found == result
        known = found.state


def test_a_value_evolves_as_the_library_would_replace_it() -> None:
    """Every frozen type of states, facts and messages; a part that is not there is an error, not a new part."""
    kinds = [each for module in (state, facts, messages) for each in vars(module).values() if is_dataclass(each)]
    made = [_made(each) for each in kinds if isinstance(each, type)]

    for value in made:
        name = fields(value)[-1].name
        assert evolve(value, **{name: getattr(value, name)}) == replace(value)
        with pytest.raises(TypeError):
            evolve(value, not_there=1)
    assert len(made) > 50


def _made(kind: Any) -> Any:
    return kind(**{each.name: "x" for each in fields(kind) if each.init})


def test_tallies_cross_processes_whole() -> None:
    """What a process sends back holds no factory that cannot be sent."""
    found = play(compiled(P1).protocol, Habits(), arrivals(5), 1)

    assert isinstance(found, Tally)
    assert type(found.due) is dict
