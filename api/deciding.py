"""Carries out what a council decided: puts in force what was adopted, takes back what was not ratified, in its time.

A loop on SQL and no workflow of its own, like the one that moves cases: the acts say what is to be done, one
transaction does it, and the same again does nothing (docs/decisions/0027).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog
from fastapi.concurrency import run_in_threadpool

from api.deps import Services, now
from api.migrations import foreseen, prepared
from api.moving import carry_texts
from protocol.compiling.compiler import compile_text
from protocol.council import standing
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.migrating.effect import Class
from store import protocols, vault
from store.revisions import publishing
from store.revisions.keeping import Draft, Revision
from store.revisions.publishing import Ready

log = structlog.get_logger("revisions")

EVERY = 1.0
"""Seconds between two looks for a revision whose time has come."""
UNDECIDED = (Class.DECISION, Class.IMPOSSIBLE)


async def publish_now_and_then(here: Services) -> None:
    """Put in force what was adopted, and take back what was not ratified, when its time has come; until cancelled."""
    while True:
        try:
            for each in await here.read(lambda connection: publishing.due(connection, now())):
                await _carry_out(here, each)
        except Exception as error:  # noqa: BLE001 - the loop outlives whatever goes wrong with one revision
            log.warning("a revision waits", code=getattr(error, "code", type(error).__name__))
        await asyncio.sleep(EVERY)


async def _carry_out(here: Services, found: Revision) -> None:
    number = found.draft.number
    if found.standing.state is standing.State.REVERTING:
        await here.write(lambda connection: publishing.take_back(connection, number, now()))
        log.info("the text before is in force again", revision=number)
        return
    try:
        ready = await _ready(here, found.draft)
    except HandoffError as error:
        code = error.code
        await here.write(lambda connection: publishing.hold(connection, found, code.lower().replace("_", "-"), now()))
        return
    version = await here.write(
        lambda connection: publishing.publish(connection, number, found.draft.bundle, ready, now())
    )
    if version is None:
        return
    await run_in_threadpool(lambda: vault.learn_cards(here.database, here.custodian, version.protocol))
    if ready.run is not None:
        run = ready.run
        await run_in_threadpool(carry_texts, here.database, run)
    log.info("a revision is in force", revision=number, version=version.version)


async def _ready(here: Services, draft: Draft) -> Ready:
    """The text compiled anew, and its run. The plan must still cover every open case."""
    new = await compiled(here, draft)
    if draft.plan is None:
        return Ready(protocol=new)
    if await undecided(here, new, draft.plan):
        raise HandoffError("PLAN_UNDECIDED", "open cases have come that the plan does not cover")
    run, case_ids = await prepared(here, new, draft.plan, draft.by)
    return Ready(protocol=new, run=run, chance=case_ids)


async def undecided(here: Services, new: Protocol, plan: str) -> str:
    """What a plan leaves undecided, as far as the council may know; nothing if it covers every case."""
    found = await foreseen(here, new, plan)
    if not any(found.classes[each] for each in UNDECIDED):
        return ""
    return "; ".join(each.says for each in found.places) or "see the effect of the draft"


async def compiled(here: Services, draft: Draft) -> Protocol:
    """A draft's text as cases would run on it.

    Raises:
        SpecError: the text has findings.
        HandoffError: ``OTHER_PROTOCOL``.
    """
    others = {name: each.protocol for name, each in (await here.read(protocols.in_force)).items()}
    today = datetime.now(UTC).date()
    found = await run_in_threadpool(lambda: compile_text(draft.text, today=today, others=others))
    if found.protocol.id != draft.slug:
        raise HandoffError("OTHER_PROTOCOL", f"this text is of {found.protocol.id}, not of {draft.slug}")
    return found.protocol
