"""Conditions compared by what they let through, not by how they are written.

A table of truth over everything that two conditions read: a choice by its choices, a number by the cuts it is compared
with, a yes-or-no, an occurrence, each also unknown. At most 4,096 rows; more cannot be decided here, and counts as a
change (council.md section 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from protocol.engine.points import View, truth
from protocol.expressions import Expr, Joined, Test, TestKind
from protocol.kernel import FieldType, Protocol
from protocol.names import Slug
from protocol.state import Instance, Mark, Phase, Value

MOST_ROWS = 4_096
NOW = 1_000_000
Key = tuple[str, str]


def reads(protocol: Protocol, expr: Expr | None) -> frozenset[Key]:
    """What a condition reads, derived fields looked into."""
    return frozenset((_kind(each), each.name) for each in _tests(protocol, expr))


def alike(old: Protocol, new: Protocol, before: Expr | None, after: Expr | None) -> bool | None:
    """Whether two conditions are true in the same cases; None when that cannot be decided."""
    if before == after and not _differ_in_what_they_read(old, new, before):
        return True
    keys = reads(old, before) | reads(new, after)
    if any(kind == "field" and (name in old.field) != (name in new.field) for kind, name in keys):
        return None
    both = Joined(word="and", parts=tuple(each for each in (before, after) if each is not None))
    first, second = _rows(old, before, keys, both), _rows(new, after, keys, both)
    return None if first is None or second is None else first == second


def _rows(protocol: Protocol, expr: Expr | None, keys: frozenset[Key], both: Expr) -> tuple[bool, ...] | None:
    known = sorted(keys)
    domains = [tuple(_domain(protocol, each, both)) for each in known]
    if prod(map(len, domains)) > MOST_ROWS:
        return None
    return tuple(
        expr is None or truth(_view(protocol, dict(zip(known, row, strict=True))), expr) is True
        for row in product(*domains)
    )


def _differ_in_what_they_read(old: Protocol, new: Protocol, expr: Expr | None) -> bool:
    names = {each.name for each in _plain(expr)} if expr is not None else set()
    return any(old.field.get(each) != new.field.get(each) for each in names)


def _plain(expr: Expr) -> Iterator[Test]:
    if isinstance(expr, Joined):
        for part in expr.parts:
            yield from _plain(part)
    else:
        yield expr


def _tests(protocol: Protocol, expr: Expr | None) -> Iterator[Test]:
    for each in () if expr is None else _plain(expr):
        field = protocol.field.get(each.name)
        if field is not None and field.expr is not None:
            yield from _tests(protocol, field.expr)
        else:
            yield each


def _kind(test: Test) -> str:
    return {TestKind.HAPPENED: "ref", TestKind.OPEN: "step"}.get(test.test, "field")


def _domain(protocol: Protocol, key: Key, expr: Expr) -> Iterator[Value | None]:
    kind, name = key
    if kind != "field":
        yield from (None, True)
        return
    field = protocol.field[name]
    yield None
    if field.type is FieldType.YES_NO:
        yield from (True, False)
    elif field.type in (FieldType.ONE_OF, FieldType.ROLE):
        yield from field.choices
    elif field.type is FieldType.INSTANT:
        yield from (NOW - 1, NOW + 1)
    elif field.type is FieldType.LIST:
        yield from ((), ({},))
    elif field.type is FieldType.REFERENCE:
        said = {str(each.value) for each in _tests(protocol, expr) if each.name == name and each.value is not None}
        yield from sorted({*said, "another"})
    else:
        cuts = {each.value for each in _tests(protocol, expr) if each.name == name}
        numbers = {each for each in cuts if isinstance(each, int) and not isinstance(each, bool)}
        yield from sorted({n + d for n in numbers for d in (-1, 0, 1)} | {field.low})


def _view(protocol: Protocol, row: dict[Key, Value | None]) -> View:
    fields: dict[Slug, Value] = {}
    counters: dict[Slug, tuple[int, ...]] = {}
    for (kind, name), value in row.items():
        if kind != "field" or value is None:
            continue
        if protocol.field[name].type is FieldType.COUNT and isinstance(value, int):
            counters[name] = (NOW,) * max(0, value)
        else:
            fields[name] = value
    last = {name: Mark(seq=1, effective=NOW) for (kind, name), value in row.items() if kind == "ref" and value}
    opened = tuple(
        Instance(
            n=number, step=name, agency=protocol.step[name].agency, phase=Phase.OPEN, born=0, cause="event:x",
            cause_effective=0, owners=(),
        )
        for number, ((kind, name), value) in enumerate(row.items(), 1)
        if kind == "step" and value and name in protocol.step
    )  # fmt: skip
    return View(protocol, fields, last, opened, NOW, counters)
