"""The page of what was to be shown of councils and their changes names all twenty, and only tests that exist."""

from __future__ import annotations

import re

from tests.test_statements import ROOT, TEST, functions_of

PAGE = ROOT / "docs" / "acceptance.md"
ROW = re.compile(r"^\| (?P<id>A\d+) \| (?P<says>[^|]+) \| (?P<shown>[^|]+) \|$", re.MULTILINE)


def test_every_acceptance_has_its_row_and_a_test_that_exists() -> None:
    """A1 to A20 in order, each with a test that is a function of its file."""
    rows = {row["id"]: row["shown"] for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}
    assert list(rows) == [f"A{each}" for each in range(1, 21)]
    for id_, shown in rows.items():
        named = [(found["file"], found["name"]) for found in TEST.finditer(shown)]
        assert named, id_
        assert [] == [(file, name) for file, name in named if name not in functions_of(ROOT / file)], id_
