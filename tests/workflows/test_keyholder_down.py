"""While an agency's keyholder is down, its values are shut and nothing else suffers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from protocol.errors import HandoffError
from protocol.facts import Told, WindowMissed
from protocol.messages import Answer, EventHappened, Input
from store import schema, vault
from store.custodian import remote
from store.custodian.local import CustodianProcess
from store.custodian.router import Custodians
from store.keyring import Keyring, Shares, tables
from store.keyring.ring import confidential
from store.plain import Plain
from store.session import Database
from store.vault import Sealing
from tests.store.keyholders import PASSWORD, Running, running
from tests.store.rings import SITE
from tests.store.streams import HOUR, MINUTE, START, actor, advocacy
from tests.store.test_vault import ADVOCATE, CANARY
from tests.workflows.conftest import KEY, publish_all
from tests.workflows.drivers import LATE_AT_MOST, MOMENT, TemporalDriver
from tests.workflows.test_scenarios import replay
from worker import build
from workflows import client as cases

pytestmark = pytest.mark.server
WHO = "Advocate One"


@dataclass
class Place:
    """An installation whose advocacy agency keeps its own keys."""

    held: Running
    custodian: Custodians
    database: Database
    ring: Keyring


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Everything real: a keyholder over TLS, the embedded custodian for the others, databases, a keyring."""
    url, known = f"sqlite:///{tmp_path / 'handoff.db'}", tmp_path / "known"
    known.mkdir()
    schema.upgrade(url)
    with (
        running(tmp_path / "box") as held,
        TemporaryDirectory() as folder,
        CustodianProcess(Path(folder) / "keys", Path(folder)) as process,
    ):
        held.enrol(WHO)
        remote.enrol(known, held.code())
        custodian = Custodians(process.custodian, known)
        keys = Database(f"sqlite:///{tmp_path / 'keys.db'}")
        tables.make(keys)
        ring = Keyring(keys, Shares(custodian, SITE))
        database = Database(url, ring)
        publish_all(database)
        vault.learn_cards(database, custodian, advocacy())
        assert ring.shares.open(confidential(advocacy())) == ()
        yield Place(held, custodian, database, ring)
        database.close()
        ring.close()


def seal(place: Place, case_id: str, command: str) -> dict[str, str]:
    """Seal a value that comes with a command."""
    sealing = Sealing(case_id=case_id, command_id=command, now=START)
    with place.database.write() as connection:
        return vault.seal(connection, advocacy(), sealing, {"safe-numbers": Plain(CANARY)})


async def test_an_hour_without_the_keyholder(
    client: Client, skipper: TimeSkipper, place: Place, tmp_path: Path
) -> None:
    """Its values do not open; reports, sealing, deadlines and escalations go on at their instants; then all opens."""
    protocol, queue = advocacy(), f"down-{tmp_path.name}"
    driver = TemporalDriver(skipper, queue, place.database)
    token = place.custodian.sign_in("advocacy", WHO, PASSWORD, place.held.totp(WHO))
    who = replace(ADVOCATE, grant=token)

    def reveal(refs: dict[str, str]) -> list[str]:
        asked = list(refs.values())
        found = vault.open_values(place.database, place.custodian, who, driver.case_id, asked, why="task", now=START)
        return [found[each].reveal() for each in asked]

    async with build(client, place.database, key=KEY, task_queue=queue, cached=10):
        await driver.start(protocol)
        await driver.advance(START)
        patrol = actor(protocol, "patrol")
        await driver.send(Input(command="c1", actor=patrol, body=EventHappened(event="arrest-booked")))
        refs = seal(place, driver.case_id, "c2")
        given = Answer(instance=1, outcome="given", refs=refs)
        await driver.advance(START + 2 * MINUTE)
        state = (await cases.look(client, driver.case_id)).state
        instance = next(each.n for each in state.instances if each.step == "referral")
        given = replace(given, instance=instance)
        await driver.send(Input(command="c2", actor=patrol, body=given))
        await driver.facts()
        assert reveal(refs) == [CANARY]

        place.held.stop()
        before = len(await driver.facts())
        with pytest.raises(HandoffError, match="keyholder of advocacy does not answer") as caught:
            reveal(refs)
        assert caught.value.code == "CUSTODIAN_DOWN"
        await driver.advance(START + HOUR + 3 * MINUTE + MOMENT)
        assert seal(place, driver.case_id, "c3")
        facts = await driver.facts()
        during = [each.body for each in facts[before:]]
        assert any(isinstance(each, WindowMissed) for each in during)
        assert sum(isinstance(each, Told) for each in during) >= 2
        expected, late = replay(protocol, await driver.log())
        assert list(facts) == expected
        assert late <= LATE_AT_MOST

        place.held.start()
        assert reveal(refs) == [CANARY]
