"""Batches written together answer for themselves alone."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.testing import ActivityEnvironment

from activities.contracts import Projected, Projection
from activities.projection import Projector
from protocol.engine.machine import step
from protocol.errors import HandoffError
from protocol.facts import Fact
from protocol.messages import Input
from protocol.serial import dump_protocol, protocol_hash
from protocol.state import CaseState
from store.session import Database
from tests.workflows.acts import booked, given, new_id
from tests.workflows.drivers import read_facts
from tests.workflows.texts import relay

HASH = protocol_hash(dump_protocol(relay()))
NOW = 1_800_000_000_000_000


def facts_after(*commands: Input) -> tuple[Fact, ...]:
    """What a case decides about some commands, one second apart."""
    state, facts = CaseState(), list[Fact]()
    for number, command in enumerate(commands):
        result = step(relay(), state, command, NOW + number)
        state = result.state
        facts += result.facts
    return tuple(facts)


async def project(projector: Projector, batch: Projection) -> Projected:
    """Run the activity."""
    return await ActivityEnvironment().run(projector.project, batch)


async def test_a_bad_batch_harms_no_other(database: Database, reader: Database) -> None:
    """Of many batches at once those that cannot be written fail, each for its own reason, and the rest are there."""
    projector = Projector(database)
    facts = facts_after(booked(), given("c1"))
    good = [Projection(case_id=new_id(), protocol_hash=HASH, facts=facts) for _ in range(10)]
    gap = Projection(case_id=new_id(), protocol_hash=HASH, facts=facts[2:])
    unknown = Projection(case_id=new_id(), protocol_hash="0" * 64, facts=facts)
    results = await asyncio.gather(
        *(project(projector, each) for each in (*good, gap, unknown)), return_exceptions=True
    )

    assert results[:10] == [Projected(seq=facts[-1].seq)] * 10
    assert [each.code for each in results[10:] if isinstance(each, HandoffError)] == ["FACT_GAP", "UNKNOWN_PROTOCOL"]
    assert all(read_facts(reader, each.case_id) == facts for each in good)
    assert read_facts(reader, gap.case_id) == ()


@pytest.mark.parametrize("cut", [1, 3, 5])
async def test_a_repeated_batch_changes_nothing(database: Database, reader: Database, cut: int) -> None:
    """Facts sent twice, in other batches, are there once and in order."""
    projector, facts, case_id = Projector(database), facts_after(booked(), given("c1")), new_id()
    for part in (facts[:cut], facts[:cut], facts, facts[cut:]):
        await project(projector, Projection(case_id=case_id, protocol_hash=HASH, facts=part))

    assert read_facts(reader, case_id) == facts
