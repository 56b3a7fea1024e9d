"""A whole installation for tests: ``handoff up`` as people start it, on a folder and ports of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from runtime.credentials import token_of
from runtime.temporal_config import free_ports
from tests.servers import until

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Installation:
    """A running installation: its address, folder and the tokens of its placeholder people."""

    url: str
    data: Path
    process: subprocess.Popen[bytes]
    client: httpx2.Client
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, role: str) -> str:
        """The token of the person in a role, or of ``AGENCY-records``."""
        if role not in self.tokens:
            self.tokens[role] = token_of(self.data / "credentials.txt", role)
        return self.tokens[role]

    def ask(self, role: str | None, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """One request as somebody (None: as nobody)."""
        sent = dict(headers)
        if role is not None:
            sent["Authorization"] = f"Bearer {self.token(role)}"
        return self.client.request(method, f"{self.url}/api/v1{path}", json=body, headers=sent)

    def get(self, role: str, path: str) -> Any:
        """What a route answers, which must be well."""
        response = self.ask(role, "GET", path)
        assert response.status_code == httpx2.codes.OK, response.text
        return response.json()

    def ready(self) -> bool:
        """Whether everything is there."""
        try:
            return self.client.get(f"{self.url}/readyz").status_code == httpx2.codes.OK
        except httpx2.HTTPError:
            return False


def begun(data: Path, port: int, *, cwd: Path = ROOT, more: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """``handoff up``, just started, with its words in ``FOLDER-up.log`` beside the folder."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HANDOFF_")},
        "HANDOFF_DATA": str(data),
        "HANDOFF_PORT": str(port),
        "HANDOFF_PRACTICE_WEEK": "false",
        **(more or {}),
    }
    data.mkdir(mode=0o700, exist_ok=True)
    with (data.parent / f"{data.name}-up.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", "up"], cwd=cwd, env=environment, stdout=log, stderr=log
        )


def services(process: subprocess.Popen[bytes]) -> dict[str, int]:
    """The supervisor's children by name (worker, api, store.custodian, temporal, and go while it builds)."""
    found = {}
    for each in Path("/proc").glob("[0-9]*"):
        try:
            stat = (each / "stat").read_text().rpartition(")")[2].split()
            words = (each / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if int(stat[1]) == process.pid:
            if words[1:3] == ["-P", "-m"]:
                found[words[3]] = int(each.name)
            elif words[-2:-1] == ["start"]:
                found["temporal"] = int(each.name)
            elif words[1:2] == ["install"] or "install" in words[2:3]:
                found["go"] = int(each.name)
    return found


@contextmanager
def installed(
    data: Path, port: int | None = None, *, cwd: Path = ROOT, more: Mapping[str, str] | None = None
) -> Iterator[Installation]:
    """Start an installation on a folder (again, if it has one) and stop it at the end; ``more`` is its environment."""
    chosen = port or free_ports(1)[0]
    process = begun(data, chosen, cwd=cwd, more=more)
    client = httpx2.Client(timeout=60, limits=httpx2.Limits(max_connections=100, max_keepalive_connections=20))
    found = Installation(f"http://127.0.0.1:{chosen}", data, process, client)
    try:
        # It gives up by itself, and says why; where much else runs that takes longer than anything else is waited for.
        until(lambda: found.ready() or process.poll() is not None, "handoff up", 110)
        assert process.poll() is None, (data.parent / f"{data.name}-up.log").read_text()
        yield found
    finally:
        client.close()
        process.send_signal(signal.SIGINT)
        process.wait(60)
