"""Which of the fixed texts an errand is, and the only thing put into it: times."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.engine import clocks
from protocol.kernel import Guard, Protocol
from protocol.languages import LANGUAGES, Tongue
from protocol.languages import notices as texts
from protocol.languages.notices import Codes, Notice, Times
from protocol.state import Instant
from protocol.telling.pieces import Clock, Telling
from store.notices.errands import DUTY, Errand, Kind
from store.notices.resolving import Standing
from store.rotas import Shift

LATE_FROM = 5 * clocks.MINUTE
"""A notice this much after its time says so."""

NOT_PAST = frozenset(("before-due", "outcome"))
"""Reasons of a telling that no time has passed for."""

ANSWERS = {
    Kind.CONFIRMED: Notice.CONFIRMED,
    Kind.TAKEN: Notice.TAKEN,
    Kind.PASSED: Notice.PASSED,
    Kind.OVER: Notice.OVER,
    Kind.UNKNOWN: Notice.UNKNOWN,
    Kind.TEST: Notice.TEST,
    Kind.STOPPED: Notice.STOPPED,
    Kind.REMIND: Notice.REMINDER,
    Kind.NUDGED: Notice.REMINDER,
    Kind.ASKED: Notice.REMINDER,
}


@dataclass(frozen=True, slots=True)
class To:
    """Who reads it: in which language, begun with which word, and whether they were told of it before."""

    tongue: Tongue
    sender: str
    told: bool


@dataclass(frozen=True, slots=True)
class Said:
    """One notice in one language, ready for any channel."""

    notice: Notice
    tongue: Tongue
    times: Times
    sender: str

    def text(self, codes: Codes | None, link: str | None) -> str:
        """As a text or a mail."""
        return texts.text(self.notice, self.tongue, self.times, sender=self.sender, codes=codes, link=link)

    def call(self) -> str:
        """As a call."""
        return texts.call(self.notice, self.tongue, sender=self.sender)

    def voicemail(self) -> str:
        """As what a call leaves on a machine."""
        return texts.voicemail(self.tongue, sender=self.sender)


def said(found: Errand, standing: Standing | None, protocol: Protocol | None, now: Instant, to: To) -> Said:
    """An errand in words, for a reader."""
    notice = _notice(found, standing, told=to.told)
    zone = "UTC" if protocol is None else protocol.calendar[found.agency].zone
    first = found.slot < 2 and all(each.count == 0 for each in found.contacts)
    asked = found.since if found.notice_id is None else found.due
    late = asked if first and now - asked > LATE_FROM and notice in _MAY_BE_LATE else None
    by = None if standing is None or protocol is None else _mark(protocol, standing, now, duty=notice in texts.DUTIES)
    at = found.due if notice is Notice.MOVED else (standing.taken if standing is not None else None) or now
    return Said(notice, to.tongue, Times(now=now, zone=zone, by=by, at=at, late=late), to.sender)


def cover(found: Shift, zone: str, now: Instant, to: To) -> Said:
    """That cover is asked of a shift, and from when to when it is: whose it is says the rota."""
    return Said(Notice.COVER, to.tongue, Times(now=now, zone=zone, at=found.starts_at, by=found.ends_at), to.sender)


_MAY_BE_LATE = texts.DUTIES | {Notice.TEAM, Notice.BETWEEN, Notice.LOOK}


def _notice(found: Errand, standing: Standing | None, *, told: bool) -> Notice:
    if found.kind in DUTY:
        if told and found.slot >= 2:
            return Notice.AGAIN
        return Notice.NEW if found.kind is Kind.NEW else Notice.MOVED
    if found.kind in ANSWERS:
        return ANSWERS[found.kind]
    if standing is None or standing.why in NOT_PAST:
        return Notice.LOOK
    return Notice.TEAM if standing.agency == found.agency else Notice.BETWEEN


def _mark(protocol: Protocol, standing: Standing, now: Instant, *, duty: bool) -> Instant | None:
    """The next instant that counts: by when to take a duty, if its ladder says so, else when it is due."""
    marks = [] if standing.due is None else [standing.due]
    if duty:
        clock = Clock(
            step=standing.step,
            owners=standing.owners,
            cause="",
            agency=standing.agency,
            delivered=standing.delivered,
            due=standing.due,
        )
        telling = Telling(protocol, clock, now, LANGUAGES["en"])
        guards = (Guard.UNACKNOWLEDGED, Guard.NOT_TAKEN_UP)
        rungs = [each for each in protocol.step[standing.step].rungs if each.guard in guards and each.every is None]
        marks += [at for each in rungs if (at := telling.resolved(each.at)) is not None]
    return min((each for each in marks if each > now), default=None)
