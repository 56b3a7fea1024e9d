"""The audit of dependencies: whole, and honest about what it could not ask."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench.dependencies import CLEAN, FAULTY, LOCK, UNKNOWN, judge, write_bill

GOOD = {"name": "one", "version": "1.0", "vulns": []}
BAD = {"name": "two", "version": "2.0", "vulns": [{"id": "PYSEC-0-1", "fix_versions": ["2.1"]}]}
SILENT = {"name": "three", "skip_reason": "could not be audited"}


def test_the_bill_names_every_locked_part_with_its_version(tmp_path: Path) -> None:
    """CycloneDX, made from the lock without a network: as many names, the same versions."""
    path = tmp_path / "bill.json"
    assert write_bill(path) == len(json.loads(path.read_text())["components"])
    said = json.loads(path.read_text())
    found = {(each["name"], each["version"]) for each in said["components"]}
    locked = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z]+\])?==([^ ;\\]+)", LOCK.read_text(), re.MULTILINE)
    assert "CycloneDX" == said["bomFormat"]
    assert set(locked) == found


@pytest.mark.parametrize(
    ("parts", "code", "says"),
    [
        ([GOOD], CLEAN, "All 1 parts were audited"),
        ([GOOD, BAD], FAULTY, "two 2.0: PYSEC-0-1, mended in 2.1"),
        ([GOOD, SILENT], UNKNOWN, "Not audited, for the advisory service did not answer for them (1 of 2):"),
        ([BAD, SILENT], FAULTY, "(1 of 2)"),
        ([], UNKNOWN, "that says little"),
        (None, UNKNOWN, "nothing was audited"),
    ],
)
def test_what_could_not_be_asked_has_not_passed(parts: list[Any] | None, code: int, says: str) -> None:
    """Only a part that was asked about and has no known fault is clean; one silent part fails the whole."""
    verdict = judge(None if parts is None else {"dependencies": parts})
    assert code == verdict.code
    assert any(says in line for line in verdict.lines)
