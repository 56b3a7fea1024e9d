"""The phrases that say when: due times, the times of a ladder, tries, and rounds of a series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from protocol.expressions import (
    AnchorKind,
    Edge,
    Either,
    Extreme,
    Length,
    Offset,
    Point,
    Unit,
)
from protocol.kernel import FieldType, Guard, Series, Tries
from protocol.names import Ref, Slug
from protocol.text.names import (
    LENGTH,
    NAME,
    NO_TIME,
    Names,
    PhraseError,
    did_you_mean,
    instant_field,
    known,
    length,
    names_in,
)
from protocol.text.phrases import cause, causes, condition

MOST_TRIES = 100


def due(phrase: str, owner: Slug, names: Names) -> Point:
    """A due time: one limit, several joined by ``or .. if sooner/later``, or ``A if COND, else B``."""
    either = re.fullmatch(r"(.+?) if (?!sooner|later)(.+), else (.+)", phrase)
    if either is not None:
        return Either(
            test=condition(either.group(2), names),
            then=limit(either.group(1), owner, names),
            otherwise=limit(either.group(3), owner, names),
        )
    parts = re.split(r",? or ", phrase)
    point = limit(parts[0].rstrip(","), owner, names)
    for part in parts[1:]:
        found = re.fullmatch(r"(.+) if (sooner|later)", part)
        if found is None:
            raise PhraseError("LIMIT_JOIN", f"{part}: sooner or later?", f"Write: or {part} if sooner")
        points = (point, limit(found.group(1), owner, names))
        point = Extreme(pick="earliest" if found.group(2) == "sooner" else "latest", points=points)
    return point


def limit(phrase: str, owner: Slug, names: Names) -> Point:
    """One limit: ``within D [of CAUSE]``, a field, ``D before F``, ``D after F``, ``next working day at 11:00`` .."""
    words = phrase.strip()
    within = re.fullmatch(r"within (.+?)(?: of (.+))?", words)
    if within is not None:
        span = length(within.group(1), owner, names)
        if within.group(2) is None:
            return Offset(anchor=AnchorKind.DELIVERY, length=span)
        return _after(span, within.group(2), owner, names)
    moved = re.fullmatch(rf"({LENGTH}) (before|after) (.+)", words)
    if moved is not None:
        span = length(moved.group(1), owner, names)
        if moved.group(2) == "after":
            return _after(span, moved.group(3), owner, names)
        if moved.group(3).startswith("its "):
            name = _column(moved.group(3).removeprefix("its "), names)
            return Offset(anchor=AnchorKind.ITEM, name=name, length=span, before=True)
        return Offset(anchor=AnchorKind.FIELD, name=instant_field(moved.group(3), names), length=span, before=True)
    its = re.fullmatch(rf"its ({NAME})", words)
    if its is not None:
        return Offset(anchor=AnchorKind.ITEM, name=_column(its.group(1), names), length=NO_TIME)
    day = _day_limit(words, owner, names)
    if day is not None:
        return day
    if words in names.fields or words in names.vault:
        return Offset(anchor=AnchorKind.FIELD, name=instant_field(words, names), length=NO_TIME)
    if re.fullmatch(LENGTH, words) is not None:
        raise PhraseError("LIMIT_LENGTH", f"{words}: a length or a date?", f"Write within {words}.")
    if re.fullmatch(rf"{NAME}", words) is not None:
        times = [each for each, kind in names.fields.items() if kind is FieldType.INSTANT]
        hint = did_you_mean(words, times) or "Write, for example, within 2 hours."
        raise PhraseError("UNKNOWN_FIELD", f"{words} is no date and time of the record.", hint)
    raise PhraseError(
        "LIMIT", f"{words} is not a limit.", "Write, for example, within 2 hours, or next working day at 11:00."
    )


def _after(span: Length, anchor: str, owner: Slug, names: Names) -> Point:
    if anchor.startswith("its "):
        return Offset(anchor=AnchorKind.ITEM, name=_column(anchor.removeprefix("its "), names), length=span)
    if anchor in names.fields:
        return Offset(anchor=AnchorKind.FIELD, name=instant_field(anchor, names), length=span)
    points = tuple(Offset(anchor=AnchorKind.REF, name=each, length=span) for each in cause(anchor, owner, names))
    return points[0] if len(points) == 1 else Extreme(pick="latest", points=points)


def _day_limit(words: str, owner: Slug, names: Names) -> Offset | None:
    at = re.fullmatch(rf"next (?:({NAME}) )?day at (\d\d):(\d\d)", words)
    if at is not None:
        minute = int(at.group(2)) * 60 + int(at.group(3))
        if minute > 24 * 60 or int(at.group(3)) >= 60:
            raise PhraseError("TIME_OF_DAY", f"{at.group(2)}:{at.group(3)} is not a time.", "Write 00:00 to 24:00.")
        return Offset(anchor=AnchorKind.DELIVERY, length=_days(1, at.group(1), owner, names), edge=Edge.AT, at=minute)
    edge = re.fullmatch(rf"(start|end) of (the|next)(?: ({NAME}))? day", words)
    if edge is None:
        return None
    count = 0 if edge.group(2) == "the" else 1
    return Offset(
        anchor=AnchorKind.DELIVERY, length=_days(count, edge.group(3), owner, names), edge=Edge(edge.group(1))
    )


def _days(count: int, calendar: str | None, owner: Slug, names: Names) -> Length:
    return length(f"{count} {calendar} days" if calendar else f"{count} days", owner, names)


def _column(name: str, names: Names) -> Slug:
    """A date and time of each item of the step's list."""
    if not names.item:
        raise PhraseError("ITS", f"its {name}: of what?", "Add for each: LIST, or name a field.")
    known(name, names.item, "field")
    if names.item[name] is not FieldType.INSTANT:
        raise PhraseError("FIELD_NOT_A_TIME", f"{name} is not a date and time.", f"Write {name} (date and time).")
    return name


@dataclass(frozen=True, slots=True)
class RungTime:
    """When a rung fires: its point and guard, or the length of an ``every``."""

    at: Point
    guard: Guard = Guard.NONE
    every: Length | None = None
    before_due: bool = False
    clears_with_try: bool = False
    """A try that counts as on time disarms it."""


def rung_time(phrase: str, owner: Slug, names: Names) -> RungTime:
    """``when due``, ``2 hours late``, ``unacknowledged after 15 minutes``, ``every 1 day after that`` .."""
    words = phrase.strip()
    if words == "when due":
        return RungTime(Offset(anchor=AnchorKind.DUE, length=NO_TIME), clears_with_try=True)
    patterns: tuple[tuple[str, AnchorKind, bool, Guard], ...] = (
        (rf"({LENGTH}) before due", AnchorKind.DUE, True, Guard.NONE),
        (rf"({LENGTH}) late", AnchorKind.DUE, False, Guard.NONE),
        (rf"({LENGTH}) after opening", AnchorKind.DELIVERY, False, Guard.NONE),
        (rf"unacknowledged after ({LENGTH})", AnchorKind.DELIVERY, False, Guard.UNACKNOWLEDGED),
        (rf"untried after ({LENGTH})", AnchorKind.DELIVERY, False, Guard.UNTRIED),
    )
    for pattern, anchor, before, guard in patterns:
        found = re.fullmatch(pattern, words)
        if found is not None:
            point = Offset(anchor=anchor, length=length(found.group(1), owner, names), before=before)
            return RungTime(point, guard, before_due=before, clears_with_try=words.endswith(" late"))
    every = re.fullmatch(rf"every ({LENGTH}) after that", words)
    if every is not None:
        span = length(every.group(1), owner, names)
        return RungTime(Offset(anchor=AnchorKind.LAST_RUNG, length=span), every=span)
    moved = re.fullmatch(rf"({LENGTH}) (before|after) ({NAME})", words)
    if moved is not None:
        span, name = length(moved.group(1), owner, names), instant_field(moved.group(3), names)
        return RungTime(Offset(anchor=AnchorKind.FIELD, name=name, length=span, before=moved.group(2) == "before"))
    if words in names.fields or words in names.vault:
        return RungTime(Offset(anchor=AnchorKind.FIELD, name=instant_field(words, names), length=NO_TIME))
    raise PhraseError(
        "RUNG",
        f"{words} is not a time in a ladder.",
        "Write when due, 2 hours late, or unacknowledged after 15 minutes.",
    )


class SaidTries(NamedTuple):
    """The tries of a step, and how soon all of them are to be made."""

    tries: Tries
    within: Length | None


def tries(phrase: str, owner: Slug, names: Names) -> SaidTries:
    """``up to 3 within 1 week, 30 minutes apart, then not-reached``."""
    parts = [each.strip() for each in phrase.split(",")]
    head = re.fullmatch(rf"(up to|at least) (\d+)(?: within ({LENGTH}))?", parts[0])
    if head is None or not 0 < int(head.group(2)) <= MOST_TRIES:
        raise PhraseError(
            "TRIES", f"{parts[0]} is not a number of tries.", "Write up to 3, 30 minutes apart, then not-reached"
        )
    apart, then, on_time = None, "", False
    for part in parts[1:]:
        gap = re.fullmatch(rf"({LENGTH}) apart", part)
        if gap is not None:
            apart = length(gap.group(1), owner, names)
        elif part.startswith("then "):
            then = part.removeprefix("then ")
        elif part == "a try counts as on time":
            on_time = True
        else:
            raise PhraseError("TRIES", f"{part} is not about tries.", "Write 30 minutes apart, then not-reached.")
    if not then:
        says = f"How does it end after {head.group(2)} tries?"
        raise PhraseError("TRIES_THEN", says, "Add , then O: one of its outcomes, as in , then not-reached")
    found = Tries(
        count=int(head.group(2)), up_to=head.group(1) == "up to", then=then, apart=apart, counts_as_on_time=on_time
    )
    return SaidTries(found, None if head.group(3) is None else length(head.group(3), owner, names))


def repeats(phrase: str, owner: Slug, names: Names) -> Series:
    """``after 7 days and 30 days``, ``weekly until CAUSE``, ``every 2 weeks``."""
    after = re.fullmatch(r"after (.+)", phrase.strip())
    if after is not None:
        return Series(after=tuple(length(each, owner, names) for each in names_in(after.group(1))))
    found = re.fullmatch(rf"(weekly|monthly|every ({LENGTH}))(?: until (.+))?", phrase.strip())
    if found is None:
        raise PhraseError(
            "REPEATS",
            f"{phrase} is not a repeat.",
            "Write weekly, monthly, every 2 weeks, or after 7 days and 30 days.",
        )
    fixed = {"weekly": Length(count=1, unit=Unit.WEEK), "monthly": Length(count=1, unit=Unit.MONTH)}
    every = fixed.get(found.group(1)) or length(found.group(2), owner, names)
    until: tuple[Ref, ...] = ()
    if found.group(3):
        until = causes(found.group(3), owner, names)
    return Series(every=every, until=until)
