"""The command line as a test runs it: in this process where nothing is started, as its own process otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

import cli
from tests.installation import ROOT, Installation


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    """Run a command in this process."""
    monkeypatch.setattr(sys, "argv", ["handoff", *arguments])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return Ran(int(ended.value.code or 0), printed.out, printed.err)


def environment(here: Installation) -> dict[str, str]:
    """The settings by which a command finds an installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HANDOFF_")}
    return {**kept, "HANDOFF_DATA": str(here.data), "HANDOFF_PORT": here.url.rpartition(":")[2]}


def run_at(here: Installation, *arguments: str) -> Ran:
    """Run a command as a process, against an installation."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT, env=environment(here), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
