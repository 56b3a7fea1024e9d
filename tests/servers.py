"""Real servers for the tests: Temporal with time skipping, PostgreSQL from this machine's programs."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg

from runtime.temporal_config import ServerOptions, free_ports
from runtime.temporal_server import ensure_namespace, ensure_server, wait_ready

PATIENCE = 60.0
NAMESPACE = "handoff-tests"
WITH_PASSWORD = "temporal"
"""The one role that PostgreSQL asks for a password."""


def until(found: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    """Wait for something outside this process to be so."""
    end = time.monotonic() + within
    while not found():
        assert time.monotonic() < end, f"{what}: not within {within} s"
        signal.sigtimedwait([], 0.05)


def stop(process: subprocess.Popen[bytes], asking: signal.Signals = signal.SIGTERM) -> None:
    """Stop a server and what it started."""
    for number in (asking, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
            return


@contextlib.asynccontextmanager
async def temporal_server(folder: Path, *, time_skipping: bool = True) -> AsyncIterator[str]:
    """A running Temporal server on a folder; gives its address."""
    command = await ensure_server(ServerOptions(folder=folder, time_skipping=time_skipping), print)
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting takes no time, and the handle outlives the loop
            command.argv, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await wait_ready(command.address)
        await ensure_namespace(command.address, NAMESPACE)
        yield command.address
    finally:
        stop(process)


def postgres_programs() -> Path:
    """The folder of initdb and postgres."""
    found = shutil.which("initdb")
    if found is not None and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert known, "PostgreSQL's programs are not here: install the package postgresql"
    return known[-1].parent


@contextlib.contextmanager
def postgres(*, fsync: bool = False) -> Iterator[str]:
    """A running PostgreSQL on a new folder; gives a URL of its first database, as SQLAlchemy writes it.

    Nothing of a test outlives the machine's power, nor is read so often that old rows matter, so ``fsync`` is for what
    is measured; its log, which copies of whole databases fill, is kept short, for it may be in memory. Its user must
    pass the folder's parents: pytest closes its own to others whenever a run begins.
    """
    programs, (port,) = postgres_programs(), free_ports(1)
    careless = ("fsync=off", "full_page_writes=off", "autovacuum=off", "max_wal_size=64MB")
    options = [word for each in (("fsync=on",) if fsync else careless) for word in ("-c", each)]
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="handoff-postgres-") as name:
        folder, data = Path(name), Path(name) / "data"
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "handoff", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, user=user, cwd="/",
        )  # fmt: skip
        rules = data / "pg_hba.conf"
        rules.write_text(f"host all {WITH_PASSWORD} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        with (folder / "postgres.log").open("ab") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", data, *options],
                stdout=log, stderr=log, user=user, cwd="/", start_new_session=True,
            )  # fmt: skip
        try:
            until(lambda: process.poll() is not None or _answers(port), "PostgreSQL")
            assert process.poll() is None, (folder / "postgres.log").read_text()
            yield f"postgresql+psycopg://handoff@127.0.0.1:{port}/postgres"
        finally:
            # At once: asked politely it waits for its clients, and then writes what is thrown away.
            stop(process, signal.SIGQUIT)


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://handoff@127.0.0.1:{port}/postgres", connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True
