"""A council on a whole installation: a draft is checked, voted, put in force, followed by cases, and taken back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.running import run_at
from tests.installation import ROOT, Installation, installed, services
from tests.servers import until

P1 = "post-arrest-advocacy"
TEXT = (ROOT / "protocol_specs" / P1 / "1.yaml").read_text()
SOONER = TEXT.replace("due: within 2 hours", "due: within 90 minutes", 1)
SOONER_STILL = SOONER.replace("due: within 90 minutes", "due: within 80 minutes", 1)
PLAN = (
    f"migration: {P1}\nquiet before: 0 minutes\ncases a second: 100\nfirst share: {{least: 1, share: 100%, most: 9}}\n"
)
RULES = """
council: county
timezone: America/Chicago
electors: {police: sergeant, court: clerk, jail: jail-desk, advocacy: supervisor, council: coordinator}
advocacy: advocacy
comment: 0 minutes
comment on words: 0 minutes
ballot: 4 hours
effective after: 0 minutes
"""
VOTERS = {
    "police": "sergeant",
    "court": "clerk",
    "jail": "jail-desk",
    "advocacy": "supervisor",
    "council": "coordinator",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file, with a council and an open case."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        assert found.ask("coordinator", "POST", "/revisions", {"protocol": P1}).json()["code"] == "NO_COUNCIL"
        report(found)
        post(found, "/council", {"rules": RULES})
        yield found


def report(here: Installation) -> str:
    body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": uuid4().hex}
    case: str = here.ask("police-records", "POST", "/incidents", body).json()["case"]
    return case


def post(here: Installation, path: str, body: Any, role: str = "coordinator") -> Any:
    found = here.ask(role, "POST", path, body)
    assert found.status_code in {200, 201}, found.text
    return found.json()


def code_of(here: Installation, path: str, body: Any, role: str = "coordinator") -> str:
    found = here.ask(role, "POST", path, body)
    assert found.is_error, found.text
    code: str = found.json()["code"]
    return code


def draft(here: Installation, **more: object) -> dict[str, Any]:
    made: dict[str, Any] = post(here, "/revisions", {"protocol": P1, **more})
    return made


def do(here: Installation, number: int, role: str, act: str, **more: object) -> dict[str, Any]:
    bundle = here.get(role, f"/revisions/{number}")["bundle"]
    done: dict[str, Any] = post(here, f"/revisions/{number}/acts", {"act": act, "bundle": bundle, **more}, role)
    return done


def decide(here: Installation, number: int, choice: str = "for") -> None:
    """Everybody agrees to what obliges them, and votes."""
    found = here.get("coordinator", f"/revisions/{number}")
    for agency in found["obliged"]:
        do(here, number, VOTERS[agency], "consent")
    for agency, role in VOTERS.items():
        if agency not in (found["tally"] or {"recused": []})["recused"]:
            do(here, number, role, "vote", choice=choice)


def comes_to(here: Installation, number: int, state: str) -> dict[str, Any]:
    until(lambda: here.get("coordinator", f"/revisions/{number}")["state"] == state, f"revision {number} to be {state}")
    found: dict[str, Any] = here.get("coordinator", f"/revisions/{number}")
    return found


def in_force(here: Installation) -> str:
    text: str = here.get("coordinator", f"/protocols/{P1}")["text"]
    return text


def hash_of(here: Installation, case: str) -> str:
    found = here.get("coordinator", "/cases?limit=50")["items"]
    return {str(each["case"]): str(each["protocol_hash"]) for each in found}[case]


def test_a_council_decides_and_cases_follow_without_a_restart(here: Installation) -> None:
    """Nobody publishes alone; adopted, the text is in force, new cases begin on it and open ones move by the plan."""
    text = {"Authorization": f"Bearer {here.token('coordinator')}", "Content-Type": "application/yaml"}
    alone = here.client.post(f"{here.url}/api/v1/protocols", content=SOONER, headers=text)
    assert (alone.status_code, alone.json()["code"]) == (403, "COUNCIL_DECIDES")
    before = report(here)
    was, workers = hash_of(here, before), services(here.process)["worker"]

    made = draft(here, text=SOONER, plan=PLAN, aims="The call comes sooner.")
    number = made["number"]
    assert (made["state"], made["changes"]) == ("draft", [])
    assert here.get("coordinator", f"/revisions/{number}/effect")["classes"]["safe"] == 2
    there = post(here, f"/revisions/{number}/submit", {})
    assert (there["state"], there["obliged"], there["majority"]) == ("ballot", ["police"], "majority")
    waits = {each["need"]: (each["met"], each["waits_on"]) for each in there["blockers"]}
    assert waits["submitted"] == (True, [])
    assert waits["consents"] == (False, ["police"])
    assert waits["votes"] == (False, ["advocacy", "council", "court", "jail", "police"])
    assert [each["code"] for each in there["changes"]] == ["D23"]
    decide(here, number)
    done = comes_to(here, number, "observed")

    assert in_force(here) == SOONER
    later = report(here)
    assert hash_of(here, later) != was
    until(lambda: here.get("coordinator", f"/migrations/{done['run']}")["stage"] == "over", "the run")
    assert here.get("coordinator", f"/migrations/{done['run']}")["moved"] == 2
    seen = here.get("coordinator", f"/revisions/{number}/before-after")
    assert (seen["versions"], seen["looks"]) == ([1, 2], [])
    assert here.ask("patrol", "GET", f"/revisions/{number}/before-after").json()["code"] == "NOT_YOURS"
    assert services(here.process)["worker"] == workers


def test_of_two_that_are_adopted_on_one_text_the_second_is_told(here: Installation) -> None:
    """The one that comes first is in force; the other is held, is compared anew, and is voted on anew."""
    first = draft(here, text=SOONER_STILL)["number"]
    second = draft(here, text=in_force(here).replace("due: within 60 minutes", "due: within 50 minutes", 1))["number"]
    for each in (first, second):
        post(here, f"/revisions/{each}/submit", {})
    decide(here, first)
    comes_to(here, first, "observed")
    decide(here, second)
    held = comes_to(here, second, "held")

    assert (held["because"], in_force(here)) == ("not-on-base", SOONER_STILL)
    fresh = here.ask("coordinator", "PUT", f"/revisions/{second}", {"text": held["text"], "aims": "again"}).json()
    assert (fresh["state"], fresh["bundle"] == held["bundle"]) == ("draft", False)
    assert post(here, f"/revisions/{second}/submit", {})["tally"]["votes_for"] == 0
    do(here, second, "coordinator", "withdraw")


def test_who_signed_it_in_takes_it_back_and_cases_go_back(here: Installation) -> None:
    """The text before is in force again, as the version it was; the cases that followed go back."""
    was = in_force(here)
    number = draft(here, text=was.replace("due: within 80 minutes", "due: within 70 minutes", 1), plan=PLAN)["number"]
    seats = post(here, f"/revisions/{number}/submit", {})["seats"]
    decide(here, number)
    run = comes_to(here, number, "observed")["run"]
    until(lambda: here.get("coordinator", f"/migrations/{run}")["stage"] == "over", "the run")
    for seat in seats:
        do(here, number, VOTERS.get(seat, "coordinator"), "sign-way-back", seat=seat)
    comes_to(here, number, "reverted")

    assert in_force(here) == was
    until(lambda: here.get("coordinator", f"/migrations/{run}")["stage"] == "taken-back", "the way back")


def test_an_emergency_that_is_voted_down_goes_back_by_itself(here: Installation) -> None:
    """Three seats sign, it is in force at once; the council does not ratify it, and the text before is in force."""
    was = in_force(here)
    number = draft(here, text=was.replace("due: within 80 minutes", "due: within 60 minutes", 1), emergency=True)[
        "number"
    ]
    there = post(here, f"/revisions/{number}/submit", {})
    assert there["state"] == "signing"
    for seat in there["seats"]:
        do(here, number, VOTERS.get(seat, "coordinator"), "sign", seat=seat)
    comes_to(here, number, "ratifying")
    assert in_force(here) != was
    for role in VOTERS.values():
        do(here, number, role, "vote", choice="against")
    comes_to(here, number, "reverted")
    assert in_force(here) == was


def test_whoever_dies_a_revision_is_published_once(here: Installation) -> None:
    """The API is killed as soon as the last vote is in: the next one publishes it, once."""
    number = draft(here, text=in_force(here).replace("due: within 80 minutes", "due: within 75 minutes", 1))["number"]
    post(here, f"/revisions/{number}/submit", {})
    decide(here, number)
    os.kill(services(here.process)["api"], signal.SIGKILL)
    until(here.ready, "the API again")
    done = comes_to(here, number, "observed")
    assert [each["act"] for each in done["acts"]].count("published") == 1


def test_bad_twins_are_told_apart_and_change_nothing(here: Installation) -> None:
    """Findings, no change, an emergency that gives time, a case's code, a stale bundle: each has its code."""
    was = in_force(here)
    broken = draft(here, text=was.replace("who: patrol", "who: patroll", 1))["number"]
    assert code_of(here, f"/revisions/{broken}/submit", {}) == "PROTOCOL_REFUSED"
    same = draft(here)["number"]
    assert code_of(here, f"/revisions/{same}/submit", {}) == "NOTHING_CHANGES"
    longer = was.replace("due: within 75 minutes", "due: within 3 hours", 1)
    slow = draft(here, text=longer, emergency=True)["number"]
    assert code_of(here, f"/revisions/{slow}/submit", {}) == "NO_EMERGENCY"
    assert here.ask("patrol", "PUT", f"/revisions/{slow}", {"text": longer}).json()["code"] == "NOT_YOURS"
    assert here.ask("coordinator", "PUT", f"/revisions/{slow}", {"text": longer}).status_code == 200
    there = post(here, f"/revisions/{slow}/submit", {})
    assert there["tally"]["recused"] == ["police"]
    acts = f"/revisions/{slow}/acts"
    stale = {"act": "vote", "bundle": "0" * 64, "choice": "for"}
    assert code_of(here, acts, stale, "clerk") == "BUNDLE_CHANGED"
    stale["bundle"] = there["bundle"]
    assert code_of(here, acts, stale, "sergeant") == "RECUSED"
    assert code_of(here, acts, stale, "patrol") == "NO_ELECTOR"
    code = here.get("coordinator", "/cases?limit=1")["items"][0]["code"]
    assert code_of(here, acts, {"act": "comment", "says": f"as in {code}"}) == "CASE_NAMED"
    assert (
        do(here, slow, "clerk", "comment", says="Who covers the night?")["acts"][-1]["says"] == "Who covers the night?"
    )
    assert code_of(here, acts, {"act": "answer", "says": "The backup.", "answers": 0}) == "NO_COMMENT"
    assert post(here, acts, {"act": "answer", "says": "The backup.", "answers": 1})["acts"][-1]["answers"] == 1
    assert code_of(here, acts, {"act": "observe", "bundle": there["bundle"]}) == "ACT_INCOMPLETE"
    assert code_of(here, "/council", {"rules": RULES}) == "COUNCIL_FOUNDED"
    assert here.ask("police-records", "POST", "/revisions", {"protocol": P1}).status_code == 403
    assert in_force(here) == was


def test_the_commands_say_where_a_revision_stands(here: Installation, tmp_path: Path) -> None:
    """A draft is begun, submitted and voted on by hand; each answer says what it waits for."""
    file = tmp_path / "draft.yaml"
    file.write_text(in_force(here).replace("due: within 75 minutes", "due: within 65 minutes", 1))
    made = run_at(here, "revision", "new", P1, "--text", str(file), "--aims", "sooner")
    number = made.out.split()[0].removeprefix("r-")
    assert "draft until" in made.out
    there = run_at(here, "revision", "submit", number)
    assert "worst: tightens; needs majority" in there.out
    assert "waits on advocacy, council, court, jail, police" in there.out
    assert "1 for, 0 against" in run_at(here, "revision", "vote", number, "for", "--as", "clerk").out
    stranger = run_at(here, "revision", "vote", number, "for", "--as", "patrol")
    assert (stranger.code, "NO_ELECTOR" in stranger.err) == (1, True)
    assert "ballot" in run_at(here, "revision", "list").out
    assert "withdrawn" in run_at(here, "revision", "withdraw", number).out
