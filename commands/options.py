"""What commands share: options, the text they were given, whom they speak to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime import logs, terminal, texts
from runtime.credentials import token_of
from runtime.remote import Remote
from runtime.settings import load

if TYPE_CHECKING:
    from protocol.compiling.compiler import Compiled
    from store.session import Database

FOUND_SOMETHING = 1
"""The exit code of findings, and of what was refused."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Url = Annotated[str | None, typer.Option("--url", help="Where the installation answers. By default: here.")]
Token = Annotated[str | None, typer.Option("--token", envvar="HANDOFF_TOKEN", help="Whose token to act with.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="A name in the credentials file: a role, or AGENCY-records.")
]

Text = Annotated[Path, typer.Argument(metavar="FILE", help="A protocol text (YAML).")]
TextOrSlug = Annotated[str, typer.Argument(metavar="FILE|SLUG", help="A protocol text, or a bundled protocol's name.")]
Agency = Annotated[str, typer.Option("--agency", metavar="SLUG", help="An agency that a published protocol names.")]


def remote(url: str | None, token: str | None, name: str) -> Remote:
    """The installation, spoken to as the one named, unless a token says otherwise."""
    if url is None or token is None:
        settings = load()
        url = url or settings.url
        token = token or token_of(settings.credentials_file, name)
    return Remote(url, token)


@contextmanager
def database_here() -> Iterator[Database]:
    """The database of this machine's installation; what is logged meanwhile does not mix with what is printed."""
    from store.session import Database  # noqa: PLC0415 - SQL takes a second to import; most commands need none

    logs.configure("warning")
    database = Database(load().database_url)
    try:
        yield database
    finally:
        database.close()


def compiled(path: Path) -> Compiled:
    """A text, compiled; with findings they are printed and the command ends with 1."""
    from runtime.checking import check_text  # noqa: PLC0415 - the engine takes half a second to load; most commands need none

    checked = check_text(path, texts.read_bytes(path), today())
    if checked.compiled is None:
        terminal.findings(path, checked.data, checked.findings)
        raise typer.Exit(FOUND_SOMETHING)
    return checked.compiled


def now() -> int:
    """The present instant, in microseconds."""
    return time.time_ns() // 1_000


def today() -> date:
    """The present day, by UTC."""
    return datetime.now(UTC).date()
