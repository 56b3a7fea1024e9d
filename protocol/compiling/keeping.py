"""``keep:``, how long each agency's part of a case is kept, and protected values that are kept for a time of their own.

The classes stand in the order in which a case comes to them. The first is where every case begins; each of the others
says what puts a case into it, and the last one a case has come to holds (domain note T11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from protocol.checks.labels import Labels
from protocol.errors import Finding
from protocol.expressions import Length, Unit
from protocol.kernel import Keeping, Protocol, Retention
from protocol.names import Ref, Slug
from protocol.origins import owners_of, step_of
from protocol.text import phrases
from protocol.text.names import NO_TIME, Names, PhraseError, did_you_mean
from protocol.text.reading import Path, Places
from protocol.text.spec import KeepSpec

if TYPE_CHECKING:
    from protocol.compiling.compiler import Compiler

ONLY = "kept"
"""The name of a class that stands alone."""
NAMED_CAUSES = ("event", "outcome", "ended", "opened")
"""The occurrences a class may wait for: those that one fact states by itself."""
MOST_YEARS = 100
TIME = re.compile(r"(\d{1,5}) (day|week|month|year)s?")
IN_A_YEAR = {"day": 366, "week": 53, "month": 12, "year": 1}


def compile_keeping(compiler: Compiler) -> tuple[Keeping, ...]:
    """Compile the ``keep`` table, noting every finding."""
    return tuple(_keeping(compiler, of, said) for of, said in compiler.spec.keep.items())


def _keeping(compiler: Compiler, of: Slug, said: str | dict[str, str | KeepSpec]) -> Keeping:
    known = (*compiler.spec.agencies, *compiler.spec.vault)
    path: Path = ("keep", of)
    if of not in known:
        compiler.fail("KEEP_OF", f"{of} is no agency and no protected value.", path, did_you_mean(of, known))
    if isinstance(said, str):
        return Keeping(of=of, classes=(Retention(id=ONLY, length=_length(compiler, said, path)),))
    if not said:
        compiler.fail("KEEP_FIRST", f"Nothing says how long {of} is kept.", path, f"Write {of}: 6 years")
    return Keeping(
        of=of,
        classes=tuple(
            _class(compiler, name, each, (*path, name), first=number == 0)
            for number, (name, each) in enumerate(said.items())
        ),
    )


def _class(compiler: Compiler, name: Slug, said: str | KeepSpec, path: Path, *, first: bool) -> Retention:
    spec = said if isinstance(said, KeepSpec) else None
    phrase = said if isinstance(said, str) else said.length
    kept = _length(compiler, phrase, path if spec is None else (*path, "for"))
    cause = None if spec is None else spec.once
    if first and cause is not None:
        says = f"No class says where a case begins: {name} waits for {cause}."
        compiler.fail("KEEP_FIRST", says, (*path, "once"), "Begin with a class that has no once.")
    if cause is None:
        if not first:
            write = f"Write {name}: {{for: {phrase}, once: CAUSE}}"
            compiler.fail("KEEP_ONCE", f"Nothing puts a case into {name}.", path, write)
        return Retention(id=name, length=kept)
    nothing: tuple[Ref, ...] = ()
    once = compiler.read((*path, "once"), lambda: _causes(cause, compiler.names), nothing)
    return Retention(id=name, length=kept, once=once)


def _causes(phrase: str, names: Names) -> tuple[Ref, ...]:
    waits = dict(names.waits)
    found = phrases.causes(phrase, "", names)
    if any(ref.partition(":")[0] not in NAMED_CAUSES or ref.partition(":")[2] in names.links for ref in found):
        # What the phrase would have armed or counted is nobody's.
        names.waits.clear()
        names.waits.update(waits)
        says = f"{phrase} is no cause of a class."
        raise PhraseError("KEEP_CAUSE", says, "Write an event, or how a step ends or opens: first-call talked")
    return found


def _length(compiler: Compiler, phrase: str, path: Path) -> Length:
    return compiler.read(path, lambda: kept_length(phrase), NO_TIME)


def kept_length(phrase: str) -> Length:
    """``6 weeks``, ``6 months``; ``6 years`` are 72 months.

    Raises:
        PhraseError: it is no length, or not one of plain days, weeks, months or years.
    """
    found = TIME.fullmatch(phrase)
    if found is None or not int(found.group(1)):
        raise PhraseError(
            "KEEP_LENGTH", f"Nothing is kept for {phrase}.", "Write days, weeks, months or years: 6 weeks"
        )
    number, word = int(found.group(1)), found.group(2)
    if number > MOST_YEARS * IN_A_YEAR[word]:
        raise PhraseError("KEEP_LENGTH", f"{phrase} is too long.", f"Write at most {MOST_YEARS} years.")
    return Length(count=12 * number, unit=Unit.MONTH) if word == "year" else Length(count=number, unit=Unit(word))


def check_keeping(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """A class goes by nothing that is inside another agency: when a part is gone would tell of it (design law 7)."""
    labels = Labels(protocol)
    for keeping in protocol.keeping:
        slot = protocol.slot.get(keeping.of)
        agency = keeping.of if slot is None else slot.keeper
        for each in keeping.classes:
            for ref in each.once:
                if labels.ref(ref) and set(_agencies(protocol, ref)) != {agency}:
                    says = f"{each.id} of {keeping.of} goes by what happens inside {_agencies(protocol, ref)[0]}."
                    where = place(("keep", keeping.of, each.id, "once"))
                    write = f"Name an event that others report, or a step of {agency}."
                    yield Finding(code="LABEL_KEEP", says=says, place=where, write=write)


def _agencies(protocol: Protocol, ref: Ref) -> tuple[Slug, ...]:
    step = step_of(protocol, ref)
    return protocol.event[ref.partition(":")[2]].sources if step is None else owners_of(protocol, step)
