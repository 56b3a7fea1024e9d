"""Which figures of periods that add up may be told: none that is small, and none that a small one follows from.

Periods are months, the quarters they make, and the years those make. What was told is never taken back: of periods that
are new some are hidden instead. What others can work out is worked out here too, by narrowing what each figure can be
until nothing narrows any more; a figure that is not told must still be any of several numbers then. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

UNKNOWN = 2**40
"""More than any figure."""


class Told(StrEnum):
    """How much of a period is told: all; that nearly all, or nearly none, was kept; how many alone; nothing."""

    ALL = "all"
    NEARLY_ALL = "nearly-all"
    NEARLY_NONE = "nearly-none"
    COUNT = "count"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One period: how many there were, how many of them were kept, and what of that is told."""

    period: str
    n: int
    kept: int
    told: Told


Bounds = tuple[int, int]


def first_told(n: int, kept: int, least: int) -> Told:
    """What may be told of figures by themselves: neither they nor their rests may be fewer than ``least``."""
    if n < least:
        return Told.NOTHING
    if 0 < n - kept < least:
        return Told.NEARLY_ALL
    return Told.NEARLY_NONE if 0 < kept < least else Told.ALL


def settled(before: Sequence[Cell], new: Sequence[Cell], least: int) -> tuple[Cell, ...]:
    """The new periods of one kind of handoff, with what may be told of them beside what was told already.

    Args:
        before: periods told earlier; they stay as they are.
        new: periods to be told now, each as ``first_told`` says.
        least: the smallest figure that is told.
    """
    found = {each.period: each for each in new}
    while True:
        known = {each.period: each for each in (*before, *found.values())}
        leaks = tuple(found_out(known, least))
        if not leaks:
            return tuple(found[each.period] for each in new)
        # The next smallest is hidden too: of what is new, first the period itself is not divided, then not told.
        rest = [each for each in found.values() if each.told is not Told.NOTHING]
        if not rest:
            return tuple(found[each.period] for each in new)
        undivided = [each for each in rest if each.told is not Told.COUNT] if "n" not in leaks else []
        chosen = min(undivided or rest, key=lambda each: (each.n, each.period))
        less = Told.COUNT if undivided else Told.NOTHING
        found[chosen.period] = replace(chosen, told=less)


def found_out(known: Mapping[str, Cell], least: int) -> Iterator[str]:
    """What can be worked out that is not told: ``n`` of how many there were, ``kept`` of how they divide."""
    bounds = narrowed(known, least)
    for period, each in known.items():
        n, kept, rest = (bounds[period, name] for name in ("n", "kept", "rest"))
        if each.told is Told.NOTHING:
            if n[1] - n[0] < least:
                yield "n"
        elif each.told in (Told.NEARLY_ALL, Told.NEARLY_NONE):
            small = rest if each.told is Told.NEARLY_ALL else kept
            if small[0] == small[1]:
                yield "kept"
        elif each.told is Told.COUNT and min(kept[1] - kept[0], rest[1] - rest[0]) < least:
            yield "kept"


def narrowed(known: Mapping[str, Cell], least: int) -> dict[tuple[str, str], Bounds]:
    """What each figure of each period can be, for whoever has everything that is told."""
    bounds: dict[tuple[str, str], Bounds] = {}
    for period, each in known.items():
        bounds.update({(period, name): found for name, found in _said(each, least).items()})
    sums: list[tuple[tuple[str, str], tuple[tuple[str, str], ...]]] = [
        ((period, "n"), ((period, "kept"), (period, "rest"))) for period in known
    ]
    for whole, parts in _whole_and_parts(known):
        sums += [((whole, name), tuple((part, name) for part in parts)) for name in ("n", "kept", "rest")]
    while any(_narrow(bounds, whole, parts) for whole, parts in sums):
        pass
    return bounds


def _said(each: Cell, least: int) -> dict[str, Bounds]:
    if each.told is Told.NOTHING:
        return {"n": (0, UNKNOWN), "kept": (0, UNKNOWN), "rest": (0, UNKNOWN)}
    few, most = (1, least - 1), (each.n - least + 1, each.n - 1)
    divided = {
        Told.ALL: ((each.kept, each.kept), (each.n - each.kept, each.n - each.kept)),
        Told.NEARLY_ALL: (most, few),
        Told.NEARLY_NONE: (few, most),
        Told.COUNT: ((0, each.n), (0, each.n)),
    }[each.told]
    return {"n": (each.n, each.n), "kept": divided[0], "rest": divided[1]}


def _narrow(bounds: dict[tuple[str, str], Bounds], whole: tuple[str, str], parts: Sequence[tuple[str, str]]) -> bool:
    """Narrow a whole by its parts and each part by the rest; whether anything became narrower."""
    before = [bounds[each] for each in (whole, *parts)]
    low, high = sum(bounds[each][0] for each in parts), sum(bounds[each][1] for each in parts)
    bounds[whole] = max(bounds[whole][0], low), min(bounds[whole][1], high)
    for part in parts:
        least, most = bounds[part]
        others = (low - least, high - most)
        bounds[part] = max(least, bounds[whole][0] - others[1]), min(most, bounds[whole][1] - others[0])
    return before != [bounds[each] for each in (whole, *parts)]


def _whole_and_parts(known: Mapping[str, Cell]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Periods whose parts are all known by name, told or not."""
    for period in known:
        parts = parts_of(period)
        if parts and all(each in known for each in parts):
            yield period, parts


def parts_of(period: str) -> tuple[str, ...]:
    """The months of a quarter (``2026-Q4``), the quarters of a year (``2026``); none of a month."""
    year, _, rest = period.partition("-")
    if not rest:
        return tuple(f"{year}-Q{number}" for number in range(1, 5))
    if not rest.startswith("Q"):
        return ()
    first = 3 * int(rest[1:]) - 2
    return tuple(f"{year}-{month:02d}" for month in range(first, first + 3))
