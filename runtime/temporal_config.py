"""The configuration of an embedded Temporal server: one folder, loopback only, on SQLite or PostgreSQL.

The SQLite flavour is for one machine (``make run`` and tests); PostgreSQL is the production topology without
containers. JSON is YAML, so no YAML writer is needed.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.errors import HandoffError

SERVICES = ("frontend", "history", "matching", "worker")
ALWAYS: dict[str, Any] = {
    # A single community's load comes in bursts from one address; the defaults would refuse an import.
    "frontend.namespaceRPS": 20000,
    "frontend.rps": 20000,
    "frontend.namespaceRPS.visibility": 200,
    "system.enableActivityEagerExecution": True,
    # Timers fire within this of their instant (the default of 1 s is the floor of every escalation's lateness).
    "history.timerProcessorMaxTimeShift": "50ms",
    "history.timerProcessorMaxPollRPS": 200,
    "history.timerProcessorMaxPollHostRPS": 200,
}
TIME_SKIPPING: dict[str, Any] = {
    "frontend.WorkflowTimeSkippingEnabled": True,
    "frontend.WorkflowTimeSkippingMaxSkipPerSession": 100000,
    "system.workflowTimeSkippingEnabled": True,
    "history.timerProcessorMaxTimeShift": "1ms",
    "history.timerProcessorMaxPollRPS": 2000,
    "history.timerProcessorMaxPollHostRPS": 2000,
    "history.workflowIdReuseMinimalInterval": "0s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A PostgreSQL server that holds Temporal's own two databases (not Handoff's)."""

    host: str
    port: int
    user: str
    password: str = ""
    database: str = "temporal"
    visibility: str = "temporal_visibility"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to run an embedded server.

    ``folder`` keeps its configuration, database and remembered ports; ``time_skipping`` is for tests only.
    """

    folder: Path
    time_skipping: bool = False
    postgres: Postgres | None = None
    log_level: str = "warn"


def free_ports(count: int) -> list[int]:
    """Loopback ports nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def write_config(options: ServerOptions) -> tuple[Path, str]:
    """Write the configuration files; gives the main file and the frontend's address.

    The ports are chosen once and remembered, so that a restarted server is found where it was.

    Raises:
        HandoffError: FOLDER_UNWRITABLE when the folder cannot be written.
    """
    try:
        options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ports = _ports(options.folder)
        dynamic = options.folder / "dynamic.yaml"
        values = {**ALWAYS, **(TIME_SKIPPING if options.time_skipping else {})}
        dynamic.write_text(json.dumps({key: [{"value": value}] for key, value in values.items()}, indent=1))
        config = options.folder / "config.yaml"
        config.write_text(json.dumps(_config(options, ports, dynamic), indent=1))
        config.chmod(0o600)
    except OSError as error:
        raise HandoffError("FOLDER_UNWRITABLE", f"{options.folder} cannot be written: {error.strerror}.") from error
    return config, f"127.0.0.1:{ports['frontend']}"


def _ports(folder: Path) -> dict[str, int]:
    remembered = folder / "ports.json"
    names = [*SERVICES, *(f"{each}-membership" for each in SERVICES), "http"]
    if remembered.exists():
        found: dict[str, int] = json.loads(remembered.read_text())
        if set(found) == set(names):
            return found
    found = dict(zip(names, free_ports(len(names)), strict=True))
    remembered.write_text(json.dumps(found))
    return found


def _config(options: ServerOptions, ports: dict[str, int], dynamic: Path) -> dict[str, Any]:
    stores = _postgres(options.postgres) if options.postgres else _sqlite(options.folder)
    services = {}
    for name in SERVICES:
        rpc = {"grpcPort": ports[name], "membershipPort": ports[f"{name}-membership"], "bindOnLocalHost": True}
        services[name] = {"rpc": {**rpc, "httpPort": ports["http"]} if name == "frontend" else rpc}
    address = {"rpcAddress": f"127.0.0.1:{ports['frontend']}", "httpAddress": f"127.0.0.1:{ports['http']}"}
    cluster = {"enabled": True, "initialFailoverVersion": 1, "rpcName": "frontend", **address}
    return {
        "log": {"stdout": True, "level": options.log_level},
        "persistence": {
            "defaultStore": "main",
            "visibilityStore": "visibility",
            # Fixed for life: one shard is one queue of timers, right for one machine's SQLite; four on PostgreSQL.
            "numHistoryShards": 4 if options.postgres else 1,
            "datastores": stores,
        },
        "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": "127.0.0.1"}},
        "services": services,
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {"active": cluster},
        },
        "dcRedirectionPolicy": {"policy": "noop"},
        "dynamicConfigClient": {"filepath": str(dynamic), "pollInterval": "60s"},
    }


def _sqlite(folder: Path) -> dict[str, Any]:
    # synchronous=1 (NORMAL) with a write-ahead log survives the death of any process; FULL would also survive the
    # loss of power in the last instant, which the API's own idempotent retries cover.
    sql = {
        "user": "",
        "password": "",
        "pluginName": "sqlite",
        "databaseName": str(folder / "temporal.db"),
        "connectAddr": "localhost",
        "connectProtocol": "tcp",
        "connectAttributes": {"cache": "private", "setup": "true", "journal_mode": "wal", "synchronous": "1"},
        "maxConns": 1,
        "maxIdleConns": 1,
        "maxConnLifetime": "1h",
    }
    return {"main": {"sql": sql}, "visibility": {"sql": sql}}


def _postgres(found: Postgres) -> dict[str, Any]:
    def sql(database: str) -> dict[str, Any]:
        return {
            "pluginName": "postgres12",
            "databaseName": database,
            "connectAddr": f"{found.host}:{found.port}",
            "connectProtocol": "tcp",
            "user": found.user,
            "password": found.password,
            "maxConns": 20,
            "maxIdleConns": 20,
            "maxConnLifetime": "1h",
        }

    return {"main": {"sql": sql(found.database)}, "visibility": {"sql": sql(found.visibility)}}
