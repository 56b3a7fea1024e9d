"""Protocol texts the core's tests share."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from protocol.compiling.compiler import Compiled, compile_text

SPECS = Path(__file__).resolve().parents[2] / "protocol_specs"
TODAY = date(2026, 3, 1)

SMALL = """\
protocol: small
timezone: America/Chicago
holidays: US-MN
agencies:
 council: {open: mon-fri 09:00-17:00, lead: coordinator}
 police: {lead: sergeant, roles: [patrol]}
 shelter: {confidential: yes, open: mon-fri 08:30-17:00, lead: "supervisor, director", roles: [advocate]}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2027-01-15}
record:
 hearing: date and time
 danger: number from 0 to 20
vault:
 numbers: phone numbers
events:
 arrest: {from: police, may bring: hearing, then: start a case}
 moved: {from: police, brings: hearing}
steps in report:
 refer:
  when: arrest
  who: patrol
  must: give the shelter the case
  due: within 2 hours
  outcomes: {given: ask numbers}
steps in care:
 call:
  when: refer given
  who: advocate
  must: call her
  due: within 1 working day, or 30 minutes before hearing if sooner
  tries: up to 3, 30 minutes apart, then not-reached
  outcomes: [talked, not-reached]
"""


@cache
def compiled(slug: str) -> Compiled:
    """A bundled protocol, compiled as of a fixed day."""
    return compile_text((SPECS / slug / "1.yaml").read_text(), today=TODAY)


@cache
def small() -> Compiled:
    """The small protocol above."""
    return compile_text(SMALL, today=TODAY)


def changed(old: str, new: str) -> str:
    """The small text with one phrase changed, which must stand in it exactly once."""
    assert SMALL.count(old) == 1, old
    return SMALL.replace(old, new)
