"""Around every route: headers, limits, scopes, and that reading changes nothing."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import Response

from api import cookies
from api.app import create_app
from api.guard import HEADERS, MOST_HEAD, Guard
from runtime import limits
from runtime.settings import Settings, load
from store.accounts import have_it
from store.accounts.signing import Welcome
from store.session import Database
from tests.authenticator import Authenticator
from tests.installation import ROOT, Installation, installed
from tests.someone import BROWSERS, Someone, enrolled, handoff

OK = httpx2.codes.OK
P1 = "post-arrest-advocacy"
UNREAD = ("alembic", "audit", "read_audit", "signed_in", "sqlite")
"""Tables in which it is written down that somebody read, or was here."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        yield found
        for each in BROWSERS:
            each.close()


@pytest.fixture(scope="module")
def advocate(here: Installation) -> Someone:
    """Signed in."""
    found = enrolled(here, "advocate@example.org", "advocacy", "advocate", "steward")
    assert OK == found.sign_in().status_code
    return found


def routes() -> list[tuple[str, str]]:
    """Every method and path of the route table, those that no schema tells of as well."""
    found: list[tuple[str, str]] = []
    for each in create_app(load({"data": "/nowhere"})).routes:
        inner = getattr(each, "original_router", None)
        prefix = "" if inner is None else getattr(each, "include_context").prefix  # noqa: B009 - FastAPI's own
        for route in [each] if inner is None else inner.routes:
            methods, path = getattr(route, "methods", None) or (), getattr(route, "path", "")
            found.extend((method, prefix + path) for method in methods)
    assert len(found) > 40
    assert {("GET", "/have-it/{token}"), ("POST", "/api/v1/tasks/{task}/take")} <= set(found)
    return sorted(found)


def report(here: Installation, number: str) -> str:
    """A case that was opened by a report."""
    body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": number}
    found: str = here.ask("police-records", "POST", "/incidents", body).json()["case"]
    return found


def task_of(here: Installation, case: str, role: str = "patrol") -> str:
    """A task of a role in a case."""
    found: list[str] = [each["id"] for each in here.get(role, "/tasks?limit=200")["items"] if each["case"] == case]
    return found[0]


def complete(here: Installation, task: str) -> None:
    """Patrol's referral, given."""
    body = {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}
    said = here.ask("patrol", "POST", f"/tasks/{task}/complete", body)
    assert OK == said.status_code, said.text


def test_every_answer_has_the_headers(here: Installation, advocate: Someone) -> None:
    """Whatever the route, method and status, signed in or not; and what no route answers."""
    for method, path in [*routes(), ("GET", "/nowhere"), ("TRACE", "/"), ("DELETE", "/api/v1/tasks")]:
        where = re.sub(r"\{\w+\}", "x", path)
        if where.endswith("/sign-out"):
            continue
        for said in (advocate.ask(method, where), httpx2.request(method, f"{here.url}{where}")):
            headers = {name: said.headers.get(name) for name in HEADERS}
            if said.headers.get("content-type", "").startswith("text/html"):
                # A page with forms and a style sheet of our own: they come from here, and the browser says from where.
                rules = dict(each.split(" ", 1) for each in str(headers["Content-Security-Policy"]).split("; "))
                assert {rules["default-src"], rules["frame-ancestors"], rules["base-uri"]} == {"'none'"}
                assert set(rules.values()) <= {"'none'", "'self'"}
                headers |= {name: HEADERS[name] for name in ("Content-Security-Policy", "Referrer-Policy")}
            assert (method, where, HEADERS) == (method, where, headers)
            assert "server" not in said.headers


def test_no_get_changes_anything(here: Installation) -> None:
    """Every GET of the route table, asked with what is really there: each table is as it was."""
    # In sessions of their own: there are more GETs than one may ask at once.
    readers = [enrolled(here, f"{each}@example.org", "advocacy", "advocate", "steward") for each in ("one", "two")]
    assert all(OK == each.sign_in().status_code for each in readers)
    reader = readers[0]
    case = report(here, "walk-1")
    task = task_of(here, case)
    said = here.ask(
        "patrol", "POST", f"/tasks/{task}/complete", {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}
    )
    assert OK == said.status_code, said.text
    mine = next(each for each in reader.ask("GET", "/api/v1/tasks").json()["items"] if each["case"] == case)
    notice = here.get("coordinator", "/escalations")["items"]
    filled = {
        "{case}": case, "{task}": mine["id"], "{slot}": "safe-numbers", "{slug}": P1, "{token}": "x",
        "{notice}": notice[0]["id"] if notice else "x", "{run}": "x", "{number}": "1",
    }  # fmt: skip
    before = everything(here)
    odd: dict[str, int] = {}
    for number, path in enumerate(path for method, path in routes() if method == "GET"):
        where = path
        for name, value in filled.items():
            where = where.replace(name, value)
        status = readers[number % 2].ask("GET", where).status_code
        if status not in {200, 204, 303, 403, 404, 422}:
            odd[path] = status
    # Figures are the operator's alone; while everything is busy, the servers may not be ready.
    assert {("/metrics", 401)} <= set(odd.items()) <= {("/metrics", 401), ("/readyz", 503)}
    assert before == everything(here)


def everything(here: Installation) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that is not there to say who read."""
    with sqlite3.connect(f"file:{here.data / 'handoff.db'}?mode=ro", uri=True) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)  # noqa: S608 - its own names
            for name in names
            if not name.startswith(UNREAD)
        }
    connection.close()
    return found


def test_figures_are_for_who_brings_the_operators_token(here: Installation, advocate: Someone) -> None:
    """Nobody, a session or a person's token: not told. The token in the engine's folder of keys: the figures."""
    token = (here.data / "keys" / "engine" / "metrics.token").read_text()
    assert here.client.get(f"{here.url}/metrics").status_code == 401
    assert advocate.ask("GET", "/metrics").status_code == 401
    for given, status in ((here.token("coordinator"), 401), (token, OK)):
        said = here.client.get(f"{here.url}/metrics", headers={"Authorization": f"Bearer {given}"})
        assert (status, status == OK) == (said.status_code, "handoff_requests" in said.text)


def test_a_request_that_is_too_large_is_not_read(here: Installation, advocate: Someone) -> None:
    """Body, headers and address have a most, and a plain answer."""
    for said, status in (
        (advocate.ask("POST", "/api/v1/sign-in", {"login": "x" * 2_000_000}), 413),
        (advocate.ask("GET", "/api/v1/me", **{"X-Long": "x" * (MOST_HEAD + 1)}), 431),
        (advocate.ask("GET", f"/api/v1/me?x={'x' * 5000}"), 414),
    ):
        assert (status, "TOO_LARGE") == (said.status_code, said.json()["code"])


async def test_what_goes_wrong_is_answered_without_what_it_was() -> None:
    """An error nobody foresaw: a problem with its code, the headers, and nothing from inside."""

    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise RuntimeError("canary-7f3a9c")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    await Guard(broken, load({"data": "/nowhere"}))(scope, None, send)  # type: ignore[arg-type]
    assert 500 == sent[0]["status"]
    assert {name.lower().encode() for name in HEADERS} <= {name for name, _ in sent[0]["headers"]}
    assert "UNEXPECTED" == json.loads(sent[1]["body"])["code"]
    assert b"canary" not in sent[1]["body"]


def test_cookies_are_for_this_host_and_https_alone_once_it_is_public() -> None:
    """With an address for browsers, or listening beyond this machine: __Host-, Secure, HttpOnly, Lax, every path."""
    given = Welcome(person_id="p", session="s", device="d")
    for chosen in ({"public_url": "https://handoff.example.org"}, {"host": "0.0.0.0"}):  # noqa: S104 - as in a container
        settings: Settings = load({"data": "/nowhere", **chosen})
        response = Response()
        cookies.welcome(response, settings, b"k" * 32, "somebody", given)
        session, device = response.headers.getlist("set-cookie")
        assert "__Host-handoff=s; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure" == session
        assert device.startswith("__Host-handoff-device-")
        assert device.endswith("; HttpOnly; Max-Age=31536000; Path=/; SameSite=lax; Secure")


def test_a_session_that_asks_too_much_waits_and_no_other_does(here: Installation, advocate: Someone) -> None:
    """After its burst: 429 with Retry-After. A session of another agency, at the same address, is not slowed."""
    other = enrolled(here, "patrol@example.org", "police", "patrol")
    assert (OK, OK) == (other.sign_in().status_code, advocate.sign_in().status_code)
    pages = {other.ask("GET", f"/t/{P1}/{way}").status_code for way in ["table"] * (limits.SESSION.burst // 2)}
    assert {OK} == pages, "a page counts once, however much it asks"
    asked = (other.ask("GET", "/api/v1/me") for _ in range(8 * limits.SESSION.burst))
    said = next(each for each in asked if each.status_code != OK)
    assert (429, "TOO_MANY", "1") == (said.status_code, said.json()["code"], said.headers["Retry-After"])
    for way in ("moves", "table"):
        turned = (other.ask("GET", f"/t/{P1}/{way}") for _ in range(limits.SESSION.burst))
        page = next(each for each in turned if each.status_code != (403 if way == "moves" else OK))
        assert (429, True) == (page.status_code, 'action="/hide"' in page.text)
        assert "1" == page.headers["Retry-After"]
    assert OK == advocate.ask("GET", "/api/v1/me").status_code


def test_a_machine_key_reaches_what_it_is_for(here: Installation) -> None:
    """Its events of its protocol; not another event, protocol, source or route; ended, nothing."""
    key = handoff(here, "keys", "machine", "make", "--agency", "police", "--protocol", P1, "--event", "arrest-booked")
    headers = {"Authorization": f"Bearer {key.strip()}"}
    body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": uuid4().hex}

    def tell(**changed: str) -> tuple[int, str]:
        said = httpx2.post(f"{here.url}/api/v1/incidents", json={**body, **changed}, headers=headers)
        return said.status_code, said.json().get("code") or ""

    assert 201 == tell()[0]
    assert (403, "OUT_OF_SCOPE") == tell(event="arrest-amended")
    assert (403, "OUT_OF_SCOPE") == tell(protocol="full-case-flow")
    assert (403, "NOT_YOUR_EVENT") == tell(source="advocacy")
    for path in ("/tasks", "/cases", f"/cases?protocol={P1}", "/people", "/escalations"):
        assert 403 == httpx2.get(f"{here.url}/api/v1{path}", headers=headers).status_code, path
    assert OK == httpx2.get(f"{here.url}/api/v1/protocols/{P1}", headers=headers).status_code
    listed = json.loads(handoff(here, "keys", "machine", "list", "--json"))
    assert [("police", P1, ["arrest-booked"])] == [
        (each["agency"], each["scope"]["protocol"], each["scope"]["events"]) for each in listed
    ]
    handoff(here, "keys", "machine", "rotate", listed[0]["id"])
    handoff(here, "keys", "machine", "end", listed[0]["id"])
    assert (401, "BAD_TOKEN") == tell()


def test_a_reading_key_reads_the_cases_of_its_protocol(here: Installation) -> None:
    """And nothing else."""
    key = handoff(here, "keys", "machine", "make", "--agency", "court", "--protocol", P1, "--read")
    headers = {"Authorization": f"Bearer {key.strip()}"}
    asked = {path: httpx2.get(f"{here.url}/api/v1{path}", headers=headers).status_code for path in (
        f"/cases?protocol={P1}", "/cases", "/cases?protocol=full-case-flow", "/tasks")}  # fmt: skip
    assert [OK, 403, 403, 403] == list(asked.values())
    body = {"protocol": P1, "event": "arrest-booked", "source": "court", "key": "1"}
    assert 403 == httpx2.post(f"{here.url}/api/v1/incidents", json=body, headers=headers).status_code


def test_an_export_of_arrests_goes_in_at_once() -> None:
    """3,227 reports as fast as 16 lanes send them (under 200 a second) never meet the limit of a token."""
    buckets, now = limits.Limits(), 0
    for _ in range(3227):
        _take(buckets, 1, now)
        now += 1_000_000 // 400
    with pytest.raises(limits.TooMany):
        _take(buckets, 3227, now)


def _take(buckets: limits.Limits, times: int, now: int) -> None:
    for _ in range(times):
        buckets.take("token", limits.TOKEN, now)


def test_a_bucket_fills_again_as_it_should() -> None:
    """Five an hour: the sixth waits twelve minutes, and then there is one."""
    buckets, minute = limits.Limits(), 60_000_000
    for _ in range(5):
        buckets.take("a", limits.SIGN_IN, 0)
    with pytest.raises(limits.TooMany) as caught:
        buckets.take("a", limits.SIGN_IN, 0)
    assert 720 == caught.value.after
    buckets.take("b", limits.SIGN_IN, 0)
    with pytest.raises(limits.TooMany):
        buckets.take("a", limits.SIGN_IN, 11 * minute)
    buckets.take("a", limits.SIGN_IN, 12 * minute)


def test_i_have_it_takes_the_task_up_and_shows_nothing(here: Installation, advocate: Someone) -> None:
    """A page with a button for every link; the button acknowledges once, and only that."""
    case = report(here, f"have-{uuid4().hex}")
    complete(here, task_of(here, case))
    task = next(each for each in advocate.ask("GET", "/api/v1/tasks?limit=200").json()["items"] if each["case"] == case)
    assert task["taken_at"] is None
    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    with database.write() as connection:
        link = have_it.make(connection, task["id"], advocate.person, _now())
    database.close()
    url = f"{here.url}/have-it/{link}"
    pages = [httpx2.get(each) for each in (url, f"{here.url}/have-it/unknown")]
    assert pages[0].text == pages[1].text
    assert [OK, 410] == [httpx2.post(url).status_code for _ in range(2)]
    assert 403 == httpx2.post(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code
    after = advocate.ask("GET", f"/api/v1/tasks/{task['id']}").json()["task"]
    assert (True, "open") == (after["taken_at"] is not None, after["status"])
    assert 410 == httpx2.post(f"{here.url}/have-it/unknown").status_code


def _now() -> int:
    return time.time_ns() // 1_000


def test_a_passkey_signs_in_and_steps_up(here: Installation, advocate: Someone) -> None:
    """Added in a session that has just shown both factors; then without name or password."""
    assert OK == advocate.sign_in().status_code
    device = Authenticator(f"http://localhost:{here.url.rpartition(':')[2]}")
    asked = advocate.ask("POST", "/api/v1/passkeys/options").json()
    answer = {"challenge": asked["challenge"], "credential": device.register(asked["options"])}
    assert 201 == advocate.ask("POST", "/api/v1/passkeys", answer).status_code
    advocate.ask("POST", "/api/v1/sign-out")

    def answered() -> dict[str, Any]:
        begun = advocate.ask("POST", "/api/v1/sign-in/passkey/options").json()
        return {"challenge": begun["challenge"], "credential": device.answer(begun["options"])}

    said = advocate.ask("POST", "/api/v1/sign-in/passkey", answered())
    assert (OK, "passkey", advocate.person) == (said.status_code, said.json()["how"], said.json()["person"])
    assert OK == advocate.ask("POST", "/api/v1/session/step-up/passkey", answered()).status_code
    wrong = answered()
    wrong["credential"]["response"]["signature"] = "AAAA"
    assert "PASSKEY" == advocate.ask("POST", "/api/v1/sign-in/passkey", wrong).json()["code"]
    (mine,) = advocate.ask("GET", "/api/v1/passkeys").json()
    assert OK == advocate.ask("POST", f"/api/v1/passkeys/{mine['id']}/remove").status_code
    assert "PASSKEY" == advocate.ask("POST", "/api/v1/sign-in/passkey", answered()).json()["code"]


def test_a_supervisor_sees_who_is_locked_out_and_unlocks(here: Installation, advocate: Someone) -> None:
    """Five wrong tries on her own telephone; the list says so, the supervisor's act opens it."""
    other = enrolled(here, "locked@example.org", "advocacy", "backup")
    assert OK == other.sign_in().status_code
    other.ask("POST", "/api/v1/sign-out")
    assert OK == advocate.sign_in().status_code
    codes = [other.sign_in(code="000000").json()["code"] for _ in range(6)]
    assert [*["SIGN_IN"] * 5, "LOCKED_OUT"] == codes
    said = other.sign_in(code="000000")
    assert (429, True) == (said.status_code, 0 < int(said.headers["Retry-After"]) <= 600)

    def locked() -> bool:
        (found,) = [each for each in advocate.ask("GET", "/api/v1/people").json() if each["person"] == other.person]
        return bool(found["locked"])

    assert locked()
    assert OK == advocate.ask("POST", f"/api/v1/people/{other.person}/unlock").status_code
    assert not locked()
    assert OK == other.sign_in().status_code


def test_an_export_goes_in_with_a_machine_key(here: Installation, tmp_path: Path) -> None:
    """``handoff intake`` with a key that may submit arrests and nothing else: every row opens or joins its case."""
    made = ("keys", "machine", "make", "--agency", "police", "--protocol", P1, "--event", "arrest-booked")
    key = handoff(here, *made).strip()
    report, example = str(tmp_path / "refused.csv"), ROOT / "docs" / "examples"
    mapped = ("--protocol", P1, "--map", str(example / "county.map.yaml"), "--report", report)
    head = (example / "county.csv").read_text().splitlines()[0]
    rows = "".join(f"27-{number:06},2026-03-07 22:40,battery,yes,ENG\n" for number in range(5))
    (tmp_path / "export.csv").write_text(f"{head}\n{rows}")
    said = json.loads(handoff(here, "intake", str(tmp_path / "export.csv"), *mapped, "--token", key, "--json"))
    assert (0, 5) == (said["refused"], said["opened"])
