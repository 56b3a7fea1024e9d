"""How many of people's answers were taken and how many refused: what a run that moves cases is watched by.

Counted where answers come in, and kept in memory until the run's loop takes it, about every second. Of a confidential
agency's duties nothing is counted: a run that stopped would tell of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import Slug


@dataclass
class Answered:
    """Answers by protocol since they were last taken, and those of them that were refused."""

    answers: Counter[Slug] = field(default_factory=Counter)
    refused: Counter[Slug] = field(default_factory=Counter)

    @contextmanager
    def counting(self, protocol: Protocol, agency: Slug) -> Iterator[None]:
        """Count the answer that is given within, to a duty of an agency."""
        if protocol.agency[agency].confidential:
            yield
            return
        try:
            yield
        except HandoffError:
            self.refused[protocol.id] += 1
            raise
        finally:
            # Both at the end, so that no look in between has the one without the other.
            self.answers[protocol.id] += 1

    def taken(self) -> dict[Slug, tuple[int, int]]:
        """What was counted, by protocol: answers, of which refused. It is counted anew from here."""
        found = {slug: (number, self.refused[slug]) for slug, number in self.answers.items()}
        self.answers, self.refused = Counter(), Counter()
        return found

    def forget(self, protocol: Slug) -> None:
        """Count a protocol's answers anew: those before a run began are none of its own."""
        self.answers.pop(protocol, None)
        self.refused.pop(protocol, None)
