"""``handoff keyholder``: an agency's own keeper of its keys, on its own machine."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime import terminal
from runtime.settings import load

app = typer.Typer(help="An agency's own keyholder, on its own machine.", no_args_is_help=True, rich_markup_mode=None)
KeptFor = Annotated[str, typer.Argument(metavar="AGENCY", help="The agency whose keys it keeps.")]


@app.command("rotate")
def rotate_keyholder(agency: KeptFor) -> None:
    """Make the agency's next key; then run handoff keys rotate where Handoff runs."""
    from store.custodian import keyholding  # noqa: PLC0415 - SQL takes a second to import; most commands need none

    terminal.out.print(
        f"Key {keyholding.rotate(load(), agency)} is made. Where Handoff runs: handoff keys rotate {agency}"
    )


@app.command("card")
def card_of_keyholder(agency: KeptFor) -> None:
    """Print the agency's public card, for whoever seals values to it (handoff seal), and its fingerprint beside it."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    found = keyholding.card(load(), agency)
    terminal.out.print(found.model_dump_json(), soft_wrap=True)
    terminal.err.print(f"Fingerprint, to be told in person: {found.fingerprint}", soft_wrap=True)


@app.command("run")
def run_keyholder(
    agency: KeptFor,
    *,
    host: Annotated[str, typer.Option("--host", help="The address it listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port it listens on.")] = 8443,
) -> None:
    """Keep an agency's keys and open values for its people, until Ctrl-C."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    keyholding.run(load(), agency, host, port, terminal.out.print)


@app.command("enrol")
def enrol_installation(
    agency: KeptFor,
    host: Annotated[str, typer.Argument(metavar="HOST", help="The address at which Handoff reaches this keyholder.")],
    *,
    port: Annotated[int, typer.Option("--port", help="The port.")] = 8443,
) -> None:
    """Print a code, good once and for an hour, with which an installation of Handoff enrols here."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    terminal.out.print(keyholding.code(load(), agency, host, port), soft_wrap=True)


@app.command("person")
def add_keyholder_person(
    agency: KeptFor, name: Annotated[str, typer.Argument(metavar="NAME", help="The name they sign in with.")]
) -> None:
    """Enrol a person of the agency; prints the secret for their authenticator, once."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    terminal.out.print(keyholding.person(load(), agency, name, password), soft_wrap=True)


@app.command("remove")
def remove_keyholder_person(
    agency: KeptFor, name: Annotated[str, typer.Argument(metavar="NAME", help="Who signs in no more.")]
) -> None:
    """Let a person sign in no more; what they are signed in to ends at once."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    keyholding.remove(load(), agency, name)


@app.command("audit")
def audit_keyholder(agency: KeptFor) -> None:
    """Look whether a row of the keyholder's own audit was altered; exit code 1 if one was."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    terminal.out.print(f"{keyholding.audited(load(), agency):,} rows: nothing is wrong.")
