"""What a rehearsal counts, week by week of the cases' beginnings, so that weeks can be compared in pairs."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from protocol.names import RungId, Slug

HOURS = 7 * 24


class Rung(NamedTuple):
    """A rung of a step's ladder that told, paged or moved."""

    step: Slug
    rung: RungId


@dataclass(slots=True, kw_only=True)
class Tally:
    """One text's counts. Steps bear the names of the older text; weeks count from the first arrival's.

    ``due``: handoffs whose window came to its end or was kept; ``on_time`` of those. ``waits``: seconds from delivery
    to the end. ``contact``: seconds from the case's opening to the step's first end. ``load``: deliveries by role and
    hour of the week, from Monday at midnight. ``refused``: acts of modelled people that the text does not take.
    """

    weeks: int = 0
    cases: Counter[int] = field(default_factory=Counter)
    ended: int = 0
    steps: int = 0
    due: dict[Slug, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    on_time: dict[Slug, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    told: dict[Rung, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    waits: dict[Slug, list[int]] = field(default_factory=lambda: defaultdict(list))
    contact: dict[Slug, list[int]] = field(default_factory=lambda: defaultdict(list))
    load: dict[Slug, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * HOURS))
    refused: Counter[str] = field(default_factory=Counter)
    assumed: int = 0
    drawn: int = 0
    cut: int = 0
    """Cases that were still open at the end of the time looked at."""

    def plain(self) -> Tally:
        """The same without default factories, so that it can be sent between processes."""
        return Tally(
            weeks=self.weeks, cases=self.cases, ended=self.ended, steps=self.steps, due=dict(self.due),
            on_time=dict(self.on_time), told=dict(self.told), waits=dict(self.waits), contact=dict(self.contact),
            load=dict(self.load), refused=self.refused, assumed=self.assumed, drawn=self.drawn, cut=self.cut,
        )  # fmt: skip
