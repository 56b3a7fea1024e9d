"""One supervisor for the processes of an installation: start in order, restart what dies, stop everything.

Each service runs in its own process group with its output in a log file. The supervisor's death, however sudden,
ends its services too: on Linux the kernel tells them, elsewhere the next start finds the lock free and their ports
taken and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from protocol.errors import HandoffError

PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 5.0
SETTLED = 60.0
"""Seconds after which a service that was restarted counts as well again."""
LOG_BYTES = 20 * 1024 * 1024
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A process to keep running. ``ready`` returns when it can be used, or raises."""

    name: str
    argv: Sequence[str]
    env: dict[str, str] = field(default_factory=dict)
    ready: Callable[[], Awaitable[None]] | None = None
    stop_within: float = 10.0


def hold_lock(path: Path) -> IO[str]:
    """Take the installation's lock; held while the returned file is open.

    Raises:
        HandoffError: ALREADY_RUNNING when another supervisor has it.
    """
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        process = lock.read().strip() or "unknown"
        says = f"Handoff already runs on {path.parent} (process {process}). Stop it, or set HANDOFF_DATA."
        raise HandoffError("ALREADY_RUNNING", says) from error
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _die_with_parent() -> None:
    """In the child: be killed when the supervisor dies (Linux), and be a group of its own."""
    os.setsid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervisor:
    """Runs services until asked to stop."""

    def __init__(self, logs: Path, report: Report) -> None:
        self._logs = logs
        self._report = report
        self._running: list[tuple[Service, asyncio.subprocess.Process]] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def start(self, service: Service) -> None:
        """Start a service, wait until it is ready, and keep it running from then on.

        Raises:
            HandoffError: NOT_STARTED when it ends before it is ready; what its ``ready`` raises.
        """
        process = await self._spawn(service)
        self._running.append((service, process))
        if service.ready is not None:
            ready = asyncio.ensure_future(service.ready())
            ended = asyncio.ensure_future(process.wait())
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                ready.cancel()
                log = self._logs / f"{service.name}.log"
                raise HandoffError("NOT_STARTED", f"{service.name} ended at once. Its last words are in {log}.")
            ended.cancel()
            ready.result()
        self._watchers.append(asyncio.create_task(self._watch(service, process)))

    async def _spawn(self, service: Service) -> asyncio.subprocess.Process:
        path = self._logs / f"{service.name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *service.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=service.env or None,
                preexec_fn=_die_with_parent if sys.platform == "linux" else os.setsid,
            )

    async def _watch(self, service: Service, process: asyncio.subprocess.Process) -> None:
        """Restart the service whenever it ends, a little later each time until it holds."""
        pause = 0.2
        while not self._stopping.is_set():
            since = time.monotonic()
            code = await process.wait()
            if self._stopping.is_set():
                return
            pause = 0.2 if time.monotonic() - since > SETTLED else pause
            self._report(f"{service.name} ended ({code}); starting it again.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return
            pause = min(pause * 2, LONGEST_PAUSE)
            self._running = [each for each in self._running if each[0] is not service]
            process = await self._spawn(service)
            self._running.append((service, process))

    async def wait(self) -> None:
        """Wait for SIGINT or SIGTERM (or ``ask_to_stop``)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        await self._stopping.wait()

    def ask_to_stop(self) -> None:
        """End ``wait``."""
        self._stopping.set()

    async def stop(self) -> None:
        """Stop every service, the last started first: asked, then killed with its whole group."""
        self._stopping.set()
        order = [service for service, _ in self._running]
        for service, process in sorted(self._running, key=lambda each: order.index(each[0]), reverse=True):
            await self._end(service, process)
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _end(self, service: Service, process: asyncio.subprocess.Process) -> None:
        for number, within in ((signal.SIGTERM, service.stop_within), (signal.SIGKILL, 5.0)):
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), within)
