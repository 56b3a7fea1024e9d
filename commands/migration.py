"""``handoff migration``: what a newer text does to open cases, and the runs that move them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.options import As, AsJson, Token, Url, remote
from runtime import terminal, texts

app = typer.Typer(
    help="Open cases follow a newer text: foresee, start, watch, stop, take back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Slug = Annotated[str, typer.Argument(metavar="PROTOCOL", help="The protocol, by its name.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run, by its id.")]
Draft = Annotated[Path | None, typer.Option("--text", metavar="FILE", help="A draft that is not published yet.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="A published version. By default: the newest.")]
PlanFile = Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="The plan: see docs/migrating.md.")]
COORDINATOR = "coordinator"
DUE = ("same", "sooner", "later")


def _asked(version: int | None, plan: Path | None, text: Path | None = None) -> bytes:
    found: dict[str, object] = {} if version is None else {"version": version}
    for name, file in (("plan", plan), ("text", text)):
        if file is not None:
            found[name] = texts.read_bytes(file).decode(errors="replace")
    return json.dumps(found).encode()


@app.command()
def effect(  # noqa: PLR0913 - the options of a command
    protocol: Slug,
    *,
    text: Draft = None,
    version: Version = None,
    plan: PlanFile = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Say what a text would do to every open case: their classes, what is to be decided, how due times move.

    Exit code 1 while something is to be decided.
    """
    with remote(url, token, as_ or COORDINATOR) as there:
        found = there.tell("POST", f"/protocols/{protocol}/effect", _asked(version, plan, text))
    if as_json:
        terminal.print_json(found)
    else:
        said = "   ".join(f"{kind} {number}" for kind, number in found["classes"].items())
        terminal.out.print(f"{found['open']} open cases: {said}")
        _places(found["places"])
        lines = [
            [
                each["step"],
                *(_number(each[part]) for part in DUE),
                _told(each["newly_told"]),
                _told(each["no_longer_told"]),
            ]
            for each in found["steps"]
        ]
        terminal.rows(("step", *DUE, "newly told", "no longer told"), lines, empty="No open duty changes.")
    if any(found["classes"].get(kind) for kind in ("needs a decision", "impossible")):
        raise typer.Exit(1)


def _number(found: int | None) -> str:
    return "few" if found is None else str(found)


def _told(roles: list[str]) -> str:
    return ", ".join(roles) or "-"


def _places(places: list[dict[str, Any]]) -> None:
    for each in places:
        terminal.out.print(f"  {_number(each['cases'])} cases: {each['says']} ({each['code']})")


@app.command()
def start(  # noqa: PLR0913 - the options of a command
    protocol: Slug,
    *,
    version: Version = None,
    plan: PlanFile = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Let every open case follow a published version by the plan, a first share before the rest."""
    with remote(url, token, as_ or COORDINATOR) as there:
        _said(there.tell("POST", f"/protocols/{protocol}/migrations", _asked(version, plan)), as_json=as_json)


@app.command()
def status(protocol: Slug, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """List the runs of a protocol and how far they are."""
    with remote(url, token, as_ or COORDINATOR) as there:
        found = there.ask(f"/protocols/{protocol}/migrations")
    if as_json:
        terminal.print_json(found)
        return
    for each in found:
        _said(each, as_json=False)
    if not found:
        terminal.out.print("No cases have been moved.")


@app.command()
def stop(run: RunId, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Move no further case; those that moved stay."""
    _change(run, "stop", url, token, as_, as_json=as_json)


@app.command("go-on")
def go_on(run: RunId, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Move the rest now, without waiting longer after the first share or after a stop."""
    _change(run, "go-on", url, token, as_, as_json=as_json)


@app.command()
def undo(run: RunId, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Let every case that moved go back to where it was, less what people did meanwhile."""
    _change(run, "undo", url, token, as_, as_json=as_json)


def _change(run: str, act: str, url: str | None, token: str | None, as_: str | None, *, as_json: bool) -> None:
    with remote(url, token, as_ or COORDINATOR) as there:
        _said(there.tell("POST", f"/migrations/{run}/{act}", b"{}"), as_json=as_json)


def _said(run: dict[str, Any], *, as_json: bool) -> None:
    """How far a run is, in one line, and why cases stay."""
    if as_json:
        terminal.print_json(run)
        return
    parts = (("cases", "cases"), ("moved", "moved"), ("to_do", "to do"), ("ended", "ended"), ("stay", "stay"))
    said = "   ".join(f"{words} {run[part]}" for part, words in parts)
    terminal.out.print(f"{run['run']}  {run['stage'].replace('-', ' ')}  {said}   returned {run['returned']}")
    if run["says"]:
        terminal.out.print(f"  {run['says']} ({run['because']})")
    if run["gone_on"]:
        terminal.out.print(f"  the rest waits until {run['gone_on']} cases of each class have gone on")
    _places(run["places"])
