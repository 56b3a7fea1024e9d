"""A change: which unit, by which rule of the note, how grave, in one sentence, and who must agree.

The rules D01 to D51, their grades and consents are those of the design (council.md section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from protocol.kernel import Protocol
from protocol.names import Slug

Unit: TypeAlias = str
"""``kind:id``, as ``step:first-call``, ``outcome:first-call/talked``, ``rung:first-call/page-supervisor``."""


class Tag(IntEnum):
    """How grave a change is; of several the worst rules how a council decides."""

    EDITORIAL = 0
    TIGHTENS = 1
    LOOSENS = 2
    MOVES = 3
    KNOWS = 4
    SAFEGUARD = 5

    @property
    def letter(self) -> str:
        """``E T L M K S``, as the note has them."""
        return "ETLMKS"[self]

    @property
    def says(self) -> str:
        """In words."""
        return (
            "changes words only", "tightens", "loosens", "moves a duty", "changes who knows what",
            "removes a safeguard",
        )[self]  # fmt: skip

    @property
    def majority(self) -> str:
        """What a council's vote on it needs (council.md section 1): silence, more for than against, or two thirds."""
        return ("silence", "majority", "majority", "majority", "2/3", "2/3")[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. ``consent``: the agencies that must agree to it, whatever the vote."""

    unit: Unit
    code: str
    tag: Tag
    says: str
    consent: frozenset[Slug] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The two texts, the older one with the newer one's names."""

    old: Protocol
    new: Protocol

    def agencies(self, *names: Slug | None) -> frozenset[Slug]:
        """Of these names, the agencies that either text has."""
        return frozenset(each for each in names if each in self.old.agency or each in self.new.agency)

    def of_role(self, *roles: Slug) -> frozenset[Slug]:
        """The agencies of roles, in either text."""
        found = (side.role[each].agency for side in (self.old, self.new) for each in roles if each in side.role)
        return frozenset(found)

    @property
    def everybody(self) -> frozenset[Slug]:
        """Every agency of the newer text."""
        return frozenset(self.new.agency)
