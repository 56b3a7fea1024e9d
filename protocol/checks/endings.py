"""Proofs from the tables that a case can always come to its end, and that a join it has begun to fill will open.

Two arguments, both by a rank that falls, so that no state need be visited:

*Finishing.* A step can be finished when it has an outcome that may always be chosen and after which only steps that can
be finished are opened (least fixpoint; opening it counts too). If every step can be, people can end any case at any
time by those outcomes, however it came to be where it is: each answer leaves duties of lower rank only. Closing lanes
only takes duties away. A series without end must besides be one that stops.

*Following.* What surely follows an occurrence: the waits it arms; of a step that it opens without condition, in a lane
that nothing else closes, what follows each of its outcomes. A live instance serves a cause that comes meanwhile: its
end comes after that cause all the same.

What is not proved here is not yet wrong: the explorer looks for a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from protocol.expressions import Length, Unit
from protocol.kernel import (
    Act,
    ActKind,
    Guard,
    Outcome,
    Protocol,
    Series,
    Step,
)
from protocol.names import Ref, Slug
from protocol.origins import behind, step_of

DAYS = {Unit.SECOND: 0, Unit.MINUTE: 0, Unit.HOUR: 1, Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 31}
WORKING = 3
"""So many plain days may hold one working day, holidays and weekends and all."""


Key: TypeAlias = tuple[str, frozenset[Ref], Slug]


DEEPEST = 80
"""A chain of more steps than these is not followed to its end."""


class Endings:
    """What of a protocol is proved to end, and to follow."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._proofs: dict[Key, bool] = {}
        self._depth = 0
        self.shutters = list(_shutters(protocol))
        self.shutting = _by_step(protocol, self.shutters)
        self.open_at: dict[Ref, list[Step]] = {
            ref: [step for step, _ in found] for ref, found in protocol.opens.items()
        }
        self.stops = {
            step.id: step.series is None or step.series.every is None or self._stops(step, step.series)
            for step in protocol.steps
        }
        self.finishing: set[Slug] = set()
        grew = True
        while grew:
            more = {each.id for each in protocol.steps if each.id not in self.finishing and self._can_finish(each)}
            grew = bool(more)
            self.finishing |= more

    # Finishing

    def always(self, step: Step, outcome: Outcome) -> bool:
        """Whether an outcome may be chosen whenever its step is open, or comes to it by a rung."""
        votes = step.votes
        agree = votes is None or votes.owner_decides or votes.needed <= len(set(votes.roles))
        return (agree and outcome.only_if is None) or any(
            rung.only_if is None
            and rung.guard is Guard.NONE
            and act.act is ActKind.END_AS
            and act.targets[0] == outcome.id
            for rung in step.rungs
            for act in rung.acts
        )

    def _can_finish(self, step: Step) -> bool:
        if not self.stops[step.id]:
            return False
        if not all(each.id in self.finishing for each in self.open_at.get(f"opened:{step.id}", ()) if each is not step):
            return False
        return any(
            self.always(step, each) and all(found in self.finishing for found in self._after(step, each))
            for each in step.outcomes
        )

    def _after(self, step: Step, outcome: Outcome) -> set[Slug]:
        """The steps that an outcome may open, at once or by a wait or a count."""
        if any(act.act is ActKind.END_CASE for act in outcome.acts):
            return set()
        refs = {f"ended:{step.id}", f"settled:{step.id}", f"outcome:{step.id}/{outcome.id}"}
        asked = {ask.name for ask in outcome.asks if ask.required}
        for act in outcome.acts:
            if act.act is ActKind.CANCEL:
                refs |= {f"cancelled:{each}" for each in act.targets}
            elif act.act is ActKind.CLOSE:
                refs |= {f"cancelled:{each.id}" for each in self.protocol.steps if each.lane == act.targets[0]}
        for name, counting in self.protocol.counters:
            if refs & set(counting.of):
                refs |= {f"counter:{name}/{each}" for each in counting.thresholds}
        for wait in self.protocol.waits:
            if refs & set(wait.armed_by) or (not wait.armed_by and wait.at.name in asked):
                refs.add(f"wait:{wait.id}")
        return {each.id for ref in refs for each in self.open_at.get(ref, ())}

    def opened_by(self, step: Step) -> set[Slug]:
        """The steps that a step may open, by opening or by any of its ends."""
        found = {each.id for each in self.open_at.get(f"opened:{step.id}", ())}
        return found.union(*(self._after(step, each) for each in step.outcomes))

    # Series

    def _stops(self, step: Step, series: Series) -> bool:
        if any(self._own(step, series, ref) for ref in series.until):
            return True
        causes = [ref for arm in step.when.arms for ref in arm]
        goal = frozenset(series.until)
        return bool(goal) and all(self.follows((ref, f"opened:{step.id}"), goal, step) for ref in causes)

    def _own(self, step: Step, series: Series, ref: Ref) -> bool:
        """Whether people can stop a series by the answers of its own rounds."""
        if step.when.only_if or step.when.unless:
            return False
        outcomes = {f"outcome:{step.id}/{each.id}": each for each in step.outcomes if self.always(step, each)}
        if ref == f"ended:{step.id}" or ref in outcomes:
            return bool(outcomes)
        if not ref.startswith("counter:") or series.every is None:
            return False
        name, _, count = ref.removeprefix("counter:").partition("/")
        counting = self.protocol.field[name].counting
        if counting is None or counting.within is None:
            # A count without a span that was reached once is never reached again.
            return False
        counted = set(outcomes) & set(counting.of) or ({f"ended:{step.id}"} & set(counting.of) if outcomes else set())
        # Rounds as far apart as they can be must all lie within the span.
        return bool(counted - set(counting.resets)) and (int(count) - 1) * _days(series.every) < _days(counting.within)

    # Following

    def surely(self, ref: Ref, goal: frozenset[Ref], stopped: Step | None) -> bool:
        """Whether a goal surely follows, or has surely been set going before, an occurrence."""
        return self._known((ref, goal, _name(stopped)), lambda: self._surely(ref, goal, stopped))

    def _known(self, key: Key, prove: Callable[[], bool]) -> bool:
        """A proof made once; in a circle it counts as not made, so nothing is proved by itself."""
        if key not in self._proofs:
            self._proofs[key] = False
            self._depth += 1
            self._proofs[key] = self._depth < DEEPEST and prove()
            self._depth -= 1
        return self._proofs[key]

    def _surely(self, ref: Ref, goal: frozenset[Ref], stopped: Step | None) -> bool:
        if self.follows((ref,), goal, stopped):
            return True
        step = step_of(self.protocol, ref)
        if step is None:
            sets: list[tuple[Ref, ...]] = [() if ref.startswith("wait") else behind(self.protocol, ref)]
        elif step.when.latest is not None:
            sets = [tuple(each for arm in step.when.arms for each in arm)]
        else:
            # Every arm of a join came before it opened: one that leads there is enough.
            sets = list(step.when.arms)
        return any(bool(causes) and all(self.surely(each, goal, stopped) for each in causes) for causes in sets)

    def follows(self, refs: Iterable[Ref], goal: frozenset[Ref], stopped: Step | None) -> bool:
        """Whether a goal surely follows these occurrences of one moment, or ``stopped`` (or the case) is stopped."""
        known = set(refs)
        # "S ends" and "S outcome" are one occurrence.
        known |= {
            f"ended:{each.removeprefix('outcome:').partition('/')[0]}" for each in known if each[:8] == "outcome:"
        }
        if known & goal:
            return True
        if any(self._halts(act, stopped) for ref in known for act in self._acts(ref)):
            return True
        for ref in known:
            for wait in self.protocol.arms_waits.get(ref, ()):
                if self.follows((f"wait:{wait.id}",), goal, stopped):
                    return True
            for step in self.open_at.get(ref, ()):
                if self._leads(step, goal, stopped):
                    return True
            owed = step_of(self.protocol, ref) if ref.startswith("opened:") else None
            if owed is not None and self._ends(owed, goal, stopped):
                return True
        return False

    def _leads(self, step: Step, goal: frozenset[Ref], stopped: Step | None) -> bool:
        """Whether opening a step leads to the goal: it opens for sure, and all its ends lead there."""
        sure = len(step.when.arms) == 1 and not step.when.only_if and not step.when.unless and step.for_each is None
        if not sure or self._may_be_shut(step, stopped):
            return False
        return self._ends(step, goal, stopped) or self._known(
            (f"leads {step.id}", goal, _name(stopped)), lambda: self.follows((f"opened:{step.id}",), goal, stopped)
        )

    def _ends(self, step: Step, goal: frozenset[Ref], stopped: Step | None) -> bool:
        """Whether all ends of an open step lead to the goal."""
        return self._known((f"ends {step.id}", goal, _name(stopped)), lambda: self._all_ends(step, goal, stopped))

    def _all_ends(self, step: Step, goal: frozenset[Ref], stopped: Step | None) -> bool:
        if stopped is not None and step.id == stopped.id:
            return False
        if self._may_be_shut(step, stopped):
            return False
        series = step.series
        repeats = series is not None and series.every is not None
        if series is not None and repeats and self._own_stop(step, series):
            stops = [self.follows((ref,), goal, stopped) for ref in series.until]
            if all(stops):
                return True
        possible = [each for each in step.outcomes if each.only_if is not None or self.always(step, each)]
        return bool(possible) and all(
            self.follows((f"outcome:{step.id}/{each.id}", f"ended:{step.id}"), goal, stopped) for each in possible
        )

    def _own_stop(self, step: Step, series: Series) -> bool:
        return any(self._own(step, series, ref) for ref in series.until)

    def _may_be_shut(self, step: Step, stopped: Step | None) -> bool:
        """Whether something cancels a step, or closes its lane, that does not stop what is to be stopped too."""
        return any(not self._halts(act, stopped) for act in self.shutting[step.id])

    def _halts(self, act: Act, stopped: Step | None) -> bool:
        if act.act is ActKind.END_CASE:
            return True
        if stopped is None:
            return False
        if act.act is ActKind.CLOSE:
            return act.targets[0] == stopped.lane
        return act.act in (ActKind.CANCEL, ActKind.STOP_REPEATING) and stopped.id in act.targets

    def _acts(self, ref: Ref) -> tuple[Act, ...]:
        kind, _, name = ref.partition(":")
        if kind == "event":
            return self.protocol.event[name].acts
        step = self.protocol.step.get(name.partition("/")[0])
        if kind != "outcome" or step is None:
            return ()
        return next((each.acts for each in step.outcomes if each.id == name.partition("/")[2]), ())

    def closes(self, ref: Ref, lane: Slug) -> bool:
        """Whether an occurrence itself closes a lane (and so opens nothing there: closing beats opening)."""
        step = step_of(self.protocol, ref) if ref.startswith("ended:") else None
        every = (ref,) if step is None else tuple(f"outcome:{step.id}/{each.id}" for each in step.outcomes)
        return all(
            any(act.act is ActKind.CLOSE and act.targets[0] == lane for act in self._acts(each))
            and not any(act.act is ActKind.REOPEN and act.targets[0] == lane for act in self._acts(each))
            for each in every
        )

    def stoppers(self, steps: Iterable[Step]) -> bool:
        """Whether anything at all could end these steps besides their answers: an act, of a step or an event."""
        found = list(steps)
        return any(self._halts(act, each) for act in self.shutters for each in found)


def _shutters(protocol: Protocol) -> Iterator[Act]:
    for event in protocol.events:
        yield from event.acts
    for step in protocol.steps:
        for outcome in step.outcomes:
            yield from outcome.acts
        for rung in step.rungs:
            yield from rung.acts


def _by_step(protocol: Protocol, shutters: Iterable[Act]) -> dict[Slug, list[Act]]:
    """For each step the acts that cancel it or close its lane."""
    cancels = [act for act in shutters if act.act is ActKind.CANCEL]
    closes = [act for act in shutters if act.act is ActKind.CLOSE]
    return {
        step.id: [
            *(act for act in cancels if step.id in act.targets),
            *(act for act in closes if act.targets[0] == step.lane),
        ]
        for step in protocol.steps
    }


def _name(step: Step | None) -> Slug:
    return "" if step is None else step.id


def _days(length: Length) -> int:
    """About how many plain days a length lasts at most."""
    plain = max(1, length.count * DAYS[length.unit])
    return plain * WORKING if length.calendar is not None else plain
