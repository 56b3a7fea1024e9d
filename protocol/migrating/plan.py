"""A migration plan: what becomes of the open duties that a newer text changes. A text of the council, read strictly.

The plan's hash is in the fact of every case that moved by it; reasons stay in the plan, for a case holds no text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from protocol.errors import Finding, SpecError
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.rehearsal.habits import Seconds, Share, Surface, misshapen
from protocol.serial import canonical
from protocol.text.reading import Table, place_of, plain, read


class Clock(StrEnum):
    """What becomes of the clock of an open duty whose terms change (council.md section 3)."""

    KEEP_ELAPSED = "keep elapsed"
    KEEP_DEADLINE = "keep deadline"
    RESTART = "restart"
    GRANDFATHER = "grandfather"


class Passed(StrEnum):
    """What becomes of a duty whose moment to open had passed when the text brought it."""

    OPEN = "open"
    WAIVE = "waive"


def _yes(said: object) -> object:
    return {"yes": True, "no": False}.get(said, said) if isinstance(said, str) else said


Yes = Annotated[bool, BeforeValidator(_yes)]


class StepPlan(Surface):
    """What becomes of the duties of one step, by its newer name; by its older one where the newer text has no such.

    ``stays`` keeps an open duty that the newer text would not have opened; ``to`` names the step that takes its place.
    """

    clock: Clock | None = None
    close: Literal["not owed"] | None = None
    passed: Passed | None = None
    stays: Yes = False
    to: Slug | None = None
    because: str | None = None

    @model_validator(mode="after")
    def _reasoned(self) -> StepPlan:
        if (self.close or self.passed is Passed.WAIVE) and not self.because:
            raise ValueError("a duty that is closed or waived needs its reason: because")
        if self.close and (self.clock or self.stays or self.to):
            raise ValueError("a duty that is closed has no clock and no other step")
        return self


class Grace(Surface):
    """The least time that a duty keeps when its window shrinks: a share of the window, and so many seconds."""

    share: Share = 0.1
    least: Seconds = 15 * 60


class FirstShare(Surface):
    """How many cases move first, and how long is waited before the others follow.

    The wait lasts until so many of each class ``gone_on`` too, or all there are; ``at_most`` seconds after the first
    share moved the run stops if they have not.
    """

    share: Share = 0.05
    least: Annotated[int, Field(ge=1)] = 10
    most: Annotated[int, Field(ge=1)] = 100
    then_wait: Seconds = Field(24 * 60 * 60, alias="then wait")
    gone_on: Annotated[int, Field(ge=0)] = Field(0, alias="gone on")
    at_most: Seconds = Field(7 * 24 * 60 * 60, alias="at most")


def _times(said: object) -> object:
    found = TIMES.fullmatch(said) if isinstance(said, str) else None
    return said if found is None else float(found[1])


TIMES = re.compile(r"(\d{1,3}(?:\.\d)?) times")
Times = Annotated[float, BeforeValidator(_times), Field(ge=1, le=1_000)]
Count = Annotated[int, Field(ge=1)]


class Stop(Surface):
    """When a run stops by itself.

    So large a ``share`` of the cases tried did not move, and so many at ``least``; so many cases are not as a move must
    leave them (``law``); more than a share of people's answers was refused since it began, of so many at least; within
    an hour there were so many times the usual escalations, and so many at least.
    """

    share: Share = 0.01
    least: Count = 3
    law: Count = 1
    refused_answers: Share = Field(0.2, alias="refused answers")
    least_answers: Count = Field(20, alias="least answers")
    escalations: Times = 3.0
    least_escalations: Count = Field(10, alias="least escalations")


class Plan(Surface):
    """A whole plan. ``case`` is what becomes of cases that nothing else is said of."""

    migration: Slug
    case: Literal["moves", "finishes on the old text"] = "moves"
    clock: Clock = Clock.KEEP_ELAPSED
    grace: Grace = Grace()
    steps: Mapping[Slug, StepPlan] = Field(default_factory=dict)
    first: FirstShare = Field(FirstShare(), alias="first share")
    a_second: Annotated[int, Field(ge=1, le=100)] = Field(5, alias="cases a second")
    quiet_before: Seconds = Field(10 * 60, alias="quiet before")
    stop: Stop = Stop()

    def dump(self) -> bytes:
        """The canonical bytes of the plan."""
        return canonical(self.model_dump(mode="json", by_alias=True))

    @property
    def hash(self) -> str:
        """The SHA-256 by which the plan is known."""
        return hashlib.sha256(self.dump()).hexdigest()


def load_plan(data: bytes) -> Plan:
    """A plan as it was dumped."""
    return Plan.model_validate_json(data, by_alias=True)


def read_plan(text: str | bytes, old: Protocol, new: Protocol) -> Plan:
    """A plan as people wrote it, judged against both texts.

    Raises:
        SpecError: it is not written as one, or names what neither text has; carries every finding.
    """
    root = read(text)
    try:
        found = Plan.model_validate(plain(root), by_alias=True)
    except ValidationError as error:
        raise SpecError(tuple(misshapen(error, root, "docs/migrating.md"))) from None
    findings = tuple(judge(found, root, old, new))
    if findings:
        raise SpecError(findings)
    return found


def judge(plan: Plan, root: Table, old: Protocol, new: Protocol) -> Iterator[Finding]:
    """What a plan names that is not there, or that is of another kind."""
    if plan.migration != new.id:
        says = f"This plan is for {plan.migration}, and the texts are of {new.id}."
        yield Finding(code="PLAN_PROTOCOL", says=says, place=place_of(root, ("migration",)))
    for name, line in plan.steps.items():
        place = place_of(root, ("steps", name), at_key=True)
        if name not in new.step and name not in old.step:
            yield Finding(code="PLAN_STEP", says=f"Neither text has a step {name}.", place=place)
        if line.to is None:
            continue
        if line.to not in new.step:
            says = f"The newer text has no step {line.to} to take the place of {name}."
            yield Finding(code="PLAN_STEP", says=says, place=place)
        elif name in old.step and kind_of(old, name) != kind_of(new, line.to):
            says = f"{line.to} is a step of another kind than {name}: its duties cannot become one."
            yield Finding(code="PLAN_KIND", says=says, place=place)
    images = [line.to for line in plan.steps.values() if line.to]
    for twice in sorted({each for each in images if images.count(each) > 1}):
        says = f"Two steps are to become {twice}."
        yield Finding(code="PLAN_TWICE", says=says, place=place_of(root, ("steps",), at_key=True))


def kind_of(protocol: Protocol, step: Slug) -> tuple[object, ...]:
    """What must be alike of two steps for a duty of one to become a duty of the other."""
    found = protocol.step[step]
    return (
        protocol.agency[found.agency].confidential,
        found.for_each is not None,
        found.votes is not None,
        found.chosen is not None,
        found.outside,
    )
