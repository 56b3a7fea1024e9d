"""The command ``handoff``: check and try a protocol text, run an installation, and speak to one.

What works here and what speaks HTTP to a running installation is in ``commands``; this puts them together. Exit codes:
0 done, 1 findings or refused, 2 usage.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

import typer

from commands import (
    asking,
    audit,
    erasure,
    keeping,
    keyholder,
    keys,
    machine,
    migration,
    notices,
    people,
    practice,
    rehearsing,
    release,
    revision,
    rota,
    scenario,
    sealing,
    texts,
)
from commands.options import FOUND_SOMETHING, AsJson, today
from protocol.errors import HandoffError
from runtime import logs, terminal
from runtime.loading import loading
from runtime.settings import load

app = typer.Typer(
    name="handoff",
    help="Handoff runs a community's protocols: who owes what to whom, and by when.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def begin() -> None:
    """Handoff runs a community's protocols: who owes what to whom, and by when."""
    # What a command says goes to standard output, whole JSON with --json; what it logs must not.
    logs.configure("warning")


HERE: tuple[tuple[str, Callable[..., None]], ...] = (
    ("check", texts.check),
    ("show", texts.show),
    ("graph", texts.draw_graph),
    ("test", scenario.run),
    ("diff", texts.compare_texts),
    ("rehearse", rehearsing.rehearse),
    ("schema", texts.schema),
)
for name, command in HERE:
    app.command(name)(command)


@app.command()
def up() -> None:
    """Start Handoff here: Temporal, custodian, worker and API, until Ctrl-C."""
    began = time.monotonic()
    with loading():
        from api import launch  # noqa: PLC0415 - SQL and Temporal take two seconds to import; most commands need neither

    settings = load()
    asyncio.run(launch.up(settings, terminal.out.print, began))


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Look whether this installation has all it needs, and what will need attention soon."""
    from api import launch  # noqa: PLC0415 - as above
    from store import diagnosis  # noqa: PLC0415 - as above

    settings = load()
    checks = diagnosis.diagnose(settings, today())
    table, versions = settings.as_table(), diagnosis.versions()
    answers = launch.is_ready(settings)
    if as_json:
        found = {"settings": [asdict(each) for each in table], "versions": versions, "ready": answers}
        terminal.print_json({**found, "checks": [asdict(each) for each in checks]})
    else:
        terminal.rows(("setting", "value", "default"), [(e.name, e.value, e.default) for e in table])
        terminal.out.print("\n" + ", ".join(f"{name} {number}" for name, number in versions.items()) + "\n")
        terminal.rows(("check", "", "found"), [(each.name, str(each.state), each.says) for each in checks])
        terminal.out.print(f"\nHandoff {'is ready' if answers else 'does not answer'} at {settings.url}.")
    if any(each.state is diagnosis.State.BAD for each in checks):
        raise typer.Exit(FOUND_SOMETHING)


OPERATING: tuple[tuple[str, Callable[..., None]], ...] = (
    ("backup", keeping.back_up),
    ("restore", keeping.put_back),
    ("publish", asking.publish),
    ("intake", asking.intake),
    ("cases", asking.cases),
    ("tasks", asking.tasks),
    ("handoffs", asking.handoffs),
    ("escalations", asking.escalations),
    ("call", asking.call),
    ("seal", sealing.seal),
)
for name, command in OPERATING:
    app.command(name)(command)

keys.app.add_typer(machine.app, name="machine")
for name, group in (
    ("store", keeping.store),
    ("erasure", erasure.app),
    ("release", release.app),
    ("migration", migration.app),
    ("revision", revision.app),
    ("practice", practice.app),
    ("scenario", scenario.app),
    ("notices", notices.app),
    ("rota", rota.app),
    ("audit", audit.app),
    ("people", people.app),
    ("keys", keys.app),
    ("keyholder", keyholder.app),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line; what goes wrong as expected is one plain sentence with its code."""
    try:
        app()
    except HandoffError as error:
        if "--json" in sys.argv:
            terminal.err.print(json.dumps({"code": error.code, "message": error.message}))
        else:
            terminal.err.print(f"handoff: {error.message} ({error.code})")
        sys.exit(FOUND_SOMETHING)


if __name__ == "__main__":
    main()
