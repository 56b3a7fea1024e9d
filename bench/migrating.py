"""``python -m bench.migrating [CASES]``: 1,000 open cases follow newer texts while people answer, and go back.

Cases stand at mixed steps of P1. Of four drafts: what each changes, what it would do to the open cases, what a
rehearsal says. One is published and followed while 5 answers a second come in and windows of minutes run out; then
everybody goes back. Printed: times, answers sent a second and honoured, in how many cases a duty is not as it was less
what people did (none), escalations missed, early, doubled, and how late.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from protocol.compiling.compiler import compile_text
from protocol.engine.clocks import MINUTE
from protocol.rehearsal.comparing import RungFigures
from protocol.rehearsal.habits import read_habits
from protocol.rehearsal.playing import Arrival
from protocol.revising.diff import diff
from runtime.rehearsing import Order as RehearsalOrder
from runtime.rehearsing import rehearse
from store.migrating.tables import migration_item
from store.session import Database
from store.tables import case_file, fact, protocol_carried, task
from tests.installation import ROOT, Installation, installed

CASES = 1_000
ANSWERS = 5
REHEARSED = 600
TODAY = date(2026, 3, 1)
MONDAY = 1_772_431_200_000_000
"""Monday 2 March 2026, 00:00 in Chicago."""

SHORTEST = 5 * MINUTE
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
# Windows are to run out while cases move: that must not stop the run.
PLAN = f"""\
migration: {P1}
quiet before: 0 minutes
grace: {{share: 0%, least: 0 minutes}}
cases a second: 40
first share: {{share: 5%, then wait: 0 minutes}}
stop: {{escalations: 999 times, least escalations: 1000000}}
steps:
  register: {{close: not owed, because: placeholder}}
"""


def measure(cases: int = CASES) -> None:
    """Print it all, from one installation with so many cases."""
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder) / "data") as here:
        publish(here, BASE)
        opened = _timed(f"{cases} cases opened", lambda: _open(here, cases))
        _mixed(here, opened)
        for name, text in DRAFTS.items():
            _compared(name, text)
            _foresee(here, name, text)
        publish(here, DRAFTS[SHORTER])
        database = Database(f"sqlite:///{here.data / 'handoff.db'}")
        before = _duties(database)
        with _answering(here, opened) as answers:
            run = _tell(here, f"/protocols/{P1}/migrations", {"plan": PLAN.split("steps:", maxsplit=1)[0]})
            _timed(f"{run['cases']} cases moved", lambda: _until(here, run["run"], "over"))
            _standing(database, run)
            _timed("taken back", lambda: _back(here, run["run"]))
            _standing(database, run)
            _as_before(before, _duties(database))
        _answered(answers)
        time.sleep(400)
        _escalations(database)


def _compared(name: str, text: str) -> None:
    """What the draft changes, and what a rehearsal of arrests of the bundled export's mapping says of it."""
    old, new = (compile_text(each, today=TODAY, explored=False).protocol for each in (BASE, text))
    print(f"{name}:")
    for change in diff(old, new).in_meaning:
        print(f"    {change.code} {change.tag.letter}  {change.says}  [{', '.join(sorted(change.consent))}]")
    habits = read_habits((ROOT / "protocol_specs" / P1 / "habits.yaml").read_bytes(), old, new)
    times = (MONDAY + number * 47 * MINUTE for number in range(REHEARSED))
    found = [Arrival(at=at, event="arrest-booked", source="police") for at in times]
    compared = rehearse(RehearsalOrder(protocols=(old, new), habits=habits, days=30), found)
    seen = [
        f"{each.step} on time {each.on_time.old:.0f}% -> {each.on_time.new:.0f}%"
        for each in compared.steps
        if each.on_time.differs and each.on_time.old is not None and each.on_time.new is not None
    ]
    seen += [f"{each.step}: {each.rung} {_per_hundred(each)}" for each in compared.rungs if _differs(each)]
    print(f"    rehearsed on {REHEARSED} arrests: {'; '.join(seen) or 'no difference seen'}")


def _differs(each: RungFigures) -> bool:
    return each.per_hundred.differs or (each.per_hundred.old or 0) != (each.per_hundred.new or 0)


def _per_hundred(each: RungFigures) -> str:
    return f"{each.per_hundred.old or 0:.0f} -> {each.per_hundred.new or 0:.0f} per 100"


Duties = dict[tuple[str, int], tuple[object, ...]]


def _duties(database: Database) -> Duties:
    """Every duty's step, owner, due time and where it stands."""
    wanted = (task.c.step, task.c.lane, task.c.agency, task.c.status, task.c.due_at, task.c.outcome, task.c.missed_at)
    with database.read() as connection:
        rows = connection.execute(select(task.c.case_id, task.c.instance, *wanted)).all()
    return {(row[0], row[1]): (_named(row[2]), *row[3:]) for row in rows}


def _named(step: str) -> str:
    """A step as its text calls it: a duty that kept older terms is of a row of its own (docs/decisions/0024)."""
    return re.sub(r"-k[0-9a-f]{8}$", "", step)


def _as_before(before: Duties, after: Duties) -> None:
    """How many duties are as they were before the move, and what of the others happened meanwhile."""
    other = {each for each in before if after.get(each) != before[each]}
    lived = {each for each in other if each in after and _lived(before[each], after[each])}
    print(
        f"cases that differ less what people did: {len({case for case, _ in other - lived})};"
        f" duties before {len(before)}: as they were {len(before) - len(other)},"
        f" answered or late meanwhile {len(lived)}, otherwise {len(other - lived)};"
        f" new of answers {len(after.keys() - before.keys())}"
    )


def _lived(was: tuple[object, ...], is_: tuple[object, ...]) -> bool:
    """Whether it was answered, taken up or missed, and is otherwise as it was."""
    return was[:3] == is_[:3] and was[3:4] + was[5:] != is_[3:4] + is_[5:]


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


def _open(here: Installation, cases: int) -> list[str]:
    def report(_: int) -> str:
        body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": uuid4().hex}
        case: str = here.ask("police-records", "POST", "/incidents", body).json()["case"]
        return case

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(report, range(cases)))


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


Sent = tuple[float, int, float]
"""When an answer was sent, the status that came, and the seconds that took."""


def _answered(sent: list[Sent]) -> None:
    """How many answers a second were really sent, what came of them, and how long it took."""
    times = sorted(at for at, _, _ in sent)
    span = times[-1] - times[0] if len(times) > 1 else 0.0
    rate = (len(times) - 1) / span if span else 0.0
    took = sorted(each for _, _, each in sent)
    cut = statistics.quantiles(took, n=100) if len(took) > 1 else [0.0] * 99
    print(
        f"answers while cases moved: {len(sent)} in {span:.1f} s, {rate:.1f} a second of {ANSWERS} meant; "
        f"{dict(Counter(status for _, status, _ in sent))}; took p50 {cut[49]:.2f} s, p99 {cut[98]:.2f} s"
    )


@contextmanager
def _answering(here: Installation, opened: list[str]) -> Iterator[list[Sent]]:
    """So many answers a second, of people who read their list before."""
    sent: list[Sent] = []
    over = threading.Event()
    tasks = _tasks(here, "patrol", len(opened))

    def one(task: str) -> None:
        body, at = {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}, time.perf_counter()
        status = here.ask("patrol", "POST", f"/tasks/{task}/complete", body).status_code
        sent.append((at, status, time.perf_counter() - at))

    def answer() -> None:
        began = time.perf_counter()
        with ThreadPoolExecutor(8) as pool:
            for number, task in enumerate(tasks):
                # By the clock, so that what one answer takes is not added to the next one's wait.
                if over.wait(max(0.0, began + number / ANSWERS - time.perf_counter())):
                    return
                pool.submit(one, task)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield sent
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
    """What came of the referrals' windows: each that ran out is missed once, not before its time, and told once."""
    of_referrals = fact.c.step.like("referral%")
    with database.read() as connection:
        facts = connection.execute(
            select(fact.c.case_id, fact.c.kind, fact.c.at, fact.c.recorded, fact.c.body)
            .where(fact.c.kind.in_(("window-missed", "told")), of_referrals)
            .order_by(fact.c.case_id, fact.c.seq)
        ).all()
        tasks = connection.execute(
            select(task.c.case_id, task.c.delivered_at, task.c.due_at, task.c.ended_at).where(
                task.c.step.like("referral%")
            )
        ).all()
    missed = Counter(each.case_id for each in facts if each.kind == "window-missed")
    told = Counter(each.case_id for each in facts if each.kind == "told" and '"tell-sergeant"' in each.body)
    ran_out = {each.case_id for each in tasks if each.ended_at is None or each.ended_at > each.due_at}
    since = {each.case_id: each.delivered_at for each in tasks}
    windows = [each for each in facts if each.kind == "window-missed"]
    early = sum(each.recorded < each.at or each.at < since[each.case_id] + SHORTEST for each in windows)
    late = sorted((each.recorded - each.at) / 1e6 for each in windows)
    cut = statistics.quantiles(late, n=100) if len(late) > 1 else [0.0] * 99
    print(
        f"referrals {len(tasks)}, windows run out {len(ran_out | missed.keys())}: "
        f"missed escalations {len(ran_out - missed.keys()) + len(missed.keys() - told.keys())}, early {early}, "
        f"doubled {sum(each > 1 for each in missed.values()) + sum(each > 1 for each in told.values())}; "
        f"late p50 {cut[49]:.1f} s, p99 {cut[98]:.1f} s, max {max(late, default=0):.1f} s"
    )


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)
