"""Who is there at which hour of a week: ladders against the people who hold the roles.

From the text alone a role is there always or in its agency's open hours; an installation says more: for each role the
hours of a week in which somebody is on duty. A clock may run out at any hour at which its calendar runs, so a rung
whose people are all away then reaches nobody until they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from protocol.errors import Finding, Place
from protocol.kernel import ActKind, Calendar, Protocol, Role, Step
from protocol.names import Slug

HOURS = 7 * 24
NOWHERE = Place(line=0, column=0)
TELLING = (ActKind.TELL, ActKind.PAGE)
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_GAP = 72
"""Hours for which a weekend with a day before or after it may leave nobody there."""


@dataclass(frozen=True, slots=True)
class Week:
    """The hours of a week, from Monday at midnight, in which somebody is there: bit n is the n-th hour."""

    hours: int

    @classmethod
    def always(cls) -> Week:
        """Somebody at every hour."""
        return cls((1 << HOURS) - 1)

    @classmethod
    def of(cls, calendar: Calendar) -> Week:
        """The hours in which an agency is open the whole hour."""
        if calendar.always:
            return cls.always()
        found = 0
        for day, intervals in enumerate(calendar.week):
            for start, end in intervals:
                for hour in range(-(-start // 60), end // 60):
                    found |= 1 << (day * 24 + hour)
        return cls(found)

    def without(self, hours: Iterable[int]) -> Week:
        """The same week with nobody there in some of its hours."""
        left = self.hours
        for each in hours:
            left &= ~(1 << each)
        return Week(left)

    def __or__(self, other: Week) -> Week:
        return Week(self.hours | other.hours)

    def gap(self) -> tuple[int, int]:
        """The longest time with nobody there: (its first hour, its hours), over the end of the week too."""
        if self.hours == 0:
            return 0, HOURS
        best, run = (0, 0), 0
        for hour in range(2 * HOURS):
            run = 0 if self.hours >> (hour % HOURS) & 1 else run + 1
            if run > best[1]:
                best = ((hour - run + 1) % HOURS, run)
        return best


def by_text(protocol: Protocol) -> dict[Slug, Week]:
    """When each role is there, as far as the text says."""
    return {each.id: _said(protocol, each) for each in protocol.roles}


def _said(protocol: Protocol, role: Role) -> Week:
    return Week.always() if role.always else Week.of(protocol.calendar[role.agency])


def reached(protocol: Protocol, step: Step) -> tuple[Slug, ...]:
    """The roles that the rungs of a step tell or page, or give it to: the chain of people behind a duty."""
    agency = protocol.agency[step.agency]
    found: list[Slug] = []
    for rung in step.rungs:
        for act in rung.acts:
            if act.act in (*TELLING, ActKind.MOVE, ActKind.ADD):
                for each in act.targets:
                    if each in ("lead", "leads"):
                        found += [lead for lead in agency.leads if lead != step.role]
                    elif each == "deputy":
                        found += [deputy for role in (step.role,) if (deputy := protocol.role[role].deputy)]
                    elif each in protocol.role:
                        found.append(each)
    return tuple(dict.fromkeys(found))


def rung(protocol: Protocol) -> tuple[Slug, ...]:
    """The roles that a text may ring at some hour: whoever owes a step, and whoever its ladder tells."""
    found: list[Slug] = []
    for step in protocol.steps:
        found += (step.role,) if step.chosen is None else step.chosen.roles
        found += reached(protocol, step)
    return tuple(each for each in dict.fromkeys(found) if each in protocol.role)


def gaps(protocol: Protocol, people: Mapping[Slug, Week]) -> Iterator[tuple[Step, int, int]]:
    """Steps nobody on whose ladder is there for more than ``LONGEST_GAP`` hours: the step, first hour, how many."""
    for step in protocol.steps:
        chain = (step.role, *reached(protocol, step)) if step.chosen is None else reached(protocol, step)
        there = Week(0)
        for role in chain:
            there |= people.get(role, Week(0))
        first, hours = there.gap()
        if hours > LONGEST_GAP:
            yield step, first, hours


def uncovered(protocol: Protocol, people: Mapping[Slug, Week]) -> Iterator[Finding]:
    """Roles with duties that nobody holds, and duties whose whole ladder is off duty for days.

    ``people`` says for each role at which hours of a week somebody on duty holds it; a role left out is held by nobody.
    """
    for step in protocol.steps:
        roles = (step.role,) if step.chosen is None else step.chosen.roles
        for role in roles:
            if people.get(role, Week(0)).hours == 0:
                says = f"Nobody is there for {role}, who owes {step.id}."
                yield Finding(code="NOBODY_HOLDS", says=says, place=NOWHERE, write="Give somebody the role.")
        for role in reached(protocol, step):
            if people.get(role, Week(0)).hours == 0 and role not in roles:
                says = f"Nobody is there for {role}, who is to hear of {step.id}."
                yield Finding(code="NOBODY_HOLDS", says=says, place=NOWHERE, write="Give somebody the role.")
    for step, first, hours in gaps(protocol, people):
        yield Finding(
            code="NOBODY_ON_DUTY",
            says=f"From {hour_name(first)} nobody on the ladder of {step.id} is on duty for {hours} hours.",
            place=NOWHERE,
            write="Put somebody on its ladder who is.",
            level="warning",
        )


def hour_name(hour: int) -> str:
    """``fri 17:00``."""
    return f"{NAMES[hour // 24]} {hour % 24:02}:00"
