"""What a language must be able to say of a clock, and how its table is read.

Every sentence is a whole template with named values, so a translator may order them freely. A template is one text, or
two where a count decides: for one, and for any other number. What stands in a value is a name the council chose, a
time, a length, a list, or a clause that has a template of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import TypeAlias

from protocol.engine import clocks
from protocol.expressions import Unit
from protocol.state import Instant, PauseReason

Template: TypeAlias = str | tuple[str, str]
"""One text, or (for a count of one, for any other)."""


class Say(StrEnum):
    """Everything that is said of a clock. The values in braces of each template are the same in every language."""

    # State and time.
    DUE = auto()
    LATE = auto()
    SHORT_NOTICE = auto()
    NO_DEADLINE = auto()
    NO_DUE_YET = auto()
    PAUSED = auto()
    NOT_YET = auto()
    NOT_YET_KNOWN = auto()
    HANDED_OVER = auto()
    ENDED = auto()
    DONE = auto()
    DONE_ON_TIME = auto()
    DONE_LATE = auto()
    SENT = auto()
    NOT_TAKEN_UP = auto()
    IN_HAND = auto()
    # Why.
    BECAUSE = auto()
    LEAD_REMINDED = auto()
    PAUSE_ENDS = auto()
    PAUSE_ENDS_REST_LEFT = auto()
    PAUSE_MOVES_NOTHING = auto()
    NOTHING_NOW = auto()
    OLD_RECORD = auto()
    WAITS_UNKNOWN = auto()
    SAY_YOU_HAVE_IT = auto()
    PRIVATE = auto()
    # What changed.
    WAS = auto()
    WAS_UNTIL = auto()
    # Who hears next, and who was told.
    IF_NOT_TAKEN = auto()
    IF_NOT_DONE = auto()
    IF_NOT_TRIED = auto()
    IF_TOO_FEW_TRIES = auto()
    TOLD = auto()
    TOLD_WHOM = auto()
    # What ends it.
    ENDS_DONE = auto()
    ENDS_RECORDED = auto()
    ENDS_TAKEN = auto()
    ENDS_BY_VOTES = auto()
    STILL_POSSIBLE = auto()
    # Limits: each stands alone, or as one of several.
    FROM_DELIVERY = auto()
    FROM_DELIVERY_TO_COME = auto()
    NEXT_DAY_AT = auto()
    NEXT_WORKING_DAY_AT = auto()
    NEXT_AGENCY_DAY_AT = auto()
    NEXT_DAY_START = auto()
    NEXT_WORKING_DAY_START = auto()
    NEXT_AGENCY_DAY_START = auto()
    DAY_END = auto()
    WORKING_DAY_END = auto()
    AGENCY_DAY_END = auto()
    DAY_START = auto()
    WORKING_DAY_START = auto()
    AGENCY_DAY_START = auto()
    AT_FIELD = auto()
    AT_UNKNOWN = auto()
    BEFORE_FIELD = auto()
    BEFORE_UNKNOWN = auto()
    AFTER_FIELD = auto()
    AFTER_UNKNOWN = auto()
    AT_CAUSE = auto()
    AFTER_CAUSE = auto()
    SOONER_OF_TWO = auto()
    LATER_OF_TWO = auto()
    SOONEST_OF = auto()
    LATEST_OF = auto()
    EITHER = auto()
    # Conditions, as clauses.
    HOLDS = auto()
    HOLDS_NOT = auto()
    IS_KNOWN = auto()
    IS_NOT_KNOWN = auto()
    IS = auto()
    IS_NOT = auto()
    AT_LEAST = auto()
    AT_MOST = auto()
    OVER = auto()
    UNDER = auto()
    HAS_PASSED = auto()
    HAS_HAPPENED = auto()
    IS_OPEN = auto()
    # Causes, as clauses.
    CAUSE_EVENT = auto()
    CAUSE_ENDED = auto()
    CAUSE_OUTCOME = auto()
    CAUSE_OPENED = auto()
    CAUSE_LATE = auto()
    CAUSE_CANCELLED = auto()
    CAUSE_SETTLED = auto()
    CAUSE_WAIT = auto()
    CAUSE_COUNTER = auto()
    # Acts, as clauses.
    ACT_MOVE = auto()
    ACT_ADD = auto()
    ACT_TELL = auto()
    ACT_PAGE = auto()
    ACT_REMIND = auto()
    ACT_END_AS = auto()
    # People, amounts, moments.
    ROLE = auto()
    COORDINATOR = auto()
    AMOUNT_TINY = auto()
    AMOUNT_MINUTES = auto()
    AMOUNT_HOURS = auto()
    AMOUNT_HOURS_MINUTES = auto()
    AMOUNT_DAYS = auto()
    AMOUNT_DAYS_HOURS = auto()
    TODAY = auto()
    THIS_WEEK = auto()
    THIS_YEAR = auto()
    ANOTHER_YEAR = auto()
    MIDNIGHT_TODAY = auto()
    MIDNIGHT_THIS_WEEK = auto()
    MIDNIGHT_THIS_YEAR = auto()
    MIDNIGHT_ANOTHER_YEAR = auto()
    FIRST_OF_TWO = auto()
    SECOND_OF_TWO = auto()
    # How long a part of a case is kept, and what became of it.
    YEARS = auto()
    KEPT_UNTIL = auto()
    KEPT_BY_HOLD = auto()
    HOLD_TO_REVIEW = auto()
    ERASING = auto()
    ERASED_BACKUPS_LEFT = auto()
    ERASED = auto()


class Whose(StrEnum):
    """On which calendar a length is counted: everybody's, the owner's own, another agency's."""

    PLAIN = auto()
    WORKING = auto()
    AGENCY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language: its sentences, lengths by unit and calendar, names of days, and how it lists and tells time.

    ``hour`` says a local time with whatever a template before it must agree with; ``listed`` joins people and acts,
    ``choices`` limits of which one counts, ``any_of`` conditions of which one is enough.
    """

    code: str
    sentences: Mapping[Say, Template]
    lengths: Mapping[tuple[Unit, Whose], tuple[str, str]]
    reasons: Mapping[PauseReason, str]
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    hour: Callable[[int, int], str]
    listed: Callable[[Iterable[str]], str]
    choices: Callable[[Iterable[str]], str]
    any_of: Callable[[Iterable[str]], str]

    def say(self, what: Say, *, count: int = 0, **values: str) -> str:
        """A template with its values; ``count`` chooses between its two texts.

        The full stop of an abbreviation (``p. m.``) is that of its sentence too.
        """
        template = self.sentences[what]
        chosen = template if isinstance(template, str) else template[count != 1]
        return chosen.format(count=count, **values).replace("..", ".")

    def length(self, count: int, unit: Unit, whose: Whose, agency: str = "") -> str:
        """``3 court days``."""
        return self.lengths[unit, whose][count != 1].format(count=count, agency=agency)

    def amount(self, microseconds: int) -> str:
        """A length people read: two units at most, rounded down, never 0."""
        minutes = microseconds // clocks.MINUTE
        days, rest = divmod(minutes, 24 * 60)
        hours, left = divmod(rest, 60)
        if days:
            what = Say.AMOUNT_DAYS_HOURS if hours else Say.AMOUNT_DAYS
            return self.say(what, count=days, hours=str(hours))
        if hours:
            what = Say.AMOUNT_HOURS_MINUTES if left else Say.AMOUNT_HOURS
            return self.say(what, count=hours, minutes=str(left))
        return self.say(Say.AMOUNT_MINUTES, count=left) if left > 0 else self.say(Say.AMOUNT_TINY)

    def moment(self, at: Instant, now: Instant, zone: str) -> str:
        """A time of day; with the weekday if not today, the date past six days, the year past ten months.

        Midnight belongs to the day it ends. Of an hour that comes twice it says which.
        """
        moment, today = clocks.moment(at, zone), clocks.moment(now, zone).toordinal()
        if moment.hour == moment.minute == moment.second == 0:
            return self._dated(clocks.moment(at - clocks.HOUR, zone), today, MIDNIGHTS, "")
        hour = self.hour(moment.hour, moment.minute)
        said = self._dated(moment, today, TIMES, hour)
        other = moment.replace(fold=1 - moment.fold)
        if other.utcoffset() == moment.utcoffset():
            return said
        return self.say(Say.SECOND_OF_TWO if moment.fold else Say.FIRST_OF_TWO, moment=said, hour=hour)

    def _dated(self, moment: datetime, today: int, forms: tuple[Say, Say, Say, Say], hour: str) -> str:
        days = abs(moment.toordinal() - today)
        return self.say(
            forms[(days > 0) + (days > 6) + (days > 300)],
            hour=hour,
            weekday=self.weekdays[moment.weekday()],
            day=str(moment.day),
            month=self.months[moment.month - 1],
            year=str(moment.year),
        )


TIMES = (Say.TODAY, Say.THIS_WEEK, Say.THIS_YEAR, Say.ANOTHER_YEAR)
MIDNIGHTS = (Say.MIDNIGHT_TODAY, Say.MIDNIGHT_THIS_WEEK, Say.MIDNIGHT_THIS_YEAR, Say.MIDNIGHT_ANOTHER_YEAR)
