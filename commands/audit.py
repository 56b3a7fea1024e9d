"""``handoff audit``: who saw what, and whether that was changed."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from commands.options import FOUND_SOMETHING, As, AsJson, Token, Url, now, remote
from runtime import terminal
from runtime.settings import load

app = typer.Typer(help="Who saw what, and whether that was changed.", no_args_is_help=True, rich_markup_mode=None)


@app.command("heads")
def keep_heads(
    *,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file they are kept in; added to.")],
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Keep the signed heads of the audit outside the installation; exit code 1 if they contradict those kept before."""
    from store.audit import kept  # noqa: PLC0415 - SQL takes a second to import; most commands need none

    before = kept.read(file)
    known, new = before, 0
    with remote(url, token, as_ or "steward") as there:
        while True:
            last = known.heads[-1].n if known is not None and known.heads else 0
            found = kept.followed(known, there.ask("/audit/heads", after=last))
            fresh = found.heads[0 if known is None else len(known.heads) :]
            kept.add(file, found, fresh)
            known, new = found, new + len(fresh)
            if not fresh:
                break
    if as_json:
        terminal.print_json({"new": new, "kept": len(known.heads), "key": known.key.hex()})
    else:
        terminal.out.print(f"{new:,} new heads, {len(known.heads):,} kept in {file}. The site's key: {known.key.hex()}")


@app.command("countersign")
def countersign_heads(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="The agency, whose keyholder is on this machine.")],
    *,
    heads: Annotated[Path, typer.Option("--heads", metavar="FILE", help="The heads that the agency has kept.")],
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file of its signatures; added to.")],
) -> None:
    """Sign the newest head that the agency has kept with the agency's own key, for other agencies to look at."""
    from store.audit import countersigned  # noqa: PLC0415 - as above
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    made = keyholding.countersign(load(), agency, heads)
    countersigned.add(file, made)
    terminal.out.print(
        f"Head {made.n:,} is signed by {agency}, in {file}. The agency's key: {made.key}", soft_wrap=True
    )


@app.command("verify")
def verify_audit(
    *,
    heads: Annotated[
        Path | None, typer.Option("--heads", metavar="FILE", help="Heads that somebody kept, to hold it against.")
    ] = None,
    countersigned: Annotated[
        Path | None,
        typer.Option("--countersigned", metavar="FILE", help="Heads that agencies have signed, to hold it against."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether a row of the audit here was altered, taken out, moved or cut off; exit code 1 if one was.

    Without kept heads, whoever holds both the database and the site's key could have written all of it anew.
    """
    from store.audit import keeping  # noqa: PLC0415 - as above

    began = time.monotonic()
    verdict = keeping.judged(load(), heads, now(), countersigned)
    took = time.monotonic() - began
    if as_json:
        found = [{**asdict(each), "says": each.says()} for each in verdict.flaws]
        terminal.print_json({**asdict(verdict), "flaws": found, "seconds": round(took, 3)})
    else:
        for each in verdict.flaws:
            terminal.err.print(f"{each.says()} ({each.wrong.value})")
        for agency, head, key in verdict.vouched:
            terminal.out.print(f"{agency} has signed head {head:,}, with the key {key}.", soft_wrap=True)
        said = "nothing is wrong" if not verdict.flaws else f"{len(verdict.flaws):,} things are wrong"
        terminal.out.print(
            f"{verdict.rows:,} rows of {verdict.chains:,} chains and {verdict.heads:,} heads: {said}. "
            f"{took:.1f} s, {verdict.rows / max(took, 1e-9):,.0f} rows a second."
        )
    if verdict.flaws:
        raise typer.Exit(FOUND_SOMETHING)


@app.command("seen")
def who_saw(
    case: Annotated[str, typer.Argument(metavar="CASE", help="A case, by its id or its code.")],
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List who saw a case, newest first: for a lead or the steward of an agency that has a part in it."""
    with remote(url, token, as_ or "steward") as there:
        found = there.all_items(f"/cases/{case}/readers", limit=1000)
    terminal.listed(found, terminal.READERS, as_json=as_json)
