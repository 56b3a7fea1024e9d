"""Real servers for the tests: Temporal with time skipping, PostgreSQL from this machine's programs."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
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


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
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
def postgres(folder: Path, *, fsync: bool = False) -> Iterator[str]:
    """A running PostgreSQL on a new folder; gives a URL of its first database, as SQLAlchemy writes it.

    Nothing of a test outlives the machine's power, so ``fsync`` is for what is measured.
    """
    programs, (port,) = postgres_programs(), free_ports(1)
    data = folder / "data"
    user: str | None = None
    if os.geteuid() == 0:
        user = "postgres"
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
        for parent in folder.parents[:3]:
            if parent.stat().st_uid == 0 and parent != Path("/tmp") and not parent.stat().st_mode & 0o001:  # noqa: S108
                parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "handoff", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, user=user, cwd="/",
    )  # fmt: skip
    rules = data / "pg_hba.conf"
    rules.write_text(f"host all {WITH_PASSWORD} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
    safe = f"fsync={'on' if fsync else 'off'}"
    with (folder / "postgres.log").open("ab") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", data, "-c", safe],
            stdout=log, stderr=log, user=user, cwd="/", start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or _answers(port), "PostgreSQL")
        assert process.poll() is None, (folder / "postgres.log").read_text()
        yield f"postgresql+psycopg://handoff@127.0.0.1:{port}/postgres"
    finally:
        stop(process)


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://handoff@127.0.0.1:{port}/postgres", connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True
