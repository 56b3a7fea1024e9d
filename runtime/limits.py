"""How much may be asked at once: a bucket for each session, person, agency and address, emptied as it is asked.

No bucket is shared by two agencies: a limit that one reaches would tell it what another does. The buckets are in the
memory of the one process that answers; a restart fills them all.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from protocol.errors import HandoffError
from protocol.state import Instant


class TooMany(HandoffError):
    """Asked too often: the same may be asked again after so many seconds."""

    def __init__(self, code: str, message: str, *, after: int) -> None:
        super().__init__(code, message)
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many a second for long, and so many at once after a pause."""

    per_second: float
    burst: int


SESSION = Limit(per_second=5, burst=60)
PERSON = Limit(per_second=10, burst=120)
AGENCY = Limit(per_second=100, burst=1_000)
ADDRESS = Limit(per_second=100, burst=1_000)
"""Of an agency's people at one address."""

STRANGER = Limit(per_second=5, burst=200)
"""Of an address, by whoever does not say who they are, or wrongly."""

TOKEN = Limit(per_second=200, burst=2_000)
"""Of a machine key or another bearer token: 3,227 arrests of one export go in without waiting for it."""

SIGN_IN = Limit(per_second=5 / 3600, burst=5)
"""Tries of one agency's names from one address, on devices that are not known: five an hour."""

TRIES = Limit(per_second=1, burst=20)
"""Tries of one agency's names from one address, whatever the device: what comparing passwords may cost."""

MOST_KEPT = 50_000


class Limits:
    """Buckets of one process."""

    def __init__(self) -> None:
        self._levels: dict[Hashable, tuple[float, Instant, Limit]] = {}

    def take(self, name: Hashable, limit: Limit, now: Instant) -> None:
        """Take one from a bucket.

        Raises:
            TooMany: ``TOO_MANY`` when it is empty; nothing is taken then.
        """
        level, at, _ = self._levels.get(name, (float(limit.burst), now, limit))
        level = min(limit.burst, level + max(0, now - at) / 1_000_000 * limit.per_second)
        if level < 1:
            after = max(1, int(-(-(1 - level) // limit.per_second)))
            raise TooMany("TOO_MANY", f"this was asked too often; try again in {after} s", after=after)
        if len(self._levels) >= MOST_KEPT and name not in self._levels:
            self._forget(now)
        self._levels[name] = (level - 1, now, limit)

    def _forget(self, now: Instant) -> None:
        """Forget buckets that are full again; if that is not enough, those that were full longest ago."""
        left = {
            name: (level, at, limit)
            for name, (level, at, limit) in self._levels.items()
            if level + (now - at) / 1_000_000 * limit.per_second < limit.burst
        }
        for name in list(left)[: max(0, len(left) - MOST_KEPT + 1)]:
            del left[name]
        self._levels = left
