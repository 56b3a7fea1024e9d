"""Declared renames: what the newer text says ``was:`` another is compared with that other.

Only what is declared is a rename. Without it a thing is gone and another is new, however alike they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from protocol.errors import HandoffError
from protocol.expressions import AnchorKind, Offset, Test, TestKind
from protocol.kernel import (
    Act,
    ActKind,
    Ask,
    Chosen,
    ChosenBy,
    Event,
    Field,
    Link,
    Protocol,
    Rung,
    Step,
)
from protocol.names import Ref, Slug

T = TypeVar("T")
TARGETS = {ActKind.CANCEL: "step", ActKind.STOP_REPEATING: "step", ActKind.START_LINKED: "event"}
STEP_REFS = ("ended", "outcome", "opened", "late", "cancelled", "settled")


def renames(old: Protocol, new: Protocol) -> Mapping[str, str]:
    """Old unit to new unit, as ``step:first-call`` to ``step:night-call``.

    Raises:
        HandoffError: ``WAS_UNKNOWN`` when the older text has no such thing, ``WAS_THERE`` when the newer text has it
            still, ``WAS_TWICE`` when two things claim it.
    """
    found: dict[str, str] = {}
    for unit, was in new.renamed.items():
        kind, _, name = unit.partition(":")
        step = name.rpartition("/")[0]
        before = f"{kind}:{was}" if not step else f"{kind}:{_step_before(new, step)}/{was}"
        if before not in units(old):
            raise HandoffError("WAS_UNKNOWN", f"{unit} says that it was {was}, and the older text has no such {kind}.")
        if before in found:
            raise HandoffError("WAS_TWICE", f"{found[before]} and {unit} both say that they were {was}.")
        after = f"{kind}:{was}" if not step else f"{kind}:{step}/{was}"
        if after != unit and after in units(new):
            raise HandoffError("WAS_THERE", f"{unit} says that it was {was}, which is still there: {after}.")
        found[before] = unit
    return found


def _step_before(new: Protocol, step: str) -> str:
    return new.renamed.get(f"step:{step}", step)


def units(protocol: Protocol) -> frozenset[str]:
    """Everything of a text that a change can be about and a rename can name."""
    return frozenset(
        (
            *(f"step:{each.id}" for each in protocol.steps),
            *(f"outcome:{each.id}/{one.id}" for each in protocol.steps for one in each.outcomes),
            *(f"rung:{each.id}/{one.id}" for each in protocol.steps for one in each.rungs),
            *(f"field:{each.id}" for each in protocol.fields),
            *(f"event:{each.id}" for each in protocol.events),
        )
    )


def with_new_names(old: Protocol, found: Mapping[str, str]) -> Protocol:
    """The older text with the newer one's names, so that the two can be compared part by part."""
    if not found:
        return old
    names = Names(found)
    steps = tuple(names.step(each) for each in old.steps)
    others = {
        each.name: names.of(getattr(old, each.name))
        for each in fields(old)
        if each.name not in ("steps", "words", "renamed")
    }
    return replace(old, **others, steps=steps)


class Names:
    """Gives each thing its newer name, by what kind of thing it is named as."""

    def __init__(self, found: Mapping[str, str]) -> None:
        self._found = found

    def named(self, kind: str, name: str) -> str:
        """The newer name of a thing of a kind."""
        known = self._found.get(f"{kind}:{name}")
        return name if known is None else known.partition(":")[2].rpartition("/")[2]

    def inner(self, kind: str, step: str, name: str) -> str:
        """The newer name of a step's outcome or rung, by the step's older name."""
        known = self._found.get(f"{kind}:{step}/{name}")
        return name if known is None else known.rpartition("/")[2]

    def ref(self, ref: Ref) -> Ref:
        """An occurrence by its newer name."""
        kind, _, name = ref.partition(":")
        step, slash, inner = name.partition("/")
        if kind == "event":
            return f"event:{self.named('event', name)}"
        if kind == "counter":
            return f"counter:{self.named('field', step)}{slash}{inner}"
        if kind in STEP_REFS:
            inner = self.inner("outcome", step, inner) if kind == "outcome" else inner
            return f"{kind}:{self.named('step', step)}{slash}{inner}"
        return ref

    def step(self, step: Step) -> Step:
        """A step with newer names all through."""
        renamed = self.of(step)
        outcomes = tuple(replace(self.of(each), id=self.inner("outcome", step.id, each.id)) for each in step.outcomes)
        rungs = tuple(self._rung(step.id, each) for each in step.rungs)
        tries = (
            None if step.tries is None else replace(step.tries, then=self.inner("outcome", step.id, step.tries.then))
        )
        return replace(renamed, outcomes=outcomes, rungs=rungs, tries=tries)

    def _rung(self, step: str, rung: Rung) -> Rung:
        acts = tuple(
            replace(each, targets=tuple(self.inner("outcome", step, one) for one in each.targets))
            if each.act is ActKind.END_AS
            else self.of(each)
            for each in rung.acts
        )
        after = None if rung.after is None else self.inner("rung", step, rung.after)
        return replace(self.of(rung), id=self.inner("rung", step, rung.id), after=after, acts=acts)

    def of(self, value: T) -> T:
        """A value of the kernel with newer names in it."""
        found: object = value
        if isinstance(value, str):
            found = self.ref(value) if ":" in value else value
        elif isinstance(value, tuple):
            found = tuple(self.of(each) for each in value)
        elif is_dataclass(value) and not isinstance(value, type):
            parts = {each.name: self.of(getattr(value, each.name)) for each in fields(value)}
            found = self._renamed(replace(value, **parts))
        return cast("T", found)

    def _fields(self, names: tuple[Slug, ...]) -> tuple[Slug, ...]:
        return tuple(self.named("field", each) for each in names)

    def _renamed(self, made: object) -> object:  # noqa: PLR0911 - one line for each kind of thing that names another
        match made:
            case Step():
                listed = None if made.for_each is None else self.named("field", made.for_each)
                stands_for = None if made.stands_for is None else self.named("step", made.stands_for)
                return replace(made, id=self.named("step", made.id), for_each=listed, stands_for=stands_for)
            case Field():
                return replace(made, id=self.named("field", made.id))
            case Event():
                brings, may = self._fields(made.brings), self._fields(made.may_bring)
                return replace(made, id=self.named("event", made.id), brings=brings, may_bring=may)
            case Test():
                kind = {TestKind.OPEN: "step", TestKind.HAPPENED: ""}.get(made.test, "field")
                return replace(made, name=self.named(kind, made.name))
            case Offset() | Chosen() if made.name is not None and _names_a_field(made):
                return replace(made, name=self.named("field", made.name))
            case Ask():
                return replace(made, name=self.named("field", made.name))
            case Act():
                kind = TARGETS.get(made.act, "")
                return replace(made, targets=tuple(self.named(kind, each) for each in made.targets))
            case Link():
                return replace(made, gives=self._fields(made.gives))
        return made


def _names_a_field(made: Offset | Chosen) -> bool:
    return made.anchor is AnchorKind.FIELD if isinstance(made, Offset) else made.by is ChosenBy.FIELD
