"""A whole installation: report to visible task, and a storm of windows that run out together."""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx2
from sqlalchemy import func, select

from store.session import Database
from store.tables import fact
from tests.installation import Installation, installed

REPORTS = 200
STORM = 1_000
WINDOW = "90 seconds"
TEXT = f"""\
protocol: storm
timezone: UTC
agencies:
 council: {{lead: coordinator}}
 police: {{lead: sergeant, roles: [patrol]}}
agreements:
 mou: {{between: all, signed: 2026-01-15, review by: 2030-01-15}}
record:
 until: date and time
events:
 reported: {{from: police, brings: until, then: start a case}}
steps in answer:
 act:
  when: reported
  who: patrol
  must: act
  due: until, or within {WINDOW} if sooner
  ladder: {{when due: tell sergeant}}
"""


def measure() -> None:
    """Print both, from one installation."""
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder) / "data") as here:
        headers = {"Authorization": f"Bearer {here.token('coordinator')}"}
        httpx2.post(f"{here.url}/api/v1/protocols", content=TEXT, headers=headers).raise_for_status()
        _visible(here)
        _storm(here)


def _visible(here: Installation) -> None:
    """Report to visible in the next agency's list, one after another: the answer comes when the list shows it."""
    took = []
    with httpx2.Client(base_url=here.url, timeout=60) as client:
        records = {"Authorization": f"Bearer {here.token('police-records')}"}
        for _ in range(REPORTS):
            body = {
                "protocol": "post-arrest-advocacy",
                "event": "arrest-booked",
                "source": "police",
                "key": uuid4().hex,
            }
            began = time.perf_counter()
            answer = client.post("/api/v1/incidents", json=body, headers=records)
            assert answer.json()["visible"], answer.text
            took.append((time.perf_counter() - began) * 1000)
    cut = statistics.quantiles(took, n=100)
    print(f"report to visible task, {REPORTS} one by one: p50 {cut[49]:.0f} ms, p99 {cut[98]:.0f} ms")


def _storm(here: Installation) -> None:
    """Open cases whose windows all run out at one instant; lateness is recorded minus due."""
    due = time.time() + 75
    until = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(due))
    began = time.perf_counter()

    def report(_: int) -> int:
        body = {
            "protocol": "storm",
            "event": "reported",
            "source": "police",
            "key": uuid4().hex,
            "data": {"until": until},
        }
        return here.ask("police-records", "POST", "/incidents", body).status_code

    with ThreadPoolExecutor(16) as pool:
        opened = list(pool.map(report, range(STORM)))
    took = time.perf_counter() - began
    assert set(opened) == {201}, set(opened)
    print(f"cases opened over HTTP: {STORM / took:.0f}/s ({STORM} in {took:.0f} s, sealed, projected, on SQLite)")
    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    wanted = (fact.c.kind == "told", fact.c.step == "act")
    end = time.monotonic() + 180
    told = 0
    while told < STORM and time.monotonic() < end:
        time.sleep(1)
        with database.read() as connection:
            told = connection.execute(select(func.count()).where(*wanted)).scalar_one()
    with database.read() as connection:
        rows = connection.execute(select(fact.c.case_id, fact.c.at, fact.c.recorded).where(*wanted)).all()
    late = sorted((each.recorded - each.at) / 1e6 for each in rows)
    cut = statistics.quantiles(late, n=100)
    missed, doubled = STORM - len({each.case_id for each in rows}), len(rows) - len({each.case_id for each in rows})
    print(
        f"storm of {STORM} windows in one instant: late p50 {cut[49]:.1f} s, p99 {cut[98]:.1f} s, max {late[-1]:.1f} s,"
        f" missed {missed}, doubled {doubled}, early {sum(each < 0 for each in late)}"
    )
    size = sum(each.stat().st_size for each in (here.data / "temporal").glob("temporal.db*"))
    print(f"Temporal's database: {size / (STORM + REPORTS):,.0f} bytes a case")
