"""``handoff keys machine``: keys of records systems."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from commands.options import Agency, AsJson, database_here, now
from runtime import terminal

app = typer.Typer(help="Keys of records systems.", no_args_is_help=True, rich_markup_mode=None)
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The id between hk_ and the second _.")]
Days = Annotated[int, typer.Option("--days", min=1, max=365, help="How long it holds.")]


@app.command("make")
def make_key(
    *,
    agency: Agency,
    protocol: Annotated[str, typer.Option("--protocol", metavar="SLUG", help="The protocol it is for.")],
    events: Annotated[
        list[str] | None, typer.Option("--event", metavar="SLUG", help="An event it may submit; may be repeated.")
    ] = None,
    reads: Annotated[bool, typer.Option("--read", help="It reads the list of cases and submits nothing.")] = False,
    days: Days = 365,
) -> None:
    """Make a key of an agency's records system, shown this once. Two may hold at a time."""
    from store.accounts import machine_keys, starting  # noqa: PLC0415 - SQL takes a second to import; most commands need none
    from store.policy import Scope  # noqa: PLC0415 - as above

    scope = Scope(protocol=protocol, events=tuple(events or ()), may="read" if reads else "submit")
    with database_here() as database, database.write() as connection:
        system = starting.records_system(connection, agency)
        terminal.out.print(machine_keys.make(connection, system, scope, now(), days=days), soft_wrap=True)


@app.command("rotate")
def rotate_key(key: KeyId, *, days: Days = 365) -> None:
    """Make a new key with the scope of an old one, which goes on holding for seven days."""
    from store.accounts import machine_keys  # noqa: PLC0415 - as above

    with database_here() as database, database.write() as connection:
        terminal.out.print(machine_keys.rotate(connection, key, now(), days=days), soft_wrap=True)


@app.command("end")
def end_key(key: KeyId) -> None:
    """End a key at once."""
    from store.accounts import machine_keys  # noqa: PLC0415 - as above

    with database_here() as database, database.write() as connection:
        machine_keys.end(connection, key, now())
    terminal.out.print("Ended.")


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys that hold, the one that ends first in front."""
    from protocol.engine import clocks  # noqa: PLC0415 - as above
    from store.accounts import machine_keys  # noqa: PLC0415 - as above

    with database_here() as database, database.read() as connection:
        found = machine_keys.listed(connection, now())
    if as_json:
        terminal.print_json([asdict(each) for each in found])
    else:
        said = [
            (
                e.id,
                e.agency,
                e.scope.protocol,
                e.scope.may,
                ", ".join(e.scope.events),
                str(clocks.moment(e.ends_at).date()),
            )
            for e in found
        ]
        terminal.rows(("key", "agency", "protocol", "may", "events", "until"), said)
