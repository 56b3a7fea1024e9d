"""The way back: each duty as it was before the move, less what people did meanwhile; what has fired stays fired."""

from __future__ import annotations

from dataclasses import dataclass, fields

from protocol.engine.points import View, due_of
from protocol.engine.running import Running
from protocol.evolving import evolve
from protocol.facts import DueMoved, DutyMigrated, StepCancelled, StepDelivered
from protocol.migrating import terms
from protocol.migrating.hindrances import Code, Hindrance
from protocol.migrating.position import position
from protocol.migrating.route import Route
from protocol.migrating.terms import Sides
from protocol.names import Slug
from protocol.state import CaseState, Crossed, Instance, Phase

RESTORED = "restored"
CLOCKWORK = frozenset(("n", "step", "agency", "fired", "clock", "grace", "rehung", "floor", "raw", "announced"))
"""What a duty has from its terms, and never from people."""


@dataclass
class Return:
    """One case on its way back; ``state`` is its record and position under the older text."""

    back: Route
    here: CaseState
    crossed: Crossed

    def __post_init__(self) -> None:
        self._known()
        was, after = self.crossed.before, self.crossed.after
        moved = position(self.back, self.here, self.here.now).state
        fields_then = {name: value for name, value in was.fields.items() if name not in moved.fields}
        happened = {ref[len("wait:") :] for ref in self.here.last if ref.startswith("wait:") and ref not in after.last}
        waits = was.waits if not happened else tuple(each for each in was.waits if each.wait in self.back.old.wait)
        self.state = evolve(
            moved,
            fields={**fields_then, **moved.fields},
            last={**was.last, **moved.last},
            arms=was.arms if self.here.arms == after.arms else moved.arms,
            waits=waits if self.here.waits == after.waits else moved.waits,
            pauses=was.pauses if self.here.pauses == after.pauses else moved.pauses,
            counters=was.counters if self.here.counters == after.counters else moved.counters,
            closed=tuple(dict.fromkeys((*was.closed, *(each for each in moved.closed if each not in after.closed)))),
            crossed=None,
            stays=was.stays,
        )

    def _known(self) -> None:
        """What was answered since must be an answer that the older text knows."""
        for ref in self.here.last:
            kind, _, name = ref.partition(":")
            step, _, outcome = name.partition("/")
            if kind != "outcome" or self.here.last[ref] == self.crossed.after.last.get(ref):
                continue
            known = self.back.new.step.get(self.back.names.get(f"step:{step}", f"step:{step}").partition(":")[2])
            if known is None or outcome not in {each.id for each in known.outcomes}:
                raise Hindrance(code=Code.CANNOT_GO_BACK, place=step)

    def duties(self, view: View) -> list[tuple[Instance, DutyMigrated]]:
        """Every duty as it will be; those that the plan had closed are open again."""
        sides = Sides(
            route=self.back,
            old=Running(self.back.old, self.here, self.here.now).view(),
            new=view,
            now=self.here.now,
        )
        was = {each.n: each for each in self.crossed.before.instances}
        after = {each.n: each for each in self.crossed.after.instances}
        found: list[tuple[Instance, DutyMigrated]] = []
        for each in self.here.instances:
            if each.n in was and each.n in after:
                found.append(self._restored(sides, was[each.n], after[each.n], each))
            elif each.n not in after or not _untouched(after[each.n], each):
                found.append(self._mapped(sides, each))
        for number, each in was.items():
            if number not in after and self.back.new.step[each.step].lane not in self.state.closed:
                due, _ = due_of(view, each)
                found.append((each, _told(each, each, None, due)))
        return found

    def _mapped(self, sides: Sides, each: Instance) -> tuple[Instance, DutyMigrated]:
        if self.back.step_now(each.step) not in self.back.new.step:
            raise Hindrance(code=Code.CANNOT_GO_BACK, place=self.back.old.known_as[each.step])
        made, told = terms.carried(sides, each)
        if made is None:
            raise Hindrance(code=Code.CANNOT_GO_BACK, place=self.back.old.known_as[each.step])
        return made, told

    def _restored(self, sides: Sides, was: Instance, after: Instance, each: Instance) -> tuple[Instance, DutyMigrated]:
        """What people changed stays changed; terms and clock are the older ones, with the grace of any move."""
        due, _ = due_of(sides.old, each)
        if each.missed and not was.missed:
            return self._mapped(sides, each)
        kept = {
            part.name: getattr(each, part.name)
            for part in fields(each)
            if part.name not in CLOCKWORK and getattr(each, part.name) != getattr(after, part.name)
        }
        step = self.back.new.step[was.step]
        known = {rung.id for rung in step.rungs}
        since = {rung: at for rung, at in each.fired.items() if rung not in after.fired and rung in known}
        made = evolve(was, fired={**was.fired, **since}, **kept)
        if made.phase is Phase.OPEN and was.phase is Phase.WAITING:
            made = evolve(made, floor=each.floor, announced=each.announced, raw=each.raw)
        made = self._graced(sides, was, made, due)
        return made, _told(each, made, due, due_of(sides.new, made)[0])

    def _graced(self, sides: Sides, was: Instance, made: Instance, due: int | None) -> Instance:
        """Under the older terms it may be due at once, after a longer time under the newer: nobody is surprised."""
        if was.missed or made.phase is Phase.WAITING or made.receipt:
            return made
        before, _ = due_of(sides.new, made)
        if before is None or before > sides.now or before <= self.crossed.before.now:
            return made
        ends = terms.grace_ends(sides, made)
        return evolve(made, grace=ends if due is None else min(max(due, sides.now + 1), ends))

    def put(self, running: Running, duties: list[tuple[Instance, DutyMigrated]]) -> None:
        """Put the duties back, and record those that come and go and whose due time is what it was."""
        here = {each.n for each in self.here.instances}
        staying = {each.n for each, _ in duties}
        for each in self.here.instances:
            if each.n not in staying:
                del running.instances[each.n]
                running.record(StepCancelled(instance=each.n, step=each.step, superseded=True, cause=None), running.now)
        for each, told in duties:
            running.put(each)
            if told.how == RESTORED and each.n in here and told.due != told.due_was:
                running.record(_due_moved(told), running.now)
            elif each.n not in here and each.phase is Phase.OPEN:
                running.record(_delivered(running, each), running.now)
            elif each.n not in here:
                running.schedule(each, each.starts or running.now)


def _due_moved(told: DutyMigrated) -> DueMoved:
    return DueMoved(
        instance=told.instance, step=told.step, due=told.due, was=told.due_was, cause=None, short_notice=False
    )


def _delivered(running: Running, each: Instance) -> StepDelivered:
    due, _ = due_of(running.view(), each)
    return StepDelivered(
        instance=each.n,
        step=each.step,
        owners=each.owners,
        from_agency=each.from_agency,
        cause=each.cause,
        due=due,
        short_notice=False,
        receipt=each.receipt,
        round=each.round,
        agency=each.agency,
        item=each.item,
    )


def _untouched(after: Instance, each: Instance) -> bool:
    return evolve(each, fired=after.fired, announced=after.announced, raw=after.raw, pages=after.pages) == after


def _told(each: Instance, made: Instance, due: int | None, now: int | None) -> DutyMigrated:
    how: Slug = RESTORED
    return DutyMigrated(
        instance=each.n, was=each.step, step=made.step, agency=made.agency, how=how, due_was=due, due=now
    )
