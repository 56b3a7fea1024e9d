"""Where the program of a Temporal server comes from, when no address of a running one is set.

Two kinds will do, and a data folder keeps to the kind it began with, since neither reads the other's database: the
server itself, and the Temporal CLI, which has a server in it. They are looked for in this order: the server in the
user's cache folder; ``temporal`` on PATH; the CLI downloaded before; Go, to build the server (about five minutes on
two cores, once for a user); the SDK's own download of the CLI. On PostgreSQL only the server will do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from protocol.errors import HandoffError
from runtime.supervisor import TETHER

VERSION = "1.32.1"
SERVER_MODULE = f"go.temporal.io/server/cmd/server@v{VERSION}"
SQL_MODULE = f"go.temporal.io/server/cmd/tools/sql@v{VERSION}"
CLI = "temporal-cli"
"""The downloaded CLI's name in the cache folder."""

PROGRESS_EVERY = 5.0
CHOICES = (
    "Choose one: install Go 1.26 or later and start again; or run a Temporal server yourself and set "
    "HANDOFF_TEMPORAL_ADDRESS to its host:port; or put the temporal CLI on PATH."
)
CHOICES_ON_POSTGRES = (
    "Choose one: install Go 1.26 or later and start again; or run a Temporal server yourself and set "
    "HANDOFF_TEMPORAL_ADDRESS to its host:port. On PostgreSQL the temporal CLI will not do."
)
Report = Callable[[str], None]


class Kind(StrEnum):
    """What a program is: the server, or the CLI with a server in it."""

    SERVER = "server"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Binary:
    """A program that can be started, and its kind."""

    kind: Kind
    path: Path


def cache_folder() -> Path:
    """Where built and downloaded programs are kept for all of a user's checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "handoff" / f"temporal-{VERSION}"


def present(only: Kind | None = None) -> Binary | None:
    """The program that is here already, of one kind or of any; nothing is built or downloaded."""
    folder, on_path = cache_folder(), shutil.which("temporal")
    candidates = [
        Binary(Kind.SERVER, folder / "server"),
        *([Binary(Kind.CLI, Path(on_path))] if on_path else []),
        Binary(Kind.CLI, folder / CLI),
    ]
    return next((each for each in candidates if only in (None, each.kind) and each.path.exists()), None)


async def find(only: Kind | None, report: Report, *, choices: str = CHOICES) -> Binary:
    """Find, build or download a program.

    Args:
        only: the kind that is wanted, if only one will do.
        report: prints one line.
        choices: what a person can do when there is none.

    Raises:
        HandoffError: NO_TEMPORAL with all that was tried, in order; GO_BUILD; FOLDER_UNWRITABLE.
    """
    found = present(only)
    if found is not None:
        return found
    if only is not Kind.CLI and shutil.which("go") is not None:
        return Binary(Kind.SERVER, await build(SERVER_MODULE, "server", report, choices=choices))
    tried = ["HANDOFF_TEMPORAL_ADDRESS (not set)"]
    if only is not Kind.CLI:
        tried.append(f"a server in {cache_folder()} (not there)")
    if only is not Kind.SERVER:
        tried.extend(("temporal on PATH (not there)", f"{CLI} in {cache_folder()} (not there)"))
    if only is not Kind.CLI:
        tried.append("go on PATH, to build a server (not there)")
    if only is not Kind.SERVER:
        try:
            return Binary(Kind.CLI, await download(report))
        except HandoffError as error:
            if error.code != "CLI_DOWNLOAD":
                raise
            tried.append(f"the SDK's download of the Temporal CLI ({error.message})")
    raise HandoffError(
        "NO_TEMPORAL", f"There is no Temporal server. Tried, in this order: {'; '.join(tried)}. {choices}"
    )


async def sql_tool(report: Report) -> Path:
    """Temporal's tool for the tables of a PostgreSQL database; built once for a user.

    Raises:
        HandoffError: as ``build``.
    """
    tool = cache_folder() / "sql"
    return tool if tool.exists() else await build(SQL_MODULE, tool.name, report, choices=CHOICES_ON_POSTGRES)


async def build(module: str, binary: str, report: Report, *, choices: str = CHOICES) -> Path:
    """``go install`` a module into the cache folder, saying every few seconds how long it has taken.

    Raises:
        HandoffError: NO_TEMPORAL when Go is missing, GO_BUILD when the build does not succeed, FOLDER_UNWRITABLE.
    """
    go = shutil.which("go")
    if go is None:
        raise HandoffError("NO_TEMPORAL", f"{module} is not here, and there is no Go to build it. {choices}")
    report(f"Temporal {VERSION}: building {binary} once for this user, about 5 minutes on 2 cores.")
    log, started = _log(f"build-{binary}"), time.monotonic()
    with _partial() as partial:
        code = await run_program(
            (go, "install", "-ldflags=-s -w", module),
            log,
            env={"GOBIN": str(partial), "GOFLAGS": ""},
            progress=lambda so_far: report(f"Temporal {VERSION}: building {binary}, {so_far:.0f} s so far."),
        )
        if code != 0:
            raise HandoffError("GO_BUILD", f"The build of {module} stopped: {_last_line(log)} See {log}. {choices}")
        kept = (partial / binary).rename(cache_folder() / binary)
    report(f"Temporal {VERSION}: {binary} built in {time.monotonic() - started:.0f} s.")
    return kept


async def download(report: Report) -> Path:
    """Let the SDK download the Temporal CLI into the cache folder.

    Raises:
        HandoffError: CLI_DOWNLOAD with the SDK's reason, FOLDER_UNWRITABLE.
    """
    report("Temporal: no server and no Go here; the SDK downloads the Temporal CLI, once for this user.")
    log = _log("download-cli")
    with _partial() as partial:
        code = await run_program(
            # A process of its own: it can be ended at once, however far it is.
            (sys.executable, "-P", "-m", "runtime.temporal_download", str(partial)),
            log,
            progress=lambda so_far: report(f"Temporal: downloading the CLI, {so_far:.0f} s so far."),
        )
        if code != 0:
            raise HandoffError("CLI_DOWNLOAD", f"{_last_line(log)} See {log}")
        (program,) = (each for each in partial.iterdir() if each.is_file())
        kept = program.rename(cache_folder() / CLI)
    report(f"Temporal: {_last_line(log)}")
    return kept


async def run_program(
    argv: Sequence[str], log: Path, *, env: dict[str, str] | None = None, progress: Callable[[float], None]
) -> int:
    """Run a program to its end with its words in a log; gives its exit code.

    It ends, with everything it started, when this is cancelled or this process dies.

    Args:
        argv: the command line.
        log: is written anew.
        env: on top of this process's environment.
        progress: called every few seconds with how many it has taken.
    """
    started = time.monotonic()
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-IS", str(TETHER), str(os.getpid())),
            *argv,
            env={**os.environ, **(env or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            waiting = asyncio.ensure_future(process.wait())
            while not (await asyncio.wait({waiting}, timeout=PROGRESS_EVERY))[0]:
                progress(time.monotonic() - started)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return waiting.result()


@contextlib.contextmanager
def _partial() -> Iterator[Path]:
    """A folder to make a program in, gone afterwards: what is cut short never leaves half a program to be found."""
    partial = cache_folder() / f"making-{os.getpid()}"
    try:
        partial.mkdir(parents=True, exist_ok=True)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _log(name: str) -> Path:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HandoffError("FOLDER_UNWRITABLE", f"{folder} cannot be written: {error.strerror}.") from error
    return folder / f"{name}.log"


def _last_line(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").strip().splitlines()[-1:])
