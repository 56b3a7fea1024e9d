"""No body without its row, whenever the API dies; and the audit's commands against a whole installation."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import select

from store.audit.tables import audit_row
from store.session import Database
from tests.cli.running import run_at
from tests.installation import Installation, installed, services
from tests.servers import until

KILLS = 6
READERS = 4


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def case(here: Installation) -> str:
    """A case with a protected number in it."""
    body = {"protocol": "post-arrest-advocacy", "event": "arrest-booked", "source": "police", "key": uuid4().hex}
    case: str = here.ask("police-records", "POST", "/incidents", body).json()["case"]
    tasks = here.get("patrol", "/tasks?limit=200")["items"]
    task = next(each["id"] for each in tasks if each["case"] == case and each["step"] == "referral")
    given = {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}
    assert here.ask("patrol", "POST", f"/tasks/{task}/complete", given).status_code == httpx2.codes.OK
    return case


def requests_written(here: Installation) -> set[str]:
    """The requests that the audit has a row of."""
    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    with database.read() as connection:
        found = set(connection.execute(select(audit_row.c.request)).scalars())
    database.close()
    return found


def test_no_body_arrives_without_its_row(here: Installation, case: str) -> None:
    """The API is killed again and again while people read: each answer that arrived is in the audit."""
    arrived: list[str] = []
    done = Event()

    def read(path: str) -> None:
        while not done.is_set():
            try:
                answer = here.ask("advocate", "GET", path)
            except httpx2.HTTPError:
                # Asked again at once, it would be in the way of the API's start.
                done.wait(0.05)
                continue
            if answer.status_code == httpx2.codes.OK:
                arrived.append(answer.headers["X-Request-Id"])

    paths = [f"/cases/{case}", f"/cases/{case}/timeline", f"/cases/{case}/protected/safe-numbers", "/tasks"]
    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read, each) for each in paths[:READERS]]
        try:
            for _ in range(KILLS):
                before = len(arrived)
                until(lambda before=before: len(arrived) > before + 5, "answers")  # type: ignore[misc]
                os.kill(services(here.process)["api"], signal.SIGKILL)
                until(here.ready, "the API again")
        finally:
            done.set()
    for each in readers:
        each.result()

    assert len(arrived) > KILLS * 5
    assert set(arrived) - requests_written(here) == set()


def test_the_commands_keep_heads_verify_and_tell_who_saw(here: Installation, case: str, tmp_path: Path) -> None:
    """A steward keeps heads, sees who looked; an altered row is found at its place, by the doctor too."""
    here.get("advocate", f"/cases/{case}/protected/safe-numbers")
    file = tmp_path / "heads"
    until(lambda: bool(here.get("steward", "/audit/heads")["heads"]), "a head")
    kept = run_at(here, "audit", "heads", "--out", str(file), "--json")
    again = run_at(here, "audit", "heads", "--out", str(file), "--json")
    seen = run_at(here, "audit", "seen", case, "--as", "advocacy/steward")
    denied = run_at(here, "audit", "seen", case, "--as", "advocate")
    whole = run_at(here, "audit", "verify", "--heads", str(file))

    assert (kept.code, json.loads(kept.out)["new"] > 0, json.loads(again.out)["new"]) == (0, True, 0)
    assert "Advocate One" in seen.out
    assert "slot:safe-numbers" not in seen.err
    assert (denied.code, "NOT_YOURS" in denied.err) == (1, True)
    assert (whole.code, "nothing is wrong" in whole.out, "rows a second" in whole.out) == (0, True, True)

    with sqlite3.connect(here.data / "handoff.db", timeout=20) as connection:
        connection.execute("DROP TRIGGER audit_row_no_update")
        connection.execute("UPDATE audit_row SET agency = 'court' WHERE chain = ? AND n = 1", (case,))
    connection.close()
    broken = run_at(here, "audit", "verify", "--json")
    doctor = run_at(here, "doctor")

    assert broken.code == 1
    assert [(each["wrong"], each["chain"], each["n"]) for each in json.loads(broken.out)["flaws"]] == [
        ("ROW_ALTERED", case, 1)
    ]
    assert (doctor.code, "what it says was altered" in doctor.out) == (1, True)
    assert [each["code"] for each in here.get("steward", "/audit/breaches")] == ["ROW_ALTERED"]
