"""``handoff practice``: cases for practice, whose clock a trainer moves forward."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from commands.options import As, AsJson, Token, Url, remote
from runtime import terminal

app = typer.Typer(
    help="Cases for practice: begin one, move its clock, list them. They ring nobody, and no figure counts them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Case = Annotated[str, typer.Argument(metavar="CASE", help="The practice case, by its id or its code.")]
COORDINATOR = "coordinator"
COLUMNS = ("code", "protocol", "status", "opened_at", "clock")


@app.command()
def start(  # noqa: PLR0913 - the options of a command
    protocol: Annotated[str, typer.Argument(metavar="PROTOCOL", help="The protocol, by its name.")],
    *,
    event: Annotated[
        str | None, typer.Option("--event", metavar="SLUG", help="The event it begins with. By default: the first.")
    ] = None,
    ago: Annotated[float, typer.Option("--ago", metavar="HOURS", min=0, help="It began so long ago.")] = 0,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Begin a practice case; what it needs is made up, and nothing real belongs into it."""
    body: dict[str, object] = {"protocol": protocol}
    if event is not None:
        body["event"] = event
    if ago:
        body["began_at"] = (datetime.now(UTC) - timedelta(hours=ago)).isoformat()
    with remote(url, token, as_ or COORDINATOR) as there:
        found = there.tell("POST", "/practice", json.dumps(body).encode())
    if as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(
            f"Practice case {found['case']['code']} has begun. Its clock shows {found['case']['clock']}."
        )


@app.command()
def forward(
    case: Case,
    *,
    hours: Annotated[
        float | None, typer.Option("--hours", min=0.001, max=744, help="By so many hours. By default: to what is due.")
    ] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Move a practice case's clock to what is due next, or by hours, and say what happened meanwhile."""
    body = {} if hours is None else {"seconds": round(hours * 3600)}
    with remote(url, token, as_ or COORDINATOR) as there:
        found = there.tell("POST", f"/practice/{case}/forward", json.dumps(body).encode())
    if as_json:
        terminal.print_json(found)
        return
    terminal.out.print(f"The clock moved by {found['seconds'] / 3600:.2f} hours and shows {found['case']['clock']}.")
    terminal.rows(
        ("at", "what", "step", "agency"),
        [(each["at"], each["kind"], each["step"] or "", each["agency"] or "") for each in found["happened"]],
        empty="Nothing happened.",
    )


@app.command("list")
def list_cases(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """List practice cases, newest first, each with what its own clock shows."""
    with remote(url, token, as_ or COORDINATOR) as there:
        found: list[dict[str, Any]] = there.all_items("/practice", limit=200)
    if as_json:
        terminal.print_json(found)
        return
    terminal.rows(
        COLUMNS, [[str(each[name] or "") for name in COLUMNS] for each in found], empty="There are no practice cases."
    )
