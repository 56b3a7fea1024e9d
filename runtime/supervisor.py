"""One supervisor for the processes of an installation: start in order, restart what dies, stop everything.

Each service has its own process group and its output in a log file. None outlives the supervisor, however suddenly
that ends (``runtime.tether``), so the next start finds the folder's lock and the ports free.
"""

from __future__ import annotations

import asyncio
import contextlib
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

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
SETTLED = 60.0
"""Seconds after which a service that was restarted counts as well again."""

KILLED_WITHIN = 5.0
LOG_BYTES = 20 * 1024 * 1024
"""A log longer than this is set aside when its service starts; one older log is kept."""

TETHER = Path(__file__).with_name("tether.py")
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A process to keep running.

    ``env`` is its whole environment; empty means the supervisor's own. ``ready`` returns when the service can be
    used, or raises. ``stop_within`` is how many seconds it may take to stop before it is killed.
    """

    name: str
    argv: Sequence[str]
    env: dict[str, str] = field(default_factory=dict)
    ready: Callable[[], Awaitable[None]] | None = None
    stop_within: float = 10.0


def hold_lock(path: Path) -> IO[str]:
    """Take the installation's lock; held while the returned file is open and this process lives.

    Raises:
        HandoffError: ALREADY_RUNNING when another supervisor has it.
    """
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        says = f"Handoff already runs on {path.parent} (process {holder}). Stop it, or set HANDOFF_DATA."
        raise HandoffError("ALREADY_RUNNING", says) from None
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


class Supervisor:
    """Runs services until asked to stop.

    Args:
        logs: the folder of log files, ``<service>.log``.
        report: prints one line.
    """

    def __init__(self, logs: Path, report: Report) -> None:
        self._logs = logs
        self._report = report
        # In the order in which they were first started, which a restart does not change.
        self._running: dict[str, tuple[Service, asyncio.subprocess.Process]] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()

    async def start(self, service: Service) -> None:
        """Start a service, wait until it is ready, and keep it running from then on.

        Raises:
            HandoffError: NOT_STARTED when it ends before it is ready; what its ``ready`` raises.
        """
        process = await self._spawn(service)
        if service.ready is not None:
            ready = asyncio.ensure_future(service.ready())
            ended = asyncio.ensure_future(process.wait())
            try:
                await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not ready.done():
                    log = self._log(service)
                    raise HandoffError("NOT_STARTED", f"{service.name} ended at once. Its last words are in {log}.")
                await ready
            finally:
                ready.cancel()
                ended.cancel()
        self._watchers.append(asyncio.create_task(self._watch(service, process)))

    async def wait(self) -> None:
        """Wait for SIGINT or SIGTERM, or ``ask_to_stop``. A second signal shortens the stop that follows."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        await self._stopping.wait()

    def ask_to_stop(self) -> None:
        """End ``wait``."""
        self._stopping.set()

    async def stop(self) -> None:
        """Stop every service, the last started first: asked, then killed with its whole group."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for service, process in reversed(self._running.values()):
            await self._end(service, process)
        self._running.clear()

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def _log(self, service: Service) -> Path:
        return self._logs / f"{service.name}.log"

    async def _spawn(self, service: Service) -> asyncio.subprocess.Process:
        path = self._log(service)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                # Isolated and without site packages: nothing but the standard library, and quick.
                "-IS",
                str(TETHER),
                str(os.getpid()),
                *service.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=service.env or None,
                start_new_session=True,
            )
        finally:
            os.close(log)
        self._running[service.name] = (service, process)
        return process

    async def _watch(self, service: Service, process: asyncio.subprocess.Process) -> None:
        """Restart the service whenever it ends, a little later each time until it holds."""
        pause, since = FIRST_PAUSE, time.monotonic()
        while True:
            code = await process.wait()
            if time.monotonic() - since > SETTLED:
                pause = FIRST_PAUSE
            self._report(f"{service.name} ended ({_told(code)}); starting it again.")
            await asyncio.sleep(pause)
            pause, since = min(pause * 2, LONGEST_PAUSE), time.monotonic()
            try:
                process = await self._spawn(service)
            except OSError as error:
                self._report(f"{service.name} cannot be started: {error.strerror}; trying again.")

    async def _end(self, service: Service, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            _signal_group(process.pid, signal.SIGTERM)
            ended = asyncio.ensure_future(process.wait())
            hurry = asyncio.ensure_future(self._hurry.wait())
            await asyncio.wait({ended, hurry}, timeout=service.stop_within, return_when=asyncio.FIRST_COMPLETED)
            hurry.cancel()
            ended.cancel()
        # Also when it ended by itself: what it had started may still be there.
        _signal_group(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), KILLED_WITHIN)


def _signal_group(group: int, number: signal.Signals) -> None:
    # Gone already, or (on macOS) only a zombie is left of it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
