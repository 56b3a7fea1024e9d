"""The phrases of the protocol language: lengths, limits, causes, conditions, acts, rungs, tries.

Each reader takes one phrase and the names it may use, and gives kernel values or raises ``PhraseError`` with what
to write instead. The grammar is the EBNF of the language reference §2; nothing is guessed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from protocol.expressions import (
    OWNER,
    AnchorKind,
    Expr,
    Joined,
    Length,
    Offset,
    Test,
    TestKind,
)
from protocol.kernel import (
    MOST_COUNTED,
    Act,
    ActKind,
    Ask,
    FieldType,
    Votes,
    Wait,
)
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

# Causes


WAIT_NAME = 60


def causes(phrase: str, owner: Slug, names: Names) -> tuple[Ref, ...]:
    """The occurrences of ``A or B``, where each is a cause; ``S a or b`` is one cause with two outcomes."""
    parts: list[str] = []
    for part in re.split(r"\s+or\s+", phrase.strip()):
        alone = " " in part or part in names.events or part in names.fields
        if parts and not alone:
            parts[-1] = f"{parts[-1]} or {part}"
        else:
            parts.append(part)
    return tuple(ref for part in parts for ref in cause(part, owner, names))


def cause(phrase: str, owner: Slug, names: Names) -> tuple[Ref, ...]:
    """The occurrences a cause names; ``first-call later or not-reached`` names two."""
    words = phrase.strip()
    moved = re.fullmatch(rf"({LENGTH}) (after|before) (.+)", words)
    if moved is not None:
        span, target = length(moved.group(1), owner, names), moved.group(3)
        if moved.group(2) == "before" or target in names.fields:
            return (_field_wait(words, target, span, names, before=moved.group(2) == "before"),)
        return (_wait(words, span, cause(target, owner, names), names),)
    if words in names.events:
        return (f"event:{words}",)
    reaches = re.fullmatch(rf"({NAME}) reaches (\d+)", words)
    if reaches is not None:
        return (_threshold(reaches.group(1), int(reaches.group(2)), names),)
    if words in names.fields:
        return (_field_wait(words, words, NO_TIME, names, before=False),)
    return _of_step(words, owner, names)


def _of_step(words: str, owner: Slug, names: Names) -> tuple[Ref, ...]:
    step, _, rest = words.partition(" ")
    if step in names.links and rest in ("opens", "ends"):
        return (f"{'opened' if rest == 'opens' else 'ended'}:{step}",)
    if step not in names.steps:
        hint = did_you_mean(step, (*names.events, *names.steps, *names.links))
        raise PhraseError("UNKNOWN_CAUSE", f"{step} is no event and no step.", hint)
    plain = {
        "ends": "ended",
        "opens": "opened",
        "late": "late",
        "cancelled": "cancelled",
        "all ended": "settled",
    }
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


def _threshold(name: str, count: int, names: Names) -> Ref:
    if names.fields.get(name) is not FieldType.COUNT:
        counters = [each for each, kind in names.fields.items() if kind is FieldType.COUNT]
        hint = did_you_mean(name, counters) or f"Write in record: {name}: count of CAUSE"
        raise PhraseError("UNKNOWN_COUNTER", f"{name} counts nothing.", hint)
    if not 0 < count <= MOST_COUNTED:
        raise PhraseError("COUNT_RANGE", f"Nothing counts to {count:,}.", "Write 1 to 1,000.")
    names.thresholds.setdefault(name, set()).add(count)
    return f"counter:{name}/{count}"


def _outcomes(step: Slug, words: list[str], names: Names) -> list[str]:
    for each in words:
        if each not in names.steps[step]:
            ways = ", ".join(names.steps[step])
            raise PhraseError("UNKNOWN_OUTCOME", f"{step} does not end as {each}.", f"It ends {ways}.")
    return words


def _wait(words: str, after: Length, armed_by: tuple[Ref, ...], names: Names) -> Ref:
    return _waited(words, armed_by, Offset(anchor=AnchorKind.REF, length=after), names)


def _field_wait(words: str, field: str, span: Length, names: Names, *, before: bool) -> Ref:
    at = Offset(anchor=AnchorKind.FIELD, name=instant_field(field, names), length=span, before=before)
    return _waited(words, (), at, names)


def _waited(words: str, armed_by: tuple[Ref, ...], at: Offset, names: Names) -> Ref:
    """A wait by its words; the same words of another agency's working hours are another wait."""
    calendar = at.length.calendar
    if calendar == OWNER:
        says = "Who does this is chosen when it begins, so nobody's working hours are known before."
        raise PhraseError("UNKNOWN_CALENDAR", says, "Name an agency: for example, 2 court days.")
    name = _wait_name(words)
    known = names.waits.get(name)
    if known is not None and known.at != at:
        name = _wait_name(f"{words} of {calendar}")
    names.waits[name] = Wait(id=name, armed_by=armed_by, at=at)
    return f"wait:{name}"


def _wait_name(words: str) -> Slug:
    """A name that says when, cut to the length of a name; a digest keeps long ones apart."""
    name = "at-" + re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    return name if len(name) <= WAIT_NAME else f"{name[: WAIT_NAME - 9].strip('-')}-{zlib.crc32(name.encode()):08x}"


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
        return Test(test=TestKind.HAPPENED, name=f"event:{known(happened.group(1), names.events, 'event')}")
    ended = re.fullmatch(rf"({NAME}) ended ({NAME})", words)
    if ended is not None:
        step = known(ended.group(1), names.steps, "step")
        return Test(test=TestKind.HAPPENED, name=f"outcome:{step}/{_outcomes(step, [ended.group(2)], names)[0]}")
    is_open = re.fullmatch(rf"({NAME}) is open", words)
    if is_open is not None:
        return Test(test=TestKind.OPEN, name=known(is_open.group(1), names.steps, "step"))
    passed = re.fullmatch(rf"({NAME}) has passed", words)
    if passed is not None:
        return Test(test=TestKind.PASSED, name=instant_field(passed.group(1), names))
    return _field_test(words, names)


def _field_test(words: str, names: Names) -> Test:
    name, _, rest = words.partition(" is ")
    if name in names.vault:
        raise PhraseError(
            "VAULT_READ", f"{name} is in the vault: nothing may depend on it.", "Ask a yes or no in record."
        )
    known(name, names.fields, "field")
    kind = names.fields[name]
    bound = re.fullmatch(r"(at least|at most|over|under) (\d{1,9})", rest)
    if bound is not None:
        if kind not in (FieldType.NUMBER, FieldType.COUNT):
            raise PhraseError("FIELD_NOT_A_NUMBER", f"{name} is no number.", f"Write {name}: number from 0 to 10.")
        return Test(test=TestKind(bound.group(1).replace(" ", "-")), name=name, value=int(bound.group(2)))
    if rest in ("known", "not known"):
        return Test(test=TestKind.KNOWN, name=name, negate=rest == "not known")
    if kind in (FieldType.YES_NO, FieldType.DERIVED) and rest in ("", "yes", "no"):
        return Test(test=TestKind.TRUE, name=name, negate=rest == "no")
    negate, choice = rest.startswith("not "), rest.removeprefix("not ")
    words_of = names.choices.get(name, ()) if kind is FieldType.ONE_OF else tuple(names.roles)
    if kind not in (FieldType.ONE_OF, FieldType.ROLE) or re.fullmatch(NAME, choice) is None:
        raise PhraseError("CONDITION", f"{words} is not a test.", f"Write {name} {ASKED[kind]}.")
    if choice not in words_of:
        raise PhraseError("UNKNOWN_CHOICE", f"{name} is never {choice}.", did_you_mean(choice, words_of))
    return Test(test=TestKind.IS, name=name, value=choice, negate=negate)


ASKED = {
    FieldType.YES_NO: "is yes, is no, or is known",
    FieldType.DERIVED: "is yes, is no, or is known",
    FieldType.ONE_OF: "is, and one of its words; or is known",
    FieldType.NUMBER: "is at least 1, is under 10, or is known",
    FieldType.COUNT: "is at least 1, or is under 10",
    FieldType.INSTANT: "has passed, or is known",
    FieldType.ROLE: "is, and a role; or is known",
    FieldType.REFERENCE: "is known",
    FieldType.LIST: "is known",
}
"""What may be asked of a field of each type."""


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


def misplaced(said: Iterable[str], found: Iterable[Act], allowed: Iterable[ActKind]) -> str:
    """The first thing said that is no act of the allowed kinds, in the text's words."""
    wrong = next((each for each in found if each.act not in allowed), None)
    start = ("ask ", "may ask ", "start a case") if wrong is None else (wrong.act.value.split("-")[0],)
    return next((each for each in said if each.strip().startswith(start)), "That")


def _asks(words: str, names: Names, *, required: bool) -> list[Ask]:
    found = []
    for name in names_in(words):
        known(name, (*names.fields, *names.vault), "field")
        if names.fields.get(name) in (FieldType.DERIVED, FieldType.COUNT):
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
        return Act(act=ActKind.START_LINKED, targets=(known(linked.group(1), names.events, "event"),))
    if words.startswith("pause "):
        return _pause(words, names)
    found = re.fullmatch(r"(tell|page|remind|add|move to|cancel|end as|close|reopen) (.+)", words)
    if found is None:
        raise PhraseError(
            "ACT",
            f"{words} is not something to do.",
            "Write tell, page, remind, add, move to, cancel, end as, close, reopen, pause, ask, start or end the case.",
        )
    verb, targets = found.group(1), names_in(found.group(2))
    if verb in TELLINGS:
        for each in targets:
            _known_role(each, names)
        return Act(act=TELLINGS[verb], targets=targets)
    if verb == "cancel":
        return Act(act=ActKind.CANCEL, targets=tuple(known(each, names.steps, "step") for each in targets))
    if verb == "end as":
        return Act(act=ActKind.END_AS, targets=tuple(_outcomes(step or "", [targets[0]], names)))
    kind = ActKind.CLOSE if verb == "close" else ActKind.REOPEN
    return Act(act=kind, targets=(known(targets[0], names.lanes, "lane"),))


def _pause(words: str, names: Names) -> Act:
    found = re.fullmatch(rf"pause ({NAME}) for at most ({LENGTH})(?:, until (.+))?", words)
    if found is None:
        raise PhraseError("PAUSE", f"{words}: for how long?", "Write pause LANE for at most 30 days, until CAUSE.")
    lane, until = known(found.group(1), names.lanes, "lane"), found.group(3)
    # A lane may hold duties of several agencies: its pause is measured on none of their calendars.
    most = length(found.group(2), "", names)
    return Act(act=ActKind.PAUSE, targets=(lane,), most=most, until=() if until is None else causes(until, "", names))


def _known_role(word: str, names: Names) -> None:
    if word in ("survivor", "victim"):
        raise PhraseError(
            "TELL_SURVIVOR", "Handoff never writes to a survivor.", "Write a step: who calls her, by when."
        )
    if word == "coordinator" and word not in names.roles:
        raise PhraseError(
            "NO_COORDINATOR", "Nobody coordinates between the agencies.", "Give one agency the role coordinator."
        )
    if word not in names.roles and word not in ROLE_WORDS:
        hint = did_you_mean(word, names.roles)
        raise PhraseError("UNKNOWN_ROLE", f"No such role: {word}.", hint)


def votes(phrase: str, names: Names, leads: tuple[Slug, ...]) -> Votes:
    """``at least R and R``, ``more than half of a, b and c``, ``two thirds of leads``, ``2 of a, b and c``."""
    words = phrase.strip()
    found = re.fullmatch(r"(at least|more than half of|two thirds of|(\d+) of) (.+)", words)
    if found is None:
        raise PhraseError(
            "VOTES", f"{words} says nothing about votes.", "Write at least a and b, or more than half of a, b and c."
        )
    roles = leads if found.group(3) == "leads" else names_in(found.group(3))
    for each in roles:
        _known_role(each, names)
        if each in ROLE_WORDS:
            raise PhraseError("VOTES", f"{each} is no role that votes.", "Name the roles, or write leads alone.")
    if len(set(roles)) != len(roles):
        raise PhraseError("VOTES", "A role votes once.", "Name each role once.")
    if found.group(1) == "at least":
        return Votes(roles=roles, needed=len(roles), owner_decides=True)
    wanted = {"more than half of": len(roles) // 2 + 1, "two thirds of": -(-2 * len(roles) // 3)}
    needed = wanted.get(found.group(1)) or int(found.group(2) or 0)
    if not 0 < needed <= len(roles):
        raise PhraseError("VOTES", f"{needed} of {len(roles)} can never agree.", f"Write 1 to {len(roles)}.")
    return Votes(roles=roles, needed=needed)
