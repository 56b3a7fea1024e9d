"""Options that commands share, and whom they speak to."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime.credentials import token_of
from runtime.remote import Remote
from runtime.settings import load

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Url = Annotated[str | None, typer.Option("--url", help="Where the installation answers. By default: here.")]
Token = Annotated[str | None, typer.Option("--token", envvar="HANDOFF_TOKEN", help="Whose token to act with.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="A name in the credentials file: a role, or AGENCY-records.")
]


def remote(url: str | None, token: str | None, name: str) -> Remote:
    """The installation, spoken to as the one named, unless a token says otherwise."""
    if url is None or token is None:
        settings = load()
        url = url or settings.url
        token = token or token_of(settings.credentials_file, name)
    return Remote(url, token)
