"""Inbox and board with 10,000 open cases on SQLite: bytes of a page, how long it takes, and what of that is work.

``python -m bench.pages``: a whole installation as people start it, its database filled as its worker would, its pages
asked for over HTTP by a placeholder person, one after another. Limits: 60 kB (``WEIGHT``), p95 50 ms (``P95``).
``--data FOLDER`` keeps the installation there, and does not fill one that is there already.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import httpx2
from sqlalchemy import func, select

from protocol.kernel import Protocol
from protocol.messages import Answer, EventHappened
from runtime.settings import Settings
from store import protocols
from store.custodian.router import custodians
from store.keyring.opening import open_keyring
from store.projector import Batch, project
from store.session import Database
from store.tables import task
from tests.installation import Installation, installed, services
from tests.store.streams import HOUR, MINUTE, Play, actor

CASES = 10_000
AT_ONCE = 250
ROUNDS = 40
PAUSE = 0.4
"""Seconds between two pages: somebody who asks faster is told to wait (``runtime.limits``)."""

WEIGHT = 60_000
"""Bytes of a page, before anything packs it."""

P95 = 50
"""Milliseconds in which nineteen of twenty pages are to be there."""

PAGES = (
    ("Backup One", "/i"),
    ("Clerk One", "/i"),
    ("Coordinator One", "/i"),
    ("Coordinator One", "/b"),
    ("Coordinator One", "/b?show=stuck"),
    ("Coordinator One", "/b?pair=police%3Ecourt"),
    ("Coordinator One", "/f"),
    ("Advocate One", "/b"),
)


def measure(cases: int = CASES, data: Path | None = None) -> None:
    """Fill an installation, unless one is there, and print what each page weighs and takes."""
    filled = data is not None and data.exists()
    with tempfile.TemporaryDirectory() as folder, installed(data or Path(folder) / "data") as here:
        if not filled:
            fill(here, cases)
        for who, path in PAGES:
            _page(here, who, path)


def fill(here: Installation, cases: int) -> None:
    """Put open cases into an installation's database: reported, referred, taken up, as far as their number says."""
    settings = Settings(data=here.data)
    with (
        closing(open_keyring(settings, custodians(settings))) as ring,
        closing(Database(settings.database_url, ring)) as database,
    ):
        with database.read() as connection:
            found = protocols.current(connection, "post-arrest-advocacy")
        now, began = time.time_ns() // 1_000, time.perf_counter()
        for first in range(0, cases, AT_ONCE):
            plays = [play(found.protocol, number, now) for number in range(first, min(cases, first + AT_ONCE))]
            with database.write() as connection:
                project(connection, [Batch(each.case_id, found.protocol, found.hash, each.facts) for each in plays])
        with database.read() as connection:
            tasks = connection.execute(select(func.count()).select_from(task)).scalar_one()
    print(f"{cases:,} cases, {tasks:,} tasks, in the database after {time.perf_counter() - began:.0f} s")


def play(protocol: Protocol, number: int, now: int) -> Play:
    """One case that began within the last 100 minutes, one in ten within the last two days."""
    made = Play(protocol, f"case-{number}")
    began = now - (number % 100 + 20) * MINUTE - (number % 48 * HOUR if number % 10 == 0 else 0)
    made.do(actor(protocol, "patrol"), EventHappened(event="arrest-booked"), began)
    if number % 4 > 0:
        _answer(made, "referral", "given", began + MINUTE)
    if number % 4 > 1:
        _answer(made, "custody-check", "held", began + 5 * MINUTE)
    made.until(now)
    return made


def _answer(made: Play, step: str, outcome: str, now: int) -> None:
    """End a step as whoever has it, with references to protected values that nobody opens."""
    (instance,) = made.live(step)
    found = next(each for each in made.protocol.step[step].outcomes if each.id == outcome)
    refs = {each.name: f"ref-{made.case_id}-{each.name}" for each in found.asks if each.name in made.protocol.slot}
    body = Answer(instance=instance.n, outcome=outcome, refs=refs)
    refusal = made.do(actor(made.protocol, instance.owners[0]), body, now)
    assert refusal is None, refusal


def _page(here: Installation, who: str, path: str) -> None:
    with httpx2.Client(base_url=here.url, timeout=60, follow_redirects=True) as client:
        door = client.get("/in").text
        known = re.search(rf'<option value="([^"]+)">{who}<', door)
        assert known is not None, who
        client.post("/in/practice", data={"person": known[1]}, headers={"Origin": here.url})
        took, used, size = [], [], 0
        pid = services(here.process)["api"]
        for _ in range(ROUNDS):
            time.sleep(PAUSE)
            began, worked = time.perf_counter(), _worked(pid)
            answer = client.get(path)
            took.append((time.perf_counter() - began) * 1000)
            used.append(_worked(pid) - worked)
            assert answer.status_code == httpx2.codes.OK, (who, path, answer.status_code, answer.text)
            size = len(answer.content)
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[18]
    held = "" if size < WEIGHT and p95 < P95 else "  OVER"
    times = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, first {took[0]:.0f} ms, CPU {statistics.mean(used):.0f} ms"
    print(f"{who} {path}: {size:,} bytes, {times}{held}")


def _worked(pid: int) -> float:
    """Milliseconds that a process has kept a processor busy: less than time depends on what else runs."""
    spent = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) * 1000 / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    wanted = argparse.ArgumentParser(prog="python -m bench.pages")
    wanted.add_argument("--data", type=Path, help="the data folder of an installation")
    measure(data=wanted.parse_args().data)
