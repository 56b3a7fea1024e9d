"""Which lines of a text were changed, and how many, for those who read texts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

AROUND = 2
"""Unchanged lines shown on either side of a change."""


class Mark(StrEnum):
    """What became of a line; said in words, for a colour alone tells nobody enough."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line: its number in the older text if it was removed, else in the newer one. Left out: how many lines."""

    mark: Mark
    number: int
    text: str = ""


def line_changes(old: str, new: str, around: int = AROUND) -> tuple[Line, ...]:
    """The lines of two texts that differ, with a few on either side, in the order of the newer text."""
    return tuple(_lines(old.splitlines(), new.splitlines(), around))


def _lines(old: Sequence[str], new: Sequence[str], around: int) -> Iterator[Line]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    shown = 0
    for group in matcher.get_grouped_opcodes(around):
        begins = group[0][3]
        if begins > shown:
            yield Line(mark=Mark.LEFT_OUT, number=begins - shown)
        for kind, a, b, c, d in group:
            if kind == "equal":
                yield from (Line(mark=Mark.SAME, number=n + 1, text=new[n]) for n in range(c, d))
                continue
            yield from (Line(mark=Mark.REMOVED, number=n + 1, text=old[n]) for n in range(a, b))
            yield from (Line(mark=Mark.ADDED, number=n + 1, text=new[n]) for n in range(c, d))
        shown = group[-1][4]
    if shown and shown < len(new):
        yield Line(mark=Mark.LEFT_OUT, number=len(new) - shown)


def changed_lines(old: Sequence[str], new: Sequence[str]) -> int:
    """Lines of either text that are not in the other, a line that changed counted once."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return sum(max(b - a, d - c) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal")
