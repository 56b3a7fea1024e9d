"""Protocols and people by chance, on a real server: it decides what the pure core decides."""

from __future__ import annotations

import time
from random import Random

import pytest

from protocol.engine.machine import step
from protocol.facts import Fact
from protocol.kernel import Protocol
from protocol.messages import TICK, LinkNotice
from protocol.state import CaseState
from store import protocols
from store.session import Database
from tests.protocol.random_runs import drive
from tests.protocol.random_texts import accepted
from tests.workflows.drivers import TemporalDriver

pytestmark = pytest.mark.server

SEEDS = (54, 16, 51, 40, 7, 55)


async def send_all(driver: TemporalDriver, protocol: Protocol, seed: int) -> None:
    """Send what people of a random run sent, at the instants at which they did."""
    await driver.start(protocol)
    for command, now in drive(protocol, Random(seed), 14).sent:
        if command is not TICK and not isinstance(command.body, LinkNotice):
            await driver.advance(now)
            await driver.send(command)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_random_case_goes_on_temporal_as_on_the_core(
    driver: TemporalDriver, database: Database, seed: int
) -> None:
    """The core, given what the server took and when, gives the facts that the server projected, one by one."""
    made = accepted(seed, links=False)
    with database.write() as connection:
        now = time.time_ns() // 1_000
        protocols.publish(connection, made.protocol, made.source, published_at=now, published_by="council")

    await send_all(driver, made.protocol, seed)

    state, facts = CaseState(), list[Fact]()
    for command, now in await driver.log():
        result = step(made.protocol, state, command, now)
        state = result.state
        facts += result.facts
    assert facts == list(await driver.facts())
    assert len(facts) > 5
