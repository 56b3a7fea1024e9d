"""Where the Temporal server comes from, how it is started, and when it is ready.

It is looked for in this order: an address in the settings (then nothing is started); the binary in the user's cache
folder; the SDK's own download of the Temporal CLI; ``go install`` of the server's module. The build takes about five
minutes on two cores, once for a user; its progress is shown.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from protocol.errors import HandoffError
from runtime.temporal_config import ServerOptions, write_config

VERSION = "1.32.1"
SERVER_MODULE = f"go.temporal.io/server/cmd/server@v{VERSION}"
SQL_MODULE = f"go.temporal.io/server/cmd/tools/sql@v{VERSION}"
RETENTION_DAYS = 3650
"""How long the history of an ended case is kept unless it is erased before (privacy: erasure deletes runs)."""
PROGRESS_EVERY = 5.0
CHOICES = (
    "Choose one: install Go 1.26 or later and start again; or run a Temporal server yourself and set "
    "HANDOFF_TEMPORAL_ADDRESS to its host:port; or put the temporal CLI on PATH."
)
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCommand:
    """How to start the server, for a supervisor: command line, extra environment, and the address it will answer at."""

    argv: tuple[str, ...]
    address: str
    env: dict[str, str] = field(default_factory=dict)


def cache_folder() -> Path:
    """Where built binaries are kept for all of a user's checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "handoff" / f"temporal-{VERSION}"


async def ensure_server(options: ServerOptions, report: Report) -> ServerCommand:
    """Find or build a server and write its configuration.

    Raises:
        HandoffError: NO_TEMPORAL when there is none and none can be built; FOLDER_UNWRITABLE.
    """
    server = cache_folder() / "server"
    if server.exists():
        return _server_command(server, options)
    cli = shutil.which("temporal")
    if cli is not None and options.postgres is None:
        report(f"Temporal: using {cli}.")
        return _cli_command(Path(cli), options)
    await build(SERVER_MODULE, "server", report)
    return _server_command(server, options)


def _server_command(server: Path, options: ServerOptions) -> ServerCommand:
    config, address = write_config(options)
    return ServerCommand(argv=(str(server), "--config-file", str(config), "--allow-no-auth", "start"), address=address)


def _cli_command(cli: Path, options: ServerOptions) -> ServerCommand:
    config, address = write_config(options)
    port = address.rpartition(":")[2]
    database = config.parent / "temporal-cli.db"
    skip = ("--enable-time-skipping",) if options.time_skipping else ()
    argv = (str(cli), "server", "start-dev", "--ip", "127.0.0.1", "--port", port, "--headless")
    return ServerCommand(argv=(*argv, "--db-filename", str(database), *skip), address=address)


async def build(module: str, binary: str, report: Report) -> Path:
    """``go install`` a module into the cache folder, saying every few seconds how long it has taken.

    Raises:
        HandoffError: NO_TEMPORAL when Go is missing, GO_BUILD when the build does not succeed.
    """
    go = shutil.which("go")
    if go is None:
        raise HandoffError("NO_TEMPORAL", f"There is no Temporal server here and no Go to build one. {CHOICES}")
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    report(f"Temporal {VERSION}: building {binary} once for this user, about 5 minutes on 2 cores.")
    log = folder / f"build-{binary}.log"
    started = time.monotonic()
    # Built beside and moved: a build cut short never leaves half a binary to be found.
    partial = folder / f"building-{os.getpid()}"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            go,
            "install",
            "-ldflags=-s -w",
            module,
            env={**os.environ, "GOBIN": str(partial), "GOFLAGS": ""},
            stdout=out,
            stderr=out,
        )
        waiting = asyncio.ensure_future(process.wait())
        while not (await asyncio.wait({waiting}, timeout=PROGRESS_EVERY))[0]:
            report(f"Temporal {VERSION}: building {binary}, {time.monotonic() - started:.0f} s so far.")
    code = waiting.result()
    if code != 0:
        tail = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise HandoffError("GO_BUILD", f"The build of {module} stopped: {' '.join(tail)} See {log}. {CHOICES}")
    (partial / binary).rename(folder / binary)
    partial.rmdir()
    report(f"Temporal {VERSION}: {binary} built in {time.monotonic() - started:.0f} s.")
    return folder / binary


async def wait_ready(address: str, within: float = 60.0) -> None:
    """Wait until the server answers at its address.

    Raises:
        HandoffError: TEMPORAL_SILENT when it does not within so many seconds.
    """
    until = time.monotonic() + within
    client = await Client.connect(address, lazy=True)
    while True:
        try:
            if await client.service_client.check_health(timeout=timedelta(seconds=2)):
                return
        except (RPCError, RuntimeError):
            pass
        if time.monotonic() > until:
            raise HandoffError("TEMPORAL_SILENT", f"The Temporal server at {address} does not answer.")
        await asyncio.sleep(0.1)


async def ensure_namespace(address: str, namespace: str, within: float = 60.0) -> None:
    """Register the namespace with long retention unless it is there.

    Raises:
        HandoffError: TEMPORAL_SILENT when the server does not take it within so many seconds.
    """
    client = await Client.connect(address, lazy=True)
    service = client.workflow_service
    until = time.monotonic() + within
    retention = Duration(seconds=RETENTION_DAYS * 86400)
    while True:
        try:
            await service.register_namespace(
                RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS and time.monotonic() > until:
                raise HandoffError(
                    "TEMPORAL_SILENT", f"The Temporal server at {address} takes no namespace."
                ) from error
        try:
            await service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
            return
        except RPCError as error:
            if time.monotonic() > until:
                raise HandoffError("TEMPORAL_SILENT", f"The Temporal server at {address} lost {namespace}.") from error
        await asyncio.sleep(0.1)
