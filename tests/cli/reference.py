"""The reference pages that are made from the program: ``python -m tests.cli.reference`` writes them again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import cli
from protocol.text import spec
from protocol.text.spec import json_schema
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


KEYS = re.compile(r"(<!-- keys of (\w+) -->\n).*?(?=<!-- end of keys -->)", re.DOTALL)


def language() -> str:
    """The page of the language, its tables of keys made anew from the models."""
    page = (ROOT / "docs" / "language.md").read_text()
    return KEYS.sub(lambda found: found.group(1) + keys(vars(spec)[found.group(2)]), page)


def keys(model: type[BaseModel]) -> str:
    """A row for each key of a model: its name, type, whether it is needed, its meaning."""
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        key = f"{spec.STEPS_IN}LANE" if name == "lanes" else field.alias or name
        default = "needed" if field.is_required() else field.get_default(call_default_factory=True) or "-"
        rows.append(f"| `{key}` | {_shape(field)} | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _shape(field: FieldInfo) -> str:
    listed = ["list"] if field.metadata else []
    return " or ".join(dict.fromkeys((*listed, *_kinds(field.annotation))))


def _kinds(annotation: object) -> Iterator[str]:
    """Text, list, table; where a list of names may stand for a table, that too."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _kinds(each)
    elif origin is Annotated:
        yield "list"
        yield from _kinds(get_args(annotation)[0])
    elif annotation is not NoneType:
        kinds: dict[object, str] = {str: "text", list: "list", dict: "table"}
        yield kinds[origin or annotation]


PAGES: dict[Path, Callable[[], str]] = {
    Path("docs/cli.md"): commands,
    Path("docs/settings.md"): settings,
    Path("docs/language.md"): language,
    Path("protocol_specs/schema.json"): lambda: json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
}

if __name__ == "__main__":
    for path, made in PAGES.items():
        (ROOT / path).write_text(made())
