"""What people read about each state of a clock, word for word, in every language it is explained in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.expressions import Unit
from protocol.languages import LANGUAGES, TONGUES, Tongue
from protocol.languages.language import Say, Whose
from protocol.state import Instant, PauseReason
from protocol.telling.explain import explain
from protocol.telling.pieces import Clock
from runtime.texts import bundled
from tests.protocol.texts import TODAY

TEXT = """\
protocol: explained
timezone: America/Chicago
agencies:
 council: {lead: coordinator}
 police: {lead: sergeant, roles: [patrol]}
 court: {open: mon-fri 08:00-16:30, lead: clerk}
 advocacy:
  confidential: yes
  open: mon-fri 08:30-17:00
  lead: supervisor, director
  roles: {advocate: "always, by rota, deputy backup", backup: "always, by rota", supervisor: always, director: always}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
record:
 urgent: yes or no
 hearing: date and time
 plan: list of deadline (date and time)
events:
 arrest: {from: police, brings: urgent, then: start a case}
 hearing-moved: {from: court, brings: hearing}
 asked: {from: advocacy, brings: plan}
steps in report:
 refer:
  when: arrest
  who: patrol
  must: give the case
  due: within 2 hours
  ladder: {when due: tell sergeant, 2 hours late: tell coordinator}
  clock stops: while urgent, at most 2 days
 order: {when: arrest, who: sergeant, must: sign, due: next working day at 11:00, outcomes: [signed, refused]}
 file: {when: refer done, who: sergeant, must: file it, due: within 1 court day of refer done}
 look:
  when: arrest
  who: sergeant
  must: look at it
  due: end of the day
  ladder: {when due: end as lapsed}
  outcomes: [seen, lapsed]
 choose: {when: arrest, who: patrol, must: choose, due: "within 1 hour if urgent, else within 3 working days"}
 agree:
  when: arrest
  who: sergeant
  must: agree
  decided by: more than half of sergeant and patrol
  no deadline: a vote
steps in hearing:
 prepare:
  when: hearing-moved
  who: clerk
  must: prepare
  due: 2 working days before hearing
 sooner:
  when: hearing-moved
  who: clerk
  must: hear
  due: next working day at 11:00, or 30 minutes before hearing if sooner
 later:
  when: hearing-moved
  who: clerk
  must: hear
  due: hearing, or within 8 hours if later, or within 1 week if later
steps in advocacy:
 call:
  when: refer done
  who: advocate
  must: call her
  due: within 1 hour
  tries: at least 3, 20 minutes apart, then not-reached
  ladder:
   unacknowledged after 15 minutes: move to deputy
   untried after 30 minutes: [page supervisor, remind owner]
   when due: [tell supervisor and director, add backup]
  outcomes: [talked, not-reached]
 check:
  when: refer done
  who: advocate
  must: check
  due: within 1 hour
  ladder: {unacknowledged after 40 minutes: tell coordinator}
 plan-item: {when: asked, for each: plan, who: advocate, must: do it, due: its deadline}
"""
PROTOCOL = compile_text(TEXT, today=TODAY).protocol


def at(day: int, hour: int, minute: int = 0, *, month: int = 3, year: int = 2026, fold: int = 0) -> Instant:
    return clocks.instant(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo("America/Chicago"), fold=fold))


def clock(step: str, **known: Any) -> Clock:
    defaults = {"owners": (PROTOCOL.step[step].role,), "cause": "event:arrest", "delivered": at(4, 13)}
    return Clock(step=step, **{**defaults, **known})


HEARING = {"hearing": at(6, 9)}
CASES: dict[str, tuple[Clock, Instant]] = {
    "running": (clock("refer", due=at(4, 15)), at(4, 14, 24)),
    "running, on the minute": (clock("refer", due=at(4, 15)), at(4, 15)),
    "late, told": (
        clock("refer", due=at(4, 15), missed=at(4, 15),
              told=((at(4, 15), ("sergeant",)), (at(4, 17), ("coordinator",)))),
        at(4, 17, 14),
    ),
    "short notice": (
        clock("prepare", due=at(4, 13, 20), was=at(4, 16, 30), moved_by="event:hearing-moved", short_notice=True,
              fields={"hearing": at(5, 13)}),
        at(4, 13, 20),
    ),
    "paused by hand": (
        clock("refer", due=at(4, 15), paused_until=at(9, 9, 10), pause_reason=PauseReason.ACTIVE_INVESTIGATION),
        at(4, 14),
    ),
    "paused as agreed": (
        clock("sooner", due=at(5, 11), paused_until=at(5, 0), pause_reason=PauseReason.AS_AGREED, fields=HEARING),
        at(4, 14),
    ),
    "paused, before a hearing": (
        clock("prepare", due=at(4, 16, 30), paused_until=at(5, 9), pause_reason=PauseReason.UNSAFE_NOW, fields=HEARING),
        at(4, 14),
    ),
    "waiting": (clock("refer", delivered=None, starts=at(4, 19, 20)), at(4, 14)),
    "waiting, nobody knows": (clock("refer", delivered=None), at(4, 14)),
    "old record, held": (clock("refer", delivered=None, starts=at(23, 9), held=True), at(4, 14)),
    "ended on time": (clock("refer", due=at(4, 15), ended=at(4, 14, 31), outcome="done", on_time=True), at(4, 16)),
    "ended late": (clock("refer", due=at(4, 15), ended=at(5, 16, 22), outcome="done", on_time=False), at(5, 17)),
    "ended, no deadline": (clock("agree", ended=at(4, 14), outcome="done"), at(4, 16)),
    "cancelled": (clock("refer", due=at(4, 15), ended=at(4, 14)), at(4, 16)),
    "receipt": (clock("check", receipt=True), at(4, 14)),
    "sent": (clock("check", outsider=True), at(4, 13, 1)),
    "sent a moment ago": (clock("check", outsider=True), at(4, 13)),
    "in hand": (clock("check", outsider=True, taken=at(4, 13, 9)), at(4, 14)),
    "not taken up": (clock("check", outsider=True, told=((at(4, 13, 40), ("coordinator",)),)), at(4, 14)),
    "no deadline, by votes": (clock("agree"), at(4, 14)),
    "moved": (
        clock("sooner", due=at(5, 11), was=at(5, 8, 30), moved_by="event:hearing-moved",
              fields={"hearing": at(10, 13, 30)}),
        at(4, 14),
    ),
    "moved, nobody knows why": (clock("refer", due=at(4, 15), was=at(4, 16)), at(4, 14)),
    "sooner of two, one unknown": (clock("sooner", due=at(5, 11)), at(4, 14)),
    "latest of three": (clock("later", due=at(12, 0), fields=HEARING), at(4, 14)),
    "next working day at 11": (clock("order", due=at(5, 11)), at(4, 14)),
    "before a field": (clock("prepare", due=at(5, 16, 30), fields={"hearing": at(9, 9)}), at(4, 14)),
    "before a field not known": (clock("prepare"), at(4, 14)),
    "after a cause": (clock("file", due=at(5, 16, 30)), at(4, 14)),
    "end of the day, ends by itself": (clock("look", due=at(5, 0)), at(4, 14)),
    "under a condition that holds": (clock("choose", due=at(4, 14), fields={"urgent": True}), at(4, 13, 30)),
    "under a condition that does not": (clock("choose", due=at(7, 0), fields={"urgent": False}), at(4, 13, 30)),
    "untaken": (clock("call", due=at(4, 14)), at(4, 13, 5)),
    "taken, not tried": (clock("call", due=at(4, 14), taken=at(4, 13, 6)), at(4, 13, 10)),
    "taken, tried": (clock("call", due=at(4, 14), taken=at(4, 13, 6), tries=1), at(4, 13, 10)),
    "date of an item": (
        clock("plan-item", due=at(20, 17), cause="event:asked", item={"deadline": at(20, 17)}), at(4, 14)
    ),
}  # fmt: skip

SAID = yaml.safe_load(Path(__file__).with_name("explained.yaml").read_text(encoding="utf-8"))
"""By state and language: the whole text."""


@pytest.mark.parametrize("language", TONGUES)
@pytest.mark.parametrize("state", CASES)
def test_each_state_of_a_clock_is_said_in_whole_sentences(state: str, language: Tongue) -> None:
    """What is due, why, what changed, who hears next and what ends it, in the reader's language."""
    known, now = CASES[state]

    assert SAID[state][language] == explain(PROTOCOL, known, now, language).text()


@pytest.mark.parametrize(
    ("when", "now", "english", "spanish"),
    [
        (at(4, 12), at(4, 9), "12:00 PM", "a las 12:00 p. m."),
        (at(4, 0, 5), at(4, 9), "12:05 AM", "a las 12:05 a. m."),
        (at(4, 13, 5), at(4, 9), "1:05 PM", "a la 1:05 p. m."),
        (at(5, 9), at(4, 9), "Thu 9:00 AM", "el jueves a las 9:00 a. m."),
        (at(10, 9), at(4, 9), "Tue 9:00 AM", "el martes a las 9:00 a. m."),
        (at(11, 9), at(4, 9), "Wed Mar 11, 9:00 AM", "el miércoles 11 de marzo a las 9:00 a. m."),
        (at(2, 9, year=2027), at(4, 9), "Tue Mar 2, 2027, 9:00 AM", "el martes 2 de marzo de 2027 a las 9:00 a. m."),
        (at(3, 0, year=2027), at(4, 9), "midnight at the end of Tue Mar 2, 2027",
         "el martes 2 de marzo de 2027 a las 12 de la noche"),
        (at(5, 0), at(4, 9), "midnight tonight", "hoy a las 12 de la noche"),
        (at(7, 0), at(4, 9), "midnight at the end of Fri", "el viernes a las 12 de la noche"),
        (at(1, 0, month=4), at(4, 9), "midnight at the end of Tue Mar 31",
         "el martes 31 de marzo a las 12 de la noche"),
        (
            at(1, 1, 40, month=11), at(31, 9, month=10),
            "Sun 1:40 AM (the first 1:40 AM of that night)",
            "el domingo a la 1:40 a. m. (la primera vez que el reloj marca la 1:40 a. m. esa noche)",
        ),
        (
            at(1, 1, 40, month=11, fold=1), at(31, 9, month=10),
            "Sun 1:40 AM (the second 1:40 AM of that night)",
            "el domingo a la 1:40 a. m. (la segunda vez que el reloj marca la 1:40 a. m. esa noche)",
        ),
    ],
)  # fmt: skip
def test_a_moment_is_told_as_people_tell_it(when: Instant, now: Instant, english: str, spanish: str) -> None:
    """The weekday if not today, the date past six days, the year past ten months; midnights and doubled hours named."""
    said = [LANGUAGES[each].moment(when, now, "America/Chicago") for each in TONGUES]

    assert [english, spanish] == said


@pytest.mark.parametrize(
    ("length", "english", "spanish"),
    [
        (0, "less than a minute", "menos de un minuto"),
        (clocks.MINUTE - 1, "less than a minute", "menos de un minuto"),
        (59 * clocks.MINUTE, "59 min", "59 min"),
        (2 * clocks.HOUR, "2 h", "2 h"),
        (2 * clocks.HOUR + 5 * clocks.MINUTE, "2 h 5 min", "2 h 5 min"),
        (24 * clocks.HOUR, "1 day", "1 día"),
        (48 * clocks.HOUR, "2 days", "2 días"),
        (49 * clocks.HOUR + 59 * clocks.MINUTE, "2 days 1 h", "2 días 1 h"),
    ],
)
def test_an_amount_is_rounded_down_and_never_nothing(length: int, english: str, spanish: str) -> None:
    """At most two units."""
    assert [english, spanish] == [LANGUAGES[each].amount(length) for each in TONGUES]


def test_spanish_joins_by_sound() -> None:
    """*y* is *e* before the sound of i, *o* is *u* before that of o."""
    spanish = LANGUAGES["es"]

    assert ["advocate e interpreter", "jail y hielera", "a, b y clerk"] == [
        spanish.listed(each) for each in (["advocate", "interpreter"], ["jail", "hielera"], ["a", "b", "clerk"])
    ]
    assert ["1 día u 8 días", "1 día o 18 días", "7 u 11 días"] == [
        spanish.choices(each) for each in (["1 día", "8 días"], ["1 día", "18 días"], ["7", "11 días"])
    ]


@pytest.mark.parametrize("language", TONGUES)
def test_a_language_says_everything_with_the_same_values(language: Tongue) -> None:
    """No sentence is missing, and none leaves out or asks for a value that English has not."""

    def values(tongue: Tongue, what: Say) -> set[str]:
        template = LANGUAGES[tongue].sentences[what]
        texts = [template] if isinstance(template, str) else template
        return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}

    told = LANGUAGES[language]

    assert set(Say) == set(told.sentences)
    assert {} == {each: values(language, each) for each in Say if values(language, each) != values("en", each)}
    assert set(LANGUAGES["en"].lengths) == set(told.lengths)
    assert {(unit, Whose.PLAIN) for unit in Unit} <= set(told.lengths)
    assert set(PauseReason) == set(told.reasons)
    assert (7, 12) == (len(told.weekdays), len(told.months))


@pytest.mark.parametrize("language", TONGUES)
@pytest.mark.parametrize("path", [max(each.values()) for each in bundled().values()], ids=lambda path: path.parent.name)
def test_every_duty_of_the_bundled_protocols_can_be_explained(path: Path, language: Tongue) -> None:
    """Waiting, running, late, and from outside."""
    protocol = compile_text(path.read_bytes(), today=TODAY).protocol
    for step in protocol.steps:
        for known in ({}, {"due": at(4, 15)}, {"due": at(4, 13, 30)}, {"outsider": True}):
            found = Clock(step=step.id, owners=(step.role,), cause=step.when.arms[0][0], delivered=at(4, 13), **known)
            assert explain(protocol, found, at(4, 14), language).head
