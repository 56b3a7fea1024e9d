"""One step of the surface to one step of the kernel: causes, limits, ladder, outcomes.

Words such as "lead" stay words here (who leads depends on who owns the duty then); everything else is resolved.
Every step with a due time gets the rung ``late`` first, and every ladder that does not end the step gets a last
rung that tells the lead each working day, so an open step is never without a live clock (law 3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from protocol import phrases
from protocol.kernel import (
    Act,
    ActKind,
    Again,
    AnchorKind,
    Expr,
    Guard,
    Length,
    Offset,
    Outcome,
    Pausing,
    Point,
    Ref,
    Rung,
    Series,
    Slug,
    Step,
    Tries,
    Unit,
    Wait,
    When,
    Words,
)
from protocol.machine import LATE
from protocol.phrases import NO_TIME, Names, RungTime, Said
from protocol.spec import STEPS_IN, OutcomeSpec, RungSpec, StepSpec

if TYPE_CHECKING:
    from protocol.compiling import Compiler
    from protocol.reading import Path

USUAL = {"when due": "tell lead", "1 working day late": "tell coordinator"}
INSIDE = {"when due": "tell lead", "1 working day late": "tell leads"}
Ladder = Mapping[str, str | list[str] | RungSpec]
IN_LADDERS = {ActKind.TELL, ActKind.PAGE, ActKind.REMIND, ActKind.ADD, ActKind.MOVE, ActKind.CANCEL, ActKind.END_AS}
REMINDER_WITHOUT_DEADLINE = 20
"""Working days between the lead's reminders of a step that has no deadline."""


def compile_step(compiler: Compiler, lane: Slug, name: Slug, spec: StepSpec, position: int) -> Step:
    """Compile one step, noting every finding; the result is only used when there are none."""
    return _StepCompiler(compiler, lane, name, spec).step(position)


def with_late_causes(steps: tuple[Step, ...], names: Names) -> tuple[Step, ...]:
    """The steps with a rung for each ``S D late`` that something waits for."""
    found = []
    for step in steps:
        extra = tuple(
            Rung(
                id=f"late-{words}",
                at=Offset(anchor=AnchorKind.DUE, length=span),
                guard=_late_guard(step.tries),
                publishes=f"late:{step.id}/{words}",
            )
            for words, span in names.late.get(step.id, {}).items()
        )
        found.append(replace(step, rungs=(*step.rungs[:1], *extra, *step.rungs[1:])) if extra else step)
    return tuple(found)


def _late_guard(tries: Tries | None) -> Guard:
    return Guard.NOT_TRIED_IN_TIME if tries is not None and tries.counts_as_on_time else Guard.NONE


class _StepCompiler:
    def __init__(self, compiler: Compiler, lane: Slug, name: Slug, spec: StepSpec) -> None:
        self.compiler = compiler
        self.names = compiler.names
        self.lane = lane
        self.name = name
        self.spec = spec
        self.path: Path = (STEPS_IN + lane, name)
        self.agency = self._owner()

    def step(self, position: int) -> Step:
        spec = self.spec
        self.compiler.words[f"step:{self.name}"] = Words(title=spec.must, because=spec.because or "")
        due = self._due()
        tries = self._tries()
        shares, shares_with = self._shares()
        return Step(
            id=self.name,
            lane=self.lane,
            agency=self.agency,
            role=spec.who,
            when=self._when(),
            again=self._again(),
            not_before=self._point("not before", spec.not_before),
            due=due,
            tries=tries,
            series=self._series(),
            pausing=self._pausing(),
            rungs=self._rungs(due, tries),
            outcomes=self._outcomes(),
            shares=shares,
            shares_with=shares_with,
            position=position,
        )

    def _at(self, *keys: str | int) -> Path:
        return (*self.path, *keys)

    def _owner(self) -> Slug:
        found = self.compiler.agency_of(self.spec.who)
        if found is not None:
            return found
        who = self.spec.who
        hint = phrases.did_you_mean(who, self.names.roles)
        if " " in who:
            hint = f"Join names: {who.replace(' ', '-')}"
        self.compiler.fail("UNKNOWN_ROLE", f"No such role: {who}.", self._at("who"), hint)
        return next(iter(self.compiler.spec.agencies))

    # When

    def _when(self) -> When:
        spec = self.spec
        given = [key for key, value in (("when", spec.when), ("any", spec.when_any), ("all", spec.when_all)) if value]
        if len(given) != 1:
            says = f"{self.name} has {'no cause' if not given else 'causes of two kinds'}."
            self.compiler.fail("WHEN", says, self.path, "Write one of when, when any of, when all of.")
        if spec.when_all:
            arms = [self._cause("when all of", each, number) for number, each in enumerate(spec.when_all)]
        else:
            causes = [spec.when] if spec.when else spec.when_any or []
            key = "when" if spec.when else "when any of"
            arms = [tuple(ref for number, each in enumerate(causes) for ref in self._cause(key, each, number))]
        latest = self._latest()
        return When(
            arms=(*arms, (latest,)) if latest else tuple(arms),
            latest=latest,
            only_if=self._condition("only if", spec.only_if),
            unless=self._condition("unless", spec.unless),
        )

    def _cause(self, key: str, phrase: str, number: int) -> tuple[Ref, ...]:
        path = self._at(key) if key == "when" else self._at(key, number)
        return self.compiler.read(path, lambda: phrases.cause(phrase, self.agency, self.names), ())

    def _condition(self, key: str, phrase: str | None) -> tuple[Expr, ...]:
        if phrase is None:
            return ()
        return self.compiler.read(self._at(key), lambda: (phrases.condition(phrase, self.names),), ())

    def _latest(self) -> Ref | None:
        phrase = self.spec.or_at_latest
        if phrase is None:
            return None
        point = self._point("or at latest", phrase)
        if not self.spec.when_all:
            self.compiler.fail("LATEST_ALONE", "or at latest goes with when all of.", self._at("or at latest"))
        if not isinstance(point, Offset) or point.anchor is not AnchorKind.REF or point.name is None:
            self.compiler.fail(
                "LATEST",
                f"{phrase} says no cause it counts from.",
                self._at("or at latest"),
                "Write 2 working days after a cause.",
            )
            return None
        wait = f"{self.name}-latest"
        self.names.waits[wait] = Wait(id=wait, armed_by=(point.name,), at=point)
        return f"wait:{wait}"

    def _again(self) -> Again:
        words = (self.spec.again or "only when ended").replace(" ", "-")
        if words not in set(Again):
            self.compiler.fail(
                "AGAIN",
                f"{self.spec.again} is not a choice.",
                self._at("again"),
                "Write only when ended, start over, one more, or once.",
            )
            return Again.ONLY_WHEN_ENDED
        return Again(words)

    # Times

    def _point(self, key: str, phrase: str | None) -> Point | None:
        if phrase is None:
            return None
        return self.compiler.read(self._at(key), lambda: phrases.due(phrase, self.agency, self.names), None)

    def _due(self) -> Point | None:
        spec = self.spec
        if spec.due is None and spec.no_deadline is None:
            self.compiler.fail("NO_CLOCK", f"{self.name} has no clock.", self.path, "Add due, or no deadline and why.")
        if spec.due is not None and spec.no_deadline is not None:
            self.compiler.fail(
                "TWO_CLOCKS", f"{self.name} has a due time and none.", self._at("no deadline"), "Keep one."
            )
        return self._point("due", spec.due)

    def _tries(self) -> Tries | None:
        phrase = self.spec.tries
        if phrase is None:
            return None
        found = self.compiler.read(self._at("tries"), lambda: phrases.tries(phrase, self.agency, self.names), None)
        if found is not None and found.then not in self.names.steps[self.name]:
            ways = ", ".join(self.names.steps[self.name])
            self.compiler.fail(
                "UNKNOWN_OUTCOME", f"{self.name} does not end as {found.then}.", self._at("tries"), f"It ends {ways}."
            )
        return found

    def _series(self) -> Series | None:
        phrase = self.spec.repeats
        if phrase is None:
            return None
        return self.compiler.read(self._at("repeats"), lambda: phrases.repeats(phrase, self.agency, self.names), None)

    def _pausing(self) -> Pausing:
        phrase = self.spec.clock_stops
        most = Length(count=3, unit=Unit.DAY)
        if phrase not in (None, "never"):
            self.compiler.fail(
                "CLOCK_STOPS",
                f"{phrase} is not known here.",
                self._at("clock stops"),
                "Write never, or leave it out: a lead may stop it for 3 days.",
            )
        return Pausing(allowed=phrase is None, most=most)

    # Outcomes and sharing

    def _shares(self) -> tuple[tuple[Slug, ...], tuple[Slug, ...]]:
        phrase = self.spec.shares
        if phrase is None:
            return (), ()
        found = re.fullmatch(r"(.+) with (.+)", phrase)
        if found is None:
            self.compiler.fail("SHARES", f"{phrase}: with whom?", self._at("shares"), "Write wishes with prosecutor.")
            return (), ()
        slots, roles = phrases.names_in(found.group(1)), phrases.names_in(found.group(2))
        for each in slots:
            if each not in self.names.vault:
                self.compiler.fail(
                    "UNKNOWN_FIELD",
                    f"{each} is not in the vault.",
                    self._at("shares"),
                    phrases.did_you_mean(each, self.names.vault),
                )
        for each in roles:
            if each not in self.names.roles:
                self.compiler.fail(
                    "UNKNOWN_ROLE",
                    f"No such role: {each}.",
                    self._at("shares"),
                    phrases.did_you_mean(each, self.names.roles),
                )
        return slots, roles

    def _outcomes(self) -> tuple[Outcome, ...]:
        given = self.spec.outcomes or {}
        return tuple(self._outcome(each, given.get(each)) for each in self.names.steps[self.name])

    def _outcome(self, name: Slug, value: str | list[str] | OutcomeSpec | None) -> Outcome:
        spec = value if isinstance(value, OutcomeSpec) else None
        said = spec.then if spec is not None else value if not isinstance(value, OutcomeSpec) else None
        path = self._at("outcomes", name)
        wanted = [said] if isinstance(said, str) else said or []
        acts, asks, starts = self.compiler.read(path, lambda: phrases.acts(wanted, self.names, self.name), Said())
        if starts or any(each.act in (ActKind.MOVE, ActKind.ADD, ActKind.END_AS) for each in acts):
            self.compiler.fail("ACT_PLACE", "That belongs in a ladder or an event.", path)
        only_if = None
        if spec is not None and spec.only_if is not None:
            phrase = spec.only_if
            only_if = self.compiler.read((*path, "only if"), lambda: phrases.condition(phrase, self.names), None)
        return Outcome(id=name, only_if=only_if, asks=asks, acts=acts)

    # Ladder

    def _rungs(self, due: Point | None, tries: Tries | None) -> tuple[Rung, ...]:
        lead = (Act(act=ActKind.TELL, targets=("lead",)),)
        if due is None:
            span = Length(count=REMINDER_WITHOUT_DEADLINE, unit=Unit.DAY, calendar=self.agency)
            first = Rung(id="still-open", at=Offset(anchor=AnchorKind.DELIVERY, length=span), acts=lead)
            found = [first, *self._ladder(self.spec.ladder, tries)] if self.spec.ladder else [first]
            again = Offset(anchor=AnchorKind.LAST_RUNG, length=span)
            return (*found, Rung(id="still-open-again", at=again, acts=lead, every=span, after="still-open"))
        late = Rung(id=LATE, at=Offset(anchor=AnchorKind.DUE, length=NO_TIME), guard=_late_guard(tries))
        found = [late, *self._ladder(self.spec.ladder, tries)]
        ends = any(act.act is ActKind.END_AS for rung in found for act in rung.acts if rung.only_if is None)
        if ends or any(rung.every is not None for rung in found):
            return tuple(found)
        span = Length(count=1, unit=Unit.DAY, calendar=self.agency)
        base = next(rung for rung in reversed(found) if rung.guard in (Guard.NONE, Guard.NOT_TRIED_IN_TIME))
        again = Offset(anchor=AnchorKind.LAST_RUNG, length=span)
        return (*found, Rung(id="every-day-after", at=again, acts=lead, every=span, after=base.id))

    def _ladder(self, ladder: str | Ladder | None, tries: Tries | None) -> list[Rung]:
        path = self._at("ladder")
        inside = self.agency in self.compiler.confidential
        rungs: Ladder
        if ladder is None:
            rungs = INSIDE if inside else USUAL
        elif isinstance(ladder, str):
            known: dict[str, Ladder] = {"usual": USUAL, "inside": INSIDE, **self.compiler.spec.ladders}
            if ladder not in known:
                self.compiler.fail(
                    "UNKNOWN_LADDER", f"{ladder} is no ladder.", path, phrases.did_you_mean(ladder, known)
                )
            rungs = known.get(ladder, USUAL)
            path = ("ladders", ladder) if ladder in self.compiler.spec.ladders else path
        else:
            rungs = ladder
        found: list[Rung] = []
        for when, what in rungs.items():
            rung = self._rung((*path, when), when, what, found, tries)
            if rung is not None:
                found.append(rung)
        return found

    def _rung(
        self, path: Path, when: str, what: str | list[str] | RungSpec, before: list[Rung], tries: Tries | None
    ) -> Rung | None:
        spec = what if isinstance(what, RungSpec) else None
        said = spec.then if spec is not None else what if not isinstance(what, RungSpec) else ""
        wanted = [said] if isinstance(said, str) else said
        time: RungTime | None = self.compiler.read(path, lambda: phrases.rung_time(when, self.agency, self.names), None)
        acts = self.compiler.read(path, lambda: phrases.acts(wanted, self.names, self.name), Said()).acts
        if time is None or not acts:
            return None
        if any(each.act not in IN_LADDERS for each in acts):
            self.compiler.fail("ACT_PLACE", "That belongs in an outcome or an event.", path)
        self._check_targets(acts, path)
        only_if = None
        if spec is not None and spec.only_if is not None:
            phrase = spec.only_if
            only_if = self.compiler.read(path, lambda: phrases.condition(phrase, self.names), None)
        guard = time.guard
        if guard is Guard.NONE and time.clears_with_try:
            guard = _late_guard(tries)
        return Rung(
            id=_rung_id(spec.name if spec else None, acts[0], [each.id for each in before]),
            at=time.at,
            acts=acts,
            guard=guard,
            only_if=only_if,
            every=time.every,
            after=(before[-1].id if before else LATE) if time.every is not None else None,
        )

    def _check_targets(self, acts: tuple[Act, ...], path: Path) -> None:
        """``lead`` must be somebody; a duty moves only inside its agency."""
        for act in acts:
            for each in act.targets:
                above = (
                    len(self.compiler.lead_of[self.agency]) == 1 and self.spec.who in self.compiler.lead_of[self.agency]
                )
                if each in ("lead", "leads") and above and self.agency in self.compiler.confidential:
                    self.compiler.fail(
                        "NO_LEAD", f"{self.spec.who} leads alone.", path, "Name a second lead of the agency."
                    )
                owner = self.compiler.agency_of(each) if each in self.names.roles else self.agency
                if act.act in (ActKind.MOVE, ActKind.ADD) and owner != self.agency:
                    self.compiler.fail("MOVE_OUTSIDE", f"{each} is in another agency.", path, "Write a step for them.")


def _rung_id(name: str | None, act: Act, taken: list[str]) -> str:
    """``tell-sergeant``, then ``tell-sergeant-2``: stable when a time changes."""
    base = name or "-".join((act.act.value, *act.targets[:1]))
    number, found = 1, base
    while found in taken or found == LATE:
        number += 1
        found = f"{base}-{number}"
    return found
