"""Releases: signed by the owner's key, held to their word by the owner's custodian, gone the moment she says so."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.releases import opening
from store.session import Database
from tests.store.releasing import CANARY, House, house


@pytest.fixture(params=[False, True], ids=["local", "keyholder"])
def made(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[House]:
    """The house, with advocacy's keys on this machine and at its keyholder."""
    with tempfile.TemporaryDirectory() as run, house(database, tmp_path, Path(run), keyholder=request.param) as found:
        yield found


def test_its_recipient_sees_the_named_field(made: House) -> None:
    """What she signed for opens for the role it names: the named field, and no other."""
    filed = made.release(made.who("advocate", "advocacy", "advocate"))
    shown = opening.view(
        made.database, made.custodian, made.who("lawyer", "court", "prosecutor"), filed.release.id, made.now
    )
    assert {field: value.reveal() for field, value in shown.items()} == {"safe-numbers": CANARY}
