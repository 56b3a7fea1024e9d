"""The command ``handoff``: check and try a protocol text, run an installation, and speak to one.

``check``, ``show``, ``test``, ``schema``, ``doctor``, ``store`` and ``up`` work here; ``publish``, ``intake``,
``cases`` and ``tasks`` speak HTTP to a running installation. Exit codes: 0 done, 1 findings or refused, 2 usage.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api import launch
from protocol.compiling import Compiled, compile_text
from protocol.errors import Finding, HandoffError, SpecError
from protocol.findings import counted, tell
from protocol.outline import Outline, outline
from protocol.scenario import play, read_scenarios
from protocol.spec import json_schema
from runtime import texts
from runtime.settings import load

FOUND_SOMETHING = 1

app = typer.Typer(
    name="handoff",
    help="Handoff runs a community's protocols: who owes what to whom, and by when.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

Text = Annotated[Path, typer.Argument(metavar="FILE", help="A protocol text (YAML).")]
TextOrSlug = Annotated[str, typer.Argument(metavar="FILE|SLUG", help="A protocol text, or a bundled protocol's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
def check(file: Text, *, as_json: AsJson = False) -> None:
    """Say whether a protocol text can be published, and what to write where it cannot."""
    data = texts.read_bytes(file)
    compiled, findings = _compile(data)
    if as_json:
        known = {"protocol": compiled.protocol.id, "hash": compiled.hash} if compiled else {}
        _print_json({"file": str(file), **known, "findings": [asdict(each) for each in findings]})
    else:
        _print_findings(file, data, findings)
        if compiled is not None:
            out.print(f"{compiled.protocol.id} can be published: {len(compiled.protocol.steps)} steps, {compiled.hash}")
    if compiled is None:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def show(protocol: TextOrSlug, *, as_json: AsJson = False) -> None:
    """Tell a protocol in plain English, step by step, from what the engine will run."""
    told = outline(_compiled(texts.find(protocol)).protocol)
    if as_json:
        _print_json(asdict(told))
    else:
        _print_outline(told)


@app.command()
def test(protocol: TextOrSlug, *, as_json: AsJson = False) -> None:  # noqa: PT028 - a command, not a test
    """Play the scenarios that stand beside a protocol text, on the engine's own rules, with no server."""
    path = texts.find(protocol)
    stories = texts.stories_of(path)
    compiled = _compiled(path).protocol
    results = []
    for scenario in read_scenarios(texts.read_bytes(stories), compiled.zone):
        began = time.perf_counter()
        problems, facts = play(compiled, scenario)
        took = round((time.perf_counter() - began) * 1000, 1)
        found = [{"line": each.place.line, "expected": each.expected, "found": each.found} for each in problems]
        results.append({"scenario": scenario.title, "ms": took, "facts": len(facts), "problems": found})
        if not as_json:
            out.print(f"{'no' if problems else 'ok'} {took:7.1f} ms  {scenario.title}")
            for each in problems:
                out.print(f"     {stories}:{each.place.line}: expected {each.expected}; found {each.found}")
    held = sum(not each["problems"] for each in results)
    if as_json:
        _print_json({"protocol": compiled.id, "scenarios": results})
    else:
        out.print(f"{held} of {len(results)} scenarios hold.")
    if held < len(results):
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def schema() -> None:
    """Print the JSON Schema of protocol texts, for editors."""
    _print_json(json_schema())


@app.command()
def up() -> None:
    """Start Handoff here: Temporal, custodian, worker and API, until Ctrl-C."""
    began = time.monotonic()
    settings = load()
    asyncio.run(launch.up(settings, out.print, began))


def _compile(data: bytes) -> tuple[Compiled | None, Sequence[Finding]]:
    try:
        compiled = compile_text(data, today=_today())
    except SpecError as error:
        return None, error.findings
    return compiled, compiled.findings


def _compiled(path: Path) -> Compiled:
    data = texts.read_bytes(path)
    compiled, findings = _compile(data)
    if compiled is None:
        _print_findings(path, data, findings)
        raise typer.Exit(FOUND_SOMETHING)
    return compiled


def _print_findings(path: Path, data: bytes, findings: Sequence[Finding]) -> None:
    lines = data.decode(errors="replace").splitlines()
    for each in findings:
        err.print(tell(each, str(path), lines))
    if findings:
        err.print(f"{path}: {counted(findings)}.")


def _print_outline(told: Outline) -> None:
    out.print(told.title)
    for part in told.parts:
        out.print(f"\n{part.title}")
        for line in part.lines:
            out.print(f"  {line}")
        for clause in part.clauses:
            out.print(f"\n  {clause.number}. {clause.step}")
            for sentence in clause.sentences:
                out.print(f"     {sentence}")


def _print_json(value: object) -> None:
    out.print(json.dumps(value, indent=2, ensure_ascii=False))


def _today() -> date:
    return datetime.now(UTC).date()


def main() -> None:
    """Run the command line; what goes wrong as expected is one plain sentence with its code."""
    try:
        app()
    except HandoffError as error:
        if "--json" in sys.argv:
            err.print(json.dumps({"code": error.code, "message": error.message}))
        else:
            err.print(f"handoff: {error.message} ({error.code})")
        sys.exit(FOUND_SOMETHING)


if __name__ == "__main__":
    main()
