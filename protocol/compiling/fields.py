"""The record of a protocol text: fields of closed types, their choices, counters, lists and conditions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from protocol.kernel import Counting, Field, FieldType, VaultType, Words
from protocol.names import Ref, Slug
from protocol.text import phrases
from protocol.text.names import LENGTH, LONGEST_NAME, NAME, did_you_mean, length, listed, names_in
from protocol.text.spec import FieldSpec

if TYPE_CHECKING:
    from protocol.compiling.compiler import Compiler
    from protocol.text.reading import Path

NAMED = re.compile(NAME)
MOST_CHOICES = 32
WIDEST_NUMBER = 100_000
NOT_IN_RECORD = {"name", "dob", "birth-date", "phone", "address", "ssn", "email", "lat", "lon", "notes"}


def compile_field(compiler: Compiler, name: Slug, value: str | FieldSpec) -> Field:
    """Compile one field of the record, noting every finding."""
    spec = value if isinstance(value, FieldSpec) else None
    phrase = spec.type if spec is not None else str(value)
    made = _typed(compiler, name, phrase, ("record", name))
    if spec is None:
        return made
    labels = spec.labels or {}
    for each in labels:
        if each not in made.choices:
            hint = did_you_mean(each, made.choices)
            compiler.fail("UNKNOWN_CHOICE", f"{each} is no choice of {name}.", ("record", name, "labels", each), hint)
        compiler.words[f"choice:{name}/{each}"] = Words(title=labels[each])
    compiler.words[f"field:{name}"] = Words(
        title=spec.question or name, question=spec.question or "", help=spec.help or ""
    )
    if spec.was:
        compiler.renamed[f"field:{name}"] = spec.was
    seen_by = listed(spec.seen_by)
    for each in seen_by:
        if each not in compiler.names.roles:
            hint = did_you_mean(each, compiler.names.roles)
            compiler.fail("UNKNOWN_ROLE", f"No such role: {each}.", ("record", name, "seen by"), hint)
    asked_if = None
    if spec.asked_if is not None:
        words = spec.asked_if
        asked_if = compiler.read(("record", name, "asked if"), lambda: phrases.condition(words, compiler.names), None)
    return replace(made, asked_if=asked_if, seen_by=seen_by, show_always=spec.show == "always")


def _typed(compiler: Compiler, name: Slug, phrase: str, path: Path) -> Field:
    """A field, or a column of a list, of the type its phrase says."""
    if len(name) > LONGEST_NAME:
        compiler.fail("NAME", f"{name} is too long a name.", path, f"Use at most {LONGEST_NAME} characters.")
    if name in NOT_IN_RECORD:
        compiler.fail("RECORD_PROTECTED", f"{name} may name a person.", path, f"Move it to vault: {name}: text")
    kind = field_type(phrase)
    if not kind.known:
        word = phrase.split(maxsplit=1)[0] if phrase.split() else phrase
        if word in {each.value.replace("-", " ").split()[0] for each in VaultType}:
            compiler.fail("RECORD_TEXT", "Record holds closed types.", path, "Move it to vault.")
        else:
            write = "Write, for example, yes or no, one of a and b, number from 0 to 10, or date and time."
            compiler.fail("FIELD_TYPE", f"{phrase} is no type.", path, write)
    for each in kind.choices:
        if each in ("known", "not"):
            compiler.fail("NAME_RESERVED", f"{each} has a meaning of its own.", path, "Choose another word.")
        if NAMED.fullmatch(each) is None or len(each) > LONGEST_NAME:
            compiler.fail("NAME", f"{each} is not a name.", path, "Use lower case and hyphens.")
    if len(kind.choices) > MOST_CHOICES:
        says = f"{name} has {len(kind.choices)} choices; {MOST_CHOICES} are allowed."
        compiler.fail("FIELD_RANGE", says, path, "Put some together, or ask two fields.")
    if not 0 <= kind.high - kind.low <= WIDEST_NUMBER:
        says = f"{name} goes from {kind.low:,} to {kind.high:,}; numbers go up, over {WIDEST_NUMBER:,} at most."
        compiler.fail("FIELD_RANGE", says, path, "Write a narrower range: number from 0 to 20")
    made = Field(id=name, type=kind.type, choices=kind.choices, low=kind.low, high=kind.high)
    return _composed(compiler, made, phrase, path)


def _composed(compiler: Compiler, made: Field, phrase: str, path: Path) -> Field:
    """The field with what it is made of: a condition, what it counts, columns, the roles it may name."""
    match made.type:
        case FieldType.DERIVED:
            words = phrase.removeprefix("yes if ")
            return replace(made, expr=compiler.read(path, lambda: phrases.condition(words, compiler.names), None))
        case FieldType.COUNT:
            return replace(made, counting=_counting(compiler, phrase, path))
        case FieldType.LIST:
            columns = columns_of(phrase)
            for column, each in columns:
                if field_type(each).type in (FieldType.LIST, FieldType.COUNT, FieldType.DERIVED):
                    compiler.fail("FIELD_TYPE", f"{column} cannot be in a list.", path, "Write a plain type.")
            return replace(made, columns=tuple(_typed(compiler, column, each, path) for column, each in columns))
        case FieldType.ROLE:
            return replace(made, choices=_choosable(compiler, made.id))
    return made


def _choosable(compiler: Compiler, name: Slug) -> tuple[Slug, ...]:
    """The roles that a role field may name: those that may own a duty of each lane where it says who."""
    found = set(compiler.names.roles)
    for lane, steps in compiler.spec.lanes.items():
        if any(step.who in (name, f"its {name}") for step in steps.values()):
            found &= set(compiler.roles_in_lane(lane))
    return tuple(sorted(found))


def _counting(compiler: Compiler, phrase: str, path: Path) -> Counting | None:
    """``count of class absent in the last 27 weeks, from zero after court-review reinstated``."""
    said = re.fullmatch(rf"count of (.+?)(?: in the last ({LENGTH}))?(?:, from zero after (.+))?", phrase.strip())
    if said is None:
        return None
    nothing: tuple[Ref, ...] = ()
    of = compiler.read(path, lambda: phrases.causes(said.group(1), "", compiler.names), nothing)
    within = None
    if said.group(2) is not None:
        within = compiler.read(path, lambda: length(said.group(2), "", compiler.names), None)
    resets = nothing
    if said.group(3) is not None:
        resets = compiler.read(path, lambda: phrases.causes(said.group(3), "", compiler.names), nothing)
    return Counting(of=of, within=within, resets=resets)


class Kind(NamedTuple):
    """What a field's phrase says of its values. ``known`` is false for what is no type."""

    type: FieldType
    choices: tuple[Slug, ...] = ()
    low: int = 0
    high: int = 0
    known: bool = True


FIXED = {
    "yes or no": FieldType.YES_NO,
    "date and time": FieldType.INSTANT,
    "role": FieldType.ROLE,
    "reference": FieldType.REFERENCE,
}
STARTS = {"yes if ": FieldType.DERIVED, "count of ": FieldType.COUNT, "list of ": FieldType.LIST}


def field_type(phrase: str) -> Kind:
    """The type, choices and range of a field's phrase."""
    if phrase in FIXED:
        return Kind(FIXED[phrase])
    if phrase.startswith("one of "):
        return Kind(FieldType.ONE_OF, names_in(phrase.removeprefix("one of ")))
    number = re.fullmatch(r"number from (\d{1,9}) to (\d{1,9})", phrase)
    if number is not None:
        return Kind(FieldType.NUMBER, (), int(number.group(1)), int(number.group(2)))
    found = next((kind for start, kind in STARTS.items() if phrase.startswith(start)), None)
    if found is FieldType.LIST and not columns_of(phrase):
        found = None
    return Kind(FieldType.REFERENCE, known=False) if found is None else Kind(found)


def columns_of(phrase: str) -> list[tuple[Slug, str]]:
    """The columns of ``list of owner (role), deadline (date and time)``, each with its type's phrase."""
    said = phrase.removeprefix("list of ")
    column = rf"({NAME}) \(([^()]+)\)"
    if re.fullmatch(rf"{column}(?:, {column})*", said) is None:
        return []
    return [(found.group(1), found.group(2)) for found in re.finditer(column, said)]
