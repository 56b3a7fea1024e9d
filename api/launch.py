"""``handoff up``: every process of an installation under one supervisor, ready or with a plain reason why not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2

from protocol.errors import HandoffError
from runtime.codec import CASE_KEY, site_secret
from runtime.settings import Settings
from runtime.supervisor import Service, Supervisor, hold_lock
from runtime.temporal_binary import sql_tool
from runtime.temporal_config import ServerOptions
from runtime.temporal_server import ensure_namespace, ensure_server, wait_ready
from store.accounts.secrets import KEY as ACCOUNTS_KEY
from store.custodian.local import arguments
from store.custodian.router import custodians
from store.custodian.safes import options_of
from store.erasure.opening import gate
from store.installing import meet, prepare
from store.temporal_tables import set_up

Report = Callable[[str], None]
READY_WITHIN = 60.0
OURS = (sys.executable, "-P", "-m")
"""Runs a module of ours: without -P, a file of that name in the folder where a person stands would be run instead."""

KEYS = ("engine.key", CASE_KEY, "pages.key", "audit.key", ACCOUNTS_KEY)


async def up(settings: Settings, report: Report, began: float) -> None:
    """Start everything, say what can be done next, and run until asked to stop.

    Args:
        settings: the installation.
        report: prints one line.
        began: ``time.monotonic()`` of the command, for the time it prints.

    Raises:
        HandoffError: ALREADY_RUNNING, PORT_TAKEN, NO_TEMPORAL, NOT_STARTED, or a part's own reason.
    """
    settings.make_folders()
    lock = hold_lock(settings.lock_file)
    supervisor = Supervisor(settings.logs, report)
    try:
        _check_port(settings)
        if not await _unless_stopped(supervisor, _start(settings, supervisor, report)):
            report("Stopping.")
            return
        report(f"Ready at {settings.url} after {time.monotonic() - began:.1f} s. Ctrl-C stops everything.")
        if settings.week_file.exists():
            _say_how_far_the_week_is(settings, report)
        report(
            "Next:\n"
            "  handoff tasks --as advocate          what the on-call advocate owes, and by when\n"
            "  handoff cases --as coordinator       the cases that are open\n"
            "  handoff show post-arrest-advocacy    the protocol in plain English"
        )
        await supervisor.wait()
        report("Stopping.")
    finally:
        await supervisor.stop()
        lock.close()


def _say_how_far_the_week_is(settings: Settings, report: Report) -> None:
    # Now that everything is ready: it is a third of what this program loads.
    from api.week import progress  # noqa: PLC0415 - loads all of the API

    made, of = progress(settings)
    if made < of:
        report(f"A week of practice cases is being made meanwhile: {of - made} more.")


async def _unless_stopped(supervisor: Supervisor, starting: Coroutine[Any, Any, None]) -> bool:
    """Run the start to its end; give it up, and False, when asked to stop before."""
    start, asked = asyncio.ensure_future(starting), asyncio.ensure_future(supervisor.wait())
    await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
    if start.done():
        asked.cancel()
        await start
        return True
    start.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await start
    return False


async def _start(settings: Settings, supervisor: Supervisor, report: Report) -> None:
    await asyncio.to_thread(prepare, settings, report)
    await asyncio.to_thread(gate, settings)
    for each in KEYS:
        # Made here: two programs that start together would find one another's half-written file.
        site_secret(settings.engine_keys, each)
    address = settings.temporal_address
    if address is None:
        address = await _start_temporal(settings, supervisor, report)
    await ensure_namespace(address, settings.temporal_namespace, tls=settings.temporal_tls)
    environment = {**settings.environment(), "HANDOFF_TEMPORAL_ADDRESS": address}
    custodian = custodians(settings)

    async def keeps() -> None:
        await _until(custodian.answers, "the custodian")

    keys = arguments(settings.custodian_keys, settings.custodian_dir, options_of(settings), settings.grounds)
    await supervisor.start(
        Service(name="custodian", argv=(*OURS, "store.custodian", *keys), env=environment, ready=keeps)
    )
    await asyncio.to_thread(meet, settings, custodian, report)
    await supervisor.start(Service(name="worker", argv=(*OURS, "worker"), env=environment))

    with _asking() as client:

        async def ready() -> None:
            await _until(lambda: is_ready(settings, client), "the API", settings)

        await supervisor.start(Service(name="api", argv=(*OURS, "api"), env=environment, ready=ready))


async def _start_temporal(settings: Settings, supervisor: Supervisor, report: Report) -> str:
    """Start the embedded server, its tables up to date; gives its address."""
    postgres = settings.temporal_postgres
    if postgres is not None:
        # Before the folder is written: a database that will not do leaves no trace of itself there.
        await set_up(postgres, await sql_tool(report), report)
    command = await ensure_server(ServerOptions(folder=settings.temporal_folder, postgres=postgres), report)

    async def answers() -> None:
        await wait_ready(command.address)

    await supervisor.start(Service(name="temporal", argv=command.argv, ready=answers))
    return command.address


def _check_port(settings: Settings) -> None:
    """Refuse to start where somebody else listens: their answers would be taken for ours."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host.strip("[]"), settings.port))
        except OSError as error:
            where = f"Port {settings.port} of {settings.host}"
            says = f"{where} cannot be had ({error.strerror}). Set HANDOFF_PORT to another."
            raise HandoffError("PORT_TAKEN", says) from None


def _asking() -> httpx2.Client:
    # Asked ten times a second, one for all: making one reads every authority of the system.
    return httpx2.Client(timeout=2.0, trust_env=False)


def is_ready(settings: Settings, client: httpx2.Client | None = None) -> bool:
    """Whether the API says that everything is there."""
    with _asking() if client is None else contextlib.nullcontext(client) as asking:
        try:
            return asking.get(f"{settings.url}/readyz").status_code == httpx2.codes.OK
        except httpx2.HTTPError:
            return False


async def _until(found: Callable[[], bool], what: str, settings: Settings | None = None) -> None:
    until = time.monotonic() + READY_WITHIN
    while not await asyncio.to_thread(found):
        if time.monotonic() > until:
            missing = f" See {settings.url}/readyz and the logs in {settings.logs}." if settings else ""
            raise HandoffError("NOT_READY", f"{what} is not ready after {READY_WITHIN:.0f} s.{missing}")
        await asyncio.sleep(0.1)
