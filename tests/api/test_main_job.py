"""The main job through the API of a whole installation: a report, a task, an answer, and what each may see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.installation import Installation, installed

OK = httpx2.codes.OK
CANARY = "+1-555-0100 canary-93d1"
P1 = "post-arrest-advocacy"
OPEN = {"openapi", "healthz", "readyz"}
SIGNING = ("/api/v1/sign-", "/api/v1/enrolment")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        yield found


def report(here: Installation, key: str | None = None, **more: Any) -> httpx2.Response:
    body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": key or uuid4().hex, **more}
    return here.ask("police-records", "POST", "/incidents", body)


def task(here: Installation, role: str, case: str, step: str) -> dict[str, Any]:
    (found,) = [
        each for each in here.get(role, "/tasks?limit=200")["items"] if each["case"] == case and each["step"] == step
    ]
    assert isinstance(found, dict)
    return found


def referred(here: Installation) -> str:
    """A case whose referral was given with a protected number."""
    case: str = report(here).json()["case"]
    done = here.ask(
        "patrol",
        "POST",
        f"/tasks/{task(here, 'patrol', case, 'referral')['id']}/complete",
        {"outcome": "given", "vault": {"safe-numbers": CANARY}},
    )
    assert done.status_code == httpx2.codes.OK, done.text
    return case


def test_a_report_opens_a_case_and_its_repeat_joins_it(here: Installation) -> None:
    """The same number opens one case, whoever repeats it and however it is spaced or capitalised."""
    first, again = report(here, "Case 2026-17"), report(here, "case  2026-17")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["case"] == again.json()["case"]
    assert again.json()["joined"] is True


def test_the_answer_of_one_agency_is_the_task_of_the_next(here: Installation) -> None:
    """Patrol's referral puts the custody check before the advocate at once, with its clock explained."""
    case = referred(here)

    found = task(here, "advocate", case, "custody-check")

    assert (found["owners"], found["from_agency"]) == (["advocate"], "police")
    assert "15 minutes from when advocacy got this" in found["clock"]["why"]
    assert "moves to the backup" in found["clock"]["next"]


def test_the_same_clock_is_explained_in_spanish_to_who_asks_for_it(here: Installation) -> None:
    """In a list and alone, by the reader's Accept-Language."""
    check = task(here, "advocate", referred(here), "custody-check")
    spanish = {"Accept-Language": "es-US,es;q=0.9"}

    alone = here.ask("advocate", "GET", f"/tasks/{check['id']}", **spanish).json()["task"]["clock"]
    listed = here.ask("advocate", "GET", "/tasks?limit=200", **spanish).json()["items"]

    assert "15 minutos desde que advocacy recibió esto" in alone["why"]
    assert "pasa a backup" in alone["next"]
    assert alone["why"] in {each["clock"]["why"] for each in listed}


def test_the_coordinator_sees_that_it_is_in_hand_and_nothing_else(here: Installation) -> None:
    """After the advocate recorded what happened, the coordinator sees the handoff taken up, and no more."""
    case = referred(here)
    check = task(here, "advocate", case, "custody-check")
    here.ask("advocate", "POST", f"/tasks/{check['id']}/complete", {"outcome": "held"})
    call = task(here, "advocate", case, "first-call")
    here.ask("advocate", "POST", f"/tasks/{call['id']}/complete", {"outcome": "declined"})

    seen = here.get("coordinator", f"/cases/{case}")
    steps = {each["step"]: each for each in seen["tasks"]}

    assert set(steps) == {"referral", "hearing-report", "custody-check"}
    assert (steps["custody-check"]["status"], steps["custody-check"]["outcome"]) == ("taken-up", None)
    assert seen["case"]["status"] is None
    assert seen["protected"] == []


def test_a_protected_value_opens_for_its_keeper_only(here: Installation) -> None:
    """The safe number opens for the advocate; patrol, who gave it, and the coordinator are told there is none."""
    case = referred(here)
    path = f"/cases/{case}/protected/safe-numbers"

    assert here.get("advocate", path)["value"] == CANARY
    assert {here.ask(role, "GET", path).status_code for role in ("patrol", "coordinator", "clerk")} == {404}


def test_people_act_only_for_their_role_and_agency(here: Installation) -> None:
    """A task of another agency is not there; one of another role in the agency is not theirs to do."""
    case = referred(here)
    check = task(here, "advocate", case, "custody-check")

    assert here.ask("patrol", "POST", f"/tasks/{check['id']}/take").status_code == httpx2.codes.NOT_FOUND
    refused = here.ask("planner", "POST", f"/tasks/{check['id']}/take")

    assert (refused.status_code, refused.json()["code"]) == (403, "NOT_YOURS")


def test_the_same_key_gives_the_same_answer(here: Installation) -> None:
    """A completion repeated with its idempotency key is answered as the first time; with another it is too late."""
    case: str = report(here).json()["case"]
    path = f"/tasks/{task(here, 'patrol', case, 'referral')['id']}/complete"
    body = {"outcome": "given", "vault": {"safe-numbers": CANARY}}

    first = here.ask("patrol", "POST", path, body, **{"Idempotency-Key": "k1"})
    again = here.ask("patrol", "POST", path, body, **{"Idempotency-Key": "k1"})
    other = here.ask("patrol", "POST", path, body, **{"Idempotency-Key": "k2"})

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["task"]["id"] == again.json()["task"]["id"]
    assert (other.status_code, other.json()["code"]) == (409, "TASK_ENDED")


BAD = [
    ({"event": "arrest-boked"}, 422, "UNKNOWN_EVENT"),
    ({"protocol": "no-such-protocol"}, 404, "UNKNOWN_PROTOCOL"),
    ({"source": "court"}, 403, "NOT_YOUR_EVENT"),
    ({"data": {"spoken-language": "klingon"}}, 422, "FIELD_TYPE"),
    ({"data": {"first-appearance": "2026-03-09T09:00:00"}}, 422, "FIELD_TYPE"),
    ({"data": {"shoe-size": 9}}, 422, "UNKNOWN_FIELD"),
    ({"vault": {"safe-numbers": CANARY}}, 422, "UNKNOWN_FIELD"),
    ({"vault": {"diary": CANARY}}, 422, "UNKNOWN_FIELD"),
    ({"vault": [CANARY]}, 422, "MALFORMED"),
    ({"occurred_at": "yesterday"}, 422, "MALFORMED"),
    ({"occurred_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, 409, "IN_FUTURE"),
    ({"hold_until": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, 409, "TOO_RECENT_TO_HOLD"),
    ({"surprise": 1}, 422, "MALFORMED"),
]


@pytest.mark.parametrize(("more", "status", "code"), BAD, ids=[f"{each[2]}-{n}" for n, each in enumerate(BAD)])
def test_a_bad_report_is_refused_and_opens_nothing(
    here: Installation, more: dict[str, Any], status: int, code: str
) -> None:
    """A bad report gets a stable code and a plain title, repeats no value, and leaves no case behind."""
    before = len(here.get("coordinator", "/cases?limit=200")["items"])

    refused = report(here, **more)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.headers["content-type"] == "application/problem+json"
    assert "canary" not in refused.text
    assert len(here.get("coordinator", "/cases?limit=200")["items"]) == before


def test_nothing_is_anonymous_but_health(here: Installation) -> None:
    """Every route of the document but health and signing in refuses to answer whoever does not say who they are."""
    document = httpx2.get(f"{here.url}/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method in methods:
            answer = httpx2.request(method, here.url + path.replace("{", "").replace("}", ""), json={})
            expected = {200} if path.strip("/") in OPEN else {401}
            if path.startswith(SIGNING):
                # A question nobody is named in, what is not there, or an empty form.
                expected = {200, 404, 410, 422}
            assert answer.status_code in expected, (method, path, answer.status_code)


def test_a_malformed_protocol_never_replaces_a_good_one(here: Installation) -> None:
    """A text with findings is refused with their lines, and the version in force stays."""
    before = here.get("coordinator", f"/protocols/{P1}")
    broken = before["text"].replace("due: within 2 hours", "due: 2 hours", 1)

    refused = httpx2.post(
        f"{here.url}/api/v1/protocols",
        content=broken,
        headers={"Authorization": f"Bearer {here.token('coordinator')}"},
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "PROTOCOL_REFUSED")
    assert refused.json()["findings"][0]["line"] > 1
    assert here.get("coordinator", f"/protocols/{P1}") == before


def test_only_a_coordinator_publishes(here: Installation) -> None:
    """An advocate's text is not published, good or not."""
    assert here.ask("advocate", "POST", "/protocols", "x").status_code == httpx2.codes.FORBIDDEN


def test_a_page_marker_is_its_readers_own(here: Installation) -> None:
    """A list goes on behind its marker, and somebody else's marker is refused."""
    for _ in range(3):
        report(here)
    first = here.get("coordinator", "/cases?limit=2")
    rest = here.get("coordinator", f"/cases?limit=2&cursor={first['next']}")

    assert {each["case"] for each in first["items"]}.isdisjoint(each["case"] for each in rest["items"])
    assert here.ask("clerk", "GET", f"/cases?cursor={first['next']}").json()["code"] == "BAD_CURSOR"


def test_no_file_of_the_installation_holds_a_protected_value(here: Installation) -> None:
    """After a full run no database, log or Temporal file holds the value; one planted in a log is found."""
    referred(here)
    files = [each for each in here.data.rglob("*") if each.is_file() and not each.is_socket()]

    assert [each for each in files if b"canary-93d1" in each.read_bytes()] == []
    (here.data / "logs" / "planted.log").write_text(CANARY)
    assert [each.name for each in here.data.rglob("*.log") if b"canary-93d1" in each.read_bytes()] == ["planted.log"]


def test_outsiders_cannot_tell_by_reporting_whether_a_case_has_ended(here: Installation) -> None:
    """A late report is answered alike whether the survivor's opting out has ended the case or advocacy is at work."""
    ended, going_on = referred(here), referred(here)
    for case in (ended, going_on):
        dropped = here.ask("clerk", "POST", f"/cases/{case}/events", {"event": "dismissed"})
        assert dropped.status_code == httpx2.codes.CREATED, dropped.text
    opted_out = here.ask("advocate", "POST", f"/cases/{ended}/events", {"event": "opt-out"})
    assert opted_out.status_code == httpx2.codes.CREATED, opted_out.text
    statuses = [here.get("advocate", f"/cases/{case}")["case"]["status"] for case in (ended, going_on)]
    moved = {"event": "hearing-moved", "data": {"first-appearance": "2027-03-01T09:00:00-06:00"}}

    answers = [
        [here.ask(role, "POST", f"/cases/{case}/events", body) for case in (ended, going_on)]
        for role, body in (("clerk", moved), ("police-records", {"event": "new-arrest"}), ("clerk", {"event": "none"}))
    ]

    assert statuses == ["ended", "open"]
    for one, other in answers:
        told = [{**each.json(), "case": None, "code": None} for each in (one, other)]
        assert (one.status_code, told[0]) == (other.status_code, told[1])
    assert [pair[0].json()["case"] == ended for pair in answers[:2]] == [True, True]
    late = here.ask("advocate", "POST", f"/cases/{ended}/events", {"event": "opt-out"})
    assert (late.status_code, late.json()["code"]) == (409, "CASE_ENDED")
