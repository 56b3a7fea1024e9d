"""The phrases of the protocol language: lengths, limits, causes, conditions, acts, rungs, tries.

Each reader takes one phrase and the names it may use, and gives kernel values or raises ``PhraseError`` with what
to write instead. The grammar is the EBNF of the language reference §2; nothing is guessed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from protocol.kernel import (
    Act,
    ActKind,
    AnchorKind,
    Ask,
    Edge,
    Either,
    Expr,
    Extreme,
    FieldType,
    Guard,
    Joined,
    Length,
    Offset,
    Point,
    Ref,
    Series,
    Slug,
    Test,
    TestKind,
    Tries,
    Unit,
    Wait,
)

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
    if agency not in names.agencies:
        raise PhraseError(
            "UNKNOWN_CALENDAR", f"{calendar} is no agency.", "Say working days or, for example, court days."
        )
    if unit not in (Unit.HOUR, Unit.DAY):
        raise PhraseError("LENGTH_CALENDAR", f"{calendar} goes with hours and days.", f"Write {count} {calendar} days.")
    return Length(count=count, unit=unit, calendar=agency)


# Causes


def cause(phrase: str, owner: Slug, names: Names) -> tuple[Ref, ...]:
    """The occurrences a cause names; ``first-call later or not-reached`` names two."""
    words = phrase.strip()
    after = re.fullmatch(rf"({LENGTH}) after (.+)", words)
    if after is not None:
        return (_wait(words, length(after.group(1), owner, names), cause(after.group(2), owner, names), names),)
    if words in names.events:
        return (f"event:{words}",)
    step, _, rest = words.partition(" ")
    if step not in names.steps:
        known = (*names.events, *names.steps)
        raise PhraseError("UNKNOWN_CAUSE", f"{step} is no event and no step.", did_you_mean(step, known))
    plain = {"ends": "ended", "opens": "opened", "late": "late", "cancelled": "cancelled"}
    if rest in plain:
        return (f"{plain[rest]}:{step}",)
    late = re.fullmatch(rf"({LENGTH}) late", rest)
    if late is not None:
        name = late.group(1).replace(" ", "-")
        names.late.setdefault(step, {})[name] = length(late.group(1), owner, names)
        return (f"late:{step}/{name}",)
    if not rest:
        raise PhraseError(
            "CAUSE", f"{step} does what?", f"Write {step} ends, or one of: {', '.join(names.steps[step])}"
        )
    return tuple(f"outcome:{step}/{each}" for each in _outcomes(step, re.split(r"\s+or\s+", rest), names))


def _outcomes(step: Slug, words: list[str], names: Names) -> list[str]:
    for each in words:
        if each not in names.steps[step]:
            ways = ", ".join(names.steps[step])
            raise PhraseError("UNKNOWN_OUTCOME", f"{step} does not end as {each}.", f"It ends {ways}.")
    return words


def _wait(words: str, after: Length, armed_by: tuple[Ref, ...], names: Names) -> Ref:
    name = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:60]
    names.waits[name] = Wait(id=name, armed_by=armed_by, at=Offset(anchor=AnchorKind.REF, length=after))
    return f"wait:{name}"


# Limits


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
        return Offset(anchor=AnchorKind.FIELD, name=_instant(moved.group(3), names), length=span, before=True)
    day = _day_limit(words, owner, names)
    if day is not None:
        return day
    if words in names.fields:
        return Offset(anchor=AnchorKind.FIELD, name=_instant(words, names), length=NO_TIME)
    if re.fullmatch(LENGTH, words) is not None:
        raise PhraseError("LIMIT_LENGTH", f"{words}: a length or a date?", f"Write within {words}.")
    if re.fullmatch(rf"{NAME}", words) is not None:
        raise PhraseError("UNKNOWN_FIELD", f"{words} is no field.", did_you_mean(words, names.fields))
    raise PhraseError(
        "LIMIT", f"{words} is not a limit.", "Write, for example, within 2 hours, or next working day at 11:00."
    )


def _after(span: Length, anchor: str, owner: Slug, names: Names) -> Point:
    if anchor in names.fields:
        return Offset(anchor=AnchorKind.FIELD, name=_instant(anchor, names), length=span)
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


def _instant(name: str, names: Names) -> Slug:
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


# Conditions


def condition(phrase: str, names: Names) -> Expr:
    """Tests joined by ``and``, or by ``or``, never by both."""
    guarded = re.sub(r"\bat least\b", "at~least", re.sub(r"\bat most\b", "at~most", phrase.strip()))
    ands, ors = re.split(r"\s+and\s+", guarded), re.split(r"\s+or\s+", guarded)
    if len(ands) > 1 and len(ors) > 1:
        raise PhraseError(
            "CONDITION_READS_TWO_WAYS", "and with or reads two ways.", "Name one part in record: d: yes if a and b"
        )
    parts = ands if len(ands) > 1 else ors
    tests = tuple(_test(each.replace("~", " "), names) for each in parts)
    return tests[0] if len(tests) == 1 else Joined(word="and" if len(ands) > 1 else "or", parts=tests)


def _test(words: str, names: Names) -> Test:
    happened = re.fullmatch(rf"({NAME}) has happened", words)
    if happened is not None:
        return Test(test=TestKind.HAPPENED, name=f"event:{_known(happened.group(1), names.events, 'event')}")
    ended = re.fullmatch(rf"({NAME}) ended ({NAME})", words)
    if ended is not None:
        step = _known(ended.group(1), names.steps, "step")
        return Test(test=TestKind.HAPPENED, name=f"outcome:{step}/{_outcomes(step, [ended.group(2)], names)[0]}")
    is_open = re.fullmatch(rf"({NAME}) is open", words)
    if is_open is not None:
        return Test(test=TestKind.OPEN, name=_known(is_open.group(1), names.steps, "step"))
    passed = re.fullmatch(rf"({NAME}) has passed", words)
    if passed is not None:
        return Test(test=TestKind.PASSED, name=_instant(passed.group(1), names))
    return _field_test(words, names)


def _field_test(words: str, names: Names) -> Test:
    name, _, rest = words.partition(" is ")
    if name in names.vault:
        raise PhraseError(
            "VAULT_READ", f"{name} is in the vault: nothing may depend on it.", "Ask a yes or no in record."
        )
    _known(name, names.fields, "field")
    if not rest:
        return Test(test=TestKind.TRUE, name=name)
    bound = re.fullmatch(r"(at least|at most|over|under) (\d+)", rest)
    if bound is not None:
        return Test(test=TestKind(bound.group(1).replace(" ", "-")), name=name, value=int(bound.group(2)))
    if rest in ("known", "not known"):
        return Test(test=TestKind.KNOWN, name=name, negate=rest == "not known")
    if rest in ("yes", "no"):
        return Test(test=TestKind.TRUE, name=name, negate=rest == "no")
    negate = rest.startswith("not ")
    choice = rest.removeprefix("not ")
    if re.fullmatch(NAME, choice) is None:
        raise PhraseError(
            "CONDITION", f"{words} is not a test.", f"Write {name} is yes, no, known, or one of its choices."
        )
    return Test(test=TestKind.IS, name=name, value=choice, negate=negate)


def _known(word: str, known: Iterable[str], kind: str) -> str:
    words = set(known)
    if word not in words:
        raise PhraseError(f"UNKNOWN_{kind.upper()}", f"{word} is no {kind}.", did_you_mean(word, words))
    return word


# Acts, rungs, tries

TELLINGS = {
    "tell": ActKind.TELL,
    "page": ActKind.PAGE,
    "remind": ActKind.REMIND,
    "add": ActKind.ADD,
    "move to": ActKind.MOVE,
}
ROLE_WORDS = {"owner", "lead", "leads", "deputy"}


class Said(NamedTuple):
    """What an outcome, event or rung says: its acts, what it asks, whether it starts a case."""

    acts: tuple[Act, ...] = ()
    asks: tuple[Ask, ...] = ()
    starts: bool = False


def acts(phrases: Iterable[str], names: Names, step: Slug | None) -> Said:
    """Every act of a list of phrases."""
    found: list[Act] = []
    asked: list[Ask] = []
    starts = False
    for phrase in phrases:
        words = phrase.strip()
        ask = re.fullmatch(r"(may ask|ask) (.+)", words)
        if words == "start a case":
            starts = True
        elif ask is not None:
            asked.extend(_asks(ask.group(2), names, required=ask.group(1) == "ask"))
        else:
            found.append(act(words, names, step))
    return Said(tuple(found), tuple(asked), starts)


def _asks(words: str, names: Names, *, required: bool) -> list[Ask]:
    found = []
    for name in names_in(words):
        _known(name, (*names.fields, *names.vault), "field")
        if names.fields.get(name) is FieldType.DERIVED:
            raise PhraseError("ASK_DERIVED", f"{name} follows from other facts.", "Ask one of the facts it is made of.")
        found.append(Ask(name=name, required=required))
    return found


def act(words: str, names: Names, step: Slug | None) -> Act:
    """One act: ``tell sergeant``, ``move to backup``, ``cancel a and b``, ``end as gap``, ``close advocacy`` .."""
    fixed = {"end the case": ActKind.END_CASE, "stop repeating": ActKind.STOP_REPEATING}
    if words in fixed:
        return Act(act=fixed[words], targets=(step,) if step and words == "stop repeating" else ())
    linked = re.fullmatch(rf"start a linked case as ({NAME})", words)
    if linked is not None:
        return Act(act=ActKind.START_LINKED, targets=(_known(linked.group(1), names.events, "event"),))
    found = re.fullmatch(r"(tell|page|remind|add|move to|cancel|end as|close|reopen) (.+)", words)
    if found is None:
        raise PhraseError(
            "ACT",
            f"{words} is not something to do.",
            "Write tell, page, remind, add, move to, cancel, end as, close, reopen or ask.",
        )
    verb, targets = found.group(1), names_in(found.group(2))
    if verb in TELLINGS:
        for each in targets:
            _known_role(each, names)
        return Act(act=TELLINGS[verb], targets=targets)
    if verb == "cancel":
        return Act(act=ActKind.CANCEL, targets=tuple(_known(each, names.steps, "step") for each in targets))
    if verb == "end as":
        return Act(act=ActKind.END_AS, targets=tuple(_outcomes(step or "", [targets[0]], names)))
    kind = ActKind.CLOSE if verb == "close" else ActKind.REOPEN
    return Act(act=kind, targets=(_known(targets[0], names.lanes, "lane"),))


def _known_role(word: str, names: Names) -> None:
    if word in ("survivor", "victim"):
        raise PhraseError(
            "TELL_SURVIVOR", "Handoff never writes to a survivor.", "Write a step: who calls her, by when."
        )
    if word not in names.roles and word not in ROLE_WORDS:
        hint = did_you_mean(word, names.roles)
        raise PhraseError("UNKNOWN_ROLE", f"No such role: {word}.", hint)


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
        span, name = length(moved.group(1), owner, names), _instant(moved.group(3), names)
        return RungTime(Offset(anchor=AnchorKind.FIELD, name=name, length=span, before=moved.group(2) == "before"))
    if words in names.fields:
        return RungTime(Offset(anchor=AnchorKind.FIELD, name=_instant(words, names), length=NO_TIME))
    raise PhraseError(
        "RUNG",
        f"{words} is not a time in a ladder.",
        "Write when due, 2 hours late, or unacknowledged after 15 minutes.",
    )


def tries(phrase: str, owner: Slug, names: Names) -> Tries:
    """``up to 3, 30 minutes apart, then not-reached``."""
    parts = [each.strip() for each in phrase.split(",")]
    head = re.fullmatch(r"(up to|at least) (\d+)", parts[0])
    if head is None:
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
        raise PhraseError("TRIES_THEN", f"Which outcome needs {head.group(2)} tries?", "Add , then O")
    return Tries(
        count=int(head.group(2)), up_to=head.group(1) == "up to", then=then, apart=apart, counts_as_on_time=on_time
    )


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
        until = tuple(
            ref for part in re.split(r"\s+or\s+(?=\S+ )", found.group(3)) for ref in cause(part, owner, names)
        )
    return Series(every=every, until=until)
