"""The clocks reckon what the definitions say."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.protocol.oracle import ZONES, differences


@pytest.mark.parametrize("seed", [1, 2])
def test_windows_end_where_the_definitions_say(seed: int) -> None:
    """In every US zone, with odd hours, holidays, pauses and changes of the clocks, no window ends elsewhere."""
    assert [] == list(differences(3_000, seed))


def test_every_zone_unit_and_direction_is_drawn() -> None:
    """The comparison is worth as much as what it compares."""
    kinds: Counter[str] = Counter()

    assert [] == list(differences(1_500, 3, kinds))

    drawn = {f"{own}{unit} {edge}{back}" for own, unit, edge, back in _combinations()}
    assert set() == (drawn | {f"zone {each}" for each in ZONES} | {"stepped too"}) - set(kinds)


def _combinations() -> list[tuple[str, str, str, str]]:
    """Hours and days of an agency and plain ones; seconds to months, forwards and back; each edge of a day."""
    elapsed = [("", unit, "end") for unit in ("second", "minute", "hour", "month")] + [("open ", "hour", "end")]
    days = [(own, "day", edge) for own in ("", "open ") for edge in ("start", "end", "at")]
    weeks = [("", "week", edge) for edge in ("start", "end", "at")]
    return [(*each, back) for each in (*elapsed, *days, *weeks) for back in ("", " before")]
