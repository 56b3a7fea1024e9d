"""The way from one text to another: names, terms that differ, and the newer text as a case carries it.

A duty that keeps its deadline, or all of its older terms, needs those terms in the text its case is pinned to: they
stand there as steps of their own (``Step.stands_for``) that nothing opens and that publish by the newer name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeVar, cast

from protocol.evolving import evolve
from protocol.expressions import OWNER, Expr, Length, Point
from protocol.kernel import (
    ActKind,
    Calendar,
    ChosenBy,
    FieldType,
    Protocol,
    Step,
    When,
    Words,
)
from protocol.migrating.plan import Plan, StepPlan, load_plan
from protocol.names import Slug
from protocol.origins import fields_read, offsets, point_fields
from protocol.revising.renames import renames, with_new_names
from protocol.serial import dump_protocol, load_protocol

T = TypeVar("T")
LONGEST = 64
TELLING = (ActKind.TELL, ActKind.PAGE, ActKind.REMIND, ActKind.ADD, ActKind.MOVE)
WORDS_FOR_ROLES = {"owner", "lead", "leads", "deputy"}
DEADLINE, TERMS = "k", "g"
"""What a carried row keeps: the due time alone, or all of the older terms."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """From ``old`` (what a case runs on) to ``new``: ``renamed`` is the older text with the newer names."""

    old: Protocol
    new: Protocol
    plan: Plan
    names: Mapping[str, str]
    renamed: Protocol
    was: str
    target: str

    def line(self, step: Slug) -> StepPlan:
        """What the plan says of a step, by its name in the newer text, or in the older one where that is gone."""
        return self.plan.steps.get(step, _NOTHING)

    def step_now(self, step: Slug) -> Slug:
        """An older step's newer name; of a carried row the step it stands for."""
        name = self.old.known_as[step]
        return self.names.get(f"step:{name}", f"step:{name}").partition(":")[2]

    @cached_property
    def changed(self) -> frozenset[Slug]:
        """The steps of both texts whose terms differ: anything but what opens them and where they stand."""
        both = (each for each in self.new.steps if each.id in self.renamed.step)
        return frozenset(each.id for each in both if self.differ(self.renamed.step[each.id], each))

    @cached_property
    def opened_otherwise(self) -> frozenset[Slug]:
        """The steps of the newer text that are new, or that something else opens than before."""
        known = self.renamed.step
        return frozenset(each.id for each in self.new.steps if each.id not in known or known[each.id].when != each.when)

    def differ(self, old: Step, new: Step) -> bool:
        """Whether the terms of two steps differ, or the calendars that they are counted on."""
        apart = evolve(old, id=new.id, stands_for=None, position=new.position, when=new.when)
        return apart != new or any(
            self.renamed.calendar.get(each) != self.new.calendar.get(each) for each in _calendars(new)
        )

    @cached_property
    def onto(self) -> Protocol:
        """The newer text with the older terms that a duty may have to keep."""
        calendars: dict[Slug, Calendar] = {}
        words: dict[str, Words] = {}
        rows = list(self._rows(calendars, words))
        past = remembered(self.old, self.new)
        if not rows and past is self.new:
            return self.new
        return replace(
            past,
            steps=(*past.steps, *rows),
            calendars=(*past.calendars, *calendars.values()),
            words={**past.words, **words},
            base=self.new.base or self.target,
        )

    @cached_property
    def plain(self) -> bool:
        """Whether a case without older terms can run on the newer text as published: it names all of the past."""
        return remembered(self.old, self.new) is self.new

    @cached_property
    def onto_data(self) -> bytes:
        """The canonical bytes of the newer text as carried."""
        return dump_protocol(self.onto)

    @cached_property
    def onto_hash(self) -> str:
        """The hash of the newer text as carried."""
        return hashlib.sha256(self.onto_data).hexdigest()

    def row(self, step: Slug, keeps: str, *, of: Slug | None = None) -> Slug | None:
        """The carried row of a step (``of``: its id in the older text), if the newer text can carry it."""
        found = self._row_id(step if of is None else of, keeps)
        return found if found in self.onto.step else None

    def _row_id(self, step: Slug, keeps: str) -> Slug:
        """One mark however often a case moved: of the text that the terms are from, or of its row there."""
        known = self.renamed.step.get(step)
        name = step if known is None or known.stands_for is None else known.stands_for
        was = self.was if name == step else hashlib.sha256(f"{self.was}/{step}".encode()).hexdigest()
        return _marked(name, keeps, was)

    def _rows(self, calendars: dict[Slug, Calendar], words: dict[str, Words]) -> Iterator[Step]:
        for old in self.renamed.steps:
            name = old.stands_for or old.id
            new = self.new.step.get(name)
            if new is None or old.stands_for == old.id or (old.stands_for is None and name not in self.changed):
                continue
            kept = self._on_older_calendars(old, calendars)
            due = evolve(new, due=kept.due)
            for keeps, made in ((DEADLINE, due), (TERMS, kept)):
                if gone(made, self.new) is None and _answers(made) <= _answers(new):
                    row = self._row_id(old.id, keeps)
                    emptied = When(arms=(), only_if=made.when.only_if, unless=made.when.unless)
                    yield evolve(made, id=row, stands_for=name, when=emptied, position=new.position)
                    source = self.renamed if keeps == TERMS else self.new
                    words |= _words_of(source, old.id if keeps == TERMS else name, row)

    def _on_older_calendars(self, old: Step, calendars: dict[Slug, Calendar]) -> Step:
        """A step with its lengths on the calendars as they were, where those differ."""
        other: dict[Slug, Slug] = {}
        for each in _calendars(old):
            was = self.renamed.calendar.get(each)
            if was is not None and was != self.new.calendar.get(each):
                # A calendar that was carried here already goes on by its name.
                name = _marked(each, "c", self.was) if each in self.old.agency else each
                calendars[name] = evolve(was, id=name)
                other[each] = name
        if old.chosen is None and old.agency in other:
            other[OWNER] = other[old.agency]
        return _counted_on(old, other) if other else old


def _marked(name: Slug, keeps: str, was: str) -> Slug:
    mark = f"-{keeps}{was[:8]}"
    return f"{name[: LONGEST - len(mark)].rstrip('-')}{mark}"


_NOTHING = StepPlan()


@lru_cache(maxsize=64)
def route(old: bytes, new: bytes, plan: bytes) -> Route:
    """The way between two compiled texts by a plan, all as their canonical bytes; a thousand cases share one.

    Raises:
        HandoffError: as ``renames``.
    """
    before, after, lines = load_protocol(old), load_protocol(new), load_plan(plan)
    declared = {f"step:{name}": f"step:{each.to}" for name, each in lines.steps.items() if each.to is not None}
    names = {**renames(before, after), **declared}
    return Route(
        old=before,
        new=after,
        plan=lines,
        names=names,
        renamed=with_new_names(before, names),
        was=hashlib.sha256(old).hexdigest(),
        target=hashlib.sha256(new).hexdigest(),
    )


def remembered(old: Protocol, new: Protocol) -> Protocol:
    """The newer text with what only the older one names, so that the past of a case can be read; it does nothing.

    Steps that nothing opens, events that nobody reports, fields that nothing sets; agencies, roles, lanes, vault slots.
    """
    steps = [
        evolve(each, when=When(arms=()), stands_for=each.id, position=len(new.steps) + each.position)
        for each in old.steps
        if each.id not in new.step
    ]
    events = [evolve(each, sources=(), acts=(), starts=False) for each in old.events if each.id not in new.event]
    fields_ = [
        evolve(each, expr=None, counting=None, type=FieldType.NUMBER if each.counting or each.expr else each.type)
        for each in old.fields
        if each.id not in new.field
    ]
    slots = [each for each in old.vault if each.id not in new.slot]
    lanes = [each for each in old.lanes if each.id not in new.lane]
    roles = [each for each in old.roles if each.id not in new.role]
    agencies = [each for each in old.agencies if each.id not in new.agency]
    if not any((steps, events, fields_, slots, lanes, roles, agencies)):
        return new
    return replace(
        new,
        steps=(*new.steps, *steps),
        events=(*new.events, *events),
        fields=(*new.fields, *fields_),
        vault=(*new.vault, *slots),
        lanes=(*new.lanes, *lanes),
        roles=(*new.roles, *roles),
        agencies=(*new.agencies, *agencies),
        calendars=(*new.calendars, *(each for each in old.calendars if each.id not in new.calendar)),
        words={**old.words, **new.words},
    )


def gone(step: Step, new: Protocol) -> str | None:
    """Something that a step's terms name and a text does not have; None when they can stand in it."""
    roles = {step.role, *(step.chosen.roles if step.chosen else ()), *(step.votes.roles if step.votes else ())}
    asked = {each.name for outcome in step.outcomes for each in outcome.asks}
    try:
        read = set(_fields_read(step, new))
    except KeyError as error:
        return str(error.args[0])
    named: tuple[tuple[set[Slug], Mapping[Slug, object]], ...] = (
        (roles | set(_targets(step, TELLING)) - WORDS_FOR_ROLES, new.role),
        (set(_targets(step, (ActKind.CANCEL, ActKind.STOP_REPEATING))), new.step),
        ({step.lane, *_targets(step, (ActKind.CLOSE, ActKind.REOPEN, ActKind.PAUSE))}, new.lane),
        (set(_targets(step, (ActKind.START_LINKED,))), new.event),
        (read, new.field),
        ({step.agency}, new.agency),
        (asked, {**new.field, **new.slot}),
    )
    return next((each for names, known in named for each in sorted(names) if each not in known), None)


def _targets(step: Step, kinds: tuple[ActKind, ...]) -> Iterator[Slug]:
    """What the acts of these kinds are done to."""
    acts = [act for each in step.rungs for act in each.acts]
    acts += [act for each in step.outcomes for act in each.acts]
    for act in acts:
        if act.act in kinds:
            yield from act.targets


def _fields_read(step: Step, new: Protocol) -> Iterator[Slug]:
    """The fields that a step's conditions and times read, and what chooses its owners."""
    exprs: list[Expr] = [*step.when.only_if, *step.when.unless]
    exprs += [each.only_if for each in step.rungs if each.only_if is not None]
    exprs += [each.only_if for each in step.outcomes if each.only_if is not None]
    exprs += [] if step.pausing.condition is None else [step.pausing.condition]
    for expr in exprs:
        yield from fields_read(new, expr)
    for point in _points(step):
        yield from point_fields(new, point)
    if step.for_each is not None:
        yield step.for_each
    if step.chosen is not None and step.chosen.by is ChosenBy.FIELD and step.chosen.name:
        yield step.chosen.name


def _answers(step: Step) -> frozenset[Slug]:
    return frozenset(each.id for each in step.outcomes)


def _calendars(step: Step) -> frozenset[Slug]:
    """The agencies on whose calendars anything of a step is counted."""
    found = {each.length.calendar for point in _points(step) for each in offsets(point)}
    lengths = [step.series.every, *step.series.after] if step.series is not None else []
    found |= {each.calendar for each in lengths if each is not None}
    return frozenset(step.agency if each == OWNER else each for each in found if each is not None)


def _points(step: Step) -> Iterator[Point | None]:
    yield from (step.due, step.not_before)
    yield from (each.at for each in step.rungs)


def _counted_on(value: T, other: Mapping[Slug, Slug]) -> T:
    """A value of the kernel with every length on other calendars."""
    found: object = value
    if isinstance(value, Length):
        found = replace(value, calendar=other.get(value.calendar or "", value.calendar))
    elif isinstance(value, tuple):
        found = tuple(_counted_on(each, other) for each in value)
    elif is_dataclass(value) and not isinstance(value, type):
        found = replace(value, **{each.name: _counted_on(getattr(value, each.name), other) for each in fields(value)})
    return cast("T", found)


def _words_of(source: Protocol, step: Slug, row: Slug) -> dict[str, Words]:
    """What people read of a step, for its carried row."""
    found: dict[str, Words] = {}
    for unit, said in source.words.items():
        kind, _, name = unit.partition(":")
        if name == step or name.startswith(f"{step}/"):
            found[f"{kind}:{row}{name[len(step) :]}"] = said
    return found
