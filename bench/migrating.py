"""``python -m bench.migrating``: 1,000 open cases follow newer texts while people answer, and go back.

Cases stand at mixed steps of P1. Four drafts are foreseen; one is published and followed while 5 answers a second come
in, and windows of minutes run out; then everybody goes back. Printed: times, answers honoured, escalations late.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from store.migrating.tables import migration_item
from store.session import Database
from store.tables import case_file, fact, protocol_carried
from tests.installation import ROOT, Installation, installed

CASES = 1_000
ANSWERS = 5
P1 = "post-arrest-advocacy"
WHOLE = "  due: within 2 hours\n  ladder: {when due: tell sergeant, 2 hours late: tell coordinator}\n"
REFERRAL = WHOLE.replace("2 hours\n", "6 minutes\n")
BASE = (ROOT / "protocol_specs" / P1 / "1.yaml").read_text().replace(WHOLE, REFERRAL)
SHORTER = "6 minutes become 5"
"""Windows so short run out in most cases while they move, or soon after."""
DRAFTS = {
    SHORTER: BASE.replace(REFERRAL, REFERRAL.replace("6 minutes\n", "5 minutes\n")),
    "a rung is added": BASE.replace(REFERRAL, REFERRAL.replace("{when due", "{1 hour late: tell lead, when due")),
    "an outcome is split": BASE.replace("  outcomes: [held, out]", "  outcomes: [held, held-elsewhere, out]"),
    "a lane is removed": BASE[: BASE.index("steps in registration:")].replace(", close registration]", "]"),
}
PLAN = f"""\
migration: {P1}
quiet before: 0 minutes
cases a second: 40
first share: {{share: 5%, then wait: 0 minutes}}
steps:
  register: {{close: not owed, because: placeholder}}
"""


def measure() -> None:
    """Print it all, from one installation."""
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder) / "data") as here:
        publish(here, BASE)
        opened = _timed(f"{CASES} cases opened", lambda: _open(here))
        _mixed(here, opened)
        for name, text in DRAFTS.items():
            _foresee(here, name, text)
        publish(here, DRAFTS[SHORTER])
        database = Database(f"sqlite:///{here.data / 'handoff.db'}")
        with _answering(here, opened) as answers:
            run = _tell(here, f"/protocols/{P1}/migrations", {"plan": PLAN.split("steps:", maxsplit=1)[0]})
            _timed(f"{run['cases']} cases moved", lambda: _until(here, run["run"], "over"))
            _standing(database, run)
            _timed("taken back", lambda: _back(here, run["run"]))
            _standing(database, run)
        print(f"answers while cases moved: {len(answers)}, {dict(Counter(answers))}")
        time.sleep(240)
        _escalations(database)


def publish(here: Installation, text: str) -> None:
    """Put a text in force."""
    headers = {"Authorization": f"Bearer {here.token('coordinator')}", "Content-Type": "application/yaml"}
    here.client.post(f"{here.url}/api/v1/protocols", content=text, headers=headers).raise_for_status()


def _tell(here: Installation, path: str, body: object) -> dict[str, Any]:
    found = here.ask("coordinator", "POST", path, body)
    found.raise_for_status()
    said: dict[str, Any] = found.json()
    return said


def _timed(what: str, act: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it gives
    began = time.perf_counter()
    found = act()
    print(f"{what}: {time.perf_counter() - began:.1f} s", flush=True)
    return found


def _open(here: Installation) -> list[str]:
    def report(_: int) -> str:
        body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": uuid4().hex}
        case: str = here.ask("police-records", "POST", "/incidents", body).json()["case"]
        return case

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(report, range(CASES)))


def _tasks(here: Installation, role: str, most: int) -> list[str]:
    found: list[str] = []
    path = "/tasks?limit=200"
    while path and len(found) < most:
        page = here.get(role, path)
        found += [
            each["id"] for each in page["items"] if each["step"] in {"referral", "custody-check", "hearing-report"}
        ]
        path = f"/tasks?limit=200&cursor={page['next']}" if page.get("next") else ""
    return found[:most]


def _mixed(here: Installation, opened: list[str]) -> None:
    """A third of the referrals given, some custody checks answered: cases at mixed steps."""

    def give(task: str) -> None:
        body = {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}
        here.ask("patrol", "POST", f"/tasks/{task}/complete", body).raise_for_status()

    def check(task: str) -> None:
        here.ask("advocate", "POST", f"/tasks/{task}/complete", {"outcome": "held"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(give, _tasks(here, "patrol", len(opened) // 3)))
        list(pool.map(check, _tasks(here, "advocate", len(opened) // 8)))


def _foresee(here: Installation, name: str, text: str) -> None:
    asked = {"text": text, "plan": PLAN if "lane" in name else PLAN.split("steps:", maxsplit=1)[0]}
    found = _timed(f"foreseen: {name}", lambda: _tell(here, f"/protocols/{P1}/effect", asked))
    print("   ", {kind: number for kind, number in found["classes"].items() if number})
    for each in found["steps"]:
        if not (each["sooner"] or each["later"] or each["newly_told"] or each["no_longer_told"]):
            continue
        told = f", newly told {', '.join(each['newly_told'])}" if each["newly_told"] else ""
        print(f"    {each['step']}: same {each['same']}, sooner {each['sooner']}, later {each['later']}{told}")
    for each in found["places"]:
        print(f"    {each['cases']}: {each['says']}")


@contextmanager
def _answering(here: Installation, opened: list[str]) -> Iterator[list[int]]:
    """So many answers a second, of people who read their list before."""
    statuses: list[int] = []
    over = threading.Event()

    def one(task: str) -> None:
        body = {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}
        statuses.append(here.ask("patrol", "POST", f"/tasks/{task}/complete", body).status_code)

    def answer() -> None:
        with ThreadPoolExecutor(8) as pool:
            for task in _tasks(here, "patrol", len(opened)):
                if over.wait(1 / ANSWERS):
                    return
                pool.submit(one, task)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def _until(here: Installation, run: str, stage: str) -> None:
    while here.get("coordinator", f"/migrations/{run}")["stage"] != stage:
        time.sleep(0.2)


def _back(here: Installation, run: str) -> None:
    _tell(here, f"/migrations/{run}/undo", {})
    _until(here, run, "taken-back")


def _standing(database: Database, run: dict[str, Any]) -> None:
    """On which text the run's cases stand, and what became of them."""
    time.sleep(3)
    with database.read() as connection:
        of = select(migration_item.c.case_id).where(migration_item.c.run == run["run"])
        base = func.coalesce(protocol_carried.c.base, case_file.c.protocol_hash)
        joined = case_file.outerjoin(protocol_carried, protocol_carried.c.hash == case_file.c.protocol_hash)
        wanted = select(base, func.count()).select_from(joined).where(case_file.c.case_id.in_(of)).group_by(base)
        texts = {hash_[:8]: number for hash_, number in connection.execute(wanted)}
        item = migration_item.c
        results = connection.execute(
            select(item.result, item.code, func.count()).where(item.run == run["run"]).group_by(item.result, item.code)
        ).all()
    print(f"    texts {texts}, target {run['target'][:8]}; {[tuple(each) for each in results]}")


def _escalations(database: Database) -> None:
    """What was missed and when: the windows of a referral that the police keep in clear."""
    with database.read() as connection:
        told = connection.execute(
            select(fact.c.case_id, fact.c.task_id, fact.c.at, fact.c.recorded).where(fact.c.kind == "window-missed")
        ).all()
    late = sorted((each.recorded - each.at) / 1e6 for each in told)
    twice = len(told) - len({(each.case_id, each.task_id, each.at) for each in told})
    cut = statistics.quantiles(late, n=100) if len(late) > 1 else [0.0] * 99
    early = sum(each < 0 for each in late)
    print(
        f"windows missed: {len(told)}; late p50 {cut[49]:.1f} s, p99 {cut[98]:.1f} s, max {max(late, default=0):.1f} s;"
        f" early {early}, doubled {twice}"
    )


if __name__ == "__main__":
    measure()
