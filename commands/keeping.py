"""What an operator does with the databases of an installation: rebuild, back up, put back."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from commands.options import AsJson, now
from protocol.errors import HandoffError
from runtime import terminal
from runtime.settings import load

store = typer.Typer(help="The database of this installation.", no_args_is_help=True, rich_markup_mode=None)


@store.command()
def rebuild(*, as_json: AsJson = False) -> None:
    """Build every screen's data again from the recorded facts, and say whether anything was different."""
    from store.keyring.opening import custodian_of, open_keyring  # noqa: PLC0415 - SQL takes a second to import; most commands need none
    from store.rebuild import rebuild as rebuild_read_model  # noqa: PLC0415 - as above
    from store.session import Database  # noqa: PLC0415 - as above

    settings = load()
    with (
        custodian_of(settings) as custodian,
        closing(open_keyring(settings, custodian)) as ring,
        closing(Database(settings.database_url, ring)) as database,
    ):
        report = rebuild_read_model(database)
    same = report.before == report.after
    if as_json:
        terminal.print_json({**asdict(report), "same": same})
    else:
        said = "nothing was different" if same else "something was different, and is right again"
        terminal.out.print(f"{report.facts:,} facts of {report.cases:,} cases read; {said}.")


def back_up(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the main database's backup goes.")],
    *,
    keys_to: Annotated[
        Path, typer.Option("--keys-to", metavar="FOLDER", help="Another folder, for the keys' own; kept for 7 days.")
    ],
    as_json: AsJson = False,
) -> None:
    """Back up the main database, and the keys' database apart from it; agencies' private keys are in neither."""
    from store.erasure import backups  # noqa: PLC0415 - as above

    written = backups.back_up(load(), folder, keys_to, now())
    if as_json:
        terminal.print_json([str(each) for each in written])
    else:
        terminal.out.print("\n".join(str(each) for each in written))


def put_back(
    backup: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A backup of the main database, of any age.")
    ] = None,
    *,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Also put the keys back, from at most 7 days ago.")
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Only carry the erasure list out again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replace the database that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup back and erase from it what was erased since; nothing opens before that is done."""
    from runtime.supervisor import hold_lock  # noqa: PLC0415 - as above
    from store.erasure import backups  # noqa: PLC0415 - as above

    if replay == (backup is not None):
        raise HandoffError("RESTORE_WHAT", "Give a backup's FILE, or --replay alone.")
    if backup is not None and not yes:
        raise HandoffError("RESTORE_SURE", "This replaces the database that is there. If you mean it, add --yes.")
    settings, at = load(), now()
    settings.make_folders()
    with hold_lock(settings.lock_file):
        if backup is None:
            removed = backups.replay_list(settings, at)
        else:
            removed = backups.restore(settings, backup, keys, at).removed
    if as_json:
        terminal.print_json({"removed": removed})
    else:
        terminal.out.print(f"The database is as it was; {removed:,} erased parts of cases were removed from it again.")
