"""The tour does what it says: every command block is run, in order, on a real installation, and its output compared."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import environment
from tests.installation import ROOT, installed

TOUR = ROOT / "docs" / "tour.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = (
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "CASE"),
    (r"\b[a-z2-7]{26}\b", "TASK"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?\d{1,2}:\d\d [AP]M\b", "TIME"),
    (r"\b(?:less than a minute|\d+ h \d+ min|\d+ h|\d+ min)\b", "AMOUNT"),
    (r"\b(?!HANDOFF)[2-9A-HJKMNP-TV-Z]{8}\b", "CODE"),
    (r" +\d+\.\d+ ms", " N ms"),
    (r"\d+\.\d+ s, \d+ cases", "N s, N cases"),
    (r"(TIME\s+)\d+$", r"\1N"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of commands and what the tour says they print, if it does."""

    commands: str
    printed: str | None


def blocks() -> list[Block]:
    found: list[Block] = []
    for kind, text in BLOCK.findall(TOUR.read_text()):
        if kind == "sh":
            found.append(Block(text, None))
        else:
            found[-1] = Block(found[-1].commands, text)
    return found


def shape(printed: str) -> list[str]:
    """The lines without what differs from run to run: codes, ids, times, amounts, and the width of columns."""
    for pattern, name in VARIES:
        printed = re.sub(pattern, name, printed, flags=re.MULTILINE)
    return [re.sub(r"(?<=\S) {2,}", "  ", line).rstrip() for line in printed.strip("\n").splitlines()]


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_command_of_the_tour_prints_what_the_tour_says(tmp_path: Path) -> None:
    """The blocks are run in one shell, as a reader runs them, in a folder of its own."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    marked = "".join(f"{each.commands}\necho '=== end of block'\n" for each in blocks())
    script = f'handoff() {{ "{sys.executable}" "{ROOT / "cli.py"}" "$@"; }}\n{marked}'
    with installed(tmp_path / "data") as here:
        done = subprocess.run(
            ["bash", "-u"], input=script, cwd=tmp_path, env=environment(here), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240,
        )  # fmt: skip
    printed = done.stdout.split("=== end of block\n")

    assert len(printed) == len(blocks()) + 1
    shown = [(each.printed, found) for each, found in zip(blocks(), printed, strict=False) if each.printed is not None]
    assert [shape(said) for said, _ in shown] == [shape(found) for _, found in shown]
