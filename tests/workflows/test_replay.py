"""Recorded histories replay without a server, and the core still gives the facts that were delivered from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox import UnintentionalPassthroughError

from activities.contracts import PROJECT, Projection
from protocol.engine.machine import step
from protocol.facts import Fact
from protocol.serial import load_protocol
from tests.workflows.curious import CuriousWorkflow
from tests.workflows.drivers import inputs_of
from workflows.case import CaseWorkflow
from workflows.messages import CaseClosed, CaseStart
from workflows.sandbox import sandbox

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def history_of(path: Path) -> WorkflowHistory:
    """A recorded history."""
    return WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))


def recorded(name: str) -> WorkflowHistory:
    """The newest recording of a story's first run."""
    return history_of([each for each in HISTORIES if each.stem.endswith(f"{name}-1")][-1])


@pytest.mark.parametrize("path", HISTORIES, ids=lambda each: each.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    """The workflow asks of the server today what it asked when the history was recorded."""
    replayer = Replayer(workflows=[CaseWorkflow], data_converter=pydantic_data_converter, workflow_runner=sandbox())

    await replayer.replay_workflow(history_of(path))


STAYED = [each for each in HISTORIES if "text-moved" not in each.stem]
"""The histories of cases that ran on one text from beginning to end."""


@pytest.mark.parametrize("path", STAYED, ids=lambda each: each.stem)
async def test_a_recorded_history_gives_the_same_facts(path: Path) -> None:
    """The core makes of recorded inputs, fact by fact, what was delivered when they were recorded.

    A worker that rereads an open case must number its facts as they were numbered, or the read model parts from it.
    """
    history = history_of(path)
    started = history.events[0].workflow_execution_started_event_attributes.input.payloads
    (start,) = await pydantic_data_converter.decode(started, [CaseStart])
    protocol, state, facts = load_protocol(start.protocol.encode()), start.state, list(start.outbox)
    for command, now in await inputs_of(history.events, pydantic_data_converter, start.shift):
        ahead = 0 if state.practice is None else state.practice.ahead
        result = step(protocol, state, command, now + ahead)
        state = result.state
        facts += result.facts
    delivered = await delivered_in(history)

    assert facts[: len(delivered)] == delivered


async def delivered_in(history: WorkflowHistory) -> list[Fact]:
    """The facts in a history's projections, each once."""
    found: dict[int, Fact] = {}
    for event in history.events:
        scheduled = event.activity_task_scheduled_event_attributes
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED and scheduled.activity_type.name == PROJECT:
            (batch,) = await pydantic_data_converter.decode(scheduled.input.payloads, [Projection])
            found |= {each.seq: each for each in batch.facts}
    return [found[seq] for seq in sorted(found)]


@workflow.defn(dynamic=True)
class Forgetful(CaseWorkflow):
    """A careless change: no timer is set."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        super().__init__(args)

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> CaseClosed:
        """As the original."""
        return await super().run(args)

    def _arm(self) -> None:
        """Forgets."""


@workflow.defn(dynamic=True)
class Silent(CaseWorkflow):
    """A careless change: nothing is delivered."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        super().__init__(args)

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> CaseClosed:
        """As the original."""
        return await super().run(args)

    def _deliver(self) -> None:
        """Keeps it to itself."""


@pytest.mark.parametrize("changed", [Forgetful, Silent])
async def test_a_careless_change_is_caught(changed: type[CaseWorkflow]) -> None:
    """A workflow that asks the server for something else does not replay."""
    replayer = Replayer(
        workflows=[changed], data_converter=pydantic_data_converter, workflow_runner=UnsandboxedWorkflowRunner()
    )

    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(recorded("answered"))


async def test_the_sandbox_keeps_the_clock_away() -> None:
    """Workflow code that reads the machine's clock fails where it does so."""
    replayer = Replayer(workflows=[CuriousWorkflow], data_converter=pydantic_data_converter, workflow_runner=sandbox())

    with pytest.raises(RuntimeError, match=r"datetime\.datetime\.now"):
        await replayer.replay_workflow(recorded("answered"))


def test_a_module_must_be_listed_to_be_shared() -> None:
    """A module that workflow code imports and nobody listed is refused, not quietly loaded again for every case."""
    forgetful = workflow._Definition.must_from_class(Forgetful)

    with pytest.raises(UnintentionalPassthroughError):
        sandbox().prepare_workflow(forgetful)
