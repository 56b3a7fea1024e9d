"""What a story knows of its case: its facts, folded into who holds what, what is late, paused, closed, counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.facts import (
    ClockPaused,
    ClockResumed,
    Counted,
    DueMoved,
    Fact,
    FieldSet,
    LaneClosed,
    LanePaused,
    LaneReopened,
    LaneResumed,
    LinkStarted,
    OwnersChanged,
    StepCancelled,
    StepDelivered,
    StepEnded,
    StepScheduled,
    WindowMissed,
)
from protocol.names import Slug
from protocol.state import Instant, Value


@dataclass(slots=True)
class Task:
    """One instance as its facts tell it."""

    instance: int
    step: Slug
    owners: tuple[Slug, ...] = ()
    due: Instant | None = None
    open: bool = False
    late: bool = False
    paused: bool = False


class Seen:
    """The facts of a case so far; ``fresh`` are those since the entry began."""

    def __init__(self) -> None:
        self.tasks: dict[int, Task] = {}
        self.facts: list[Fact] = []
        self.fresh: list[Fact] = []
        self.fields: dict[Slug, Value] = {}
        self.links: dict[Slug, int] = {}
        self.paused: set[Slug] = set()
        self.closed: set[Slug] = set()

    def see(self, facts: Iterable[Fact]) -> None:
        """Take in new facts."""
        for fact in facts:
            self.facts.append(fact)
            self.fresh.append(fact)
            self._fold(fact)
            self._fold_case(fact)

    def begin(self) -> None:
        """A new entry: what was told is what is told from now on."""
        self.fresh = []

    def of(self, step: Slug) -> list[Task]:
        """The live instances of a step, delivered or waiting."""
        return [each for each in self.tasks.values() if each.step == step]

    def _fold_case(self, fact: Fact) -> None:
        body = fact.body
        match body:
            case FieldSet() | Counted():
                self.fields[body.field] = body.value
            case LinkStarted():
                self.links[body.link] = fact.seq
            case LaneClosed():
                self.closed.add(body.lane)
            case LaneReopened():
                self.closed.discard(body.lane)
            case LanePaused():
                self.paused.add(body.lane)
            case LaneResumed():
                self.paused.discard(body.lane)
            case _:
                pass

    def _fold(self, fact: Fact) -> None:
        body = fact.body
        match body:
            case StepScheduled():
                self.tasks[body.instance] = Task(body.instance, body.step)
            case StepDelivered():
                self.tasks[body.instance] = Task(body.instance, body.step, body.owners, body.due, open=True)
            case StepEnded() | StepCancelled():
                self.tasks.pop(body.instance, None)
            case OwnersChanged():
                self.tasks[body.instance].owners = body.owners
            case DueMoved():
                self.tasks[body.instance].due = body.due
            case WindowMissed():
                self.tasks[body.instance].late = True
            case ClockPaused():
                self.tasks[body.instance].paused = True
            case ClockResumed():
                self.tasks[body.instance].paused = False
                self.tasks[body.instance].due = body.due
            case _:
                pass
