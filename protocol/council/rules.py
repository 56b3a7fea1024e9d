"""A council's own rules: who votes for each agency, who must be there, and how long each part of a decision takes.

They are a text of the council, read strictly like a protocol. Quorum and majorities are those of the design (council.md
section 1) unless the text says otherwise.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from protocol.engine import clocks
from protocol.errors import SpecError
from protocol.names import Slug
from protocol.rehearsal.habits import Surface, misshapen
from protocol.state import Instant
from protocol.text.reading import plain, read

MORNING = time(9)
FRIDAY, SATURDAY = 4, 5
LONGEST = 400
"""Working days, days, hours or minutes that one part of a decision may take."""
SPAN = re.compile(r"(\d{1,3}) (working days?|days?|hours?|minutes?)")
UNITS = {"day": 24 * clocks.HOUR, "hour": clocks.HOUR, "minute": clocks.MINUTE}


class Span(Surface):
    """``10 working days``: to the end of the last one; or days, hours or minutes on the clock."""

    count: int
    unit: str

    @property
    def says(self) -> str:
        """As the text has it."""
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


def _span(said: object) -> object:
    found = SPAN.fullmatch(said) if isinstance(said, str) else None
    if found is None or int(found[1]) > LONGEST:
        raise ValueError("a time is written like 10 working days, 14 days or 4 hours, 400 of them at most")
    return {"count": int(found[1]), "unit": found[2].removesuffix("s")}


def _share(said: object) -> object:
    found = re.fullmatch(r"([1-9]\d?)/([1-9]\d?)", said) if isinstance(said, str) else None
    if found is None or int(found[1]) > int(found[2]):
        raise ValueError("a share is written like 2/3")
    return said


def _roles(said: object) -> object:
    return [said] if isinstance(said, str) else said


def _zone(said: str) -> str:
    try:
        ZoneInfo(said)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{said} is no time zone; write one like America/Chicago") from None
    return said


Time = Annotated[Span, BeforeValidator(_span)]
Roles = Annotated[list[Slug], BeforeValidator(_roles), Field(min_length=1, max_length=8)]


def _of(said: str) -> Span:
    return Span.model_validate(_span(said))


class Rules(Surface):
    """The rules of one council. ``electors``: by agency the roles that cast its one vote, deputies after.

    ``advocacy``: the agencies without one of which nothing is decided. ``effective_after``: from adoption until cases
    begin on the new text; in working days it begins at 9:00, on no Friday and on no day before a closed one.
    """

    council: Slug
    timezone: Annotated[str, BeforeValidator(_zone)]
    closed: list[date] = Field(default_factory=list, max_length=200)
    electors: Annotated[dict[Slug, Roles], Field(min_length=1, max_length=64)]
    advocacy: Roles
    quorum: Annotated[str, BeforeValidator(_share)] = "2/3"
    comment: Time = Field(default_factory=lambda: _of("10 working days"))
    comment_on_words: Time = Field(default_factory=lambda: _of("3 working days"), alias="comment on words")
    ballot: Time = Field(default_factory=lambda: _of("5 working days"))
    effective_after: Time = Field(default_factory=lambda: _of("5 working days"), alias="effective after")
    sign_within: Time = Field(default_factory=lambda: _of("4 hours"), alias="sign within")
    ratify_within: Time = Field(default_factory=lambda: _of("14 days"), alias="ratify within")

    @model_validator(mode="after")
    def _advocates_vote(self) -> Self:
        for each in self.advocacy:
            if each not in self.electors:
                raise ValueError(f"{each} stands under advocacy and has no elector")
        return self

    @property
    def share(self) -> Fraction:
        """Of the electors who are not recused, how many must answer."""
        return Fraction(self.quorum)

    def votes_for(self, agency: Slug, roles: tuple[Slug, ...]) -> bool:
        """Whether somebody of an agency in these roles casts its vote."""
        return bool(set(self.electors.get(agency, ())) & set(roles))

    def ends(self, begun: Instant, span: Span) -> Instant:
        """When a time that begins then is over: working days end with the last one, local midnight."""
        if span.unit in UNITS:
            return begun + span.count * UNITS[span.unit]
        return self._at(self._working(begun, span.count) + timedelta(days=1), time.min)

    def effective(self, adopted: Instant, wanted: Instant | None) -> Instant:
        """When cases begin on a text adopted then: as wanted, and no sooner than the council's rules allow."""
        span = self.effective_after
        if span.unit in UNITS:
            soonest = adopted + span.count * UNITS[span.unit]
        else:
            day = self._working(adopted, span.count)
            while day.weekday() == FRIDAY or not self._open(day) or day + timedelta(days=1) in self.closed:
                day += timedelta(days=1)
            soonest = self._at(day, MORNING)
        return max(soonest, wanted or 0)

    def _working(self, begun: Instant, count: int) -> date:
        """The last of so many working days after the one it begins on."""
        day, left = clocks.moment(begun).astimezone(ZoneInfo(self.timezone)).date(), count
        while left:
            day += timedelta(days=1)
            left -= self._open(day)
        return day

    def _open(self, day: date) -> bool:
        return day.weekday() < SATURDAY and day not in self.closed

    def _at(self, day: date, at: time) -> Instant:
        return clocks.instant(datetime.combine(day, at, ZoneInfo(self.timezone)).astimezone(UTC))


def read_rules(text: str | bytes) -> Rules:
    """A council's rules as it wrote them.

    Raises:
        SpecError: they are not written as rules; carries every finding.
    """
    root = read(text)
    try:
        return Rules.model_validate(plain(root), by_alias=True)
    except ValidationError as error:
        raise SpecError(tuple(misshapen(error, root, "docs/revisions.md"))) from None
