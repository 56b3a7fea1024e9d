"""The names a protocol declares, how people list them, and lengths of time: what every phrase is made of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from protocol.kernel import OWNER, FieldType, Length, Slug, Unit, Wait

NAME = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
UNITS = "second|minute|hour|day|week|month"
LENGTH = rf"\d+ (?:{NAME} )?(?:{UNITS})s?"
MOST_UNITS = 10_000
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
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There is {', '.join(words[:12])}." if words else ""


def names_in(phrase: str) -> tuple[str, ...]:
    """The names of ``a``, ``a and b``, ``a, b and c``."""
    return tuple(each for each in re.split(r",\s*|\s+and\s+", phrase.strip()) if each)


def listed(value: str | list[str] | None) -> tuple[str, ...]:
    """The names of ``a, b and c``, or of a list."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else names_in(value)


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
