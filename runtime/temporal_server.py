"""How an embedded Temporal server is started on its folder, and when it is ready.

``runtime.temporal_binary`` says where its program comes from. A folder keeps to the kind of server and the kind of
database it began with: anything else would start with no cases, and say nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from protocol.errors import HandoffError
from runtime.temporal_binary import CHOICES, CHOICES_ON_POSTGRES, Kind, Report, find
from runtime.temporal_config import (
    CLI_FILE,
    CONFIG,
    POSTGRES_PLUGIN,
    SERVER_FILE,
    ServerOptions,
    dynamic_values,
    write_config,
)
from runtime.temporal_tls import Tls

RETENTION_DAYS = 3650
"""How long the history of an ended case is kept unless it is erased before (privacy: erasure deletes runs)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCommand:
    """How to start the server, for a supervisor: command line, and the address it will answer at."""

    argv: tuple[str, ...]
    address: str


async def ensure_server(options: ServerOptions, report: Report) -> ServerCommand:
    """Find, build or download a server and write its configuration.

    Raises:
        HandoffError: NO_TEMPORAL when there is none and none can be had; GO_BUILD; FOLDER_UNWRITABLE;
            TEMPORAL_STORE_CHANGED when the folder's cases are in another kind of database.
    """
    only = _kind_of(options)
    found = await find(only, report, choices=CHOICES_ON_POSTGRES if options.postgres else CHOICES)
    config, address = write_config(options)
    if found.kind is Kind.SERVER:
        argv: tuple[str, ...] = (str(found.path), "--config-file", str(config), "--allow-no-auth", "start")
    else:
        report(f"Temporal: using the CLI, {found.path}.")
        argv = _cli_argv(found.path, options, address)
    return ServerCommand(argv=argv, address=address)


def _kind_of(options: ServerOptions) -> Kind | None:
    """The only kind of server that reads what the folder has; None when it has nothing."""
    files = {Kind.SERVER: options.folder / SERVER_FILE, Kind.CLI: options.folder / CLI_FILE}
    kept = next((kind for kind, file in files.items() if file.exists()), None)
    if options.postgres is None:
        if kept is None and _began_on_postgres(options.folder):
            says = (
                f"The cases of {options.folder} are in PostgreSQL, and HANDOFF_TEMPORAL_DATABASE_URL is not set. "
                f"Set it; or, to begin with no cases, delete {options.folder / CONFIG}."
            )
            raise HandoffError("TEMPORAL_STORE_CHANGED", says)
        return kept
    if kept is not None:
        says = (
            f"The cases of {options.folder} are in {files[kept].name}, and would be left behind. Leave "
            "HANDOFF_TEMPORAL_DATABASE_URL unset; or, to begin with no cases, move that file away."
        )
        raise HandoffError("TEMPORAL_STORE_CHANGED", says)
    return Kind.SERVER


def _began_on_postgres(folder: Path) -> bool:
    config = folder / CONFIG
    if not config.exists():
        return False
    plugin: str = json.loads(config.read_text())["persistence"]["datastores"]["main"]["sql"]["pluginName"]
    return plugin == POSTGRES_PLUGIN


def _cli_argv(cli: Path, options: ServerOptions, address: str) -> tuple[str, ...]:
    port = address.rpartition(":")[2]
    skip = ("--enable-time-skipping",) if options.time_skipping else ()
    dynamic = (
        word
        for name, value in dynamic_values(options).items()
        for word in ("--dynamic-config-value", f"{name}={json.dumps(value)}")
    )
    start = (str(cli), "server", "start-dev", "--ip", "127.0.0.1", "--port", port, "--headless")
    return (*start, "--db-filename", str(options.folder / CLI_FILE), *dynamic, *skip)


async def wait_ready(address: str, within: float = 60.0, tls: Tls | None = None) -> None:
    """Wait until the server answers at its address.

    Raises:
        HandoffError: TEMPORAL_SILENT when it does not within so many seconds.
    """
    until = time.monotonic() + within
    client = await Client.connect(address, lazy=True, tls=False if tls is None else tls.config())
    while True:
        try:
            if await client.service_client.check_health(timeout=timedelta(seconds=2)):
                return
        except (RPCError, RuntimeError):
            pass
        if time.monotonic() > until:
            raise HandoffError("TEMPORAL_SILENT", f"The Temporal server at {address} does not answer.")
        await asyncio.sleep(0.1)


async def ensure_namespace(address: str, namespace: str, within: float = 60.0, tls: Tls | None = None) -> None:
    """Register the namespace with long retention unless it is there.

    Raises:
        HandoffError: TEMPORAL_SILENT when the server does not take it within so many seconds.
    """
    await wait_ready(address, within, tls)
    client = await Client.connect(address, lazy=True, tls=False if tls is None else tls.config())
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
