"""A case erased in a whole installation: held, ordered, gone from Temporal, and restored from the day before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.running import Ran, run_at
from tests.installation import Installation, installed
from tests.servers import until

CANARY = "+1-555-0100 canary-e7a2"
P1 = "post-arrest-advocacy"
OUTSIDERS = ("patrol", "clerk", "coordinator")


def do(here: Installation, role: str, path: str, body: dict[str, Any], status: int = 200) -> Any:
    """One request that must be answered so."""
    response = here.ask(role, "POST", path, body)
    assert response.status_code == status, response.text
    return response.json()


def task(here: Installation, role: str, case: str, step: str) -> str:
    """The id of an open task."""
    (found,) = [e for e in here.get(role, "/tasks?limit=200")["items"] if e["case"] == case and e["step"] == step]
    return str(found["id"])


def ended(here: Installation, key: str) -> str:
    """A case of P1 in which nobody was reached, opted out of and ended, with a protected number."""
    report = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": key}
    case = str(do(here, "police-records", "/incidents", report, 201)["case"])
    given = {"outcome": "given", "vault": {"safe-numbers": CANARY}}
    do(here, "patrol", f"/tasks/{task(here, 'patrol', case, 'referral')}/complete", given)
    do(here, "advocate", f"/cases/{case}/events", {"event": "opt-out"}, 201)
    done = {"outcome": "done"}
    do(here, "clerk", f"/tasks/{task(here, 'clerk', case, 'hearing-report')}/complete", done)
    until(lambda: here.get("supervisor", f"/cases/{case}")["case"]["status"] == "ended", "the case's end")
    return case


def seen(here: Installation, role: str, case: str) -> dict[str, Any]:
    """Everything the screens answer somebody about a case, but for sentences that count time."""
    found = here.get(role, f"/cases/{case}")
    tasks = [
        {name: each[name] for name in ("id", "step", "status", "delivered_at", "taken_at")} for each in found["tasks"]
    ]
    return {
        "case": {**found, "tasks": tasks},
        "timeline": here.get(role, f"/cases/{case}/timeline"),
        "escalations": here.get(role, f"/escalations?case={case}"),
        "kept": here.ask(role, "GET", f"/cases/{case}/kept").json(),
        "handoffs": [e["id"] for e in here.get(role, "/handoffs?limit=200")["items"] if e["case"] == case],
    }


@dataclass
class Story:
    """What was seen of one installation while a case of it was held, erased and restored."""

    case: str
    kept: dict[str, Any]
    held: list[httpx2.Response]
    note: httpx2.Response
    under_hold: dict[str, Any]
    erased: dict[str, Any]
    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    opened: tuple[int, int]
    refused: dict[str, httpx2.Response]
    late: httpx2.Response
    again: httpx2.Response
    status: Ran
    restored: Ran
    shut: Ran
    later: dict[str, dict[str, Any]]
    opened_later: int


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The whole of it, once."""
    folder = tmp_path_factory.mktemp("erasure")
    with installed(folder / "data") as here:
        found = erased_in(here, folder)
    ours = run_at(here, "restore", str(next((folder / "main").glob("*.sqlite"))), "--yes")
    shut = run_at(here, "restore")
    with installed(folder / "data") as again:
        later = {role: seen(again, role, found["case"]) for role in OUTSIDERS}
        opened = again.ask("advocate", "GET", f"/cases/{found['case']}/protected/safe-numbers").status_code
    return Story(**found, restored=ours, shut=shut, later=later, opened_later=opened)


def erased_in(here: Installation, folder: Path) -> dict[str, Any]:
    """Hold, order, lift, erase."""
    case = ended(here, "erasure-1")
    before = {role: seen(here, role, case) for role in OUTSIDERS}
    slot = f"/cases/{case}/protected/safe-numbers"
    first = here.ask("advocate", "GET", slot).status_code
    kept = here.get("supervisor", f"/cases/{case}/kept")
    backup = run_at(here, "backup", str(folder / "main"), "--keys-to", str(folder / "keys"))
    assert backup.code == 0, backup.err
    review = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    wanted = {"reason": "subpoena", "review_at": review, "vault": {"note": CANARY}}
    path = f"/cases/{case}/holds"
    held = [here.ask("supervisor", "POST", path, wanted), here.ask("supervisor", "POST", path, wanted)]
    hold = held[0].json()
    at = f"/cases/{case}/notes/{hold['acts'][0]['note']}"
    note = here.ask("supervisor", "GET", at)
    do(here, "supervisor", f"/cases/{case}/erasures", {"ground": "request"}, 201)
    under_hold = do(here, "supervisor", "/erasures/run", {})
    refused = {
        "advocate": here.ask("advocate", "GET", "/erasures"),
        "patrol": here.ask("patrol", "POST", f"/cases/{case}/erasures", {"ground": "request"}),
        "clerk": here.ask("clerk", "POST", f"{path}/{hold['id']}/lift", {}),
        "note": here.ask("advocate", "GET", at),
        "no-note": here.ask("supervisor", "GET", f"/cases/{case}/notes/other"),
        "other": here.ask("supervisor", "POST", path, {**wanted, "vault": {"notes": "x"}}),
    }
    lifted = run_at(here, "erasure", "hold", case, "--lift", hold["id"])
    assert (lifted.code, lifted.out) == (0, "The hold is lifted.\n"), lifted.err

    def is_erased() -> bool:
        (order,) = do(here, "supervisor", "/erasures/run", {})["orders"]
        return "keys" in [each["stage"] for each in order["stages"]]

    until(is_erased, "the erasure", within=180)
    done = here.get("supervisor", "/erasures")
    (referral,) = [each["id"] for each in before["patrol"]["case"]["tasks"] if each["step"] == "referral"]
    late = here.ask("patrol", "POST", f"/tasks/{referral}/take", {})
    report = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": "erasure-1"}
    return {
        "case": case,
        "kept": kept,
        "held": held,
        "note": note,
        "under_hold": under_hold,
        "erased": done,
        "before": before,
        "after": {role: seen(here, role, case) for role in OUTSIDERS},
        "opened": (first, here.ask("advocate", "GET", slot).status_code),
        "refused": refused,
        "late": late,
        "again": here.ask("police-records", "POST", "/incidents", report),
        "status": run_at(here, "erasure", "status"),
    }


pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]


def test_an_agency_is_told_how_long_its_part_is_kept(story: Story) -> None:
    """Nobody was reached: six months after the case, with the day."""
    assert story.kept["kept"] == "never-reached"
    assert story.kept["says"].startswith("Kept until ")
    assert story.kept["says"].endswith(": 6 months after the case.")


@pytest.mark.parametrize("role", ["patrol", "clerk"])
def test_how_long_a_part_is_kept_does_not_tell_others_that_the_case_has_ended(story: Story, role: str) -> None:
    """The end is advocacy's to know, and the time that runs from it with it."""
    assert story.before[role]["kept"] | {"case": ""} == {"case": "", "kept": None, "until": None, "says": None}


def test_a_hold_is_a_record_with_who_and_why_and_a_sealed_note(story: Story) -> None:
    """Set once; its note opens for the agency's leads; while it stands nothing of an order is done."""
    first, second = story.held
    assert (first.status_code, second.status_code, second.json()["code"]) == (201, 409, "ALREADY_HELD")
    assert [each["act"] for each in first.json()["acts"]] == ["set"]
    assert (first.json()["reason"], story.note.json()) == ("subpoena", {"note": CANARY})
    (order,) = story.under_hold["orders"]
    assert (order["held"], order["stages"]) == (True, [])
    assert order["says"].startswith("Not erased while the hold stands.")


def test_who_may_not_decide_is_told_so(story: Story) -> None:
    """Another role, another agency's role, another agency's lead; what is no note, and what is none here."""
    assert {name: (each.status_code, each.json()["code"]) for name, each in story.refused.items()} == {
        "advocate": (403, "NOT_YOURS"),
        "patrol": (403, "NOT_YOURS"),
        "clerk": (404, "NOT_FOUND"),
        "note": (403, "NOT_YOURS"),
        "no-note": (404, "NOT_FOUND"),
        "other": (422, "UNKNOWN_FIELD"),
    }
    assert all(CANARY not in each.text for each in story.refused.values())


def test_an_order_is_carried_out_through_every_stage(story: Story) -> None:
    """Listed, the runs gone from a real Temporal, values and facts, the custodian's receipt, the keys."""
    (order,) = story.erased["orders"]
    details = {each["stage"]: each["detail"] for each in order["stages"]}
    assert list(details) == ["listed", "runs", "values", "forgotten", "keys"]
    assert details["runs"] == "1 deleted"
    assert details["forgotten"] == "receipt 1"
    assert order["says"].startswith("Erased ")
    assert (story.opened, story.erased["holds"]) == ((200, 404), [])
    assert story.status.code == 0
    assert "advocacy  request" in story.status.out


@pytest.mark.parametrize("role", OUTSIDERS)
def test_nobody_else_sees_a_difference(story: Story, role: str) -> None:
    """Case, timeline, escalations and handoffs are the same before, after, and after a restore."""
    assert story.after[role] == story.before[role]
    assert story.later[role] == story.before[role]


def test_an_erased_case_answers_as_an_ended_one(story: Story) -> None:
    """A task's command comes too late, and the report that opened the case joins it: nothing tells of the erasure."""
    assert (story.late.status_code, story.late.json()["code"]) == (409, "CASE_ENDED")
    assert (story.again.status_code, story.again.json()["case"]) == (200, story.case)


def test_a_restore_erases_again_what_was_erased(story: Story) -> None:
    """The backup was from before the order; the value does not come back."""
    assert (story.restored.code, story.restored.err) == (0, "")
    assert "1 erased parts of cases were removed" in story.restored.out
    assert (story.shut.code, "RESTORE_WHAT" in story.shut.err) == (1, True)
    assert story.opened_later == 404
