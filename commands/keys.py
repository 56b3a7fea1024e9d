"""``handoff keys``: where agencies' keys are, and how they are taken home, renewed and brought back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from commands.options import AsJson
from runtime import terminal
from runtime.settings import load

app = typer.Typer(help="Keys.", no_args_is_help=True, rich_markup_mode=None)
Escrow = Annotated[Path, typer.Argument(metavar="FILE", help="The escrow file that goes with the cards.")]


@app.command("where")
def where_keys_are(*, as_json: AsJson = False) -> None:
    """List each agency of the published protocols and where its keys are."""
    from store.custodian import levels  # noqa: PLC0415 - SQL takes a second to import; most commands need none

    found = levels.levels(load())
    if as_json:
        terminal.print_json({each: {"confidential": secret, "here": here} for each, (secret, here) in found.items()})
    else:
        terminal.rows(
            ("agency", "confidential", "keys"),
            [
                (a, "yes" if c else "no", "on this machine" if here else "with its keyholder")
                for a, (c, here) in found.items()
            ],
        )


@app.command("join")
def join_keyholder(
    code: Annotated[str, typer.Argument(metavar="CODE", help="What handoff keyholder enrol printed.")],
) -> None:
    """Hand an agency's keys over to its own keyholder; afterwards they are not on this machine any more."""
    from store.custodian import joining  # noqa: PLC0415 - as above

    card = joining.join(load(), code)
    terminal.out.print(f"The keys of {card.agency} are with its keyholder. Start Handoff again now.")


@app.command("rotate")
def rotate_keys(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="The agency whose next key is taken into use.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take an agency's next key into use and wrap what was sealed before to it; safe to run again."""
    from store.custodian import rotating  # noqa: PLC0415 - as above
    from store.custodian.router import custodians  # noqa: PLC0415 - as above
    from store.session import Database  # noqa: PLC0415 - as above

    settings = load()
    database = Database(settings.database_url)
    try:
        done = rotating.rotate(database, custodians(settings), agency)
    finally:
        database.close()
    if as_json:
        terminal.print_json(asdict(done))
    else:
        terminal.out.print(
            f"Key {done.epoch} is in use; {done.moved:,} of {done.records:,} records were wrapped to it."
        )


@app.command("protect")
def protect_keys() -> None:
    """Shut all agencies' keys on this machine in the PKCS #11 token that the settings name; safe to run again."""
    from store.custodian import safekeeping  # noqa: PLC0415 - as above

    terminal.out.print(f"{safekeeping.protect(load())} keys were open and are shut now. Start Handoff again.")


@app.command("cards")
def make_cards(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="The agency whose keys they bring back.")],
    *,
    of: Annotated[int, typer.Option("--of", min=2, max=12, help="How many cards are printed.")] = 3,
    need: Annotated[int, typer.Option("--need", min=2, max=12, help="How many of them bring the keys back.")] = 2,
) -> None:
    """Print new paper cards for an agency's keys, once; earlier cards open none of the keys made from now on."""
    from store.custodian import escrow, safekeeping  # noqa: PLC0415 - as above

    file, made, cards = safekeeping.cards(load(), agency, need=need, of=of)
    for each in cards:
        terminal.out.print("\n".join(escrow.sheet(made, each)), "")
    terminal.out.print(f"Put a copy of {file} with each card, and again after each rotation of keys.")


@app.command("recover")
def recover_keys(
    file: Escrow,
    *,
    here: Annotated[
        bool, typer.Option("--here", help="To this installation, and not to the agency's keyholder.")
    ] = False,
) -> None:
    """Bring an agency's keys back with its paper cards, which are asked for."""
    from store.custodian import escrow, safekeeping  # noqa: PLC0415 - as above

    agency, back = safekeeping.recover(load(), file, _typed(escrow.read(file).need), here=here)
    terminal.out.print(f"{back} keys of {agency} are back; those that were here are the same.")


@app.command("drill")
def drill_cards(file: Escrow) -> None:
    """Look whether an agency's paper cards would bring back every key that is here; changes nothing. Once a year."""
    from store.custodian import escrow, safekeeping  # noqa: PLC0415 - as above

    agency, opened = safekeeping.drill(load(), file, _typed(escrow.read(file).need))
    terminal.out.print(f"The cards open {opened} keys of {agency}, all that are here.")


def _typed(need: int) -> list[str]:
    return [typer.prompt(f"Card {number} of {need} needed", hide_input=True) for number in range(1, need + 1)]
