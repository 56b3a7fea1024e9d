"""A council's newer text on a whole installation: foreseen, published, followed by open cases, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from protocol.compiling.compiler import compile_text
from protocol.scenarios.scenario import play, read_scenarios
from tests.api.test_erasure import ended
from tests.cli.running import run_at
from tests.installation import ROOT, Installation, installed
from tests.servers import until

P1 = "post-arrest-advocacy"
TEXT = (ROOT / "protocol_specs" / P1 / "1.yaml").read_text()
SOONER = TEXT.replace("due: within 2 hours", "due: within 90 minutes", 1)
STILL = SOONER.replace("due: within 90 minutes", "due: within 80 minutes", 1)
PLAN = f"migration: {P1}\nquiet before: 0 minutes\ncases a second: 100\nfirst share: {{least: 1, share: 0%, most: 1}}\n"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file, with three open cases."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        for _ in range(3):
            report(found)
        yield found


def report(here: Installation) -> str:
    body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": uuid4().hex}
    case: str = here.ask("police-records", "POST", "/incidents", body).json()["case"]
    return case


def post(here: Installation, path: str, body: Any, role: str = "coordinator") -> Any:
    found = here.ask(role, "POST", path, body)
    assert found.status_code in {200, 201}, found.text
    return found.json()


def dues(here: Installation) -> list[str]:
    return sorted(each["due_at"] for each in here.get("patrol", "/tasks?limit=200")["items"])


def reached(here: Installation, run: str, stage: str) -> dict[str, Any]:
    """The run, once it has come so far."""
    until(lambda: here.get("coordinator", f"/migrations/{run}")["stage"] == stage, f"run {run} to be {stage}")
    found: dict[str, Any] = here.get("coordinator", f"/migrations/{run}")
    return found


def test_a_newer_text_is_foreseen_followed_and_taken_back(here: Installation) -> None:
    """2 h become 90 min for three open referrals, a first one before the rest; then they are as they were."""
    before = dues(here)
    asked = {"text": SOONER, "plan": PLAN}
    foreseen = post(here, f"/protocols/{P1}/effect", asked)
    assert (foreseen["open"], foreseen["classes"]["safe"]) == (3, 3)
    (step,) = [each for each in foreseen["steps"] if each["step"] == "referral"]
    assert (step["same"], step["sooner"], step["later"], step["most_sooner"]) == (0, 3, 0, 30)

    token = {"Authorization": f"Bearer {here.token('coordinator')}", "Content-Type": "application/yaml"}
    new = here.client.post(f"{here.url}/api/v1/protocols", content=SOONER, headers=token)
    assert new.status_code == 201, new.text
    later = report(here)
    hashes = {each["case"]: each["protocol_hash"] for each in here.get("coordinator", "/cases?limit=10")["items"]}
    assert hashes[later] == new.json()["hash"]
    assert len(set(hashes.values())) == 2

    run = post(here, f"/protocols/{P1}/migrations", {"plan": PLAN})
    assert run["cases"] == 3
    first = reached(here, run["run"], "waiting")
    assert (first["moved"], first["to_do"]) == (1, 2)
    post(here, f"/migrations/{run['run']}/go-on", {})
    assert reached(here, run["run"], "over")["moved"] == 3
    moved = dues(here)
    assert len(set(before) & set(moved)) == 0

    post(here, f"/migrations/{run['run']}/undo", {})
    assert reached(here, run["run"], "taken-back")["returned"] == 3
    assert set(before) <= set(dues(here))


def test_only_a_coordinator_moves_cases(here: Installation) -> None:
    """Anybody else is refused, and so is a draft that nobody published."""
    assert here.ask("patrol", "POST", f"/protocols/{P1}/effect", {}).status_code == 403
    assert here.ask("patrol", "GET", f"/protocols/{P1}/migrations").status_code == 403
    refused = here.ask("coordinator", "POST", f"/protocols/{P1}/migrations", {"text": SOONER})
    assert refused.json()["code"] == "DRAFT_TEXT"


def test_a_plan_with_a_slip_is_refused_at_its_line(here: Installation) -> None:
    """It names a step that neither text has: nothing is ordered."""
    slip = f"migration: {P1}\nsteps:\n  nothing: {{clock: restart}}\n"
    refused = here.ask("coordinator", "POST", f"/protocols/{P1}/effect", {"text": SOONER, "plan": slip})
    assert refused.status_code == 422
    assert refused.json()["findings"][0]["code"] == "PLAN_STEP"
    assert refused.json()["findings"][0]["line"] == 3


def choices(here: Installation, asked: Any) -> Any:
    """What may be decided; without the due times of clocks that start again, which are counted from the asking."""
    found = post(here, f"/protocols/{P1}/choices", asked)
    for each in found["rows"]:
        each["decisions"] = [part for part in each["decisions"] if part["clock"] != "restart"]
    return found


def test_what_happens_inside_an_agency_changes_no_count(here: Installation) -> None:
    """A duty done there, and her saying no to all of it, leave what others foresee as it was, to the byte."""
    case = report(here)
    (referral,) = [each["id"] for each in here.get("patrol", "/tasks?limit=200")["items"] if each["case"] == case]
    body = {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}
    assert here.ask("patrol", "POST", f"/tasks/{referral}/complete", body).status_code == 200
    asked = {"text": SOONER.replace("due: within 60 minutes", "due: within 50 minutes", 1), "plan": PLAN}
    before = post(here, f"/protocols/{P1}/effect", asked)
    offered = choices(here, asked)
    (check,) = [each["id"] for each in here.get("advocate", "/tasks?limit=200")["items"] if each["case"] == case]
    assert here.ask("advocate", "POST", f"/tasks/{check}/complete", {"outcome": "held"}).status_code == 200
    assert post(here, f"/protocols/{P1}/effect", asked) == before
    assert choices(here, asked) == offered
    no = here.ask("advocate", "POST", f"/cases/{case}/events", {"event": "opt-out"})
    assert no.status_code in {200, 201}, no.text
    assert post(here, f"/protocols/{P1}/effect", asked) == before
    assert choices(here, asked) == offered
    (inside,) = [each for each in offered["rows"] if each["step"] == "first-call"]
    assert inside["open"] is None
    assert {part[key] for part in inside["decisions"] for key in ("same", "sooner", "later", "late", "earliest")} == {
        None
    }


def test_a_run_stops_when_answers_are_refused_and_says_why(here: Installation) -> None:
    """Of two answers one names an outcome that there is none of: the run waits no longer, and goes on when told to."""
    token = {"Authorization": f"Bearer {here.token('coordinator')}", "Content-Type": "application/yaml"}
    assert here.client.post(f"{here.url}/api/v1/protocols", content=STILL, headers=token).status_code == 201
    plan = f"{PLAN}stop: {{refused answers: 40%, least answers: 2}}\n"
    case = report(here)
    (before,) = [each["id"] for each in here.get("patrol", "/tasks?limit=200")["items"] if each["case"] == case]
    given = {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}}
    # What was answered a moment before a run is none of what it is watched by.
    assert here.ask("patrol", "POST", f"/tasks/{before}/complete", given).status_code == 200
    run = post(here, f"/protocols/{P1}/migrations", {"plan": plan})["run"]
    reached(here, run, "waiting")
    tasks = [each["id"] for each in here.get("patrol", "/tasks?limit=200")["items"]][:2]
    wrong = given | {"outcome": "forgotten"}
    assert here.ask("patrol", "POST", f"/tasks/{tasks[0]}/complete", wrong).status_code == 422
    assert here.ask("patrol", "POST", f"/tasks/{tasks[1]}/complete", given).status_code == 200

    found = reached(here, run, "stopped")
    assert (found["because"], found["gone_on"]) == ("answers-refused", None)
    assert "too many of people's answers were refused" in found["says"]
    said = run_at(here, "migration", "status", P1)
    assert f"{found['says']} (answers-refused)" in said.out
    post(here, f"/migrations/{run}/go-on", {})
    assert reached(here, run, "over")["because"] is None


def test_a_finished_case_is_told_again_by_the_command(here: Installation, tmp_path: Path) -> None:
    """Not while four went its way; of five it is a scenario that holds on its text and has no name of the case."""
    found = [ended(here, uuid4().hex) for _ in range(4)]
    rare = run_at(here, "scenario", "from-case", found[0])
    assert (rare.code, "RARE_PATH" in rare.err) == (1, True)
    found.append(ended(here, uuid4().hex))
    file = tmp_path / "told.yaml"
    assert run_at(here, "scenario", "from-case", found[0], "--out", str(file)).code == 0
    told = file.read_text()

    protocol = compile_text(STILL, today=datetime.now(UTC).date()).protocol
    (scenario,) = read_scenarios(told, protocol.zone)
    assert play(protocol, scenario)[0] == []
    assert not [each for each in found if each in told]
    assert run_at(here, "scenario", "from-case", found[0], "--as", "clerk").code == 1


def test_a_rehearsal_asks_the_site_how_its_people_act(here: Installation, tmp_path: Path) -> None:
    """With so few answers everybody is as declared, and the report says so; the same is for figures' readers alone."""
    export, mapping = tmp_path / "export.csv", tmp_path / "map.yaml"
    export.write_text("\n".join(["at", *(f"2025-0{1 + n % 6}-1{n % 9}T{n % 24:02}:15:00" for n in range(12))]))
    mapping.write_text(
        "event: arrest-booked\nsource: police\nkey: '{at}'\nsame key: number\n"
        "occurred at: {column: at, zone: America/Chicago}\n"
    )
    files = ("--incidents", str(export), "--map", str(mapping), "--habits", "site")
    done = run_at(here, "rehearse", P1, "--against", P1, *files)
    assert (done.code, done.err) == (0, "")
    assert "habits as declared, for fewer than 3 people or 50 answers are known: advocate, clerk" in done.out

    found = here.get("coordinator", f"/protocols/{P1}/habits")
    assert (found["roles"], "patrol" in found["declared"]) == ([], True)
    assert here.ask("patrol", "GET", f"/protocols/{P1}/habits").status_code == 403
    assert run_at(here, "rehearse", P1, "--against", P1, *files, "--as", "patrol").code == 1
