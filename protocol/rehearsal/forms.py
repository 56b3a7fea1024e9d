"""What modelled people write: outcomes by weight, forms and reports filled by habit, the same under either text."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.kernel import (
    Event,
    Field,
    FieldType,
    Outcome,
    Protocol,
    Step,
)
from protocol.names import Slug
from protocol.rehearsal.chance import Chance
from protocol.rehearsal.habits import AHEAD, FieldHabits, Habits
from protocol.rehearsal.people import SECOND
from protocol.state import Instant, Scalar, Value

Name = tuple[object, ...]
UNSAID = FieldHabits()


class Forms:
    """Fills what a text asks."""

    def __init__(self, protocol: Protocol, habits: Habits, chance: Chance) -> None:
        self._protocol, self._habits, self._chance = protocol, habits, chance

    def outcomes(self, step: Step, name: Slug, of: Name) -> Iterator[Outcome]:
        """The outcomes of a step in the order in which they would be chosen."""
        said = self._habits.steps.get(name)
        weights = None if said is None else said.outcomes
        ends = None if step.tries is None else step.tries.then
        known = {each.id: each for each in step.outcomes}
        chosen = [
            (each, (1.0 if each != ends else 0.0) if weights is None else float(weights.get(each, 0.0)))
            for each in known
        ]
        return (known[each] for each in self._chance.choose(chosen, *of, "outcome"))

    def filled(self, outcome: Outcome, of: Name, at: Instant) -> tuple[dict[Slug, Value], dict[Slug, str]]:
        """What the form of an outcome is answered with: all that it needs."""
        names = [each.name for each in outcome.asks if each.required]
        refs = {each: "ref" for each in names if each in self._protocol.slot}
        return {each: self._value(self._protocol.field[each], of, at) for each in names if each not in refs}, refs

    def brought(self, case: int, event: Event, at: Instant) -> dict[Slug, Value]:
        """What a report brings: all that it must, and of the rest what habits tell of, as often as they say."""
        found: dict[Slug, Value] = {}
        for name in (*event.brings, *event.may_bring):
            if name not in self._protocol.field:
                continue
            habit = self._habits.fields.get(name)
            may = habit is not None and self._chance.draw(case, event.id, "brings", name) < habit.brought
            if name in event.brings or may:
                found[name] = self._value(self._protocol.field[name], (case, event.id), at)
        return found

    def _value(self, known: Field, of: Name, at: Instant) -> Value:
        if known.type is FieldType.LIST:
            return ({each.id: self._scalar(each, (*of, known.id), at) for each in known.columns},)
        return self._scalar(known, of, at)

    def _scalar(self, known: Field, of: Name, at: Instant) -> Scalar:
        habit, chance = self._habits.fields.get(known.id, UNSAID), self._chance
        match known.type:
            case FieldType.YES_NO:
                return chance.draw(*of, known.id) < (0.5 if habit.yes is None else habit.yes)
            case FieldType.NUMBER:
                return known.low + int(chance.draw(*of, known.id) * (known.high - known.low + 1))
            case FieldType.INSTANT:
                return at + (habit.ahead or AHEAD).seconds(chance.normal(*of, known.id)) * SECOND
            case FieldType.REFERENCE:
                return "rehearsed"
        weights = habit.choices
        choices = [(each, 1.0 if weights is None else float(weights.get(each, 0.0))) for each in known.choices]
        return next(chance.choose(choices, *of, known.id))
