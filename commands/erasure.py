"""``handoff erasure``: what of ended cases is erased or held."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from commands.options import As, AsJson, Token, Url, remote
from runtime import terminal

app = typer.Typer(
    help="What of ended cases is erased or held, for an agency's leads and its steward.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("status")
def erasure_status(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """List the holds that stand, those to be reviewed first, and what is or was erased, with how far it has come."""
    with remote(url, token, as_ or "supervisor") as there:
        terminal.erasures(there.ask("/erasures"), as_json=as_json)


@app.command("run")
def erasure_run(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Look now for what is due, and carry your agency's orders on; the installation does so itself every hour."""
    with remote(url, token, as_ or "supervisor") as there:
        terminal.erasures(there.tell("POST", "/erasures/run", b"{}"), as_json=as_json)


@app.command("hold")
def erasure_hold(  # noqa: PLR0913 - the options of a command
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case, by its code.")],
    *,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="WORD", help="subpoena, litigation, court-order, complaint or other."),
    ] = None,
    review: Annotated[
        datetime | None,
        typer.Option("--review", metavar="DATE", formats=["%Y-%m-%d"], help="The day by which it is looked at again."),
    ] = None,
    keep: Annotated[str | None, typer.Option("--keep", metavar="HOLD", help="Let this hold stand until then.")] = None,
    lift: Annotated[str | None, typer.Option("--lift", metavar="HOLD", help="Lift this hold.")] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Let nothing of your agency's in a case be erased, keep such a hold until a later day, or lift it.

    A note is not taken here, where it would stay in the shell's history: see the HTTP interface.
    """
    path, body = f"/cases/{case}/holds", {}
    if review is not None:
        body["review_at"] = review.replace(tzinfo=UTC).isoformat()
    if reason is not None:
        body["reason"] = reason
    if lift or keep:
        path += f"/{lift or keep}/{'lift' if lift else 'keep'}"
    with remote(url, token, as_ or "supervisor") as there:
        found = there.tell("POST", path, json.dumps(body).encode())
    if as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(found.get("says") or "The hold is lifted.")
