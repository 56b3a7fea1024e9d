"""``handoff release``: what a survivor lets leave the house, and what left it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from commands.options import As, AsJson, Token, Url, remote
from runtime import terminal

app = typer.Typer(
    help="What a survivor lets leave the house, and what left it.", no_args_is_help=True, rich_markup_mode=None
)
Released = Annotated[str, typer.Argument(metavar="RELEASE", help="The release, by its id.")]


@app.command("list")
def release_list(
    case: Annotated[
        str | None, typer.Argument(metavar="CASE", help="Your agency's about this case; else what was shared with you.")
    ] = None,
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List your agency's releases about a case, or what others shared with you. Nothing that they share is shown."""
    with remote(url, token, as_ or "supervisor") as there:
        if case is None:
            terminal.listed(there.ask("/releases"), terminal.SHARED, as_json=as_json)
        else:
            terminal.listed(there.ask(f"/cases/{case}/releases"), terminal.RELEASES, as_json=as_json)


@app.command("sign")
def release_sign(  # noqa: PLR0913 - the options of a command
    release: Released,
    *,
    signer: Annotated[
        str, typer.Option("--signer", metavar="WHO", help="Who has to sign: survivor, minor or incapacity.")
    ] = "survivor",
    form: Annotated[str, typer.Option("--form", metavar="WORD", help="paper or device.")] = "paper",
    survivor: Annotated[bool, typer.Option("--she-signed", help="She signed it.")] = False,
    guardian: Annotated[bool, typer.Option("--guardian-signed", help="Her parent or guardian signed it.")] = False,
    not_suspect: Annotated[
        bool, typer.Option("--guardian-not-suspect", help="You know that the guardian is not the suspect.")
    ] = False,
    order: Annotated[bool, typer.Option("--guardians-order", help="The court's order is attached.")] = False,
    language: Annotated[str, typer.Option("--language", help="In which it was explained.")] = "english",
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Put your agency's key to a release that was explained to her and that she signed."""
    body = {
        "signer": signer,
        "form": form,
        "by_survivor": survivor,
        "by_guardian": guardian,
        "guardian_not_suspect": not_suspect,
        "guardians_order": order,
        "language": language,
    }
    with remote(url, token, as_ or "supervisor") as there:
        found = there.tell("POST", f"/releases/{release}/sign", json.dumps(body).encode())
    terminal.listed([found], terminal.RELEASES, as_json=as_json)


@app.command("revoke")
def release_revoke(
    release: Released, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False
) -> None:
    """Take a release back, on her word and without a reason; from the next look on it opens nothing."""
    with remote(url, token, as_ or "supervisor") as there:
        found = there.tell("POST", f"/releases/{release}/revoke", b"{}")
    terminal.listed([found], terminal.RELEASES, as_json=as_json)


@app.command("log")
def release_log(
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case, by its code.")],
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List who of other agencies saw what about a case, and by what right."""
    with remote(url, token, as_ or "supervisor") as there:
        terminal.listed(there.ask(f"/cases/{case}/disclosures"), terminal.DISCLOSED, as_json=as_json)
