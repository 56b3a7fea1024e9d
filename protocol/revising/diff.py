"""The whole difference of two texts in meaning: what changes for whom, worst first; and the meaning's hash.

Compared are compiled texts, so that nothing of how a text is written counts: order, titles, comments, ``120 minutes``
for ``2 hours``, one condition for another that is true in the same cases.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.revising.changes import Change, Pair, Tag
from protocol.revising.parties import party_changes
from protocol.revising.renames import renames, with_new_names
from protocol.revising.steps import step_changes
from protocol.telling.wording import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two texts' changes, worst first. ``words_only``: they differ, and no change is more than editorial."""

    changes: tuple[Change, ...]

    @property
    def worst(self) -> Tag:
        """The grade that rules how a council decides."""
        return max((each.tag for each in self.changes), default=Tag.EDITORIAL)

    @property
    def in_meaning(self) -> tuple[Change, ...]:
        """The changes that are more than words."""
        return tuple(each for each in self.changes if each.tag is not Tag.EDITORIAL)

    @property
    def consent(self) -> frozenset[Slug]:
        """The agencies that must agree to some change."""
        return frozenset(each for one in self.changes for each in one.consent)


def diff(old: Protocol, new: Protocol) -> Difference:
    """What the newer text changes.

    Raises:
        HandoffError: ``OTHER_PROTOCOL`` for texts of two protocols; as ``renames``.
    """
    if old.id != new.id:
        raise HandoffError("OTHER_PROTOCOL", f"These are texts of two protocols: {old.id} and {new.id}.")
    found = renames(old, new)
    pair = Pair(old=with_new_names(old, found), new=new)
    changes = [*step_changes(pair), *party_changes(pair)]
    changes += [
        Change(
            unit=unit,
            code="D02",
            tag=Tag.EDITORIAL,
            says=f"{_plain(was)} is now called {_plain(unit)}.",
        )
        for was, unit in found.items()
    ]
    if old.title != new.title or old.words != new.words:
        changes += _only_words(pair, old)
    return Difference(changes=tuple(sorted(changes, key=lambda each: (-each.tag, each.unit, each.code, each.says))))


def _only_words(pair: Pair, old: Protocol) -> list[Change]:
    there = set(old.words) & set(pair.new.words)
    units = sorted(each for each in there if old.words[each] != pair.new.words[each])
    units += ["protocol:title"] if old.title != pair.new.title else []
    return [
        Change(unit=each, code="D01", tag=Tag.EDITORIAL, says=f"Only words change in {_plain(each)}.") for each in units
    ]


def _plain(unit: str) -> str:
    return words(unit.partition(":")[2].replace("/", ", "))
