"""Protocols for the shell's tests, compiled from text like any other."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from protocol.compiling.compiler import compile_text
from protocol.kernel import Protocol

RELAY = """\
protocol: relay
title: A relay between two agencies
timezone: America/Chicago
agencies:
 police: {lead: sergeant, roles: [patrol]}
 court: {lead: clerk}
agreements:
 relay-mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
events:
 booked: {from: police and linked cases, then: start a case}
 note: {from: police and linked cases}
 closed: {from: court, then: end the case}
 second: {from: police, then: start a linked case as booked}
steps in relay:
 hand-over:
  when any of: [booked, note]
  who: patrol
  must: hand the papers over
  due: within 2 hours
  again: one more
  ladder: {when due: tell sergeant, 2 hours late: tell sergeant}
  outcomes: {given: }
 file:
  when: hand-over given
  who: clerk
  must: file the papers
  due: within 1 hour
  again: one more
  ladder: {when due: tell sergeant}
  outcomes: {filed: }
"""
"""Small and open-ended: any number of hand-overs at once, and an end only when the court says so or all is filed."""


SOONER = RELAY.replace("within 2 hours", "within 90 minutes")
"""The next version of the relay: its first window is shorter."""

UNFILED = RELAY[: RELAY.index(" file:")]
"""Another next version: nobody files the papers any more."""

QUICK = RELAY.replace("protocol: relay", "protocol: quick").replace("within 2 hours", "within 1 second")
"""The same with a first window that a test can wait for on a real clock."""

ERRAND = """\
protocol: errand
title: An errand that another protocol does
timezone: America/Chicago
agencies:
 police: {lead: sergeant, roles: [patrol]}
 court: {lead: clerk}
agreements:
 relay-mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
events:
 begun: {from: police, then: start a case}
 more: {from: police}
 refused: {from: police}
 over: {from: police, then: end the case}
steps in errand:
 papers:
  when: begun
  runs: relay
  as: booked
  passes on:
   note: more
   closed: refused
 follow:
  when: papers opens
  who: patrol
  must: follow the papers
  due: within 2 hours
  ladder: {when due: tell sergeant}
  outcomes: [followed]
 shelve:
  when: papers ends
  who: clerk
  must: put the papers away
  due: within 2 hours
  ladder: {when due: tell sergeant}
  outcomes: [shelved]
"""
"""Opens a relay, passes on what the relay takes (``note``) and what it does not (``closed``), and waits for its end."""

SPECS = Path(__file__).parents[2] / "protocol_specs"
LINKING = RELAY.replace("protocol: relay", "protocol: linking").replace(
    "ladder: {when due: tell sergeant}\n  outcomes: {filed: }",
    "ladder: {when due: end as unfiled}\n  outcomes: {filed: , unfiled: start a linked case as booked}",
)
"""The same, where papers that the court does not file in time begin a linked case."""


@cache
def bundled(slug: str) -> Protocol:
    """A bundled protocol as published."""
    return compile_text(text_of(slug), today=date(2026, 3, 1)).protocol


def text_of(slug: str) -> str:
    """A bundled protocol as written."""
    return (SPECS / slug / "1.yaml").read_text(encoding="utf-8")


@cache
def relay() -> Protocol:
    """The small protocol."""
    return compile_text(RELAY, today=date(2026, 3, 1)).protocol


@cache
def sooner() -> Protocol:
    """The relay with a shorter first window."""
    return compile_text(SOONER, today=date(2026, 3, 1)).protocol


@cache
def unfiled() -> Protocol:
    """The relay without its second step."""
    return compile_text(UNFILED, today=date(2026, 3, 1)).protocol


@cache
def quick() -> Protocol:
    """The small protocol in a hurry."""
    return compile_text(QUICK, today=date(2026, 3, 1)).protocol


@cache
def errand() -> Protocol:
    """The small protocol that runs the other."""
    return compile_text(ERRAND, today=date(2026, 3, 1)).protocol


BUNDLED = tuple(sorted(each.name for each in SPECS.iterdir() if each.is_dir()))


@cache
def published(slug: str) -> Protocol:
    """A bundled protocol, as published."""
    return compile_text(written(slug), today=date(2026, 3, 1)).protocol


def written(slug: str) -> str:
    """A bundled protocol, as written."""
    return (SPECS / slug / "1.yaml").read_text(encoding="utf-8")


def full_case() -> Protocol:
    """P2 as published."""
    return published("full-case-flow")


@cache
def linking() -> Protocol:
    """The small protocol in which a missed window begins a linked case."""
    return compile_text(LINKING, today=date(2026, 3, 1)).protocol


def advocacy() -> Protocol:
    """P1 as published."""
    return published("post-arrest-advocacy")
