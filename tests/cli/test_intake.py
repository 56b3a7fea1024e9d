"""An intake into a real installation: rows go in once, refused ones are listed, old ones wait for their day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Ran, run_at
from tests.installation import ROOT, Installation, installed

P1 = "post-arrest-advocacy"
COUNTY = ROOT / "docs" / "examples" / "county.map.yaml"
HEADER = "case_number,booked_at,charge,domestic,language\n"

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for this file."""
    with installed(tmp_path_factory.mktemp("installation") / "data") as found:
        yield found


def taken(here: Installation, file: Path, *more: str) -> Ran:
    report = file.with_suffix(".refused.csv")
    return run_at(
        here, "intake", str(file), "--protocol", P1, "--map", str(COUNTY), "--report", str(report), "--json", *more
    )


def test_an_export_goes_in_once(here: Installation, tmp_path: Path) -> None:
    """Good rows open cases, bad ones are listed by line, the count adds up, and a second run opens nothing."""
    file = tmp_path / "export.csv"
    good = "".join(f"26-{number:06},2026-03-07 22:40,battery,yes,ENG\n" for number in range(30))
    file.write_text(HEADER + good + "26-900000,2026-03-08 02:30,battery,yes,ENG\n26-900001,,battery,no,ENG\n")

    first, second = taken(here, file), taken(here, file)

    expected = {"read": 32, "filtered": 1, "opened": 30, "joined": 0, "refused": 1, "held": 30, "unanswered": 0}
    assert expected.items() <= json.loads(first.out).items()
    assert {**expected, "opened": 0, "joined": 30, "held": 0}.items() <= json.loads(second.out).items()
    assert (1, 1) == (first.code, second.code)
    assert "32,TIME_SKIPPED," in file.with_suffix(".refused.csv").read_text()


def test_old_records_do_not_reach_tonights_inbox_and_a_lead_may_start_one(here: Installation, tmp_path: Path) -> None:
    """An arrest of months ago waits for its day; patrol owes nothing now; the sergeant starts it, and patrol does."""
    file = tmp_path / "old.csv"
    file.write_text(HEADER + "25-000001,2026-01-05 22:40,battery,yes,SPA\n")
    assert 0 == taken(here, file).code
    (case,) = [each for each in here.get("sergeant", "/cases")["items"] if each["opened_at"].startswith("2026-01-06")]
    (task,) = [each for each in here.get("sergeant", f"/cases/{case['case']}")["tasks"] if each["step"] == "referral"]

    before = [each["case"] for each in here.get("patrol", "/tasks?limit=200")["items"]]
    started = here.ask("sergeant", "POST", f"/tasks/{task['id']}/resume", {})
    after = [each["case"] for each in here.get("patrol", "/tasks?limit=200")["items"]]

    assert task["clock"]["head"].startswith("Not yet. Opens ")
    assert 200 == started.status_code
    assert case["case"] not in before
    assert case["case"] in after


def test_a_mapping_that_names_a_missing_column_sends_nothing(here: Installation, tmp_path: Path) -> None:
    """The finding has the mapping's line, and the number of cases is what it was."""
    file = tmp_path / "export.csv"
    file.write_text(HEADER.replace("language", "tongue") + "26-700000,2026-03-07 22:40,battery,yes,ENG\n")
    before = len(here.get("coordinator", "/cases?limit=200")["items"])

    found = taken(here, file)

    assert 1 == found.code
    assert "error MISSING_COLUMN: The export has no column language." in found.err
    assert before == len(here.get("coordinator", "/cases?limit=200")["items"])


def test_an_agencys_records_system_may_not_report_for_another(here: Installation, tmp_path: Path) -> None:
    """The run stops at once with the installation's own sentence."""
    file = tmp_path / "export.csv"
    file.write_text(HEADER + "26-800000,2026-03-07 22:40,battery,yes,ENG\n")

    found = taken(here, file, "--as", "court-records")

    assert 1 == found.code
    assert "NOT_YOUR_EVENT" == json.loads(found.err)["code"]
    assert 1 == json.loads(found.out)["unanswered"]


def test_a_text_with_findings_never_replaces_a_good_one(here: Installation, tmp_path: Path) -> None:
    """Publishing it shows its findings with their lines; the protocol in force is the one before."""
    text = here.get("coordinator", f"/protocols/{P1}")["text"]
    file = tmp_path / "bad.yaml"
    file.write_text(text.replace("tell sergeant", "tell sargeant"))

    found = run_at(here, "publish", str(file))

    assert 1 == found.code
    assert "error UNKNOWN_ROLE: No such role: sargeant." in found.err
    assert text == here.get("coordinator", f"/protocols/{P1}")["text"]


def test_the_read_model_is_rebuilt_to_the_byte(here: Installation) -> None:
    """After an intake, what the screens show is what the facts say."""
    found = json.loads(run_at(here, "store", "rebuild", "--json").out)

    assert found["same"] is True
    assert found["cases"] >= 1


def test_a_running_installation_is_well(here: Installation) -> None:
    """The doctor finds everything there and closed to others."""
    found = run_at(here, "doctor", "--json")

    assert 0 == found.code
    assert json.loads(found.out)["ready"] is True
