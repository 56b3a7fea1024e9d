"""``handoff up`` as a process: stopped at any moment it leaves nothing behind, and it runs its own programs only."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.supervisor import hold_lock
from runtime.temporal_config import free_ports
from tests.installation import begun, installed, services
from tests.servers import until

pytestmark = [pytest.mark.server, pytest.mark.slow]

GO = f"""#!{sys.executable}
import os, pathlib, signal, sys
child = os.fork()
if child:
    pathlib.Path(os.environ["PIDS"]).write_text(f"{{os.getpid()}} {{child}}")
while True:
    signal.pause()
"""
"""Stands where Go does: it starts a program of its own, as Go starts compilers, and never ends."""


def gone(pid: int) -> bool:
    """Whether a process has ended (its parent may not have heard yet)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_temporal_is_built_ends_the_build(tmp_path: Path, number: signal.Signals) -> None:
    """The build and what it started end, no half-made program is left, and the exit is a clean one."""
    tools, pids = tmp_path / "tools", tmp_path / "pids"
    tools.mkdir()
    (tools / "go").write_text(GO)
    (tools / "go").chmod(0o755)
    more = {"PATH": str(tools), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PIDS": str(pids)}
    process = begun(tmp_path / "data", *free_ports(1), more=more)
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2, "the build")
    process.send_signal(number)

    assert process.wait(30) == 0
    assert all(gone(int(each)) for each in pids.read_text().split())
    assert [] == list((tmp_path / "cache").rglob("making-*"))
    assert (tmp_path / "data-up.log").read_text().endswith("Stopping.\n")
    hold_lock(tmp_path / "data" / "handoff.lock").close()


@pytest.mark.parametrize(
    ("name", "number"),
    [("temporal", signal.SIGTERM), ("store.custodian", signal.SIGINT), ("api", signal.SIGTERM)],
)
def test_a_stop_while_programs_start_ends_them_all(tmp_path: Path, name: str, number: signal.Signals) -> None:
    """Whichever program has just been started, it and those before it end, and the exit is a clean one."""
    process = begun(tmp_path / "data", *free_ports(1))
    found: dict[str, int] = {}

    def started() -> bool:
        found.update(services(process))
        return name in found

    until(started, name)
    process.send_signal(number)

    assert process.wait(30) == 0
    assert "temporal" in found
    assert all(gone(each) for each in found.values())
    said = (tmp_path / "data-up.log").read_text()
    assert (True, False) == (said.endswith("Stopping.\n"), "Traceback" in said)
    hold_lock(tmp_path / "data" / "handoff.lock").close()


def test_files_where_a_person_stands_are_not_run(tmp_path: Path) -> None:
    """Files named like our programs and packages in the current folder are left alone."""
    here, ran = tmp_path / "here", tmp_path / "ran"
    here.mkdir()
    code = f"import pathlib\npathlib.Path({str(ran)!r}).touch()\nraise SystemExit(9)\n"
    for each in ("worker.py", "api/__init__.py", "store/__init__.py", "runtime/__init__.py", "asyncio.py"):
        (here / each).parent.mkdir(exist_ok=True)
        (here / each).write_text(code)
    with installed(tmp_path / "data", cwd=here) as installation:
        assert installation.ready()

    assert not ran.exists()


def test_the_command_itself_is_safe_where_a_person_stands(tmp_path: Path) -> None:
    """The installed command does not look into the current folder either."""
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "__init__.py").write_text("raise SystemExit(9)\n")
    command = Path(sys.executable).with_name("handoff")
    done = subprocess.run([command, "schema"], cwd=tmp_path, stdout=subprocess.DEVNULL, check=False)

    assert 0 == done.returncode
