"""``handoff notices``: whether people are reached, and whether what sends works."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer

from commands.options import As, AsJson, Token, Url, remote
from runtime import terminal
from runtime.settings import load

app = typer.Typer(
    help="Texts, calls, mail and webhooks: whether they reach people.", no_args_is_help=True, rich_markup_mode=None
)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail address, or a number: +15550100123.")]
Call = Annotated[bool, typer.Option("--call", help="By a call, not by a text.")]
COORDINATOR = "coordinator"


@app.command()
def status(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Say what of my agency's duties waits, of which nobody was told, and which addresses reach nobody.

    Exit code 1 if nobody was told of something, or an address is dead.
    """
    with remote(url, token, as_ or COORDINATOR) as there:
        found = there.ask("/notifications/status")
    if as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(f"Ways out: {', '.join(found['able']) or 'none; see docs/notices.md'}.")
        terminal.out.print(f"{found['waiting']} duties wait to be taken; of {found['untold']} nobody could be told.")
        lines = [[each["name"], each["channel"], each["since"]] for each in found["dead"]]
        terminal.rows(("name", "channel", "dead since"), lines, empty="No address is dead.")
    if found["untold"] or found["dead"]:
        raise typer.Exit(1)


@app.command("test")
def try_out(address: Address, *, call: Call = False, as_json: AsJson = False) -> None:
    """Send a test to an address, by what this machine's notices file says. It says only that it is a test.

    Exit code 1 if it did not leave.
    """
    from runtime.posting import config, trial  # noqa: PLC0415 - only this command sends anything
    from runtime.posting.outcome import State  # noqa: PLC0415 - as above

    posting = config.read(load().notices_file)
    became = asyncio.run(trial.send(posting, address, time.time_ns() // 1_000, call=call))
    left = became.state in {State.SENT, State.DELIVERED}
    if as_json:
        terminal.print_json({"state": became.state.value, "why": became.why})
    else:
        terminal.out.print("It left. Whether it arrived, only the address knows." if left else _why(became.why))
    if not left:
        raise typer.Exit(1)


def _why(why: str) -> str:
    return f"It did not leave: {why}."
