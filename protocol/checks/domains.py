"""What the conditions of a protocol can tell apart: a few representative values of each field they read.

A number is represented by the bounds it is compared with and its lowest value, an instant by *past* and *future* where
some condition asks whether it has passed, a choice by those that are named and one other, a list by none, one and two
items. Fields that no condition reads have no place in an abstract state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import TypeAlias

from protocol.expressions import Expr, Joined, Test, TestKind
from protocol.kernel import (
    ActKind,
    Field,
    FieldType,
    Link,
    Protocol,
    Rung,
    Step,
)
from protocol.names import Ref, Slug
from protocol.origins import tests

Truth: TypeAlias = Callable[[Sequence[int]], bool | None]
"""What a condition says of an abstract state: true, false, or None for not known."""

PAST, FUTURE, KNOWN = "past", "future", "known"
ITEMS = ("none", "one", "two")
CHANGING = {
    ActKind.CANCEL,
    ActKind.CLOSE,
    ActKind.REOPEN,
    ActKind.END_AS,
    ActKind.STOP_REPEATING,
    ActKind.END_CASE,
}
"""The acts that change what is open; the others tell people, move duties and stop clocks."""


def changes(rung: Rung) -> bool:
    """Whether a rung does more than tell people or give a duty to somebody else."""
    return any(act.act in CHANGING for act in rung.acts)


def conditions(steps: Iterable[Step], links: Iterable[Link]) -> Iterator[Expr]:
    """Every condition on which something opens, ends or is cancelled."""
    openings: list[Step | Link] = [*steps, *links]
    for each in openings:
        yield from (*each.when.only_if, *each.when.unless)
        if isinstance(each, Step):
            yield from (found.only_if for found in each.outcomes if found.only_if is not None)
            yield from (rung.only_if for rung in each.rungs if rung.only_if is not None and changes(rung))


class Domains:
    """The tracked fields, past occurrences and counters of a protocol or slice, and where each stands in a state."""

    def __init__(self, protocol: Protocol, steps: list[Step], links: list[Link], slot: Callable[[], int]) -> None:
        self.protocol = protocol
        self.slot = slot
        self.values: dict[Slug, tuple[int, tuple[str, ...]]] = {}
        self.marks: dict[Ref, int] = {}
        self.counts: dict[Slug, set[int]] = {}
        self.counted: dict[Slug, int] = {}
        self.opens: dict[Slug, int] = {}
        self.passing: list[tuple[Slug, int, int, int]] = []
        self._truths: dict[int, Truth] = {}
        self._choices: dict[tuple[tuple[Slug, bool], ...], list[tuple[tuple[Slug, str], ...]]] = {}
        asked: dict[Slug, list[Test]] = {}
        for test in self._tests(conditions(steps, links)):
            if test.test is TestKind.HAPPENED:
                self.mark(test.name)
            elif test.test is not TestKind.OPEN:
                asked.setdefault(test.name, []).append(test)
        for step in steps:
            if step.for_each is not None:
                asked.setdefault(step.for_each, [])
        for name, found in asked.items():
            known = protocol.field[name]
            if known.type is FieldType.COUNT:
                self.counts[name] = {each.value for each in found if isinstance(each.value, int)} | {0}
            elif known.type is not FieldType.DERIVED:
                self._track(known, found)

    def _tests(self, exprs: Iterable[Expr]) -> Iterator[Test]:
        """Every test, those of derived fields in place of the fields."""
        for expr in exprs:
            for test in tests(expr):
                yield test
                stored = test.test not in (TestKind.HAPPENED, TestKind.OPEN)
                derived = self.protocol.field[test.name].expr if stored else None
                if derived is not None:
                    yield from self._tests((derived,))

    def _track(self, field: Field, asked: list[Test]) -> None:
        words = _words(field, asked)
        self.values[field.id] = (self.slot(), words)
        if FUTURE in words:
            self.passing.append((field.id, self.values[field.id][0], words.index(FUTURE) + 1, words.index(PAST) + 1))

    def mark(self, ref: Ref) -> int:
        """Where it is remembered that an occurrence has happened."""
        if ref not in self.marks:
            self.marks[ref] = self.slot()
        return self.marks[ref]

    def items(self, name: Slug, values: Sequence[int]) -> int:
        """How many items a list has: 0, 1, or 2 for more."""
        found = self.values.get(name)
        return 0 if found is None else max(0, values[found[0]] - 1)

    def choices(self, wanted: list[tuple[Slug, bool]]) -> list[tuple[tuple[Slug, str], ...]]:
        """Every way to fill in a form, as far as conditions can tell; an optional field may be left out."""
        key = tuple(wanted)
        if key not in self._choices:
            parts: list[list[tuple[tuple[Slug, str], ...]]] = []
            for name, required in wanted:
                if name in self.values:
                    given: list[tuple[tuple[Slug, str], ...]] = [((name, word),) for word in self.values[name][1]]
                    always = required and self.protocol.field[name].asked_if is None
                    parts.append(given if always else [(), *given])
            self._choices[key] = [tuple(each for part in chosen for each in part) for chosen in product(*parts)]
        return self._choices[key]

    def saying(self, test: Test, *, wanted: bool) -> list[str]:
        """The values of a field of which a test (without its "not") says yes, or no."""
        known = self.protocol.field[test.name]
        return [each for each in self.values[test.name][1] if _says(test, known, each) is wanted]

    def truth(self, expr: Expr) -> Truth:
        """A condition, ready to be asked of states."""
        found = self._truths.get(id(expr))
        if found is None:
            found = self._joined(expr) if isinstance(expr, Joined) else self._test(expr)
            self._truths[id(expr)] = found
        return found

    def _joined(self, expr: Joined) -> Truth:
        parts = [self.truth(each) for each in expr.parts]
        deciding = expr.word == "or"

        def joined(values: Sequence[int]) -> bool | None:
            found = [each(values) for each in parts]
            if deciding in found:
                return deciding
            return None if None in found else not deciding

        return joined

    def _test(self, test: Test) -> Truth:
        plain = self._plain(test)
        if not test.negate:
            return plain

        def negated(values: Sequence[int]) -> bool | None:
            found = plain(values)
            return None if found is None else not found

        return negated

    def _plain(self, test: Test) -> Truth:
        if test.test is TestKind.HAPPENED:
            mark = self.mark(test.name)
            return lambda values: values[mark] > 0
        if test.test is TestKind.OPEN:
            index = self.opens.get(test.name, 0)
            return lambda values: index > 0 and values[index] > 0
        known = self.protocol.field[test.name]
        if known.expr is not None:
            derived = self.truth(known.expr)
            return (lambda values: derived(values) is not None) if test.test is TestKind.KNOWN else derived
        if known.type is FieldType.COUNT:
            place = self.counted[test.name]
            return lambda values: test.test is TestKind.KNOWN or compare(test, values[place])
        slot, words = self.values[test.name]
        if test.test is TestKind.KNOWN:
            return lambda values: values[slot] > 0
        table: list[bool | None] = [None, *(_says(test, known, word) for word in words)]
        return lambda values: table[values[slot]]


def _words(field: Field, asked: list[Test]) -> tuple[str, ...]:
    """The representatives of a field, as a scenario writes them."""
    match field.type:
        case FieldType.YES_NO:
            return ("yes", "no")
        case FieldType.NUMBER:
            return tuple(str(each) for each in sorted(_bounds(field, asked)))
        case FieldType.INSTANT:
            return (PAST, FUTURE) if any(each.test is TestKind.PASSED for each in asked) else (KNOWN,)
        case FieldType.LIST:
            return ITEMS
        case FieldType.ONE_OF | FieldType.ROLE:
            named = {str(each.value) for each in asked if each.value is not None}
            others = [each for each in field.choices if each not in named]
            return (*sorted(named), *others[:1])
    return (KNOWN,)


def _bounds(field: Field, asked: list[Test]) -> set[int]:
    found = {field.low, field.high}
    for each in asked:
        if isinstance(each.value, int):
            found |= {each.value - 1, each.value, each.value + 1}
    return {each for each in found if field.low <= each <= field.high}


def _says(test: Test, field: Field, word: str) -> bool:
    if test.test is TestKind.TRUE:
        return word == "yes"
    if test.test is TestKind.PASSED:
        return word == PAST
    if field.type is FieldType.NUMBER:
        return compare(test, int(word))
    return word == str(test.value)


def compare(test: Test, value: int) -> bool:
    """A comparison of a number with the test's bound."""
    bound = test.value if isinstance(test.value, int) else 0
    return {
        TestKind.IS: value == bound,
        TestKind.AT_LEAST: value >= bound,
        TestKind.AT_MOST: value <= bound,
        TestKind.OVER: value > bound,
        TestKind.UNDER: value < bound,
    }.get(test.test, False)
