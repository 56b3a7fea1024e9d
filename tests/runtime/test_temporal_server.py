"""The Temporal server is found, started, and keeps what it was given."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from protocol.errors import HandoffError
from runtime.codec import DerivedCaseKeys
from runtime.temporal import connect
from runtime.temporal_binary import cache_folder
from runtime.temporal_config import ALWAYS, Postgres, ServerOptions, write_config
from runtime.temporal_server import _cli_argv, ensure_namespace, ensure_server
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


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing: an empty cache, nothing on PATH, and no way out for a download."""
    folder = tmp_path / "bare"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return folder


def plant(path: Path) -> Path:
    """A program that only has to be found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return path


async def test_with_nothing_here_everything_is_tried_and_told_in_order(bare: Path, tmp_path: Path) -> None:
    """The SDK's download is really asked for; its reason and what a person can do are in the sentence."""
    with pytest.raises(HandoffError) as caught:
        await ensure_server(ServerOptions(folder=tmp_path / "temporal"), print)

    assert caught.value.code == "NO_TEMPORAL"
    said = caught.value.message
    places = [
        "ADDRESS (not set)",
        "a server in",
        "temporal on PATH",
        "temporal-cli in",
        "go on PATH",
        "the SDK's download",
    ]
    assert sorted(map(said.index, places)) == list(map(said.index, places))
    assert "failed to download" in said
    assert "HANDOFF_TEMPORAL_ADDRESS to its host:port" in said
    assert [] == [each.name for each in cache_folder().iterdir() if each.suffix != ".log"]


async def test_on_postgresql_no_cli_is_looked_for(bare: Path, tmp_path: Path) -> None:
    """The CLI has a database of its own kind only, so it is neither used nor downloaded."""
    plant(bare / "temporal")
    options = ServerOptions(folder=tmp_path, postgres=Postgres(host="127.0.0.1", port=1, user="temporal"))

    with pytest.raises(HandoffError) as caught:
        await ensure_server(options, print)

    assert ("NO_TEMPORAL", False) == (caught.value.code, "download" in caught.value.message)


async def test_the_first_that_is_there_is_used(bare: Path, tmp_path: Path) -> None:
    """The server goes before a CLI on PATH, and that before one downloaded earlier."""
    options = ServerOptions(folder=tmp_path / "temporal")
    chosen = []
    for path in (cache_folder() / "temporal-cli", bare / "temporal", cache_folder() / "server"):
        planted = plant(path)
        chosen.append((str(planted), (await ensure_server(options, print)).argv[0]))

    assert all(expected == found for expected, found in chosen)


async def test_a_folder_keeps_to_the_kind_of_server_it_began_with(bare: Path, tmp_path: Path) -> None:
    """A server that comes later does not hide the cases in a CLI's file, nor the other way round."""
    cli, server = plant(bare / "temporal"), plant(cache_folder() / "server")
    kept: list[str] = []
    for name in ("temporal-cli.db", "temporal.db"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).touch()
        kept.append((await ensure_server(ServerOptions(folder=folder), print)).argv[0])

    assert [str(cli), str(server)] == kept


async def test_a_folder_keeps_to_the_kind_of_database_it_began_with(bare: Path, tmp_path: Path) -> None:
    """Cases are left behind neither on the way to PostgreSQL nor on the way back."""
    plant(cache_folder() / "server")
    postgres = Postgres(host="127.0.0.1", port=1, user="temporal")
    here, there = ServerOptions(folder=tmp_path / "here"), ServerOptions(folder=tmp_path / "there", postgres=postgres)
    await ensure_server(here, print)
    (here.folder / "temporal.db").touch()
    await ensure_server(there, print)

    for changed in (replace(here, postgres=postgres), replace(there, postgres=None)):
        with pytest.raises(HandoffError) as caught:
            await ensure_server(changed, print)
        assert ("TEMPORAL_STORE_CHANGED", True) == (caught.value.code, str(changed.folder) in caught.value.message)


def test_the_cli_gets_the_same_settings_and_a_file(tmp_path: Path) -> None:
    """A server inside the CLI keeps its cases in the folder and has every setting of the other, as JSON."""
    argv = _cli_argv(Path("/a/temporal"), ServerOptions(folder=tmp_path), "127.0.0.1:20001")
    given = {
        each.partition("=")[0]: json.loads(each.partition("=")[2]) for each in argv if each.partition("=")[0] in ALWAYS
    }

    assert ALWAYS == given
    assert str(tmp_path / "temporal-cli.db") == argv[argv.index("--db-filename") + 1]


def test_ports_are_none_that_systems_give_away(tmp_path: Path) -> None:
    """Each fits the column in which Temporal keeps it on PostgreSQL; remembered ones that do not are replaced."""
    write_config(ServerOptions(folder=tmp_path))
    remembered = tmp_path / "ports.json"
    before = json.loads(remembered.read_text())
    remembered.write_text(json.dumps({**before, "history-membership": 40_000}))
    write_config(ServerOptions(folder=tmp_path))

    assert max(before.values()) < 32_768
    assert max(json.loads(remembered.read_text()).values()) < 32_768


@workflow.defn(name="crowded")
class Crowded:
    """Answers everybody when a number of them are inside at once."""

    def __init__(self) -> None:
        self._inside = 0

    @workflow.run
    async def run(self, expected: int) -> None:
        await workflow.wait_condition(lambda: self._inside == expected and workflow.all_handlers_finished())

    @workflow.update
    async def enter(self, expected: int) -> int:
        self._inside += 1
        await workflow.wait_condition(lambda: self._inside == expected)
        return self._inside


@pytest.mark.server
async def test_one_case_hears_many_people_at_once(
    client: Client, temporal_server: str, case_keys: DerivedCaseKeys
) -> None:
    """Two processes of the API send sixty commands to one case, and none is refused because others are under way."""
    expected, name = 60, f"crowded-{uuid4().hex}"
    other = await connect(temporal_server, NAMESPACE, case_keys)
    async with Worker(client, task_queue=name, workflows=[Crowded], workflow_runner=UnsandboxedWorkflowRunner()):
        await client.start_workflow("crowded", expected, id=name, task_queue=name)
        handles = [each.get_workflow_handle(name) for each in (client, other)]
        asked = (handles[each % 2].execute_update("enter", expected, id=str(each)) for each in range(expected))
        answers = await asyncio.wait_for(asyncio.gather(*asked), 60)

    assert {expected} == set(answers)


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
