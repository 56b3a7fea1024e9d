"""A compiled protocol told back in plain English."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.compiling.compiler import compile_text
from protocol.telling.outline import Clause, outline
from runtime.texts import bundled
from tests.protocol.texts import TODAY

TEXT = """\
protocol: wording
timezone: America/Chicago
agencies:
 council: {open: "mon-fri 09:00-12:00, mon-thu 13:00-17:00", lead: coordinator, roles: [chair]}
 police: {lead: "sergeant, captain", roles: [patrol]}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
record:
 hearing: date and time
 danger: number from 0 to 20
 high: yes if danger is at least 14 or hearing has passed
events:
 arrest: {from: police, brings: danger, may bring: hearing, then: start a case}
 moved: {from: police, brings: hearing}
steps in report:
 refer:
  when: arrest
  who: patrol
  must: give the council the case
  because: time matters
  due: within 2 hours
  outcomes: [given, impossible]
 meet:
  when all of: [refer given, moved]
  or at latest: 2 council days after refer given
  only if: high
  unless: danger is not known
  again: start over
  who: coordinator
  not before: hearing
  must: meet
  due: 1 working day before hearing, or within 3 working days if sooner
  tries: at least 3, 1 hour apart, then not-met
  ladder: {1 working day before due: remind owner, when due: [tell lead, add chair]}
  outcomes: {met: stop repeating, not-met: }
  repeats: every 2 weeks until moved
"""


@pytest.fixture(scope="module")
def clauses() -> dict[str, Clause]:
    told = outline(compile_text(TEXT, today=TODAY).protocol)
    return {clause.step: clause for part in told.parts for clause in part.clauses}


def test_a_clause_says_who_must_do_what_when_and_why(clauses: dict[str, Clause]) -> None:
    """Duty, cause, window, ladder and ends, in that order."""
    assert (
        "Patrol must give the council the case, because time matters.",
        "It opens when arrest is reported.",
        "Due within 2 hours.",
        "When due: the lead is told.",
        "1 working day late: the coordinator is told.",
        "Then every 1 working day: the lead is told.",
        "It ends as given; or as impossible.",
    ) == clauses["refer"].sentences


def test_joins_conditions_tries_and_rounds_are_said(clauses: dict[str, Clause]) -> None:
    """Each construct of the language has its sentence."""
    said = clauses["meet"].sentences

    assert (
        "It opens when all of these came: refer ends as given; moved is reported, or 2 working days after refer ends "
        "as given with what has come, only if high, unless danger is not known."
    ) in said
    assert "It is not handed over before hearing." in said
    assert "Due 1 working day before hearing, or within 3 working days if sooner." in said
    assert "It may end as not met only after 3 tries, 1 hour apart." in said
    assert "It comes again every 2 weeks, until moved is reported." in said
    assert "When due: the lead is told and the chair joins." in said
    assert "Another cause starts it over." in said


def test_hours_fields_and_leads_are_said() -> None:
    """What a council must be able to check: who leads, when it is open, what is recorded."""
    told = {part.title: part.lines for part in outline(compile_text(TEXT, today=TODAY).protocol).parts}

    assert (
        "Council, open Mon-Thu 09:00-12:00 and 13:00-17:00, Fri 09:00-12:00: led by coordinator, chair.",
        "Police, open always: led by sergeant then captain, patrol.",
    ) == told["Who takes part"]
    assert "high: yes if danger is at least 14 or hearing has passed." in told["What a case records"]


@pytest.mark.parametrize("path", [max(each.values()) for each in bundled().values()], ids=lambda path: path.parent.name)
def test_every_bundled_protocol_can_be_told(path: Path) -> None:
    """Each of its steps has a clause with a number of its own."""
    protocol = compile_text(path.read_bytes(), today=TODAY).protocol
    found = [clause for part in outline(protocol).parts for clause in part.clauses]

    assert list(range(1, len(protocol.steps) + len(protocol.links) + 1)) == [each.number for each in found]
