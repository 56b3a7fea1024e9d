"""Releases over HTTP at a whole installation: from her signature to a stranger's eyes, and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi.routing import APIRoute

from api import disclosures, glass, releases
from api.deps import stepped_up
from tests.installation import Installation, installed
from tests.servers import until
from tests.someone import BROWSERS, PASSWORD, Someone, enrolled, handoff

OK = httpx2.codes.OK
VALUE = "+1-555-0100 after nine"
WORDS = "canary of her own words"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file, whose legal profile names one ground."""
    profile = {"HANDOFF_LEGAL_GROUNDS": "mandated-report"}
    with installed(tmp_path_factory.mktemp("installation") / "data", more=profile) as found:
        yield found
        for each in BROWSERS:
            each.close()


@pytest.fixture(scope="module")
def case(here: Installation) -> str:
    """A case of which patrol gave advocacy the safe numbers."""
    body = {"protocol": "post-arrest-advocacy", "event": "arrest-booked", "source": "police", "key": f"n-{uuid4()}"}
    opened = here.ask("police-records", "POST", "/incidents", body)
    assert opened.status_code < 300, opened.text
    found = str(opened.json()["case"])
    until(lambda: any(each["case"] == found for each in here.get("patrol", "/tasks")["items"]), "the referral")
    task = next(each["id"] for each in here.get("patrol", "/tasks")["items"] if each["case"] == found)
    said = {"outcome": "given", "vault": {"safe-numbers": VALUE}}
    done = here.ask("patrol", "POST", f"/tasks/{task}/complete", said)
    assert OK == done.status_code, done.text
    return found


def person(here: Installation, name: str, agency: str, role: str) -> Someone:
    """Somebody signed in."""
    found = enrolled(here, f"{name}@example.org", agency, role)
    assert OK == found.sign_in().status_code
    return found


@pytest.fixture(scope="module")
def advocate(here: Installation) -> Someone:
    return person(here, "advocate", "advocacy", "advocate")


@pytest.fixture(scope="module")
def supervisor(here: Installation) -> Someone:
    return person(here, "supervisor", "advocacy", "supervisor")


def step_up(who: Someone) -> None:
    """Both factors once more."""
    said = who.ask("POST", "/api/v1/session/step-up", {"password": PASSWORD, "code": who.codes.pop()})
    assert OK == said.status_code, said.text


def ask(who: Someone, method: str, path: str, body: Any = None) -> Any:
    """What a route answers, which must be well."""
    said = who.ask(method, f"/api/v1{path}", body)
    assert said.status_code < 300, said.text
    return said.json()


def problem(said: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    return said.status_code, said.json()["code"]


def draft(who: Someone, case: str) -> dict[str, Any]:
    """A draft for the evaluator."""
    ends = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    body = {
        "agency": "court", "role": "bail-evaluator", "fields": ["safe-numbers"], "purpose": "protection-order",
        "until": ends, "vault": {"words": WORDS},
    }  # fmt: skip
    found: dict[str, Any] = ask(who, "POST", f"/cases/{case}/releases", body)
    return found


def test_from_her_signature_to_the_log(here: Installation, advocate: Someone, case: str) -> None:
    """Drafted, signed after a step-up, seen by its recipient alone, in the log as letter and CSV, and taken back."""
    made = draft(advocate, case)
    path = f"/releases/{made['release']}"
    assert made["state"] == "draft"
    assert WORDS not in str(made)
    assert problem(here.ask("bail-evaluator", "POST", f"{path}/open")) == (404, "NOT_FOUND")
    signed = {"by_survivor": True, "form": "paper"}
    step_up(advocate)
    assert ask(advocate, "POST", f"{path}/sign", signed)["state"] == "in-force"
    (shared,) = here.get("bail-evaluator", "/releases")
    assert (shared["release"], shared["from_agency"]) == (made["release"], "advocacy")
    assert {"something-was-shared"} == {each["says"] for each in here.get("bail-evaluator", "/words")}
    for key in (None, "key-1", "key-1"):
        more = {} if key is None else {"Idempotency-Key": key}
        seen = here.ask("bail-evaluator", "POST", f"{path}/open", None, **more)
        assert seen.json()["values"] == {"safe-numbers": VALUE}
        assert seen.headers["cache-control"] == "no-store"
    for other in ("clerk", "coordinator", "patrol"):
        assert here.get(other, "/releases") == []
        assert here.get(other, "/words") == []
        assert problem(here.ask(other, "POST", f"{path}/open")) == (404, "NOT_FOUND")
    assert len(ask(advocate, "GET", f"/cases/{case}/disclosures")) == 3
    letter = advocate.ask("GET", f"/api/v1/cases/{case}/disclosures/export?form=letter&language=es")
    assert "una orden de protección" in letter.text
    assert VALUE not in letter.text
    table = advocate.ask("GET", f"/api/v1/cases/{case}/disclosures/export?form=csv")
    assert len(table.text.splitlines()) == 4
    assert problem(here.ask("bail-evaluator", "GET", f"/cases/{case}/disclosures"))[0] == 404
    assert "safe-numbers" in handoff(here, "release", "log", case)
    assert made["release"] in handoff(here, "release", "list", "--as", "bail-evaluator")
    assert "revoked" in handoff(here, "release", "revoke", made["release"])
    assert ask(advocate, "GET", f"/cases/{case}/releases")[0]["state"] == "revoked"
    assert problem(here.ask("bail-evaluator", "POST", f"{path}/open")) == (410, "RELEASE_REVOKED")
    files = [each for each in here.data.rglob("*") if each.is_file() and "sock" not in each.name]
    assert not [each for each in files if WORDS.encode() in each.read_bytes() or VALUE.encode() in each.read_bytes()]


def test_what_needs_both_factors_asks_for_them() -> None:
    """Signing, threats, broken glass and the log's export want both factors of the last five minutes."""
    asking = {
        route.path
        for module in (releases, disclosures, glass)
        for route in module.router.routes
        if isinstance(route, APIRoute) and stepped_up in {each.call for each in route.dependant.dependencies}
    }
    assert asking == {
        "/releases/{release}/sign",
        "/cases/{case}/threats",
        "/threats/{release}/answer",
        "/cases/{case}/disclosures/export",
        "/cases/{case}/break-glass",
        "/break-glass/{glass}/answer",
    }


def test_an_imminent_threat_is_told_once(here: Installation, advocate: Someone, supervisor: Someone, case: str) -> None:
    """Asked with a reason, answered by a supervisor, looked at once; distinct in the log."""
    step_up(advocate)
    body = {"agency": "police", "role": "sergeant", "fields": ["safe-numbers"], "ground": "threat-to-life"}
    said = advocate.ask("POST", f"/api/v1/cases/{case}/threats", body)
    assert problem(said) == (422, "REASON_MISSING")
    unlawful = {**body, "ground": "court-order", "vault": {"reason": WORDS}}
    assert problem(advocate.ask("POST", f"/api/v1/cases/{case}/threats", unlawful)) == (403, "GROUND_NOT_ALLOWED")
    lawful = ask(advocate, "POST", f"/cases/{case}/threats", {**unlawful, "ground": "mandated-report"})
    assert (lawful["disclosure"]["ground"], lawful["disclosure"]["state"]) == ("mandated-report", "waiting")
    made = ask(advocate, "POST", f"/cases/{case}/threats", {**body, "vault": {"reason": WORDS}})
    path = made["disclosure"]["release"]
    assert (made["answered"], made["review_late"]) == (None, False)
    assert problem(here.ask("sergeant", "POST", f"/releases/{path}/open"))[0] != OK
    assert path in {each["disclosure"]["release"] for each in ask(supervisor, "GET", "/threats")}
    step_up(supervisor)
    assert ask(supervisor, "POST", f"/threats/{path}/answer", {"yes": True})["answered"] is True
    assert here.ask("sergeant", "POST", f"/releases/{path}/open").json()["values"] == {"safe-numbers": VALUE}
    assert problem(here.ask("sergeant", "POST", f"/releases/{path}/open")) == (410, "RELEASE_USED")
    grounds = {each["ground"] for each in ask(advocate, "GET", f"/cases/{case}/disclosures")}
    assert "threat-to-life" in grounds


def test_glass_and_shields(here: Installation, advocate: Someone, supervisor: Someone, case: str) -> None:
    """A planner sees a value by a second person's yes, then closes the case to herself; her lead opens it again."""
    planner = person(here, "planner", "advocacy", "planner")
    value = f"/api/v1/cases/{case}/protected/safe-numbers"
    assert planner.ask("GET", value).status_code == 404
    step_up(planner)
    body = {"reason": "danger", "minutes": 30, "vault": {"reason": WORDS}}
    made = ask(planner, "POST", f"/cases/{case}/break-glass", body)
    said = planner.ask("POST", f"/api/v1/break-glass/{made['glass']}/answer", {"yes": True})
    assert problem(said) == (403, "SELF_APPROVAL")
    step_up(advocate)
    assert ask(advocate, "POST", f"/break-glass/{made['glass']}/answer", {"yes": True})["state"] == "open"
    assert planner.ask("GET", value).json()["value"] == VALUE
    assert "glass-broken" in {each["says"] for each in ask(supervisor, "GET", "/words")}
    assert [each["glass"] for each in ask(supervisor, "GET", "/break-glass")] == [made["glass"]]
    ask(planner, "POST", f"/cases/{case}/shields", {"person": "me"})
    assert planner.ask("GET", f"/api/v1/cases/{case}").status_code == 404
    assert planner.ask("POST", f"/api/v1/cases/{case}/shields/{planner.person}/lift").status_code == 404
    assert [each["person"] for each in ask(supervisor, "GET", f"/cases/{case}/shields")] == [planner.person]
    ask(supervisor, "POST", f"/cases/{case}/shields/{planner.person}/lift")
    assert planner.ask("GET", f"/api/v1/cases/{case}").status_code == OK
