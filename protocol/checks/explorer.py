"""What exploration adds to the checks: openings, outcomes, ends and joins, each finding with a run that replays.

Every question is decided by the cheapest argument that decides it: a plan carried out on the abstract machine shows
that something can come; a fixpoint over the tables that it never can; ``endings`` proves ends and joins by a falling
rank. Only what is left is searched, breadth first, in the slice of the protocol on which the question depends: a slice
holds whatever may bring about, or take away, what is asked about, so the rest cannot change the answer. No search
visits more than ``MOST_EACH`` states, all together no more than ``MOST_STATES``; a question that is not decided within
that is named as such. What abstract states claim is reported only when the engine replays it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from protocol.checks.abstract import Model, Parents, explore, run_to
from protocol.checks.consequences import LIVE, After, Move, State
from protocol.checks.endings import Endings
from protocol.checks.plans import NEVER, Planner, Tracks
from protocol.checks.slices import leads_back, slice_of
from protocol.errors import Finding
from protocol.kernel import Link, Protocol, Step
from protocol.names import Ref, Slug
from protocol.origins import step_of
from protocol.scenarios import runs
from protocol.state import CaseState, Status
from protocol.text.reading import Path, Places
from protocol.text.spec import STEPS_IN

MOST_STATES = 200_000
"""The most states of one check."""
MOST_EACH = 10_000
"""The most states searched for one question."""


@dataclass(frozen=True, slots=True)
class Searched:
    """One search: the step asked about, and how many states of its slice were found."""

    step: Slug
    states: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What exploring a protocol found: findings, how many states it looked at, and what it could not decide."""

    findings: tuple[Finding, ...]
    states: int
    searched: tuple[Searched, ...]
    """The slices that were searched state by state."""
    undecided: tuple[str, ...]


UNEXPLORED = Proof(findings=(), states=0, searched=(), undecided=())


def prove(protocol: Protocol, place: Places, known: Sequence[Finding]) -> Proof:
    """Explore a protocol; ``known`` findings of the tables are given back with example runs."""
    if any(each.code == "LOOP_WITHOUT_WAITING" for each in known):
        # What goes round without waiting cannot be run: everything else is explored once that is mended.
        return replace(UNEXPLORED, findings=tuple(known))
    explorer = _Explorer(protocol, place)
    explorer.openings({each.place.key for each in known if each.code in ("NEVER_OPENS", "WAIT_FOR_EACH_OTHER")})
    explorer.outcomes()
    explorer.endings()
    explorer.joins()
    explorer.tell_undecided()
    told = [explorer.with_run(each) for each in known]
    return Proof(
        findings=(*told, *explorer.findings),
        states=explorer.states + len(explorer.tracks.states),
        searched=tuple(explorer.searched),
        undecided=tuple(explorer.undecided),
    )


class _Explorer:
    """One exploration, and what it has found so far."""

    def __init__(self, protocol: Protocol, place: Places) -> None:
        self.protocol = protocol
        self.place = place
        self.model = Model(protocol)
        self.planner = Planner(self.model)
        self.tracks = Tracks(self.model)
        self.ends = Endings(protocol)
        self.findings: list[Finding] = []
        self.undecided: list[str] = []
        self.searched: list[Searched] = []
        self.states = 0
        self.nodes: tuple[Step | Link, ...] = (*protocol.steps, *protocol.links)
        self.dead: set[Slug] = set()
        self.exhausted: dict[frozenset[Slug], set[tuple[Slug, Ref]]] = {}

    # What can open

    def openings(self, known: set[str]) -> None:
        """Steps that never open, and causes that never open their step."""
        for each in self.nodes:
            key = f"{STEPS_IN}{each.lane}/{each.id}"
            causes = [ref for arm in each.when.arms for ref in arm]
            shut = [ref for ref in causes if self._never(each, ref)]
            if any(found.startswith(key + "/") for found in known):
                self.dead.add(each.id)
            elif len(shut) == len(causes):
                self.dead.add(each.id)
                self._never_opens(each)
            elif shut:
                self._dead_causes(each, shut)

    def _never(self, node: Step | Link, ref: Ref) -> bool:
        """Whether a cause never opens a step or link; of a join, whether the join never opens or the cause is dead."""
        if self._seen(node, ref):
            return False
        need = self.planner.opening(node.when, ref)
        if need.cost >= NEVER or self.ends.closes(ref, node.lane):
            return True
        self.tracks.carry_out(*self.planner.plan(need), node.id)
        if self._seen(node, ref):
            return False
        run = self._search(node.id, lambda after: self._opens(after, node, ref), self._wanted(node, ref))
        if run is None:
            return True
        if run:
            self.tracks.opened.setdefault((node.id, ref), run)
        return False

    def _wanted(self, node: Step | Link, ref: Ref) -> tuple[Slug, Ref]:
        return (node.id, ref if len(node.when.arms) == 1 else "")

    def _seen(self, node: Step | Link, ref: Ref) -> bool:
        if len(node.when.arms) == 1:
            return (node.id, ref) in self.tracks.opened
        return ref in self.tracks.came and any(each == node.id for each, _ in self.tracks.opened)

    def _opens(self, after: After, node: Step | Link, ref: Ref) -> bool:
        if len(node.when.arms) == 1:
            return (node.id, ref) in after.opened
        return any(each == node.id for each, _ in after.opened)

    def _search(
        self, name: Slug, stop: Callable[[After], bool], wanted: tuple[Slug, Ref], model: Model | None = None
    ) -> tuple[Move, ...] | None:
        """The shortest run to what stops a search; None when there is none, no moves when that is not decided.

        A slice that was searched to its end is not searched again: what it never showed cannot come.
        """
        nodes = slice_of(self.protocol, (name,))
        if model is None and nodes in self.exhausted and wanted not in self.exhausted[nodes]:
            return None
        shown: set[tuple[Slug, Ref]] = set()

        def seen(after: After) -> bool:
            shown.update(after.opened)
            shown.update((each, "") for each, _ in after.opened)
            shown.update(("", each) for each in after.refs)
            return stop(after)

        most = min(MOST_EACH, MOST_STATES - self.states)
        parents, run = explore(model or Model(self.protocol, nodes), most=most, stop=seen)
        self._count(name, parents)
        if run is not None:
            return run
        if len(parents) > most:
            self.undecided.append(name)
            return ()
        self.exhausted[nodes] = shown
        return None

    def _count(self, name: str, parents: Parents) -> None:
        self.states += len(parents)
        self.searched.append(Searched(name, len(parents)))

    def _never_opens(self, node: Step | Link) -> None:
        refs = [ref for arm in node.when.arms for ref in arm if ref in self.tracks.came or self._came(ref)]
        run: tuple[Move, ...] = ()
        if not refs:
            says, run = f"{node.id} never opens: nothing that opens it can come.", ()
        else:
            run = min((self.tracks.came[ref] for ref in refs), key=len)
            why = (
                "its lane is closed by then or its condition does not hold"
                if node.when.only_if or node.when.unless
                else "something that comes first always closes or cancels it"
            )
            says = f"{node.id} never opens: whenever a cause of it comes, {why}."
        self._add(
            "NEVER_OPENS", says, (node.id, "when"), "Give it a cause and a condition that can come together.", run
        )

    def _came(self, ref: Ref) -> bool:
        """Whether an occurrence can be shown to come."""
        if self.planner.cost(ref) >= NEVER:
            return False
        self.tracks.carry_out(*self.planner.plan(self.planner.need(ref)))
        return ref in self.tracks.came

    def _dead_causes(self, node: Step | Link, shut: list[Ref]) -> None:
        for ref in shut:
            says = f"{spoken(ref)} never opens {node.id}."
            run = self.tracks.came[ref] if self._came(ref) else ()
            self._add("DEAD_CAUSE", says, (node.id, "when"), "Leave it out, or let it come.", run, level="warning")

    def outcomes(self) -> None:
        """Outcomes that can never be chosen, though their step opens."""
        for step in self.protocol.steps:
            for outcome in step.outcomes:
                ref = f"outcome:{step.id}/{outcome.id}"
                if (
                    step.id in self.dead
                    or (outcome.only_if is None and self.ends.always(step, outcome))
                    or self._came(ref)
                ):
                    continue
                possible = self.planner.cost(ref) < NEVER
                if possible and self._search(step.id, partial(_shows, ref), ("", ref)) is not None:
                    continue
                says = f"{step.id} never ends as {outcome.id}."
                path = (step.id, "outcomes", outcome.id)
                write = "Leave the outcome out, or let its condition hold."
                self._add("NEVER_CHOSEN", says, path, write, self._opening(step.id), level="warning")

    # What can end

    def endings(self) -> None:
        """Cases that cannot end: series that nothing stops, steps that no answer ends, rounds without a way out."""
        stuck = {each.id: each for each in self.protocol.steps if each.id not in self.ends.finishing}
        roots = [
            each
            for each in stuck.values()
            if not self.ends.stops[each.id] or not any(self.ends.always(each, found) for found in each.outcomes)
        ]
        reached = {each.id for each in roots}
        for each in stuck.values():
            ring = leads_back(self.ends, each, {})
            # What only leads to a ring, or on from one to another, is not where a case is held.
            if each.id in ring and not reached & ring and leads_back(self.ends, each, stuck) <= ring:
                roots.append(each)
                reached |= ring
        for each in roots:
            if each.id not in self.dead:
                self._cannot_end(each)

    def _cannot_end(self, step: Step) -> None:
        group = frozenset({step.id}) | (leads_back(self.ends, step, {}) if self.ends.stops[step.id] else frozenset())
        model = Model(self.protocol, slice_of(self.protocol, tuple(group), stops=True))
        most = min(MOST_EACH, MOST_STATES - self.states)
        parents, _ = explore(model, most=most)
        self._count(step.id, parents)
        places = [index for each in group for index in model.places(each)]
        whole = len(parents) <= most
        stuck = _without_way(model, parents, places, events=False) if whole else None
        run = self._opening(step.id) if stuck is None else run_to(parents, stuck) if stuck else None
        if run is None:
            return
        told = tuple(runs.words(each) for each in run)
        if self._played(run) is None or runs.comes(self.protocol, told, lambda state: _quiet(state, group)):
            if not whole:
                self.undecided.append(step.id)
            return
        never = not self.ends.stoppers(self.protocol.step[each] for each in group)
        if whole and not never:
            never = _without_way(model, parents, places, events=True) is not None
        self._tell_endless(step, run, never=never)

    def _tell_endless(self, step: Step, run: tuple[Move, ...], *, never: bool) -> None:
        series = step.series is not None and not self.ends.stops[step.id]
        if series and step.series is not None and any(ref.startswith("event:") for ref in step.series.until):
            return
        what = f"{step.id} repeats without end" if series else f"{step.id} cannot be brought to an end"
        says = f"{what}, so the case never ends." if never else f"{what} unless something outside ends it."
        code = "CANNOT_END" if never else "ENDS_ONLY_FROM_OUTSIDE"
        write = (
            "Write until and a cause that surely comes."
            if series
            else "Give it an outcome that can be chosen and leads on."
        )
        key = "repeats" if series else "outcomes"
        self._add(code, says, (step.id, key), write, run, level="error" if never else "warning")

    # Joins

    def joins(self) -> None:
        """Joins of which one arm has come and another never can."""
        for each in self.nodes:
            if len(each.when.arms) > 1 and each.id not in self.dead and not self._opens_surely(each):
                self._join(each)

    def _opens_surely(self, node: Step | Link) -> bool:
        when = node.when
        arms = [arm for arm in when.arms if when.latest not in arm]
        for arm in arms:
            goals = [frozenset((when.latest,))] if when.latest else [frozenset(other) for other in arms if other != arm]
            for goal in goals:
                if not all(self.ends.surely(ref, goal, node if isinstance(node, Step) else None) for ref in arm):
                    return False
        return True

    def _join(self, node: Step | Link) -> None:
        model = Model(self.protocol, slice_of(self.protocol, (node.id,), stops=True))
        later = Planner(model, outside=True)
        own = set(model.places(node.id))
        live = [index for index in model.live_slots if index not in own]
        index = model.arms[node.id]

        def starved(after: After) -> bool:
            state = after.state
            half = state[index] & ((1 << len(node.when.arms)) - 1)
            shut = node.lane in model.lanes and state[model.lanes[node.lane]]
            if not half or shut or state[0] != LIVE or any(state[each] for each in live):
                return False
            return bool(self._missing(node, half))

        run = self._search(node.id, starved, (node.id, ""), model)
        if not run:
            return
        told = tuple(runs.words(each) for each in run)
        opened = f"opened:{node.id}"
        played = self._played(run)
        if played is None or not played.arms.get(node.id):
            return
        before = played.last.get(opened)
        if runs.comes(self.protocol, told, lambda state: state.last.get(opened) != before):
            return
        arms = self._missing(node, sum(1 << each for each in played.arms[node.id]))
        missing = " and ".join(" or ".join(spoken(ref) for ref in arm) for arm in arms)
        self._tell_join(node, run, missing, never=any(all(later.cost(ref) >= NEVER for ref in arm) for arm in arms))

    def _tell_join(self, node: Step | Link, run: tuple[Move, ...], missing: str, *, never: bool) -> None:
        refs = {ref for arm in node.when.arms for ref in arm}
        last = run[-1]
        starves = last.kind == "answer" and f"outcome:{last.name}/{last.detail}" not in refs
        starves = starves and any((step := step_of(self.protocol, ref)) and step.id == last.name for ref in refs)
        after = f"After {last.name} {last.detail}, " if starves else ""
        cannot = "cannot come any more" if never else "comes only if something from outside brings it"
        says = f"{after}{node.id} waits for ever: {missing} {cannot}."
        code = "JOIN_STARVED" if starves else "JOIN_FOR_EVER"
        level = "error" if never and not starves else "warning"
        self._add(code, says, (node.id, "when all of"), "Add or at latest: D after CAUSE.", run, level)

    def _missing(self, node: Step | Link, half: int) -> list[tuple[Ref, ...]]:
        """The arms not filled; none if one of them is filled by an event, for which a text may wait."""
        arms = [
            arm for number, arm in enumerate(node.when.arms) if node.when.latest not in arm and not half >> number & 1
        ]
        return [] if any(ref.startswith("event:") for arm in arms for ref in arm) else arms

    # Telling

    def tell_undecided(self) -> None:
        """What was not decided within the bound is said."""
        for name in dict.fromkeys(self.undecided):
            says = f"{name} is not decided: its slice has more than {MOST_EACH:,} states."
            self._add("UNDECIDED", says, (name,), "Play it through in a scenario.", (), level="note")

    def _opening(self, name: Slug) -> tuple[Move, ...]:
        found = [run for (each, _), run in self.tracks.opened.items() if each == name]
        return min(found, key=len, default=())

    def _played(self, run: Sequence[Move]) -> CaseState | None:
        try:
            return runs.scenario_of(self.protocol, [runs.words(each) for each in run]).state
        except runs.UnplayableError:
            return None

    def _add(self, code: str, says: str, keys: Path, write: str, run: Sequence[Move], level: str = "error") -> None:
        node = next(each for each in self.nodes if each.id == keys[0])
        told = tuple(runs.words(each) for each in run)
        if told and self._played(run) is None:
            told = ()
        where = self.place((STEPS_IN + node.lane, *keys))
        self.findings.append(Finding(code=code, says=says, place=where, write=write, level=level, run=told))

    def with_run(self, finding: Finding) -> Finding:
        """A finding of the tables about a step, with the shortest run that opens the step."""
        parts = finding.place.key.split("/")
        if finding.run or len(parts) < 2 or not parts[0].startswith(STEPS_IN):
            return finding
        run = self._opening(parts[1])
        return replace(finding, run=tuple(runs.words(each) for each in run)) if run and self._played(run) else finding


def _shows(ref: Ref, after: After) -> bool:
    return ref in after.refs


def _quiet(state: CaseState, group: frozenset[Slug]) -> bool:
    return state.status is Status.ENDED or not any(each.step in group for each in state.instances)


def _without_way(model: Model, parents: Parents, places: list[int], *, events: bool) -> State | None:
    """The first state found from which these places can never be empty again."""
    before: dict[State, list[State]] = {}
    good: list[State] = []
    for state in parents:
        if state[0] != LIVE or not any(state[each] for each in places):
            good.append(state)
            continue
        for after in model.moves(state, events=events):
            before.setdefault(after.state, []).append(state)
    seen = set(good)
    while good:
        for each in before.get(good.pop(), ()):
            if each not in seen:
                seen.add(each)
                good.append(each)
    return next((each for each in parents if each not in seen), None)


def spoken(ref: Ref) -> str:
    """An occurrence as a text says it: ``scene arrest``, ``serve late``, ``absences reaches 4``."""
    kind, _, name = ref.partition(":")
    first, _, rest = name.partition("/")
    if kind in ("event", "wait"):
        return name
    if kind == "counter":
        return f"{first} reaches {rest}"
    if kind == "outcome":
        return f"{first} {rest}"
    if kind == "late":
        return f"{first} {rest.replace('-', ' ')} late" if rest else f"{first} late"
    return f"{name} {({'ended': 'ends', 'opened': 'opens', 'cancelled': 'cancelled', 'settled': 'all ended'})[kind]}"
