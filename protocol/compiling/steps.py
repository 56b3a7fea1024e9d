"""One step of the surface to one step of the kernel: causes, limits, ladder, outcomes.

Words such as "lead" stay words here (who leads depends on who owns the duty then); everything else is resolved.
Every step with a due time gets the rung ``late`` first, and every ladder that does not end the step gets a last
rung that tells the lead each working day, so an open step is never without a live clock (law 3).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from protocol.compiling.ladders import (
    INSIDE,
    LAST,
    STILL_OPEN,
    STILL_OPEN_AGAIN,
    USUAL,
    Ladder,
    always_comes,
    ends_surely,
    few_tries,
    late_guard,
    rung_id,
)
from protocol.engine.machine import LATE
from protocol.expressions import (
    OWNER,
    AnchorKind,
    Expr,
    Extreme,
    Length,
    Offset,
    Point,
    Unit,
)
from protocol.kernel import (
    Act,
    ActKind,
    Again,
    Chosen,
    ChosenBy,
    FieldType,
    Guard,
    Outcome,
    Pausing,
    Rung,
    Series,
    Step,
    Tries,
    Votes,
    Wait,
    When,
    Words,
)
from protocol.names import Ref, Slug
from protocol.text import phrases, times
from protocol.text.names import LENGTH, NO_TIME, did_you_mean, length, names_in
from protocol.text.phrases import Said
from protocol.text.spec import STEPS_IN, OutcomeSpec, RungSpec, StepSpec
from protocol.text.times import RungTime

if TYPE_CHECKING:
    from protocol.compiling.compiler import Compiler
    from protocol.text.reading import Path

TELLING = {ActKind.TELL, ActKind.PAGE, ActKind.REMIND}
IN_LADDERS = {*TELLING, ActKind.ADD, ActKind.MOVE, ActKind.CANCEL, ActKind.END_AS, ActKind.STOP_REPEATING}
IN_OUTCOMES = {
    *TELLING,
    ActKind.CANCEL,
    ActKind.CLOSE,
    ActKind.REOPEN,
    ActKind.START_LINKED,
    ActKind.STOP_REPEATING,
    ActKind.END_CASE,
}
ANCHORED = ({AnchorKind.REF}, {AnchorKind.FIELD})
REMINDER_WITHOUT_DEADLINE = 20
"""Working days between the lead's reminders of a step that has no deadline."""


def compile_step(compiler: Compiler, lane: Slug, name: Slug, spec: StepSpec, position: int) -> Step:
    """Compile one step, noting every finding; the result is only used when there are none."""
    return StepCompiler(compiler, lane, name, spec).step(position)


class StepCompiler:
    """One step of the surface, and where each of its keys stands."""

    def __init__(self, compiler: Compiler, lane: Slug, name: Slug, spec: StepSpec) -> None:
        self.compiler = compiler
        self.names = compiler.names
        self.lane = lane
        self.name = name
        self.spec = spec
        self.path: Path = (STEPS_IN + lane, name)
        self.role, self.agency, self.chosen = self._owner()
        fixed = self.chosen is None
        self.owner = self.agency if fixed else OWNER
        """Whose calendar "working" means; and who leads, where that is known only when it opens."""

    def step(self, position: int) -> Step:
        """The kernel's step; where it stands among the others is ``position``."""
        spec = self.spec
        for key, value in (("who", spec.who), ("must", spec.must)):
            if value is None:
                self.compiler.fail("MISSING_KEY", f"{key} is missing here.", self.path, f"Add {key}.")
        self.compiler.words[f"step:{self.name}"] = Words(title=spec.must or "", because=spec.because or "")
        listed_by = self._for_each()
        due = self._due()
        tries, within = self._tries()
        shares, shares_with, threat = self._shares()
        return Step(
            id=self.name,
            lane=self.lane,
            agency=self.agency,
            role=self.role,
            when=self.when(),
            again=self._again(),
            not_before=self._point("not before", spec.not_before),
            due=due,
            tries=tries,
            series=self._series(),
            pausing=self._pausing(),
            rungs=self._rungs(due, tries, within),
            outcomes=self._outcomes(),
            shares=shares,
            shares_with=shares_with,
            imminent_threat=threat,
            chosen=self.chosen,
            for_each=listed_by,
            votes=self._votes(),
            position=position,
        )

    def at(self, *keys: str | int) -> Path:
        """Where one of its keys stands."""
        return (*self.path, *keys)

    def _owner(self) -> tuple[Slug, Slug, Chosen | None]:
        """The role, its agency, and how the owner is found where it is no fixed role."""
        who = self.spec.who or ""
        each = re.fullmatch(r"each of (.+)", who)
        if each is not None:
            roles = names_in(each.group(1))
            found = [self._role(role) for role in roles]
            return roles[0], found[0], Chosen(by=ChosenBy.EACH, roles=roles)
        its = re.fullmatch(r"its (\S+)", who)
        if its is not None:
            return self._chosen(ChosenBy.ITEM, its.group(1))
        if self.names.fields.get(who) is FieldType.ROLE:
            return self._chosen(ChosenBy.FIELD, who)
        return who, self._role(who), None

    def _chosen(self, by: ChosenBy, name: Slug) -> tuple[Slug, Slug, Chosen]:
        """An owner that a field says. Until it does, the coordinator stands in, or the first agency's lead."""
        columns = self.names.columns.get(self.spec.for_each or "", {})
        if by is ChosenBy.ITEM and columns.get(name) is not FieldType.ROLE:
            hint = did_you_mean(name, [each for each, kind in columns.items() if kind is FieldType.ROLE])
            self.compiler.fail("UNKNOWN_FIELD", f"{name} is no role of an item.", self.at("who"), hint)
        first = next(iter(self.compiler.spec.agencies))
        lead = next(iter(self.compiler.lead_of[first]), "")
        role = "coordinator" if "coordinator" in self.names.roles else lead
        chosen = Chosen(by=by, roles=self.compiler.roles_in_lane(self.lane), name=name)
        return role, self.compiler.agency_of(role) or first, chosen

    def _role(self, who: Slug) -> Slug:
        """The agency of a role."""
        found = self.compiler.agency_of(who)
        if found is not None:
            return found
        hint = did_you_mean(who, self.names.roles)
        if " " in who:
            hint = f"Join names: {who.replace(' ', '-')}"
        if who:
            self.compiler.fail("UNKNOWN_ROLE", f"No such role: {who}.", self.at("who"), hint)
        return next(iter(self.compiler.spec.agencies))

    def _for_each(self) -> Slug | None:
        name = self.spec.for_each
        self.names.item = self.names.columns.get(name or "", {})
        if name is not None and name not in self.names.columns:
            hint = did_you_mean(name, self.names.columns)
            hint = hint or f"Write in record: {name}: list of owner (role)"
            self.compiler.fail("UNKNOWN_FIELD", f"{name} is no list.", self.at("for each"), hint)
        if name is not None and self.chosen is not None and self.chosen.by is ChosenBy.EACH:
            says = f"{self.name} is for each item and for each of several roles."
            self.compiler.fail("EACH_TWICE", says, self.at("for each"), "Keep one of the two.")
        return name

    def _votes(self) -> Votes | None:
        phrase = self.spec.decided_by
        if phrase is None:
            return None
        leads = tuple(each[0] for each in self.compiler.lead_of.values() if each)
        found = self.compiler.read(self.at("decided by"), lambda: phrases.votes(phrase, self.names, leads), None)
        voting = {self.agency, *(self.compiler.agency_of(each) for each in (found.roles if found else ()))}
        inside = voting & self.compiler.confidential
        if inside and len(voting) > 1:
            says = f"Voters of other agencies would see what happens inside {min(each for each in inside if each)}."
            self.compiler.fail("VOTES_INSIDE", says, self.at("decided by"), "Let its own roles vote.")
        return found

    # When

    def when(self) -> When:
        """What opens it."""
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

    def causes(self, keys: tuple[str, ...], phrase: str) -> tuple[Ref, ...]:
        """Every occurrence of ``A or B``."""
        return self.compiler.read(self.at(*keys), lambda: phrases.causes(phrase, self.agency, self.names), ())

    def _cause(self, key: str, phrase: str, number: int) -> tuple[Ref, ...]:
        path = self.at(key) if key == "when" else self.at(key, number)
        return self.compiler.read(path, lambda: phrases.cause(phrase, self.agency, self.names), ())

    def _condition(self, key: str, phrase: str | None) -> tuple[Expr, ...]:
        if phrase is None:
            return ()
        return self.compiler.read(self.at(key), lambda: (phrases.condition(phrase, self.names),), ())

    def _latest(self) -> Ref | None:
        phrase = self.spec.or_at_latest
        if phrase is None:
            return None
        point = self.compiler.read(self.at("or at latest"), lambda: times.due(phrase, self.agency, self.names), None)
        if not self.spec.when_all:
            write = "Write when all of, with a list of causes; or leave it out."
            self.compiler.fail("LATEST_ALONE", "or at latest goes with when all of.", self.at("or at latest"), write)
        offsets = point.points if isinstance(point, Extreme) else (point,)
        first = offsets[0]
        names = [each.name for each in offsets if isinstance(each, Offset) and each.name is not None]
        kinds = {each.anchor for each in offsets if isinstance(each, Offset)}
        if not isinstance(first, Offset) or len(names) != len(offsets) or kinds not in ANCHORED:
            self.compiler.fail(
                "LATEST",
                f"{phrase} says no cause it counts from.",
                self.at("or at latest"),
                "Write 2 working days after a cause.",
            )
            return None
        wait = f"{self.name}-latest"
        armed_by = tuple(names) if first.anchor is AnchorKind.REF else ()
        self.names.waits[wait] = Wait(id=wait, armed_by=armed_by, at=first)
        return f"wait:{wait}"

    def _again(self) -> Again:
        words = (self.spec.again or "only when ended").replace(" ", "-")
        if words not in set(Again):
            self.compiler.fail(
                "AGAIN",
                f"{self.spec.again} does not say what a second cause does.",
                self.at("again"),
                "Write only when ended, start over, one more, or once.",
            )
            return Again.ONLY_WHEN_ENDED
        return Again(words)

    # Times

    def _point(self, key: str, phrase: str | None) -> Point | None:
        if phrase is None:
            return None
        return self.compiler.read(self.at(key), lambda: times.due(phrase, self.owner, self.names), None)

    def _due(self) -> Point | None:
        spec = self.spec
        if spec.due is None and spec.no_deadline is None:
            self.compiler.fail("NO_CLOCK", f"{self.name} has no clock.", self.path, "Add due, or no deadline and why.")
        if spec.due is not None and spec.no_deadline is not None:
            self.compiler.fail(
                "TWO_CLOCKS", f"{self.name} has a due time and none.", self.at("no deadline"), "Keep one."
            )
        return self._point("due", spec.due)

    def _tries(self) -> tuple[Tries | None, Length | None]:
        phrase = self.spec.tries
        if phrase is None:
            return None, None
        found = self.compiler.read(self.at("tries"), lambda: times.tries(phrase, self.owner, self.names), None)
        if found is None:
            return None, None
        if found.tries.then not in self.names.steps[self.name]:
            says, ways = f"{self.name} does not end as {found.tries.then}.", ", ".join(self.names.steps[self.name])
            self.compiler.fail("UNKNOWN_OUTCOME", says, self.at("tries"), f"It ends {ways}.")
        return found.tries, found.within

    def _series(self) -> Series | None:
        phrase = self.spec.repeats
        if phrase is None:
            return None
        return self.compiler.read(self.at("repeats"), lambda: times.repeats(phrase, self.owner, self.names), None)

    def _pausing(self) -> Pausing:
        phrase = self.spec.clock_stops
        by_hand = Length(count=3, unit=Unit.DAY)
        if phrase in (None, "never"):
            return Pausing(allowed=phrase is None, most=by_hand)
        found = re.fullmatch(rf"while (.+), at most ({LENGTH})", phrase or "")
        if found is None:
            self.compiler.fail(
                "CLOCK_STOPS",
                f"{phrase} does not say when, or for how long at most.",
                self.at("clock stops"),
                "Write while COND, at most 60 days; or never; or leave it out: a lead may stop it for 3 days.",
            )
            return Pausing(allowed=True, most=by_hand)
        at = self.at("clock stops")
        condition = self.compiler.read(at, lambda: phrases.condition(found.group(1), self.names), None)
        cap = self.compiler.read(at, lambda: length(found.group(2), self.owner, self.names), None)
        return Pausing(allowed=True, most=by_hand, condition=condition, cap=cap)

    # Outcomes and sharing

    def _shares(self) -> tuple[tuple[Slug, ...], tuple[Slug, ...], bool]:
        phrase = self.spec.shares
        if phrase is None:
            return (), (), False
        found = re.fullmatch(r"(.+?) with (.+?)(, for imminent threat)?", phrase)
        if found is None:
            self.compiler.fail("SHARES", f"{phrase}: with whom?", self.at("shares"), f"Write {phrase} with ROLE.")
            return (), (), False
        slots, roles = names_in(found.group(1)), names_in(found.group(2))
        for each in slots:
            if each not in self.names.vault:
                self.compiler.fail(
                    "UNKNOWN_FIELD",
                    f"{each} is not in the vault.",
                    self.at("shares"),
                    did_you_mean(each, self.names.vault),
                )
        for each in roles:
            if each not in self.names.roles:
                self.compiler.fail(
                    "UNKNOWN_ROLE",
                    f"No such role: {each}.",
                    self.at("shares"),
                    did_you_mean(each, self.names.roles),
                )
        return slots, roles, found.group(3) is not None

    def _outcomes(self) -> tuple[Outcome, ...]:
        given = self.spec.outcomes or {}
        return tuple(self._outcome(each, given.get(each)) for each in self.names.steps[self.name])

    def _outcome(self, name: Slug, value: str | list[str] | OutcomeSpec | None) -> Outcome:
        spec = value if isinstance(value, OutcomeSpec) else None
        said = spec.then if spec is not None else value if not isinstance(value, OutcomeSpec) else None
        path = self.at("outcomes", name)
        wanted = [said] if isinstance(said, str) else said or []
        acts, asks, starts = self.compiler.read(path, lambda: phrases.acts(wanted, self.names, self.name), Said())
        if starts or any(each.act not in IN_OUTCOMES for each in acts):
            says = f"{phrases.misplaced(wanted, acts, IN_OUTCOMES)} cannot follow an outcome."
            self.compiler.fail("ACT_PLACE", says, path, "Put it in a ladder or an event, or write a step.")
        if spec is not None and spec.was:
            self.compiler.renamed[f"outcome:{self.name}/{name}"] = spec.was
        only_if = None
        if spec is not None and spec.only_if is not None:
            phrase = spec.only_if
            only_if = self.compiler.read((*path, "only if"), lambda: phrases.condition(phrase, self.names), None)
        return Outcome(id=name, only_if=only_if, asks=asks, acts=acts)

    # Ladder

    def _rungs(self, due: Point | None, tries: Tries | None, within: Length | None) -> tuple[Rung, ...]:
        lead = (Act(act=ActKind.TELL, targets=("lead",)),)
        few = [] if within is None else [few_tries(within, lead)]
        if due is None:
            span = Length(count=REMINDER_WITHOUT_DEADLINE, unit=Unit.DAY, calendar=self.owner)
            first = Rung(id=STILL_OPEN, at=Offset(anchor=AnchorKind.DELIVERY, length=span), acts=lead)
            found = [first, *few, *(self._ladder(self.spec.ladder, tries) if self.spec.ladder else [])]
            again = Offset(anchor=AnchorKind.LAST_RUNG, length=span)
            return (*found, Rung(id=STILL_OPEN_AGAIN, at=again, acts=lead, every=span, after=STILL_OPEN))
        late = Rung(id=LATE, at=Offset(anchor=AnchorKind.DUE, length=NO_TIME), guard=late_guard(tries))
        found = [late, *few, *self._ladder(self.spec.ladder, tries)]
        ends = any(act.act is ActKind.END_AS for rung in found for act in rung.acts if ends_surely(rung))
        if ends or any(rung.every is not None for rung in found):
            return tuple(found)
        span = Length(count=1, unit=Unit.DAY, calendar=self.owner)
        base = next(rung for rung in reversed(found) if always_comes(rung))
        again = Offset(anchor=AnchorKind.LAST_RUNG, length=span)
        return (*found, Rung(id=LAST, at=again, acts=lead, every=span, after=base.id))

    def _ladder(self, ladder: str | Ladder | None, tries: Tries | None) -> list[Rung]:
        path = self.at("ladder")
        inside = self.agency in self.compiler.confidential
        rungs: Ladder
        if ladder is None:
            rungs = INSIDE if inside else USUAL
        elif isinstance(ladder, str):
            known: dict[str, Ladder] = {"usual": USUAL, "inside": INSIDE, **self.compiler.spec.ladders}
            if ladder not in known:
                self.compiler.fail("UNKNOWN_LADDER", f"{ladder} is no ladder.", path, did_you_mean(ladder, known))
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
        time: RungTime | None = self.compiler.read(path, lambda: times.rung_time(when, self.owner, self.names), None)
        acts, asks, starts = self.compiler.read(path, lambda: phrases.acts(wanted, self.names, self.name), Said())
        if asks or starts or any(each.act not in IN_LADDERS for each in acts):
            says = f"{phrases.misplaced(wanted, acts, IN_LADDERS)} cannot stand in a ladder."
            self.compiler.fail("ACT_PLACE", says, path, "Put it in an outcome or an event.")
        if time is None or not acts:
            return None
        self._check_targets(acts, path)
        only_if = None
        if spec is not None and spec.only_if is not None:
            phrase = spec.only_if
            only_if = self.compiler.read(path, lambda: phrases.condition(phrase, self.names), None)
        guard = time.guard
        if guard is Guard.NONE and time.clears_with_try:
            guard = late_guard(tries)
        made = rung_id(spec.name if spec else None, acts[0], [each.id for each in before])
        if spec is not None and spec.was:
            self.compiler.renamed[f"rung:{self.name}/{made}"] = spec.was
        return Rung(
            id=made,
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
                above = len(self.compiler.lead_of[self.agency]) == 1 and self.role in self.compiler.lead_of[self.agency]
                if each in ("lead", "leads") and above and self.agency in self.compiler.confidential:
                    self.compiler.fail(
                        "NO_LEAD", f"{self.spec.who} leads alone.", path, "Name a second lead of the agency."
                    )
                moves = act.act in (ActKind.MOVE, ActKind.ADD) and each in self.names.roles
                if moves and (self.chosen is not None or self.compiler.agency_of(each) != self.agency):
                    self.compiler.fail("MOVE_OUTSIDE", f"{each} is in another agency.", path, "Write a step for them.")
