"""Votes, items and linked cases through the API of a whole installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.cli.running import run_at
from tests.installation import Installation, installed
from tests.servers import until

LATER = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
PLAN = [
    {"owner": "idva", "deadline": LATER.isoformat(), "task": "safety-plan"},
    {"owner": "police-rep", "deadline": (LATER + timedelta(days=1)).isoformat(), "task": "patrol-plan"},
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        yield found


def report(here: Installation, protocol: str, event: str, source: str, **data: Any) -> str:
    body = {"protocol": protocol, "event": event, "source": source, "key": uuid4().hex, "data": data}
    answer = here.ask(f"{source}-records", "POST", "/incidents", body)
    assert answer.status_code == httpx2.codes.CREATED, answer.text
    case: str = answer.json()["case"]
    return case


def mine(here: Installation, role: str, case: str, step: str) -> list[dict[str, Any]]:
    """The open tasks of a step in a role's list."""
    found = here.get(role, "/tasks?limit=200")["items"]
    return [each for each in found if each["case"] == case and each["step"] == step]


def task(here: Installation, role: str, case: str, step: str) -> dict[str, Any]:
    """The one task of a step in a role's list, once it is there."""
    until(lambda: bool(mine(here, role, case, step)), f"{step} of {role}")
    (found,) = mine(here, role, case, step)
    return found


def ends(here: Installation, role: str, case: str, step: str, outcome: str, **data: Any) -> None:
    id_ = task(here, role, case, step)["id"]
    done = here.ask(role, "POST", f"/tasks/{id_}/complete", {"outcome": outcome, "data": data})
    assert done.status_code == httpx2.codes.OK, done.text


@pytest.fixture(scope="module")
def meeting(here: Installation) -> str:
    """A listed case of P3 whose meeting has just begun."""
    case = report(here, "marac", "concern-raised", "partners", **{"self-referred": True})
    scores = {"dash-score": 20, "judged-high": True, "incidents": 0}
    ends(here, "referrer", case, "screening", "scored", **scores)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    dates = {"meeting-date": soon.isoformat(), "next-meeting": (LATER + timedelta(days=30)).isoformat()}
    ends(here, "coordinator", case, "listing", "listed", **dates)
    task(here, "chair", case, "meeting")
    return case


def vote(here: Installation, role: str, id_: str, **body: Any) -> httpx2.Response:
    return here.ask(role, "POST", f"/tasks/{id_}/vote", body)


def test_a_meeting_decides_and_each_gets_their_part(here: Installation, meeting: str) -> None:
    """Voters of other agencies see the task, the chair answers once both have voted, every item becomes a task."""
    seen = {role: task(here, role, meeting, "meeting") for role in ("police-rep", "idva")}
    assert {(*each["voters"], each["yours"]) for each in seen.values()} == {("police-rep", "idva", False)}
    id_ = seen["idva"]["id"]
    path = f"/tasks/{id_}"
    early = here.ask("chair", "POST", f"{path}/complete", {"outcome": "planned", "data": {"plan": PLAN}})
    first = vote(here, "police-rep", id_)
    second = vote(here, "idva", id_)
    (form,) = [each for each in here.get("chair", path)["forms"] if each["outcome"] == "planned"]
    refused = [
        here.ask("chair", "POST", f"{path}/complete", {"outcome": "planned", "data": {"plan": each}}).json()["code"]
        for each in ("x", PLAN * 17, [{"owner": "idva"}], [{**PLAN[0], "deadline": "soon"}])
    ]
    ends(here, "chair", meeting, "meeting", "planned", plan=PLAN)

    assert early.json()["code"] == "QUORUM"
    assert first.json()["task"]["votes"] == {"police-rep": None}
    assert second.json()["task"]["votes"] == {"idva": None, "police-rep": None}
    assert [(each["name"], each["type"]) for each in form["asks"][0]["columns"]] == [
        ("owner", "role"), ("deadline", "instant"), ("task", "reference")
    ]  # fmt: skip
    assert refused == ["FIELD_TYPE", "FIELD_RANGE", "FIELD_TYPE", "FIELD_TYPE"]
    (part,) = mine(here, "idva", meeting, "action")
    other = task(here, "police-rep", meeting, "action")
    assert {**part["item"], "deadline": datetime.fromisoformat(part["item"]["deadline"])} == {
        **PLAN[0], "deadline": LATER
    }  # fmt: skip
    assert (part["agency"], other["agency"]) == ("idva-service", "police")
    assert datetime.fromisoformat(part["due_at"]) == LATER
    assert "the deadline" in part["clock"]["why"]
    plan = here.get("chair", f"/cases/{meeting}")["fields"]["plan"]
    assert [datetime.fromisoformat(each["deadline"]) - LATER for each in plan] == [timedelta(0), timedelta(days=1)]
    assert "owner idva" in run_at(here, "tasks", "--as", "idva").out


def test_only_voters_vote(here: Installation) -> None:
    """A party without a vote is told so, and whoever has no part finds nothing."""
    case = report(here, "marac", "concern-raised", "partners", **{"self-referred": True})
    id_ = task(here, "referrer", case, "screening")["id"]

    assert vote(here, "idva", id_).json()["code"] == "NOT_FOUND"
    assert vote(here, "referrer", id_).json()["code"] == "NO_VOTES"
    assert vote(here, "advocate", id_).json()["code"] == "NOT_FOUND"


def test_votes_inside_a_confidential_agency_stay_inside(here: Installation) -> None:
    """Of three inside two decide, by the command line too; outside nobody finds the task or who voted."""
    case = report(here, "self-referral", "came-in", "program", **{"spoken-language": "english"})
    ends(here, "program/advocate", case, "greet", "staying", **{"needs-bed": True})
    id_ = task(here, "program/supervisor", case, "bed")["id"]
    one = vote(here, "program/supervisor", id_, outcome="offered").json()
    done = run_at(here, "call", "POST", f"/tasks/{id_}/vote", '{"outcome": "offered"}', "--as", "house-manager")

    assert one["task"]["votes"] == {"supervisor": "offered"}
    assert [each["outcome"] for each in one["forms"]] == ["offered", "none-free"]
    ended = json.loads(done.out)["task"]
    assert (ended["status"], ended["outcome"]) == ("ended", "offered")
    assert vote(here, "housing-worker", id_, outcome="offered").status_code == httpx2.codes.NOT_FOUND


def test_an_arrest_shows_its_advocacy_case(here: Installation) -> None:
    """P2's page names the P1 case it began, which hears of the hearing; what ends inside is not said outside."""
    case = report(here, "full-case-flow", "call-received", "dispatch")
    ends(here, "dispatcher", case, "send-car", "done")
    at = datetime.now(UTC).replace(microsecond=0)
    ends(here, "patrol", case, "scene", "arrest", **{"child-linked": False, "arrested-at": at.isoformat()})

    def page() -> dict[str, Any]:
        found: dict[str, Any] = here.get("patrol", f"/cases/{case}")
        return found

    until(lambda: any(each["opened_at"] and each["code"] for each in page()["linked"]), "the linked case")
    (link,) = page()["linked"]
    body = {"event": "appearance-set", "data": {"first-appearance": at.isoformat()}}
    assert here.ask("court-records", "POST", f"/cases/{case}/events", body).status_code == httpx2.codes.CREATED

    def heard() -> bool:
        fields = here.get("patrol", f"/cases/{link['code']}")["fields"]
        return "first-appearance" in fields and datetime.fromisoformat(fields["first-appearance"]) == at

    until(heard, "the hearing")
    assert (link["link"], link["protocol"], link["event"]) == ("advocacy", "post-arrest-advocacy", "arrest-booked")
    assert link["ended_at"] is None
    kinds = {each["kind"] for each in here.get("patrol", f"/cases/{case}/timeline")}
    assert {"link-started", "link-noticed"} <= kinds
    assert "passed-on" not in kinds
    # Dispatch is a party here and not there.
    (hidden,) = here.get("dispatcher", f"/cases/{case}")["linked"]
    assert (hidden["case"], hidden["code"], hidden["opened_at"]) == (None, None, link["opened_at"])


def test_a_paused_lane_is_on_the_page(here: Installation) -> None:
    """A new arrest stops the monitoring lane's clocks for thirty days at most; the court's word lets them go on."""
    case = report(here, "full-case-flow", "call-received", "dispatch")
    for event, source in (("new-arrest", "police"), ("court-word", "court")):
        sent = here.ask(f"{source}-records", "POST", f"/cases/{case}/events", {"event": event})
        assert sent.status_code == httpx2.codes.CREATED, sent.text
        pauses = here.get("patrol", f"/cases/{case}")["pauses"]
        assert [each["lane"] for each in pauses] == (["monitoring"] if event == "new-arrest" else [])
    (paused,) = [each for each in here.get("patrol", f"/cases/{case}/timeline") if each["kind"] == "lane-paused"]
    assert datetime.fromisoformat(paused["data"]["until"]) > datetime.now(UTC) + timedelta(days=29)


def test_a_rebuild_gives_the_same_screens(here: Installation, meeting: str) -> None:
    """Built again from its facts, with lists, votes and links among them, nothing is different."""
    assert json.loads(run_at(here, "store", "rebuild", "--json").out)["same"] is True


def test_a_text_that_breaks_a_link_is_refused(here: Installation) -> None:
    """P1 without an event that P2 passes on is not published; the finding says who relies on it."""
    text = here.get("coordinator", "/protocols/post-arrest-advocacy")["text"]
    broken = text.replace("released: {from: jail and linked cases}", "released: {from: jail}")
    refused = httpx2.post(
        f"{here.url}/api/v1/protocols",
        content=broken,
        headers={"Authorization": f"Bearer {here.token('coordinator')}"},
    ).json()

    assert [(each["code"], each["says"].partition(".")[0]) for each in refused["findings"]] == [
        ("LINK_SOURCE", "full-case-flow runs this")
    ]
