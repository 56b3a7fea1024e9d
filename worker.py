"""The worker: runs cases and delivers what they decide. Wiring only; ``python -m worker``."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.contracts import LinkedCase, Parent
from activities.linked import Calls, LinkedCases
from activities.notices.notifier import Notifier
from activities.notices.planning import Site
from activities.projection import Projector
from protocol.errors import HandoffError
from protocol.messages import Refusal
from runtime import logs, settings
from runtime.codec import CASE_KEY, site_secret
from runtime.posting import config as posting
from runtime.settings import Settings
from runtime.temporal import connect
from store.custodian.router import custodians
from store.erasure.opening import gate
from store.keyring.opening import open_keyring, payload_keys, unlock
from store.session import Database
from workflows import client as cases
from workflows.case import CaseWorkflow
from workflows.sandbox import sandbox

log = structlog.get_logger("worker")

STICKY = timedelta(seconds=10)
"""How long a case waits for the worker that has it in memory before any other may take it.

It is how long a case is silent whose worker was killed. When many windows run out together a case also waits because
the worker is busy; given up then, it is reread from its history, by the same worker, which makes it busier still."""

GRACE = timedelta(seconds=5)
"""How long activities that have begun may go on when the worker is asked to stop."""


def build(
    client: Client,
    database: Database,
    *,
    key: bytes,
    task_queue: str,
    cached: int,
    told: Callable[[], None] | None = None,
) -> Worker:
    """A worker for every protocol's cases.

    Args:
        client: a connected client with the project's data converter.
        database: where facts are projected to.
        key: the secret that case ids are made with.
        task_queue: where to listen.
        cached: cases kept in memory; one that is not is reread from its history when something happens to it.
        told: called when facts were written that somebody may have to hear of; None: nothing is sent.
    """

    async def open_linked(message: LinkedCase) -> str:
        return await cases.open_linked(client, message, key=key, task_queue=task_queue)

    async def send_linked(message: LinkedCase) -> Refusal | None:
        return await cases.send_linked(client, message, key=key)

    async def tell_parent(parent: Parent) -> None:
        await cases.tell_parent(client, parent)

    linked = LinkedCases(Calls(open_linked, send_linked, tell_parent), database)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[CaseWorkflow],
        activities=[
            Projector(database, told).project,
            linked.start_linked_case,
            linked.send_linked_event,
            linked.tell_parent,
        ],
        workflow_runner=sandbox(),
        max_cached_workflows=cached,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
    )


async def run(chosen: Settings) -> None:
    """Work until asked to stop by SIGINT or SIGTERM.

    Raises:
        HandoffError: ``TEMPORAL_UNSET`` without an address; ``TEMPORAL_SILENT`` when the server does not answer.
    """
    if chosen.temporal_address is None:
        raise HandoffError("TEMPORAL_UNSET", "Set HANDOFF_TEMPORAL_ADDRESS, or start everything with: handoff up")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gate(chosen)
    key = site_secret(chosen.engine_keys, CASE_KEY)
    with (
        closing(open_keyring(chosen, custodians(chosen))) as ring,
        closing(Database(chosen.database_url, ring)) as database,
    ):
        keys = payload_keys(chosen, ring)
        client = await connect(chosen.temporal_address, chosen.temporal_namespace, keys, tls=chosen.temporal_tls)
        await asyncio.to_thread(unlock, ring, database)
        async with _notices(chosen, database) as told:
            cached = chosen.max_cached_workflows
            worker = build(client, database, key=key, task_queue=chosen.task_queue, cached=cached, told=told)
            async with worker:
                with _ready(chosen.data / "worker.ready"):
                    log.info("worker ready", address=chosen.temporal_address)
                    await stop.wait()
    log.info("worker stopped")


@asynccontextmanager
async def _notices(chosen: Settings, database: Database) -> AsyncIterator[Callable[[], None] | None]:
    """Send notices meanwhile, if this installation sends any; gives what is called when there may be new ones."""
    known = posting.read(chosen.notices_file)
    if not known.sends:
        yield None
        return
    notifier = Notifier(database, Site(known, chosen.public_url))
    sending = asyncio.create_task(notifier.run())
    try:
        yield notifier.wake
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending


@contextmanager
def _ready(path: Path) -> Iterator[None]:
    """Say in a file, by this process's number, that the worker works; a killed worker leaves an old number behind."""
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def main() -> int:
    """Run the worker of the installation that the environment names; 2 if it cannot start."""
    try:
        chosen = settings.load()
        logs.configure(chosen.log_level)
        asyncio.run(run(chosen))
    except HandoffError as error:
        log.critical("worker not started", code=error.code)
        print(error.message, file=sys.stderr)  # noqa: T201 - a person started it
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Everything is closed. The SDK's own threads may still crash an interpreter that takes itself apart.
    os._exit(code)
