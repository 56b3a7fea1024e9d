"""The Temporal server is found, started, and keeps what it was given."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client

from protocol.errors import HandoffError
from runtime.codec import DerivedCaseKeys
from runtime.temporal import connect
from runtime.temporal_config import ServerOptions, write_config
from runtime.temporal_server import SERVER_MODULE, build, ensure_namespace
from tests import servers
from tests.servers import NAMESPACE

CANARY = "canary-7f3a9c-plain"


@workflow.defn(name="sleeper")
class Sleeper:
    """Waits, holding its argument."""

    @workflow.run
    async def run(self, held: str) -> str:
        await workflow.sleep(timedelta(days=1))
        return held


async def _start(client: Client, name: str) -> None:
    await client.start_workflow("sleeper", CANARY, id=name, task_queue="nobody")


def test_ports_are_remembered(tmp_path: Path) -> None:
    """A second start of the same folder answers at the same address."""
    options = ServerOptions(folder=tmp_path)

    assert write_config(options)[1] == write_config(options)[1]


async def test_without_a_server_and_without_go_the_choices_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine with neither a server nor Go is told what it can do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(HandoffError) as caught:
        await build(SERVER_MODULE, "server", print)

    assert caught.value.code == "NO_TEMPORAL"
    assert "HANDOFF_TEMPORAL_ADDRESS" in caught.value.message


async def test_the_namespace_may_be_registered_twice(temporal_server: str) -> None:
    """Registering the namespace again changes nothing and is no error."""
    await ensure_namespace(temporal_server, NAMESPACE)
    await ensure_namespace(temporal_server, NAMESPACE)


async def test_a_restarted_server_has_its_cases_and_no_plain_text(tmp_path: Path) -> None:
    """What was started before a stop runs after it, and its argument cannot be read in the server's files."""
    keys = DerivedCaseKeys(tmp_path / "keys")
    async with servers.temporal_server(tmp_path / "server", time_skipping=False) as address:
        await _start(await connect(address, NAMESPACE, keys), "kept")
    async with servers.temporal_server(tmp_path / "server", time_skipping=False) as address:
        found = await (await connect(address, NAMESPACE, keys)).get_workflow_handle("kept").describe()
        plain = await Client.connect(address, namespace=NAMESPACE)
        stored = b"".join(each.read_bytes() for each in (tmp_path / "server").glob("temporal.db*"))
        assert found.workflow_type == "sleeper"
        assert CANARY.encode() not in stored
        await _start(plain, "planted")
    stored = b"".join(each.read_bytes() for each in (tmp_path / "server").glob("temporal.db*"))

    assert CANARY.encode() in stored
