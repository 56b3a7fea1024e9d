"""No protected value is anywhere it should not be after a full run of P1, P2 and P3 with errors on the way."""

from __future__ import annotations

import os
import signal
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.attack.canaries import SIGN, Canaries, hits, places
from tests.attack.walking import walked
from tests.installation import Installation, installed, services
from tests.servers import until

pytestmark = [pytest.mark.server, pytest.mark.slow]
P1 = "post-arrest-advocacy"
P2 = {"disposition", "order", "serve", "surrender"}
"""Steps of P2 that are not done before most of the others are."""
LATER = (datetime.now(UTC) + timedelta(days=30)).isoformat()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An installation that ran, and what was put into it."""
    with installed(tmp_path_factory.mktemp("canaries") / "data") as here:
        canaries = Canaries()
        case = p1(here, canaries)
        other_protocols(here, canaries)
        provoke(here, canaries, case)
        kill_the_worker(here, canaries)
        yield here, canaries


def report(here: Installation, canaries: Canaries, slug: str, event: str, source: str, **more: Any) -> httpx2.Response:
    """Report an incident, whose number is a canary too."""
    body = {"protocol": slug, "event": event, "source": source, "key": f"{canaries.new('number')} {uuid4()}", **more}
    return canaries.ask(here, f"{source}-records", "POST", "/incidents", body)


def task(here: Installation, role: str, case: str, step: str) -> str:
    """The id of an open task."""
    found = here.get(role, "/tasks?limit=200")["items"]
    (id_,) = [str(each["id"]) for each in found if (each["case"], each["step"]) == (case, step)]
    return id_


def finish(here: Installation, canaries: Canaries, role: str, case: str, step: str, **body: Any) -> httpx2.Response:
    """Complete a task under an idempotency key that is a canary."""
    path = f"/tasks/{task(here, role, case, step)}/complete"
    key = {"Idempotency-Key": canaries.new("idempotency key")}
    return canaries.ask(here, role, "POST", path, body, **key)


def p1(here: Installation, canaries: Canaries) -> str:
    """Every protected field that an answer of P1 takes on this way, in scripts and lengths of many kinds."""
    case: str = report(here, canaries, P1, "arrest-booked", "police").json()["case"]
    given = {"safe-numbers": canaries.new("safe-numbers")}
    done = finish(here, canaries, "patrol", case, "referral", outcome="given", vault=given)
    assert done.status_code == httpx2.codes.OK, done.text
    protected(here, canaries, case)
    shown = here.ask("advocate", "GET", f"/cases/{case}/protected/safe-numbers").json()["value"]
    assert SIGN in shown
    return case


def protected(here: Installation, canaries: Canaries, case: str) -> None:
    """Answer whatever an advocate has open, with every protected field its forms ask for, until nothing is new."""
    seen: set[str] = set()
    for _ in range(12):
        mine = [
            (role, each)
            for role in ("advocate", "legal-advocate", "supervisor", "planner")
            for each in here.get(role, "/tasks?limit=200")["items"]
            if each["case"] == case and each["id"] not in seen
        ]
        for role, each in mine:
            seen.add(each["id"])
            for form in here.get(role, f"/tasks/{each['id']}")["forms"]:
                asked = [ask for ask in form["asks"] if ask["protected"]]
                vault = {ask["name"]: canaries.new(ask["name"]) for ask in asked}
                canaries.ask(
                    here, role, "POST", f"/tasks/{each['id']}/complete", {"outcome": form["outcome"], "vault": vault}
                )


def other_protocols(here: Installation, canaries: Canaries) -> None:
    """P2 and P3, and a survivor who comes by herself; what takes no text is tried with one."""
    text = canaries.new("P2's field")
    refused = report(here, canaries, "full-case-flow", "call-received", "dispatch", data={"spoken-language": text})
    assert refused.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
    opened = report(here, canaries, "full-case-flow", "call-received", "dispatch")
    assert opened.status_code == httpx2.codes.CREATED, opened.text
    walked(here, canaries, opened.json()["case"], enough=P2)
    for field in ("minutes", "anything"):
        vault = {field: canaries.new(f"P3's {field}")}
        report(here, canaries, "marac", "concern-raised", "partners", data={"self-referred": True}, vault=vault)
    opened = report(here, canaries, "marac", "concern-raised", "partners", data={"self-referred": True})
    case = opened.json()["case"]
    walked(here, canaries, case, enough={"meeting", "write-minutes"})
    shown = here.ask("council/chair", "GET", f"/cases/{case}/protected/minutes")
    assert SIGN in shown.json()["value"], shown.text
    came = {"spoken-language": "english"}
    vault = {"safe-numbers": canaries.new("self-referral's safe-numbers")}
    opened = report(here, canaries, "self-referral", "came-in", "program", data=came, vault=vault)
    assert opened.status_code == httpx2.codes.CREATED, opened.text
    case = opened.json()["case"]
    more = {"data": {"call-at": LATER}, "vault": {"safe-numbers": canaries.new("safe-numbers again")}}
    lines = (here.data / "credentials.txt").read_text().splitlines()
    (here.tokens["program's advocate"],) = [
        words[0] for words in (each.split() for each in lines) if words[1:3] == ["program", "advocate"]
    ]
    done = finish(here, canaries, "program's advocate", case, "greet", outcome="call-back", **more)
    assert done.status_code == httpx2.codes.OK, done.text


def provoke(here: Installation, canaries: Canaries, case: str) -> None:
    """Every way a request can be wrong, with a canary in the wrong place."""
    new = canaries.new
    for body in (
        {"outcome": new("an outcome"), "vault": {"safe-numbers": new("beside a wrong outcome")}},
        {"outcome": "given", "vault": {new("the name of a field"): "x"}},
        {"outcome": "given", "vault": {"diary": new("an unknown field")}},
        {"outcome": "given", "vault": {"safe-numbers": new("too long") * 4000}},
        {"outcome": "given", "vault": [new("a list")]},
        {"outcome": "given", "vault": {"safe-numbers": {"deep": new("deeper")}}},
        {"outcome": "given", "vault": new("no object")},
        {"outcome": "given", "data": {"safe-numbers": new("in the wrong part")}},
        {"outcome": "given", "data": {new("a record field's name"): 1}},
        {"outcome": "given", "surprise": new("an unknown part")},
        {"outcome": "given", "at": new("an instant")},
        [new("no object at all")],
        new("a text"),
    ):
        opened = report(here, canaries, P1, "arrest-booked", "police").json()["case"]
        path = f"/tasks/{task(here, 'patrol', opened, 'referral')}/complete"
        assert canaries.ask(here, "patrol", "POST", path, body).is_error
    for path in ("/cases/{}", "/cases/{}/timeline", "/tasks/{}"):
        assert here.ask("advocate", "GET", path.format(new("an id"))).is_error
    for more in ({"vault": {"safe-numbers": new("a report's")}}, {"occurred_at": new("an instant")}, {"x": new("x")}):
        assert report(here, canaries, P1, "arrest-booked", "police", **more).is_error
    events = f"/cases/{case}/events"
    for body in ({"event": new("an event")}, {"event": "released", "vault": {"notes": new("an event's")}}):
        assert canaries.ask(here, "jail-records", "POST", events, body).is_error
    raw = f'{{"outcome": "given", "vault": {{"safe-numbers": "{new("a broken body")}"'.encode()
    headers = {"Authorization": f"Bearer {here.token('patrol')}", "Content-Type": "application/json"}
    url = f"{here.url}/api/v1/tasks/none/complete"
    canaries.refusals.append(here.client.post(url, content=raw, headers=headers).text)
    canaries.refusals.append(here.client.post(url, content=raw * 20_000, headers=headers).text)
    assert here.ask(None, "GET", "/cases", Authorization=f"Bearer {new('a token')}").is_error


def kill_the_worker(here: Installation, canaries: Canaries) -> None:
    """A referral given while the worker is killed under it."""
    case: str = report(here, canaries, P1, "arrest-booked", "police").json()["case"]
    id_ = task(here, "patrol", case, "referral")
    os.kill(services(here.process)["worker"], signal.SIGKILL)
    body = {"outcome": "given", "vault": {"safe-numbers": canaries.new("while the worker was killed")}}
    here.ask("patrol", "POST", f"/tasks/{id_}/complete", body, **{"Idempotency-Key": "again"})
    until(here.ready, "ready again")
    done = here.ask("patrol", "POST", f"/tasks/{id_}/complete", body, **{"Idempotency-Key": "again"})
    assert done.status_code == httpx2.codes.OK, done.text


def test_no_canary_is_anywhere(run: tuple[Installation, Canaries]) -> None:
    """Not in any file, dump, log, metric, URL, refusal, notice or list, though dozens of places were tried."""
    here, canaries = run
    found = places(here, canaries)

    assert len(canaries.put) > 30
    assert len(found) > 40
    assert hits(found) == []


@pytest.mark.parametrize(
    "where", ["handoff.db", "keys.db", "temporal/temporal.db", "logs/api.log", "logs/worker.log", "URLs", "refusals"]
)
def test_a_canary_that_is_planted_is_found(run: tuple[Installation, Canaries], where: str) -> None:
    """One planted in each kind of place is found there, and nowhere else."""
    here, canaries = run
    planted, text = here.data / where, f"{SIGN}-planted"
    undo = plant(canaries, planted, text)
    try:
        assert {each.removeprefix("dump of ").removesuffix("-wal") for each in hits(places(here, canaries))} == {where}
    finally:
        undo()


def plant(canaries: Canaries, path: Path, text: str) -> Any:
    """Put a text into a place; gives what takes it out again."""
    if path.name == "URLs":
        canaries.urls.append(text)
        return canaries.urls.pop
    if path.name == "refusals":
        canaries.refusals.append(text)
        return canaries.refusals.pop
    if path.suffix == ".log":
        before = path.read_bytes()
        path.write_bytes(before + text.encode())
        return lambda: path.write_bytes(before)
    with sqlite3.connect(path, timeout=30) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("CREATE TABLE planted (text TEXT)")
        connection.execute("INSERT INTO planted VALUES (?)", (text,))

    def undo() -> None:
        with sqlite3.connect(path, timeout=30) as again:
            again.execute("PRAGMA secure_delete = ON")
            again.execute("DROP TABLE planted")
        with sqlite3.connect(path, timeout=30) as again:
            again.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return undo
