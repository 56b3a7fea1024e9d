"""The reference pages that are made from the program: ``python -m tests.cli.reference`` writes them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main

import cli
from protocol.spec import json_schema
from runtime.settings import load

ROOT = Path(__file__).resolve().parents[2]


def commands() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# The command line",
        "",
        "Made from the program by `python -m tests.cli.reference`; a test compares them.",
        "",
        "Exit codes: 0 done; 1 findings, or something was refused; 2 the command was not understood. With `--json` an",
        "answer is JSON on standard output, and what went wrong is JSON on standard error. `--as NAME` acts as a",
        "placeholder person of an installation on this machine; elsewhere give `--url` and `--token`, or set",
        "`HANDOFF_TOKEN`.",
    ]
    for name, command in _commands(typer.main.get_command(cli.app), "handoff"):
        lines += ["", f"## {name}", "", command.help or "", *_parameters(command)]
    return "\n".join(lines) + "\n"


# Typer brings its own copy of click, whose classes have no public name.
def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    found: dict[str, Any] = getattr(command, "commands", {})
    if not found:
        yield name, command
    for each, below in found.items():
        yield from _commands(below, f"{name} {each}")


def _parameters(command: Any) -> list[str]:
    rows = []
    for each in command.params:
        names = (
            f"`{each.opts[0]}`"
            if each.param_type_name == "option"
            else f"`{each.metavar or each.name}`".replace("|", "\\|")
        )
        rows.append(f"| {names} | {getattr(each, 'help', None) or ''} |")
    return ["", "| | |", "| --- | --- |", *rows] if rows else []


def settings() -> str:
    """Every setting with its default and what it is for."""
    lines = [
        "# Settings",
        "",
        "Made from the program by `python -m tests.cli.reference`; a test compares them. Each is an environment",
        "variable; a name that is not here is refused. `handoff doctor` shows the values in force.",
        "",
        "| variable | default | what it is for |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{each.name}` | {each.default} | {each.says} |" for each in load().as_table()]
    return "\n".join(lines) + "\n"


PAGES: dict[Path, Callable[[], str]] = {
    Path("docs/cli.md"): commands,
    Path("docs/settings.md"): settings,
    Path("protocol_specs/schema.json"): lambda: json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
}

if __name__ == "__main__":
    for path, made in PAGES.items():
        (ROOT / path).write_text(made())
