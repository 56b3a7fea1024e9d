"""The page of promises names every statement, and only tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "statements.md"
ROW = re.compile(r"^\| (?P<id>[ST]\d+) \| (?P<says>[^|]+) \| (?P<shown>[^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>test_\w+)`")
EXPECTED = [*(f"S{each}" for each in range(1, 30)), *(f"T{each}" for each in range(1, 19))]


def rows() -> dict[str, str]:
    """What shows each statement, as the page has it."""
    return {row["id"]: row["shown"] for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}


def test_every_statement_has_its_row() -> None:
    """S1 to S29 and T1 to T18 stand on the page, each once and in order."""
    assert EXPECTED == [row["id"] for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))]


def test_every_row_names_a_test_or_says_why_not_yet() -> None:
    """A row shows a test, or begins with Not yet and a reason."""
    for id_, shown in rows().items():
        assert TEST.search(shown) or re.match(r"Not (yet|here): \w.{20,}", shown.strip()), id_


def test_every_named_test_exists() -> None:
    """Each test that the page names is a function of that file."""
    named = {(found["file"], found["name"]) for shown in rows().values() for found in TEST.finditer(shown)}
    missing = {(file, name) for file, name in named if name not in functions_of(ROOT / file)}
    assert not missing
    assert len(named) > len(EXPECTED) / 2


def functions_of(path: Path) -> set[str]:
    """The names of the test functions of a file; none if there is no such file."""
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
