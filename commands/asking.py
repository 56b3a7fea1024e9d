"""Commands that speak to a running installation: publish, report, list, call."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from commands.options import FOUND_SOMETHING, As, AsJson, Text, Token, Url, now, remote
from protocol.errors import SpecError
from runtime import terminal, texts
from runtime.remote import items_of

Wait = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait for something to list, so long at most.")
]
AtLeast = Annotated[int, typer.Option("--at-least", metavar="N", min=1, help="With --wait: until there are so many.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="How many to list at most.")]


def publish(file: Text, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Publish a protocol text to a running installation; cases that are open keep theirs."""
    data = texts.read_bytes(file)
    with remote(url, token, as_ or "coordinator") as there:
        try:
            found = there.tell("POST", "/protocols", data, kind="application/yaml")
        except SpecError as error:
            if as_json:
                terminal.print_json({"file": str(file), "findings": [asdict(each) for each in error.findings]})
            else:
                terminal.findings(file, data, error.findings)
            raise typer.Exit(FOUND_SOMETHING) from None
    if as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(f"{found['protocol']} is in force as version {found['version']}.")


def intake(  # noqa: PLR0913 - the options of a command
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A records system's export: CSV, plain or gzip.")],
    *,
    protocol: Annotated[str, typer.Option("--protocol", metavar="SLUG", help="The protocol to report to.")],
    map_: Annotated[Path, typer.Option("--map", metavar="MAP", help="How to read the export: see docs/intake.md.")],
    report: Annotated[
        Path | None, typer.Option("--report", help="Where refused rows are listed. FILE.refused.csv here")
    ] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Report every incident of an export; safe to run again. Exit code 1 if any row was refused."""
    from runtime import intake as taking_in  # noqa: PLC0415 - the engine takes half a second to load; most commands need none
    from runtime.mapping import read_mapping  # noqa: PLC0415 - as above

    data = texts.read_bytes(map_)
    refused = report or Path(f"{file.name}.refused.csv")
    try:
        sheet = read_mapping(data)
        with remote(url, token, as_ or f"{sheet.mapping.source}-records") as there:
            known = taking_in.protocol_of(there, protocol)
            order = taking_in.Order(file=file, sheet=sheet, protocol=known, report=refused)
            with terminal.progress(texts.size_of(file), quiet=as_json) as moved:
                outcome = taking_in.take_in(order, there, now(), moved)
    except SpecError as error:
        terminal.findings(map_, data, error.findings)
        raise typer.Exit(FOUND_SOMETHING) from None
    if as_json:
        figures = {"unanswered": outcome.unanswered, "seconds": round(outcome.seconds, 3), "report": str(refused)}
        terminal.print_json({**asdict(outcome.tally), **figures})
    else:
        terminal.taken_in(outcome, refused)
    if outcome.stopped is not None:
        raise outcome.stopped
    if outcome.tally.refused:
        raise typer.Exit(FOUND_SOMETHING)


def cases(  # noqa: PLR0913 - the options of a command
    *,
    limit: Limit = 50,
    wait: Wait = 0,
    at_least: AtLeast = 1,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List cases in which your agency has a part, newest first."""
    with remote(url, token, as_ or "coordinator") as there:
        found = there.await_items("/cases", wait, at_least, limit=limit)
    terminal.listed(found, terminal.CASES, as_json=as_json)


def tasks(  # noqa: PLR0913 - the options of a command
    *,
    ids: Annotated[bool, typer.Option("--ids", help="Print the tasks' ids only, one a line.")] = False,
    limit: Limit = 50,
    wait: Wait = 0,
    at_least: AtLeast = 1,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List what you owe, with the time left: late first, then what nobody has taken up."""
    with remote(url, token, as_ or "coordinator") as there:
        found = there.await_items("/tasks", wait, at_least, limit=limit)
    if ids:
        terminal.out.print("\n".join(str(each["id"]) for each in items_of(found)))
    else:
        terminal.listed(found, terminal.TASKS, as_json=as_json)


def handoffs(  # noqa: PLR0913 - the options of a command
    *,
    limit: Limit = 50,
    wait: Wait = 0,
    at_least: AtLeast = 1,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List which agency waits for which, as a coordinator sees it: stalled first."""
    with remote(url, token, as_ or "coordinator") as there:
        found = there.await_items("/handoffs", wait, at_least, limit=limit)
    terminal.listed(found, terminal.HANDOFFS, as_json=as_json)


def escalations(  # noqa: PLR0913 - the options of a command
    *,
    limit: Limit = 50,
    wait: Wait = 0,
    at_least: AtLeast = 1,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List who was told of what, when and why, newest first."""
    with remote(url, token, as_ or "coordinator") as there:
        found = there.await_items("/escalations", wait, at_least, limit=limit)
    terminal.listed(found, terminal.ESCALATIONS, as_json=as_json)


def call(  # noqa: PLR0913 - the options of a command
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET or POST.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="A path under /api/v1, for example /tasks.")],
    body: Annotated[str, typer.Argument(metavar="JSON", help="What to send; - reads it from standard input.")] = "{}",
    *,
    wait: Wait = 0,
    url: Url = None,
    token: Token = None,
    as_: As = None,
) -> None:
    """Call the HTTP interface as somebody, and print its answer as JSON."""
    with remote(url, token, as_ or "coordinator") as there:
        if method.upper() == "GET":
            terminal.print_json(there.await_items(path, wait) if wait else there.ask(path))
        else:
            said = sys.stdin.buffer.read() if body == "-" else body.encode()
            terminal.print_json(there.tell(method.upper(), path, said))
