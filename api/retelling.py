"""A finished case told again as a scenario, for the lead who answers for it: at other times, by roles, no rare path."""

from __future__ import annotations

from random import SystemRandom

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from api.deps import Here, Who
from api.once import Once
from api.views import Closed
from protocol.facts import Fact
from protocol.kernel import Protocol
from protocol.scenarios.retelling import path, retold
from store import retelling
from store.session import Connection

router = APIRouter(route_class=Once)
TITLE = "A case told again"


class ScenarioOut(Closed):
    """A scenario's text, to be read before it is put beside a protocol."""

    scenario: str


@router.get("/cases/{case}/scenario")
async def scenario(case: str, here: Here, who: Who) -> ScenarioOut:
    """Tell a finished case again as a scenario. Whoever keeps it reads it before it leaves the house."""

    def ask(connection: Connection) -> tuple[Protocol, tuple[Fact, ...]]:
        protocol, facts = retelling.whole(connection, who, case)
        retelling.enough(connection, who, protocol, path(facts))
        return protocol, facts

    protocol, facts = await here.read(ask)
    return ScenarioOut(scenario=await run_in_threadpool(lambda: retold(protocol, facts, TITLE, SystemRandom())))
