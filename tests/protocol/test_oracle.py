"""The clocks reckon what brute force steps through."""

from __future__ import annotations

import pytest

from tests.protocol.oracle import differences


@pytest.mark.parametrize("seed", [1, 2])
def test_reckoned_windows_end_where_stepping_ends(seed: int) -> None:
    """In every US zone, with odd hours, holidays, pauses and changes of the clocks, no window ends a minute off."""
    assert [] == list(differences(600, seed))
