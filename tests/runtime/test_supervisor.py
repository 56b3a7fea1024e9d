"""Services start in order, come back when they die, and end with their supervisor.

Each service is a small process that keeps a connection to the test open: what it says arrives there, and its end,
however sudden, closes the connection. Nothing here waits for time to pass.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.errors import HandoffError
from runtime import supervisor as supervision
from runtime.supervisor import TETHER, Service, Supervisor, hold_lock

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0

CHILD = """
import os, signal, socket, sys, pathlib
name, port, how = sys.argv[1:4]
line = socket.create_connection(("127.0.0.1", int(port)))
def say(word): line.sendall(f"{name} {word} {os.getpid()}\\n".encode())
def stop(*_):
    say("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if how == "stubborn" else stop)
if how == "parent":
    if os.fork() == 0:
        name, line = "grandchild", socket.create_connection(("127.0.0.1", int(port)))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say("started")
        signal.pause()
        signal.pause()
say("started")
if how.startswith("crash:") and not pathlib.Path(how[6:]).exists():
    pathlib.Path(how[6:]).touch()
    sys.exit(3)
if how == "end":
    sys.exit(4)
if how == "input":
    sys.stdin.read()
    stop()
while True:
    signal.pause()
"""

SUPERVISOR = """
import asyncio, pathlib, sys
from runtime.supervisor import Service, Supervisor
async def main():
    supervisor = Supervisor(pathlib.Path(sys.argv[1]), print)
    for name, how in (each.split("=") for each in sys.argv[4:]):
        argv = (sys.executable, "-c", sys.argv[2], name, sys.argv[3], how)
        await supervisor.start(Service(name=name, argv=argv, stop_within=60.0))
    waiting = asyncio.ensure_future(supervisor.wait())
    await asyncio.sleep(0)
    print("waiting", flush=True)
    await waiting
    await supervisor.stop()
asyncio.run(main())
"""


class Ears:
    """Hears every child: ``(name, word)``, in order; ``gone`` when its process is."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.pids: dict[str, int] = {}
        self.port = 0

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = ""
        try:
            async for line in reader:
                name, word, pid = line.decode().split()
                self.pids[name] = int(pid)
                self.heard.put_nowait((name, word))
        except ConnectionError:
            pass
        self.heard.put_nowait((name, "gone"))
        writer.close()

    async def expect(self, *words: str) -> None:
        """Exactly these are heard next, in this order: ``"name word"``."""
        for word in words:
            assert word == " ".join(await asyncio.wait_for(self.heard.get(), PATIENCE))

    async def expect_all(self, *words: str) -> None:
        """These are heard next, in any order."""
        found = {" ".join(await asyncio.wait_for(self.heard.get(), PATIENCE)) for _ in words}
        assert set(words) == found

    def argv(self, name: str, how: str = "stay") -> tuple[str, ...]:
        return (sys.executable, "-c", CHILD, name, str(self.port), how)

    def service(self, name: str, how: str = "stay", *, stop_within: float = 60.0) -> Service:
        return Service(name=name, argv=self.argv(name, how), stop_within=stop_within)


@pytest.fixture
async def ears() -> AsyncIterator[Ears]:
    found = Ears()
    async with await asyncio.start_server(found.listen, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


@pytest.fixture
def said() -> list[str]:
    """What the supervisor reported."""
    return []


@pytest.fixture
async def supervisor(tmp_path: Path, said: list[str]) -> AsyncIterator[Supervisor]:
    found = Supervisor(tmp_path, said.append)
    yield found
    await found.stop()


def run_supervisor(ears: Ears, logs: Path, *services: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(logs), CHILD, str(ears.port), *services],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


async def ended(process: subprocess.Popen[str]) -> int:
    """The exit code of a process that is about to end."""
    await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    return process.returncode


async def test_services_stop_in_the_reverse_of_their_order(ears: Ears, supervisor: Supervisor) -> None:
    """The last started is the first to be asked, and the next is asked when it has gone."""
    await supervisor.start(ears.service("one"))
    await ears.expect("one started")
    await supervisor.start(ears.service("two"))
    await ears.expect("two started")
    await supervisor.stop()
    await ears.expect("two stopped", "two gone", "one stopped", "one gone")


async def test_start_returns_when_the_service_is_ready(ears: Ears, supervisor: Supervisor) -> None:
    """The next service starts only after the one before says that it can be used."""

    async def ready() -> None:
        await ears.expect("one started")

    service = Service(name="one", argv=ears.argv("one"), ready=ready)
    await asyncio.wait_for(supervisor.start(service), PATIENCE)
    assert ears.heard.empty()


async def test_a_service_that_ends_before_it_is_ready_is_an_error(ears: Ears, supervisor: Supervisor) -> None:
    """The error names the log in which its last words are."""

    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(HandoffError, match=r"one\.log") as caught:
        await supervisor.start(Service(name="one", argv=ears.argv("one", "end"), ready=never))
    assert "NOT_STARTED" == caught.value.code


async def test_a_program_that_is_not_there_says_so_in_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    """A missing program ends at once, with a sentence in the log."""

    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(HandoffError):
        await supervisor.start(Service(name="one", argv=("/nowhere/program",), ready=never))
    assert "/nowhere/program cannot be started: No such file or directory.\n" == (tmp_path / "one.log").read_text()


async def test_what_ready_raises_is_passed_on_and_the_service_still_stopped(ears: Ears, supervisor: Supervisor) -> None:
    """A service that never becomes ready does not stay behind."""

    async def broken() -> None:
        await ears.expect("one started")
        raise HandoffError("NOT_READY", "one is not ready")

    with pytest.raises(HandoffError, match="NOT_READY"):
        await supervisor.start(Service(name="one", argv=ears.argv("one"), ready=broken))
    await supervisor.stop()
    await ears.expect("one stopped", "one gone")


async def test_a_service_that_ends_is_started_again(
    ears: Ears, supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    """A crash is told in one line, and the service comes back."""
    await supervisor.start(ears.service("one", f"crash:{tmp_path / 'crashed'}"))
    await ears.expect("one started", "one gone", "one started")
    assert ["one ended (exit code 3); starting it again."] == said


async def test_a_killed_service_is_started_again_and_keeps_its_place(
    ears: Ears, supervisor: Supervisor, said: list[str]
) -> None:
    """After a restart the order of stopping is still the order of first starting, reversed."""
    await supervisor.start(ears.service("one"))
    await ears.expect("one started")
    await supervisor.start(ears.service("two"))
    await ears.expect("two started")
    os.kill(ears.pids["one"], signal.SIGKILL)
    await ears.expect("one gone", "one started")
    assert ["one ended (SIGKILL); starting it again."] == said
    await supervisor.stop()
    await ears.expect("two stopped", "two gone", "one stopped", "one gone")


async def test_a_service_that_does_not_stop_is_killed(ears: Ears, supervisor: Supervisor) -> None:
    """One that ignores the request is gone when its time is up."""
    await supervisor.start(ears.service("one", "stubborn", stop_within=0.2))
    await ears.expect("one started")
    await supervisor.stop()
    await ears.expect("one gone")


async def test_what_a_service_started_ends_with_it(ears: Ears, supervisor: Supervisor) -> None:
    """A process that its parent left behind, deaf to the request, is killed too."""
    await supervisor.start(ears.service("one", "parent"))
    await ears.expect_all("one started", "grandchild started")
    await supervisor.stop()
    await ears.expect_all("one stopped", "one gone", "grandchild gone")


async def test_a_service_sees_its_input_close_only_at_the_end(ears: Ears, supervisor: Supervisor) -> None:
    """A service may end by itself when its input does: the supervisor holds the other end as long as it lives."""
    await supervisor.start(ears.service("one", "input"))
    await ears.expect("one started")
    await supervisor.stop()
    await ears.expect("one stopped", "one gone")


async def test_killing_the_supervisor_leaves_no_service(ears: Ears, tmp_path: Path) -> None:
    """After SIGKILL of the supervisor every service is gone, even one that ignores requests."""
    process = run_supervisor(ears, tmp_path, "one=stay", "two=stubborn")
    await ears.expect_all("one started", "two started")
    process.kill()
    await ears.expect_all("one gone", "two gone")
    assert -signal.SIGKILL == await ended(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_everything(ears: Ears, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end the wait; services are stopped in order and the supervisor ends well."""
    process = run_supervisor(ears, tmp_path, "one=stay")
    assert process.stdout is not None
    assert "waiting\n" == await asyncio.to_thread(process.stdout.readline)
    await ears.expect("one started")
    process.send_signal(number)
    await ears.expect("one stopped", "one gone")
    assert 0 == await ended(process)


async def test_a_second_signal_does_not_wait_for_a_deaf_service(ears: Ears, tmp_path: Path) -> None:
    """Asked twice, the supervisor kills what has not stopped yet instead of waiting a minute for it."""
    process = run_supervisor(ears, tmp_path, "one=stubborn", "two=stay")
    assert process.stdout is not None
    assert "waiting\n" == await asyncio.to_thread(process.stdout.readline)
    await ears.expect_all("one started", "two started")
    process.send_signal(signal.SIGTERM)
    await ears.expect("two stopped", "two gone")
    process.send_signal(signal.SIGTERM)
    await ears.expect("one gone")
    assert 0 == await ended(process)


async def test_without_the_kernels_help_a_closed_input_ends_the_group(ears: Ears) -> None:
    """Where the kernel cannot tie a process to its parent, the tether beside it does."""
    process = subprocess.Popen(  # noqa: ASYNC220 - starting takes no time
        [sys.executable, TETHER, "--watch", str(os.getpid()), *ears.argv("one", "parent")],
        stdin=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    await ears.expect_all("one started", "grandchild started")
    assert process.stdin is not None
    process.stdin.close()
    await ears.expect_all("one gone", "grandchild gone")
    assert -signal.SIGKILL == await asyncio.to_thread(process.wait, PATIENCE)


async def test_without_the_kernels_help_the_exit_code_is_the_programs(ears: Ears) -> None:
    """The tether beside a program ends as the program does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(TETHER), "--watch", str(os.getpid()), *ears.argv("one", "end"), stdin=subprocess.PIPE
    )
    assert 4 == await asyncio.wait_for(process.wait(), PATIENCE)


def test_a_program_whose_parent_is_gone_is_not_started() -> None:
    """If the parent died before the kernel could be asked, the program does not run."""
    done = subprocess.run(
        [sys.executable, TETHER, "0", sys.executable, "-c", "print('ran')"], capture_output=True, check=False
    )
    assert (128 + signal.SIGKILL, b"") == (done.returncode, done.stdout)


async def test_a_long_log_is_set_aside_at_the_start(
    ears: Ears, supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log over the limit becomes the older one; the new one is for the owner alone."""
    monkeypatch.setattr(supervision, "LOG_BYTES", 100)
    (tmp_path / "one.log").write_text("x" * 101)
    await supervisor.start(ears.service("one"))
    assert "x" * 101 == (tmp_path / "one.log.1").read_text()
    assert (0, 0o600) == ((tmp_path / "one.log").stat().st_size, (tmp_path / "one.log").stat().st_mode & 0o777)


def test_one_folder_has_one_supervisor(tmp_path: Path) -> None:
    """A second start is told who has the folder; when that one is gone, the folder is free."""
    lock = hold_lock(tmp_path / "handoff.lock")
    with pytest.raises(HandoffError, match=f"process {os.getpid()}") as caught:
        hold_lock(tmp_path / "handoff.lock")
    assert "ALREADY_RUNNING" == caught.value.code
    lock.close()
    hold_lock(tmp_path / "handoff.lock").close()
