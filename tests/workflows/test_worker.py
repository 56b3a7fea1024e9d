"""The worker as a process: ready when it says so, stopped when asked, and missed by nobody when it is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from temporalio.client import Client

from protocol.serial import dump_protocol
from runtime.codec import CASE_KEY, DerivedCaseKeys, site_secret
from runtime.settings import Settings
from runtime.temporal import connect
from store import schema
from store.custodian.local import LocalCustodian
from store.keyring.opening import open_keyring, payload_keys
from store.session import Database
from tests.servers import NAMESPACE
from tests.workflows.acts import booked, end, given, new_id, note, reported
from tests.workflows.conftest import publish_all
from tests.workflows.drivers import eventually, read_facts
from tests.workflows.texts import errand, relay
from workflows import client as cases
from workflows.messages import linked_case_id

pytestmark = pytest.mark.server


@asynccontextmanager
async def worker(env: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker process that is ready; killed afterwards if it still runs."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "worker", env=env)
    ready = Path(env["HANDOFF_DATA"]) / "worker.ready"

    async def is_ready() -> bool:
        return ready.exists() and ready.read_text() == f"{process.pid}\n"

    try:
        await eventually(is_ready, within=60)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def env(temporal_server: str, tmp_path: Path) -> dict[str, str]:
    """An installation of its own on the shared server."""
    tmp_path.chmod(0o700)
    url = f"sqlite:///{tmp_path / 'handoff.db'}"
    schema.upgrade(url)
    database = Database(url)
    publish_all(database)
    database.close()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HANDOFF_")}
    return {
        **inherited,
        "HANDOFF_DATA": str(tmp_path),
        "HANDOFF_TEMPORAL_ADDRESS": temporal_server,
        "HANDOFF_TEMPORAL_NAMESPACE": NAMESPACE,
        "HANDOFF_TASK_QUEUE": f"test-{new_id()}",
    }


async def test_a_killed_worker_loses_nothing(env: dict[str, str]) -> None:
    """What was answered before a worker was killed stands, and what is sent meanwhile is answered by the next."""
    folder, queue, case_id = Path(env["HANDOFF_DATA"]), env["HANDOFF_TASK_QUEUE"], new_id()
    keys = DerivedCaseKeys(folder / "keys" / "engine")
    client = await connect(env["HANDOFF_TEMPORAL_ADDRESS"], NAMESPACE, keys)
    async with worker(env) as first:
        opened = await cases.open_or_join(client, case_id, dump_protocol(relay()), booked(), task_queue=queue)
        first.kill()
        await first.wait()
    meanwhile = asyncio.create_task(cases.send(client, case_id, note("c1")))
    async with worker(env):
        answers = [await meanwhile, await cases.send(client, case_id, given("c2"))]
        again = await cases.send(client, case_id, booked())
        reader = Database(f"sqlite:///{folder / 'handoff.db'}")

        async def projected() -> bool:
            return len(read_facts(reader, case_id)) == answers[-1].seq

        await eventually(projected)
        reader.close()

    assert again == opened
    assert [each.seq for each in answers] == [5, 8]


@pytest.mark.slow
async def test_a_linked_case_outlives_a_killed_worker(env: dict[str, str]) -> None:
    """A worker killed as soon as a case had begun another leaves nothing half done: it is opened, and told of, once."""
    folder, queue, case_id = Path(env["HANDOFF_DATA"]), env["HANDOFF_TASK_QUEUE"], new_id()
    engine_keys = folder / "keys" / "engine"
    chosen = Settings(data=folder)
    with closing(open_keyring(chosen, LocalCustodian(chosen.custodian_dir))) as ring:
        client = await connect(env["HANDOFF_TEMPORAL_ADDRESS"], NAMESPACE, payload_keys(chosen, ring))
        await _outlives(env, client, engine_keys, queue, case_id)


async def _outlives(env: dict[str, str], client: Client, engine_keys: Path, queue: str, case_id: str) -> None:
    async with worker(env) as first:
        await cases.open_or_join(client, case_id, dump_protocol(errand()), reported("begun"), task_queue=queue)
        first.kill()
        await first.wait()
    inner = linked_case_id(site_secret(engine_keys, CASE_KEY), case_id, 3)
    async with worker(env):

        async def opened() -> bool:
            return (await cases.look(client, case_id)).state.links["papers"].opened

        await eventually(opened, within=60)
        await cases.send(client, inner, end())
        await client.get_workflow_handle(inner).result()
        state = (await cases.look(client, case_id)).state

    assert state.links["papers"].ended
    assert [each for each in state.replies if each.startswith("link-")] == ["link-3-opened", "link-3-ended"]


async def test_a_worker_stops_when_asked(env: dict[str, str]) -> None:
    """SIGTERM ends the worker in order: exit code 0, and it no longer says that it is ready."""
    async with worker(env) as process:
        process.send_signal(signal.SIGTERM)

        assert await process.wait() == 0
    assert not (Path(env["HANDOFF_DATA"]) / "worker.ready").exists()


async def test_a_worker_without_a_server_says_so(env: dict[str, str]) -> None:
    """Without an address the worker names the setting and exits with 2."""
    del env["HANDOFF_TEMPORAL_ADDRESS"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", env=env, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()

    assert process.returncode == 2
    assert b"HANDOFF_TEMPORAL_ADDRESS" in said
