"""Worker, API and Temporal are killed at random under reports and answers; nothing acknowledged is lost.

Then the cases that are open follow a newer text, under kills again. ``HANDOFF_TEST_DRILL_SECONDS`` (default 20),
``HANDOFF_TEST_DRILL_KILLS`` (of the second part, default 5) and ``HANDOFF_TEST_SEED`` choose another drill. The table
of lateness is printed with ``pytest -s``.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select

from protocol.facts import CaseMigrated, Fact, StepDelivered, StepEnded, Told
from store.projector import BODY
from store.session import Database
from store.tables import fact
from tests.installation import Installation, installed, services
from tests.servers import until

CASES = 200
SECONDS = float(os.environ.get("HANDOFF_TEST_DRILL_SECONDS", "20"))
SEED = int(os.environ.get("HANDOFF_TEST_SEED", "20261123"))
WINDOW, SECOND_RUNG = 20_000_000, 10_000_000
KILLS = int(os.environ.get("HANDOFF_TEST_DRILL_KILLS", "5"))
LATER = b"15 seconds late: tell sergeant"
PLAN = """
migration: drill
quiet before: 0 minutes
grace: {share: 0%, least: 0 minutes}
cases a second: 8
stop: {escalations: 999 times}
first share: {least: 500, share: 100%, most: 500}
"""
TEXT = (Path(__file__).parent / "drill.yaml").read_bytes()


@dataclass
class Clients:
    """People and a records system that never give up, and what was acknowledged to them."""

    here: Installation
    until: float
    opened: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    attempts: int = 0

    def insist(self, ask: Callable[[], httpx2.Response]) -> httpx2.Response:
        """Repeat one request until it is answered by more than an outage."""
        while True:
            self.attempts += 1
            try:
                response = ask()
            except httpx2.HTTPError:
                response = None
            if response is not None and response.status_code < httpx2.codes.INTERNAL_SERVER_ERROR:
                return response
            assert time.monotonic() < self.until, "no answer until the end of the drill"
            signal.sigtimedwait([], 0.5)

    def report(self, key: str) -> None:
        body = {"protocol": "drill", "event": "reported", "source": "police", "key": key}
        done = self.insist(lambda: self.here.ask("police-records", "POST", "/incidents", body))
        assert done.status_code in (200, 201), done.text
        self.opened[key] = done.json()["case"]

    def answer(self, key: str) -> None:
        """Answer the case's task once it is listed; a task that has ended was answered by an earlier attempt."""
        case, same = self.opened[key], uuid4().hex
        listed = self.insist(lambda: self.here.ask("patrol", "GET", f"/cases/{case}"))
        tasks = listed.json().get("tasks", [])
        if not tasks:
            return
        path = f"/tasks/{tasks[0]['id']}/complete"
        done = self.insist(
            lambda: self.here.ask("patrol", "POST", path, {"outcome": "acted"}, **{"Idempotency-Key": same})
        )
        assert done.status_code == httpx2.codes.OK, done.text
        self.answered.add(case)


def kill_at_random(here: Installation, chance: random.Random, stop: threading.Event) -> Counter[str]:
    """SIGKILL one process after another, at random moments."""
    killed: Counter[str] = Counter()
    while not stop.wait(chance.uniform(1.0, 5.0)):
        running = {name: pid for name, pid in services(here.process).items() if name != "store.custodian"}
        if running:
            name = chance.choice(sorted(running))
            os.kill(running[name], signal.SIGKILL)
            killed[name] += 1
    return killed


def drive(clients: Clients, chance: random.Random) -> None:
    """Report cases over the drill's first two thirds; half of them are answered a little later."""
    threads = []
    gap = SECONDS * 2 / 3 / CASES

    def one(key: str, wait: float | None) -> None:
        clients.report(key)
        if wait is not None:
            signal.sigtimedwait([], wait)
            clients.answer(key)

    for _ in range(CASES):
        wait = chance.uniform(0, 15) if chance.random() < 0.5 else None
        threads.append(threading.Thread(target=one, args=(uuid4().hex, wait)))
        threads[-1].start()
        signal.sigtimedwait([], gap)
    for each in threads:
        each.join()


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_nothing_acknowledged_is_lost_and_each_escalation_comes_once(tmp_path: Path) -> None:
    """After a minute of kills every acknowledged report and answer is there; each escalation once, none early."""
    chance = random.Random(SEED)
    print(f"seed {SEED}, {SECONDS:.0f} s")
    with installed(tmp_path / "data") as here:
        published = httpx2.post(
            f"{here.url}/api/v1/protocols",
            content=TEXT,
            headers={"Authorization": f"Bearer {here.token('coordinator')}"},
        )
        assert published.status_code == 201, published.text
        clients = Clients(here, time.monotonic() + SECONDS + 120)
        stop = threading.Event()
        killed: list[Counter[str]] = []
        killer = threading.Thread(target=lambda: killed.append(kill_at_random(here, chance, stop)))
        killer.start()
        timer = threading.Timer(SECONDS, stop.set)
        timer.start()
        drive(clients, chance)
        timer.join()
        killer.join()
        until(here.ready, "ready again")
        database = Database(f"sqlite:///{here.data / 'handoff.db'}")
        until(lambda: settled(kinds(database), set(clients.opened.values())), "every escalation", 120)
        facts = {case: facts_of(database, case) for case in clients.opened.values()}
        judge(clients, facts)
        moved_under_kills(here, database, chance, {case for case in facts if case not in clients.answered})
        database.close()
    print(
        f"killed {dict(killed[0])}; {len(clients.opened)} reports and {len(clients.answered)} answers acknowledged "
        f"in {clients.attempts} attempts"
    )
    table(facts)


def moved_under_kills(here: Installation, database: Database, chance: random.Random, still: set[str]) -> None:
    """Every case that is open follows a newer text while processes are killed: once each, and told of it once."""
    newer = TEXT.replace(b"10 seconds late: tell coordinator", b"10 seconds late: tell coordinator, " + LATER)
    token = {"Authorization": f"Bearer {here.token('coordinator')}"}
    assert httpx2.post(f"{here.url}/api/v1/protocols", content=newer, headers=token).status_code == 201
    ordered = here.ask("coordinator", "POST", "/protocols/drill/migrations", {"plan": PLAN})
    assert ordered.status_code == 201, ordered.text
    run, killed = ordered.json()["run"], Counter[str]()
    while killed.total() < KILLS:
        signal.sigtimedwait([], chance.uniform(0.1, 1.0))
        running = {name: pid for name, pid in services(here.process).items() if name != "store.custodian"}
        if running:
            name = chance.choice(sorted(running))
            os.kill(running[name], signal.SIGKILL)
            killed[name] += 1
    until(here.ready, "ready again")
    until(lambda: here.get("coordinator", f"/migrations/{run}")["stage"] == "over", "the end of the run", 180)
    found = here.get("coordinator", f"/migrations/{run}")
    assert (found["cases"], found["moved"] + found["ended"]) == (len(still), len(still))
    until(lambda: all(found["case-migrated"] for found in of_each(kinds(database), still)), "every move")
    until(lambda: all(found["told"] >= 3 for found in of_each(kinds(database), still)), "what the newer rung tells")
    assert {len(moves(database, case)) for case in still} == {1}
    assert {len(telling(facts_of(database, case))) for case in still} == {3}
    print(f"{len(still)} cases moved, each once, and told of it once, while killed {dict(killed)}")


def moves(database: Database, case: str) -> list[Fact]:
    return [each for each in facts_of(database, case) if isinstance(each.body, CaseMigrated)]


def facts_of(database: Database, case: str) -> tuple[Fact, ...]:
    with database.read() as connection:
        rows = connection.execute(select(fact).where(fact.c.case_id == case).order_by(fact.c.seq)).all()
    return tuple(
        Fact(seq=each.seq, at=each.at, recorded=each.recorded, body=BODY.validate_json(each.body)) for each in rows
    )


def kinds(database: Database) -> dict[str, Counter[str]]:
    """How many facts of each kind each case has: asked again and again, reading them all would be in the way."""
    with database.read() as connection:
        rows = connection.execute(
            select(fact.c.case_id, fact.c.kind, func.count()).group_by(fact.c.case_id, fact.c.kind)
        ).all()
    found: dict[str, Counter[str]] = {}
    for case, kind, number in rows:
        found.setdefault(case, Counter())[kind] = number
    return found


def of_each(found: dict[str, Counter[str]], wanted: set[str]) -> list[Counter[str]]:
    """Those of the cases that are waited for."""
    return [found.get(case, Counter()) for case in wanted]


def settled(found: dict[str, Counter[str]], wanted: set[str]) -> bool:
    """Whether every case was answered or has told both the sergeant and the coordinator."""
    return all(each["step-ended"] or each["told"] == 2 for each in of_each(found, wanted))


def telling(found: tuple[Fact, ...]) -> list[Fact]:
    return [each for each in found if isinstance(each.body, Told)]


def judge(clients: Clients, facts: dict[str, tuple[Fact, ...]]) -> None:
    assert len(clients.opened) == CASES
    for case, found in facts.items():
        (delivered,) = [each for each in found if isinstance(each.body, StepDelivered)]
        ended = [each for each in found if isinstance(each.body, StepEnded)]
        assert len(ended) == (1 if case in clients.answered else len(ended))
        assert case not in clients.answered or ended, "an acknowledged answer is lost"
        last = ended[0].recorded if ended else 2**62
        due = delivered.at + WINDOW
        expected = [due + late for late in (0, SECOND_RUNG) if due + late < last]
        assert [each.at for each in telling(found)] == expected, "missed, early or doubled"
        assert all(each.recorded >= each.at for each in telling(found))


def table(facts: dict[str, tuple[Fact, ...]]) -> None:
    late = sorted((each.recorded - each.at) / 1e6 for found in facts.values() for each in telling(found))
    if late:
        quantiles = statistics.quantiles(late, n=100, method="inclusive")
        print(
            f"lateness of {len(late)} escalations in s: p50 {quantiles[49]:.2f}, p90 {quantiles[89]:.2f}, "
            f"p99 {quantiles[98]:.2f}, max {late[-1]:.2f}; missed 0, early 0, doubled 0"
        )
