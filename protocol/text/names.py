"""The names a protocol declares, how people list them, and lengths of time: what every phrase is made of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from protocol.expressions import OWNER, Length, Unit
from protocol.kernel import FieldType, Wait
from protocol.names import Slug
from protocol.text.reading import Path
from protocol.text.spec import STEPS_IN, OutcomeSpec, RungSpec, Spec, StepSpec

NAME = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
UNITS = "second|minute|hour|day|week|month"
LENGTH = rf"\d+ (?:{NAME} )?(?:{UNITS})s?"
MOST_UNITS = 10_000
LONGEST_NAME = 64
MOST_COMPARED = 100
"""Names a misspelt one is compared with: comparing is slow, and nobody reads a list of hundreds."""
MOST_LISTED = 12
NO_TIME = Length(count=0, unit=Unit.MINUTE)


class PhraseError(Exception):
    """A phrase that cannot be read: a code, what is wrong, what to write."""

    def __init__(self, code: str, says: str, write: str = "") -> None:
        super().__init__(says)
        self.code = code
        self.says = says
        self.write = write


@dataclass(slots=True)
class Names:
    """Every name a protocol declares, for look-ups and for "did you mean"."""

    agencies: set[Slug] = field(default_factory=set)
    roles: set[Slug] = field(default_factory=set)
    fields: dict[Slug, FieldType] = field(default_factory=dict)
    choices: dict[Slug, tuple[Slug, ...]] = field(default_factory=dict)
    """Per field that is one of several words, these words."""
    vault: set[Slug] = field(default_factory=set)
    events: set[Slug] = field(default_factory=set)
    lanes: set[Slug] = field(default_factory=set)
    links: set[Slug] = field(default_factory=set)
    columns: dict[Slug, dict[Slug, FieldType]] = field(default_factory=dict)
    """Per list field, its columns."""
    item: dict[Slug, FieldType] = field(default_factory=dict)
    """The columns of the list whose items the step that is being read is for: what ``its F`` may name."""
    thresholds: dict[Slug, set[int]] = field(default_factory=dict)
    """Per counter, the counts something waits for."""
    steps: dict[Slug, tuple[Slug, ...]] = field(default_factory=dict)
    """Step id to its outcomes."""
    waits: dict[Slug, Wait] = field(default_factory=dict)
    late: dict[Slug, dict[str, Length]] = field(default_factory=dict)
    """Per step, the ``S D late`` causes something waits for."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the closest known word, or the words there are."""
    words = sorted(each for each in known if len(each) <= LONGEST_NAME)
    alike = [each for each in words if each[:1] == word[:1]] if len(words) > MOST_COMPARED else words
    if len(word) <= LONGEST_NAME:
        close = difflib.get_close_matches(word, alike[:MOST_COMPARED], n=1, cutoff=0.6)
        if close:
            return f"Did you mean {close[0]}?"
    more = " .." if len(words) > MOST_LISTED else "."
    return f"There is {', '.join(words[:MOST_LISTED])}{more}" if words else ""


def names_in(phrase: str) -> tuple[str, ...]:
    """The names of ``a``, ``a and b``, ``a, b and c``."""
    return tuple(each for each in re.split(r",\s*|\s+and\s+", phrase.strip()) if each)


def listed(value: str | list[str] | None) -> tuple[str, ...]:
    """The names of ``a, b and c``, or of a list."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else names_in(value)


def names_written(spec: Spec) -> Iterator[tuple[str, Path]]:
    """Every name a text gives to something, and where it stands."""
    yield spec.protocol, ("protocol",)
    for key in ("agencies", "agreements", "record", "vault", "events", "ladders"):
        for name, value in getattr(spec, key).items():
            yield name, (key, name)
            if getattr(value, "was", None):
                yield value.was, (key, name, "was")
    for of, classes in spec.keep.items():
        if isinstance(classes, dict):
            yield from ((name, ("keep", of, name)) for name in classes)
    for agency, found in spec.agencies.items():
        yield from ((name, ("agencies", agency, "roles", name)) for name in found.roles)
        yield from ((name, ("agencies", agency, "lead")) for name in listed(found.lead) if name not in found.roles)
    for ladder, rungs in spec.ladders.items():
        yield from _names_of_rungs(rungs, ("ladders", ladder))
    for lane, steps in spec.lanes.items():
        yield lane, (STEPS_IN + lane,)
        for name, step in steps.items():
            yield name, (STEPS_IN + lane, name)
            yield from _names_in_step(step, (STEPS_IN + lane, name))


def _names_in_step(step: StepSpec, path: Path) -> Iterator[tuple[str, Path]]:
    for key, name in (("runs", step.runs), ("as", step.as_event), ("was", step.was)):
        if name:
            yield name, (*path, key)
    yield from ((name, (*path, "passes on", name)) for name in step.passes_on or {})
    if isinstance(step.ladder, dict):
        yield from _names_of_rungs(step.ladder, (*path, "ladder"))
    for name, outcome in (step.outcomes or {}).items():
        yield name, (*path, "outcomes", name)
        if isinstance(outcome, OutcomeSpec) and outcome.was:
            yield outcome.was, (*path, "outcomes", name, "was")


def _names_of_rungs(rungs: Mapping[str, str | list[str] | RungSpec], path: Path) -> Iterator[tuple[str, Path]]:
    for when, rung in rungs.items():
        if isinstance(rung, RungSpec):
            yield from ((name, (*path, when, key)) for key, name in (("name", rung.name), ("was", rung.was)) if name)


def length(phrase: str, owner: Slug, names: Names) -> Length:
    """``2 hours``, ``3 court days``, ``1 working day``; ``working`` is the owner's calendar."""
    found = re.fullmatch(rf"(\d+) (?:({NAME}) )?({UNITS})s?", phrase)
    if found is None:
        short = re.fullmatch(r"(\d+) ?(h|hr|hrs|m|min|mins|d|w|s)", phrase)
        if short is not None:
            unit = {"h": "hours", "m": "minutes", "d": "days", "w": "weeks", "s": "seconds"}[short.group(2)[0]]
            raise PhraseError(
                "LENGTH_UNIT", f"{phrase} is not a length.", f"Write units in full: {short.group(1)} {unit}"
            )
        raise PhraseError("LENGTH", f"{phrase} is not a length.", "Write a number and a unit: 2 hours, 1 working day")
    count, calendar, unit = int(found.group(1)), found.group(2), Unit(found.group(3))
    if count > MOST_UNITS:
        raise PhraseError("LENGTH_RANGE", f"{phrase} is too long.", "Write at most 10,000 of a unit.")
    if calendar is None:
        return Length(count=count, unit=unit)
    agency = owner if calendar == "working" else calendar
    if agency != OWNER and agency not in names.agencies:
        raise PhraseError(
            "UNKNOWN_CALENDAR", f"{calendar} is no agency.", "Say working days or, for example, court days."
        )
    if unit not in (Unit.HOUR, Unit.DAY):
        raise PhraseError("LENGTH_CALENDAR", f"{calendar} goes with hours and days.", f"Write {count} {calendar} days.")
    return Length(count=count, unit=unit, calendar=agency)


def known(word: str, known: Iterable[str], kind: str) -> str:
    """The word, if it is one of the names."""
    words = set(known)
    if word not in words:
        raise PhraseError(f"UNKNOWN_{kind.upper()}", f"{word} is no {kind}.", did_you_mean(word, words))
    return word


def instant_field(name: str, names: Names) -> Slug:
    """A record field that is a date and time."""
    if name in names.vault:
        raise PhraseError(
            "VAULT_READ", f"{name} is in the vault: nothing may depend on it.", "Ask a date and time in record."
        )
    if name not in names.fields:
        raise PhraseError("UNKNOWN_FIELD", f"{name} is no field.", did_you_mean(name, names.fields))
    if names.fields[name] is not FieldType.INSTANT:
        raise PhraseError(
            "FIELD_NOT_A_TIME", f"{name} is not a date and time.", f"Write {name}: date and time in record."
        )
    return name
