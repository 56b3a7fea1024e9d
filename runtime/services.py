"""The programs of an installation on one machine, as the supervisor starts them, in order."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2

from protocol.errors import HandoffError
from runtime.settings import Settings
from runtime.supervisor import Service

ROOT = Path(__file__).parents[1]
READY_WITHIN = 120.0
LOOK_EVERY = 0.1


def check_port(settings: Settings) -> None:
    """Refuse to start where somebody else listens: their answers would be taken for ours.

    Raises:
        HandoffError: ``PORT_TAKEN``.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            says = f"Port {settings.port} of {settings.host} cannot be listened on. Choose another: HANDOFF_PORT=8090"
            raise HandoffError("PORT_TAKEN", says) from None


def custodian(settings: Settings, ready: Callable[[], bool]) -> Service:
    """The keeper of the agencies' private keys; ``ready`` says whether it answers."""
    folders = ("--keys", str(settings.custodian_keys), "--run", str(settings.custodian_dir))
    return Service(
        name="custodian",
        argv=_module("store.custodian", *folders),
        env=_environment(settings),
        ready=_until(ready, "CUSTODIAN_DOWN", "The keeper of protected values does not answer."),
        stop_within=settings.stop_seconds,
    )


def worker(settings: Settings) -> Service:
    """What runs cases. Whether it works is asked of the API, which sees it from outside."""
    return Service(
        name="worker", argv=_module("worker"), env=_environment(settings), stop_within=settings.stop_seconds
    )


def api(settings: Settings) -> Service:
    """The HTTP interface; ready when ``/readyz`` says that everything is."""

    def ready() -> bool:
        try:
            return httpx2.get(f"{settings.url}/readyz", timeout=5.0, trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    return Service(
        name="api",
        argv=_module("api"),
        env=_environment(settings),
        ready=_until(ready, "NOT_READY", f"It is not ready after {READY_WITHIN:.0f} s. See the logs in {settings.logs}."),
        stop_within=settings.stop_seconds,
    )


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    # -P: the folder somebody happens to stand in is never searched for our modules.
    return (sys.executable, "-P", "-m", name, *arguments)


def _environment(settings: Settings) -> dict[str, str]:
    return {**settings.environment(), "PYTHONPATH": str(ROOT)}


def _until(found: Callable[[], bool], code: str, says: str) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        end = time.monotonic() + READY_WITHIN
        while not await asyncio.to_thread(found):
            if time.monotonic() > end:
                raise HandoffError(code, says)
            await asyncio.sleep(LOOK_EVERY)

    return wait
