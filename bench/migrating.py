"""``python -m bench.migrating [CASES]``: 1,000 open cases follow four newer texts while people answer, and go back.

Cases stand at mixed steps of P1. Of four drafts: what each changes, what a rehearsal says, what it would do to the open
cases. Then each is published, followed by all and taken back, while 5 answers a second come in and windows of minutes
run out all the time. Printed of each: times, on which text the cases stand, answers sent a second and honoured, in how
many cases a duty is not as it was less what people did (none); at the end escalations missed, early, doubled, how late.
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
from itertools import zip_longest
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from bench.moved import KEPT, as_before, duties, escalations, last_window, standing
from protocol.compiling.compiler import compile_text
from protocol.engine.clocks import MINUTE, SECOND
from protocol.rehearsal.comparing import RungFigures
from protocol.rehearsal.habits import read_habits
from protocol.rehearsal.playing import Arrival
from protocol.revising.diff import diff
from protocol.state import Instant
from runtime.rehearsing import Order as RehearsalOrder
from runtime.rehearsing import rehearse
from store.session import Database
from tests.installation import ROOT, Installation, installed

CASES = 1_000
ANSWERS = 5
OPENED = 3
"""Cases a second: windows of six minutes then run out over the next minutes as well, while the cases move."""

REHEARSED = 600
TODAY = date(2026, 3, 1)
MONDAY = 1_772_431_200_000_000
"""Monday 2 March 2026, 00:00 in Chicago."""

P1 = "post-arrest-advocacy"
WHOLE = "  due: within 2 hours\n  ladder: {when due: tell sergeant, 2 hours late: tell coordinator}\n"
REFERRAL = WHOLE.replace("2 hours\n", "6 minutes\n")
BASE = (ROOT / "protocol_specs" / P1 / "1.yaml").read_text().replace(WHOLE, REFERRAL)
REMOVED = "a lane is removed"
DRAFTS = {
    "6 minutes become 5": BASE.replace(REFERRAL, REFERRAL.replace("6 minutes\n", "5 minutes\n")),
    "a rung is added": BASE.replace(REFERRAL, REFERRAL.replace("{when due", "{1 hour late: tell lead, when due")),
    "an outcome is split": BASE.replace("  outcomes: [held, out]", "  outcomes: [held, held-elsewhere, out]"),
    REMOVED: BASE[: BASE.index("steps in registration:")].replace(", close registration]", "]"),
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
    for name, text in DRAFTS.items():
        _compared(name, text)
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder) / "data") as here:
        publish(here, BASE)
        _timed(f"{cases} cases opened", lambda: _open(here, cases))
        _mixed(here, cases)
        database = Database(f"sqlite:///{here.data / 'handoff.db'}")
        open_ = {step: len(_tasks(here, role, step)) for step, (role, _) in ANSWERED.items()}
        print("    open:", open_ | {"register": len(_tasks(here, "advocate", "register"))})
        for name, text in DRAFTS.items():
            _foresee(here, name, text)
        moving = [_followed(here, database, name, text) for name, text in DRAFTS.items()]
        time.sleep(max(0.0, last_window(database) / SECOND - time.time()) + 20)
        escalations(database, moving)


def _followed(here: Installation, database: Database, name: str, text: str) -> tuple[Instant, Instant]:
    """Publish a draft, let all cases follow it, and take that back, while people answer; from when until when."""
    print(f"{name}:")
    publish(here, text)
    before = duties(database)
    began = time.time_ns() // 1_000
    with _answering(here) as answers:
        run = _tell(here, f"/protocols/{P1}/migrations", {"plan": _plan(name)})
        _timed(f"    {run['cases']} cases moved", lambda: _until(here, run["run"], "over"))
        standing(database, run)
        _timed("    taken back", lambda: _back(here, run["run"]))
        standing(database, run)
        ended = time.time_ns() // 1_000
        as_before(before, duties(database))
    _answered(answers)
    return began, ended


def _plan(name: str) -> str:
    """The plan of a draft: what becomes of a step that the text no longer has is decided in it."""
    return PLAN if name == REMOVED else PLAN.split("steps:", maxsplit=1)[0]


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


def _open(here: Installation, cases: int) -> None:
    began = time.perf_counter()

    def report(number: int) -> None:
        time.sleep(max(0.0, began + number / OPENED - time.perf_counter()))
        body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": uuid4().hex}
        here.ask("police-records", "POST", "/incidents", body).raise_for_status()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(report, range(cases)))


def _tasks(here: Installation, role: str, step: str, most: int = CASES) -> list[str]:
    found: list[str] = []
    path = "/tasks?limit=200"
    while path and len(found) < most:
        page = here.get(role, path)
        found += [each["id"] for each in page["items"] if re.sub(KEPT, "", each["step"]) == step]
        path = f"/tasks?limit=200&cursor={page['next']}" if page.get("next") else ""
    return found[:most]


def _mixed(here: Installation, cases: int) -> None:
    """A third of the referrals given, some survivors reached, some to be registered: cases at mixed steps."""

    def answer(each: Answer) -> None:
        _answer(here, each).raise_for_status()

    with ThreadPoolExecutor(8) as pool:
        for step, most in {"referral": 3, "custody-check": 8, "first-call": 16, "decline-talk": 20}.items():
            list(pool.map(answer, _answers(here, step, cases // most)))
            time.sleep(1)


Answer = tuple[str, str, dict[str, Any]]
"""Whose answer, to which task, and what it says."""

ANSWERED: dict[str, tuple[str, dict[str, Any]]] = {
    "referral": ("patrol", {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}),
    "hearing-report": ("clerk", {"outcome": "done"}),
    "custody-check": ("advocate", {"outcome": "held"}),
    "first-call": ("advocate", {"outcome": "declined"}),
    "decline-talk": ("advocate", {"outcome": "wants-court-told", "data": {"wants-notice": True}}),
}
"""Steps that are answered, by whom, and with what."""


def _answers(here: Installation, step: str, most: int = CASES) -> list[Answer]:
    """Whose answer to which task, of what they have on their list."""
    role, body = ANSWERED[step]
    return [(role, each, body) for each in _tasks(here, role, step, most)]


def _answer(here: Installation, answer: Answer) -> httpx2.Response:
    role, task, body = answer
    return here.ask(role, "POST", f"/tasks/{task}/complete", body)


def _foresee(here: Installation, name: str, text: str) -> None:
    asked = {"text": text, "plan": _plan(name)}
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
def _answering(here: Installation) -> Iterator[list[Sent]]:
    """So many answers a second, of people who read their list before."""
    sent: list[Sent] = []
    over = threading.Event()
    lists = [_answers(here, step) for step in ("hearing-report", "referral", "hearing-report", "custody-check")]
    # The clerk has two turns in four, and each task one answer.
    lists[0], lists[2] = lists[0][::2], lists[2][1::2]
    answers = [each for turn in zip_longest(*lists) for each in turn if each is not None]

    def one(answer: Answer) -> None:
        at = time.perf_counter()
        status = _answer(here, answer).status_code
        sent.append((at, status, time.perf_counter() - at))

    def answer() -> None:
        began = time.perf_counter()
        with ThreadPoolExecutor(8) as pool:
            for number, each in enumerate(answers):
                # By the clock, so that what one answer takes is not added to the next one's wait.
                if over.wait(max(0.0, began + number / ANSWERS - time.perf_counter())):
                    return
                pool.submit(one, each)

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


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else CASES)
