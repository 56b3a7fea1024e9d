"""Habits learned from a site's own handoffs: what was planted is found, and of few people or answers nothing is."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from protocol.engine import clocks
from protocol.rehearsal import saying
from protocol.rehearsal.chance import Chance
from protocol.rehearsal.habits import Band, Delay, Habits, read_habits
from protocol.rehearsal.learning import FEWEST_ANSWERS, Handled, Past, Took, learn, reached, staffing
from protocol.rehearsal.people import SECOND
from protocol.rehearsal.playing import play
from tests.protocol.test_rehearsal import HABITS, P1, START, arrivals, rehearsed
from tests.protocol.texts import compiled

ZONE = "America/Chicago"
PEOPLE = {"patrol": 3, "advocate": 3}
DECLARED = read_habits(HABITS, compiled(P1).protocol)
SLOW = Delay.model_validate({"usual": "2 hours", "nine of ten": "5 hours", "on duty": False})
FAST = Delay.model_validate({"usual": "20 minutes", "nine of ten": "1 hour", "on duty": False})
NIGHT: Band = "00-06"


def handled(number: int, role: str = "patrol", *, private: bool = False) -> tuple[Handled, ...]:
    """Handoffs through all hours of a year: slow at night, fast by day; of others' secrets only the take-up."""
    chance, when = Chance(3), Random(number)
    found = []
    for each in range(number):
        at = START + when.randrange(365 * 86_400) * SECOND
        delay = SLOW if clocks.moment(at, ZONE).hour < 6 else FAST
        took = Took(delay.seconds(chance.normal(role, each)), True)
        answered = None if private else took
        found.append(Handled(role=role, step="referral", at=at, took_up=took, answered=answered))
    return tuple(found)


def past(*found: Handled, people: dict[str, int] | None = None) -> Past:
    return Past(handled=found, people=PEOPLE if people is None else people, months=("2025-03", "2026-02"))


def test_planted_habits_are_found_by_role_and_hour() -> None:
    """Nights are slow and days fast, each within a fifth; the report says from about how many answers, in tens."""
    found = learn(past(*handled(1_207)), DECLARED, ZONE, ["patrol", "clerk"])
    patrol = found.habits.roles["patrol"]
    night, day = patrol.hours[NIGHT].answers, patrol.hours["12-18"].answers

    assert night is not None
    assert day is not None
    for each, planted in ((night, SLOW), (day, FAST)):
        assert each.usual == pytest.approx(planted.usual, rel=0.2)
        assert each.nine_of_ten == pytest.approx(planted.nine_of_ten, rel=0.2)
        assert not each.on_duty
    assert [(each.role, each.takes_up, each.answers) for each in found.roles] == [("patrol", 1200, 1200)]
    assert (found.declared, found.habits.roles["clerk"]) == (("clerk",), DECLARED.roles["clerk"])
    assert found.habits.learned


@pytest.mark.parametrize(("answers", "people"), [(FEWEST_ANSWERS - 1, 9), (900, 2)])
def test_of_few_answers_or_few_people_nothing_is_learned(answers: int, people: int) -> None:
    """49 answers of nine people, or 900 of two: what was declared holds, and the report says so."""
    found = learn(past(*handled(answers), people={"patrol": people}), DECLARED, ZONE, ["patrol"])

    assert found.habits == DECLARED
    assert (found.roles, found.declared) == ((), ("patrol",))


def test_hours_with_few_answers_are_told_by_the_whole() -> None:
    """Sixty answers in all, none of whose bands has fifty: no hour is learned, the declared hours are gone."""
    found = learn(past(*handled(60, "advocate")), DECLARED, ZONE, ["advocate"])

    assert DECLARED.roles["advocate"].hours
    assert (found.habits.roles["advocate"].hours, found.roles[0].hours) == ({}, ())


def test_of_a_confidential_agency_only_the_take_up_is_learned() -> None:
    """How long its answers take stays what was declared."""
    found = learn(past(*handled(600, "advocate", private=True)), DECLARED, ZONE, ["advocate"])
    advocate = found.habits.roles["advocate"]

    assert advocate.takes_up is not None
    assert advocate.takes_up != DECLARED.roles["advocate"].takes_up
    assert advocate.answers == DECLARED.roles["advocate"].answers
    assert [(each.takes_up, each.answers) for each in found.roles] == [(600, None)]


def test_what_still_waits_makes_nobody_look_faster() -> None:
    """Half answered within 100 s, half still open after 10 s: the middle is not the middle of the answered."""
    came = [Took(each, True) for each in range(1, 101)]
    waits = [Took(10, False)] * 100

    assert reached(came, 0.5) == 50
    middle = reached([*came, *waits], 0.5)
    assert middle is not None
    assert middle > 50
    assert reached(waits, 0.5) is None


def test_a_queue_keeps_its_declared_minutes_and_gets_its_people_of_the_rota() -> None:
    """Two at night and five by day, in place of the three that were declared; its waiting is not learned twice."""
    one = {"staff": 3, "answers": {"usual": "25 minutes", "nine of ten": "70 minutes"}}
    declared = Habits.model_validate({"roles": {"patrol": one}})
    staff: dict[Band, int] = {"00-06": 2, "06-12": 5, "12-18": 5, "18-24": 5}
    found = learn(replace(past(*handled(900)), staff={"patrol": staff}), declared, ZONE, ["patrol"])
    patrol = found.habits.roles["patrol"]

    assert (patrol.answers, patrol.shifts) == (declared.roles["patrol"].answers, staff)
    assert found.habits.steps["referral"].answers is None
    assert found.roles[0].staff


def test_who_is_on_duty_is_counted_by_the_hour() -> None:
    """Two from six to midnight, one of them at night; nobody's rota is nothing."""
    days = [START + day * 24 * clocks.HOUR for day in range(14)]
    duties = [
        *((day, day + 24 * clocks.HOUR) for day in days),
        *((day + 6 * clocks.HOUR, day + 24 * clocks.HOUR) for day in days),
    ]

    assert staffing(duties, START, START + 14 * 24 * clocks.HOUR, ZONE) == {
        "00-06": 1, "06-12": 2, "12-18": 2, "18-24": 2
    }  # fmt: skip
    assert staffing((), START, START + clocks.HOUR, ZONE) == {}


def test_fewer_at_night_keep_people_waiting_at_night() -> None:
    """With one at work from midnight to six and many by day, waits lie between those of always one and always many."""
    protocol, found = compiled(P1).protocol, arrivals(400)
    pace = {"answers": {"usual": "90 minutes", "nine of ten": "3 hours"}}

    def waits(**staff: object) -> int:
        habits = Habits.model_validate({"roles": {"patrol": {**pace, **staff}}})
        return sum(play(protocol, habits, found, 1, days=20).waits["referral"])

    many, one = waits(staff=9), waits(staff=1)
    nights = waits(staff=9, shifts={"00-06": 1})
    assert many < nights < one
    assert waits(staff=9, shifts=dict.fromkeys(("00-06", "06-12", "12-18", "18-24"), 9)) == many


def test_a_report_says_where_its_habits_are_from() -> None:
    """Role by role, from about how many answers; as a table and for programs, which hold no single answer."""
    found = learn(past(*handled(1_207)), DECLARED, ZONE, ["patrol", "clerk"])
    compared = rehearsed(compiled(P1).protocol, habits=found.habits, count=20)
    said, shown = "\n".join(saying.lines(compared, found)), saying.data(compared, found)

    assert "habits of this site's own facts, 2025-03 to 2026-02:" in said
    assert "takes up from about 1200 answers; answers from about 1200 answers" in said
    assert "habits as declared, for fewer than 3 people or 50 answers are known: clerk" in said
    assert "- of a confidential agency how long its answers take" in said
    assert shown["habits"] == saying.sources(found)
    assert "1207" not in str(shown) + said


def test_shifts_without_staff_are_refused() -> None:
    """They would change nothing unseen."""
    with pytest.raises(ValueError, match="say how many staff"):
        Habits.model_validate({"roles": {"patrol": {"shifts": {"00-06": 1}}}})
