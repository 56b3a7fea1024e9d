"""What a story is made of: its entries, who is on duty, and how its times are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from protocol.errors import Place
from protocol.names import Slug
from protocol.state import Instant
from protocol.text.reading import refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a story: when, what happens (with what), and what must then be so."""

    at: Instant
    when: str | None
    given: dict[str, object]
    expect: tuple[str, ...]
    place: Place
    happened: Instant | None = None
    """When it happened, if that was before it was entered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One story of one protocol."""

    title: str
    of: Slug
    on_duty: dict[str, Slug]
    """People's names to the role they are on duty in."""
    story: tuple[Entry, ...]


def local_time(said: str, now: datetime | None, zone: str, place: Place) -> datetime:
    """``2026-03-06 23:00`` or, after ``now``, the next ``23:10`` or ``3 days later``; local to the zone."""
    later = re.fullmatch(r"(\d+) (minute|hour|day|week)s? later", said)
    if later is not None and now is not None:
        moved = timedelta(**{f"{later.group(2)}s": int(later.group(1))})
        if later.group(2) in ("minute", "hour"):
            return (now.astimezone(UTC) + moved).astimezone(ZoneInfo(zone))
        return now + moved
    bare = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?", said)
    tz = ZoneInfo(zone)
    if bare is not None and now is not None:
        local = now.astimezone(tz)
        wall = local.replace(hour=int(bare.group(1)), minute=int(bare.group(2)), second=int(bare.group(3) or 0))
        return wall if wall >= local else (wall + timedelta(days=1)).replace(tzinfo=tz)
    try:
        return datetime.fromisoformat(said).replace(tzinfo=tz)
    except ValueError:
        raise refuse(
            "SCENARIO_TIME", f"{said} is not a time.", place, "Write 2026-03-06 23:00, 23:10, or 3 days later."
        ) from None
