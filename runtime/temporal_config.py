"""The configuration of an embedded Temporal server: one folder, loopback only, on SQLite or PostgreSQL.

The SQLite flavour is for one machine (``make run`` and tests); PostgreSQL is the production topology without
containers. JSON is YAML, so no YAML writer is needed.
"""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from protocol.errors import HandoffError

CONFIG = "config.yaml"
SERVER_FILE = "temporal.db"
CLI_FILE = "temporal-cli.db"
PLAIN = re.compile(r"[A-Za-z0-9_-]+")
POSTGRES_PLUGIN = "postgres12"
POSTGRES_SHARDS = 4
"""Fixed for the life of a database."""

PORTS = range(20_000, 32_768)
"""Below those that systems give to outgoing connections, so that a remembered one is free at the next start; on
PostgreSQL Temporal keeps a port in a column that holds no more than 32,767."""

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
    # One case may be asked by many people, and records systems, at once, through several API processes. The default
    # of 10 makes the eleventh wait and give up; 500 is bounded by the default of 20 MiB for all of them together.
    "history.maxInFlightUpdates": 500,
    # A case begins a new run long before this, when the server says that its history is long (4,096 events, about
    # 800 commands). The default of 2,000 for one run would refuse a burst that comes in before the case could.
    "history.maxTotalUpdates": 10000,
    # A run is deleted only once the server has noted that its queues are past the run's end. The default of 30 s would
    # hold up each step of an erasure by as much; the note is kept in memory and costs nothing to take more often.
    "history.transferProcessorUpdateAckInterval": "2s",
    "history.visibilityProcessorUpdateAckInterval": "2s",
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
    password: str = field(default="", repr=False)
    database: str = "temporal"
    visibility: str = "temporal_visibility"

    @property
    def endpoint(self) -> str:
        """The host as it stands before a port."""
        return f"[{self.host}]" if ":" in self.host else self.host


def postgres_of(url: str) -> Postgres:
    """The databases of ``postgresql://user:password@host:port/name``: that one, and ``name_visibility``.

    Raises:
        ValueError: in a sentence without the address, which may hold a password.
    """
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    try:
        port = parts.port
    except ValueError:
        raise ValueError("its port must be a number up to 65535") from None
    if parts.scheme not in {"postgresql", "postgres"} or not (parts.username and parts.hostname and name):
        raise ValueError("it must be postgresql://user@host:port/name")
    if parts.query or parts.fragment:
        raise ValueError("it must end with the database's name; options are not understood")
    user, password = unquote(parts.username), unquote(parts.password or "")
    # Temporal puts them into an address of its own: it leaves these two as they are, and makes a space a plus.
    if not all(PLAIN.fullmatch(each) for each in (user, name)) or " " in password:
        raise ValueError("its user and name may have letters, digits, - and _ only, and its password no space")
    return Postgres(
        host=parts.hostname,
        port=port or 5432,
        user=user,
        password=password,
        database=name,
        visibility=f"{name}_visibility",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to run an embedded server.

    ``folder`` keeps its configuration, database and remembered ports; ``time_skipping`` is for tests only.
    """

    folder: Path
    time_skipping: bool = False
    postgres: Postgres | None = None
    log_level: str = "warn"


def free_ports(count: int, among: Sequence[int] | None = None) -> list[int]:
    """Loopback ports nobody listens on now: the system's choice, or chance's among some."""
    sockets: list[socket.socket] = []
    candidates = iter([0] * count if among is None else random.sample(among, len(among)))
    try:
        while len(sockets) < count:
            sockets.append(socket.socket())
            try:
                sockets[-1].bind(("127.0.0.1", next(candidates)))
            except OSError:
                sockets.pop().close()
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def dynamic_values(options: ServerOptions) -> dict[str, Any]:
    """The server's settings that are not its defaults, by name."""
    return {**ALWAYS, **(TIME_SKIPPING if options.time_skipping else {})}


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
        values = dynamic_values(options)
        dynamic.write_text(json.dumps({key: [{"value": value}] for key, value in values.items()}, indent=1))
        config = options.folder / CONFIG
        # Closed to others before anything stands in it: it may hold a password.
        config.touch(mode=0o600)
        config.chmod(0o600)
        config.write_text(json.dumps(_config(options, ports, dynamic), indent=1))
    except OSError as error:
        raise HandoffError("FOLDER_UNWRITABLE", f"{options.folder} cannot be written: {error.strerror}.") from error
    return config, f"127.0.0.1:{ports['frontend']}"


def _ports(folder: Path) -> dict[str, int]:
    remembered = folder / "ports.json"
    names = [*SERVICES, *(f"{each}-membership" for each in SERVICES), "http"]
    if remembered.exists():
        found: dict[str, int] = json.loads(remembered.read_text())
        if set(found) == set(names) and set(found.values()) <= set(PORTS):
            return found
    found = dict(zip(names, free_ports(len(names), PORTS), strict=True))
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
            # One shard is one queue of timers: right for one machine's SQLite.
            "numHistoryShards": POSTGRES_SHARDS if options.postgres else 1,
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
        "databaseName": str(folder / SERVER_FILE),
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
            "pluginName": POSTGRES_PLUGIN,
            "databaseName": database,
            "connectAddr": f"{found.endpoint}:{found.port}",
            "connectProtocol": "tcp",
            "user": found.user,
            "password": found.password,
            "maxConns": 20,
            "maxIdleConns": 20,
            "maxConnLifetime": "1h",
        }

    return {"main": {"sql": sql(found.database)}, "visibility": {"sql": sql(found.visibility)}}
