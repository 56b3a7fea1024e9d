"""How people are modelled: how soon each role takes work up and answers, what comes of it, what happens outside.

A habits file is written by hand; where a site has facts enough, what they show goes before it
(``protocol.rehearsal.learning``). What neither says is assumed from its ``everybody``, and a rehearsal says how much it
assumed. Shorter windows make nobody faster here (council.md section 5): no habit depends on a text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from protocol.errors import Finding, SpecError
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.rehearsal.chance import NINE_OF_TEN
from protocol.text.names import did_you_mean
from protocol.text.reading import Path, Table, place_of, plain, read

SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}
LENGTH = re.compile(r"(\d{1,4}) (minute|hour|day)s?")
SHARE = re.compile(r"(\d{1,3}(?:\.\d)?)%")
LONGEST = 60 * 86_400
"""Seconds: the longest that one delay may be drawn."""

Band: TypeAlias = Literal["00-06", "06-12", "12-18", "18-24"]
BANDS: tuple[Band, ...] = ("00-06", "06-12", "12-18", "18-24")


def _seconds(said: object) -> object:
    found = LENGTH.fullmatch(said) if isinstance(said, str) else None
    return said if found is None else int(found[1]) * SECONDS[found[2]]


def _share(said: object) -> object:
    found = SHARE.fullmatch(said) if isinstance(said, str) else None
    return said if found is None else float(found[1]) / 100


Seconds = Annotated[int, BeforeValidator(_seconds), Field(ge=0, le=LONGEST)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]


class Surface(BaseModel):
    """Base of the file's models: closed, frozen, by the names people write."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Delay(Surface):
    """How long something takes: half of the time at most ``usual`` seconds, nine times of ten ``nine_of_ten``.

    A log-normal through both. ``on_duty`` counts in the role's hours on duty, else in plain time: what is learned from
    facts has the waiting in it already.
    """

    usual: Seconds
    nine_of_ten: Seconds = Field(alias="nine of ten")
    on_duty: bool = Field(True, alias="on duty")

    @model_validator(mode="after")
    def _in_order(self) -> Delay:
        if self.nine_of_ten < self.usual or self.usual <= 0:
            raise ValueError("nine of ten take at least as long as usual, and that is more than nothing")
        return self

    def seconds(self, normal: float) -> int:
        """How long it takes whom chance puts so many standard deviations from the middle."""
        spread = math.log(self.nine_of_ten / self.usual) / NINE_OF_TEN
        return max(1, min(LONGEST, round(self.usual * math.exp(spread * normal))))

    def scaled(self, by: float) -> Delay:
        """The same habit, slower or faster."""
        usual, slow = (max(1, min(LONGEST, round(each * by))) for each in (self.usual, self.nine_of_ten))
        return Delay.model_validate({"usual": usual, "nine of ten": slow, "on duty": self.on_duty})


class Pace(Surface):
    """How soon somebody says "I have it", and how soon after the handoff (or, in a queue, the start) it is answered."""

    takes_up: Delay | None = Field(None, alias="takes up")
    answers: Delay | None = None


class Hourly(Pace):
    """A pace, by hour and at weekends where it differs."""

    hours: Mapping[Band, Pace] = Field(default_factory=dict)
    weekends: Pace | None = None


Staff = Annotated[int, Field(ge=1, le=500)]


class RoleHabits(Hourly):
    """A role's habits.

    With ``staff`` the role is a queue: so many people on duty, one task at a time, what is due first goes first, and
    ``answers`` is the time a task takes its person. ``shifts`` says where by the hour they are more or fewer.
    """

    staff: Staff | None = None
    shifts: Mapping[Band, Staff] = Field(default_factory=dict)
    reached: Share | None = None

    @model_validator(mode="after")
    def _staffed(self) -> RoleHabits:
        if self.shifts and self.staff is None:
            raise ValueError("shifts say where staff is more or fewer: say how many staff are first")
        return self


class Seen(Surface):
    """What a year showed of a step: how it is checked that a rehearsal tells the past before it tells anything else."""

    on_time: Share = Field(alias="on time")
    usual: Seconds
    nine_of_ten: Seconds = Field(alias="nine of ten")
    of: Annotated[int, Field(ge=1)]


def _weights(found: Mapping[Slug, float]) -> Mapping[Slug, float]:
    if not any(found.values()):
        raise ValueError("one of them must come about")
    return found


Weights = Annotated[Mapping[Slug, Annotated[float, Field(ge=0, le=1_000_000)]], AfterValidator(_weights)]


class StepHabits(Hourly):
    """A step's own habits, before its role's; ``outcomes`` are weights, ``reached`` the share of tries."""

    outcomes: Weights | None = None
    reached: Share | None = None
    seen: Seen | None = None


class Happening(Surface):
    """An event that comes from outside: in what ``share`` of cases, how long ``after`` the opening or a field."""

    share: Share = 1.0
    after: Slug = "opening"
    usual: Seconds
    nine_of_ten: Seconds = Field(alias="nine of ten")

    @property
    def delay(self) -> Delay:
        """Its delay, in plain time."""
        return Delay.model_validate({"usual": self.usual, "nine of ten": self.nine_of_ten, "on duty": False})


class FieldHabits(Surface):
    """What a form's or a report's field is answered with: ``yes`` of a yes-or-no, weights of choices, or how far ahead.

    ``brought`` is the share of reports that bring a field they may bring.
    """

    yes: Share | None = None
    choices: Weights | None = None
    ahead: Delay | None = None
    brought: Share = 1.0


EVERYBODY = RoleHabits.model_validate(
    {
        "takes up": {"usual": "6 minutes", "nine of ten": "40 minutes"},
        "answers": {"usual": "40 minutes", "nine of ten": "4 hours"},
        "reached": "40%",
    }
)
"""What is assumed of people of whom nothing is said; an assumption, and printed as one."""

AHEAD = Delay.model_validate({"usual": "1 day", "nine of ten": "3 days", "on duty": False})


class Habits(Surface):
    """A whole habits file."""

    habits: Slug | None = None
    learned: bool = False
    everybody: RoleHabits = EVERYBODY
    roles: Mapping[Slug, RoleHabits] = Field(default_factory=dict)
    steps: Mapping[Slug, StepHabits] = Field(default_factory=dict)
    events: Mapping[Slug, Happening] = Field(default_factory=dict)
    fields: Mapping[Slug, FieldHabits] = Field(default_factory=dict)


def read_habits(text: str | bytes, *protocols: Protocol) -> Habits:
    """A habits file, judged against the texts that are to be rehearsed.

    Raises:
        SpecError: it is not written as one, or names what none of the texts has; carries every finding.
    """
    root = read(text)
    try:
        found = Habits.model_validate(plain(root), by_alias=True)
    except ValidationError as error:
        raise SpecError(tuple(misshapen(error, root))) from None
    findings = tuple(_unknown(found, root, protocols))
    if findings:
        raise SpecError(findings)
    return found


def misshapen(error: ValidationError, root: Table, document: str = "docs/rehearsal.md") -> Iterator[Finding]:
    """What is not written as its model wants it, each at its line."""
    seen = set()
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        path = tuple(part for part in each["loc"] if not (isinstance(part, str) and part.startswith("[key]")))
        place = place_of(root, path)
        if (place.line, place.column) in seen:
            continue
        seen.add((place.line, place.column))
        key = path[-1] if path else "this"
        says, code = f"{key} is not written as it must be.", "WRONG_SHAPE"
        if each["type"] == "extra_forbidden":
            says, code = f"{key} is not a key here.", "UNKNOWN_KEY"
        elif each["type"] == "missing":
            says, code = f"{key} is missing here.", "MISSING_KEY"
        elif each["type"] == "value_error":
            says = f"{each['msg'].removeprefix('Value error, ').capitalize()}."
        hint = f"Lengths are written 20 minutes, shares 40%; see {document}."
        yield Finding(code=code, says=says, place=place, write=hint)


def _unknown(found: Habits, root: Table, protocols: tuple[Protocol, ...]) -> Iterator[Finding]:
    """What none of the texts has: a habit of nobody is a slip of the pen, and would change nothing unseen."""
    for table, known in (
        ("roles", [role for each in protocols for role in each.role]),
        ("steps", [step for each in protocols for step in each.step]),
        ("events", [event for each in protocols for event in each.event]),
        ("fields", [field for each in protocols for field in each.field]),
    ):
        for name in getattr(found, table):
            if name not in known:
                yield _finding(root, f"No text has {name} among its {table}.", (table, name), known, name)
    for name, step in found.steps.items():
        known = [o.id for each in protocols if name in each.step for o in each.step[name].outcomes]
        for outcome in step.outcomes or ():
            if outcome not in known:
                yield _finding(root, f"{name} never ends as {outcome}.", ("steps", name, "outcomes"), known, outcome)
    fields = ["opening", *(field for each in protocols for field in each.field)]
    for name, event in found.events.items():
        if event.after not in fields:
            says = f"{event.after} is no field whose time {name} could follow."
            yield _finding(root, says, ("events", name, "after"), fields, event.after)


def _finding(root: Table, says: str, path: Path, known: list[str], name: str) -> Finding:
    return Finding(code="UNKNOWN_NAME", says=says, place=place_of(root, path), write=did_you_mean(name, known))
