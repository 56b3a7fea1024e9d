"""The board in a real browser, with and without scripts: filter, nudge, reassign, and pause with its due time first."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlalchemy import insert

from store.edge_tables import figure, frozen_period
from store.session import Database
from tests.installation import Installation
from tests.pages.conftest import DESKTOP, P1, Tab, referred
from tests.pages.test_desks import TAGS

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
Tabs = Callable[..., Tab]
BOARD = "/b?practice=1"
STUCK = 6


@pytest.fixture(scope="module")
def cases(here: Installation) -> list[str]:
    """Practice cases whose arrest was booked five days ago: what the court owes for them is late."""
    return [begun(here, days=5) for _ in range(STUCK)]


def begun(here: Installation, *, days: float) -> str:
    """A practice case that began so long ago; its id."""
    began = (datetime.now(ZoneInfo("UTC")) - timedelta(days=days)).isoformat()
    made = here.ask("coordinator", "POST", "/practice", {"protocol": P1, "event": "arrest-booked", "began_at": began})
    assert made.status_code == 201, made.text
    case = str(made.json()["case"]["case"])
    for _ in range(30):
        moved = here.ask("coordinator", "POST", f"/practice/{case}/forward", {})
        stuck = here.get("coordinator", "/board?practice=true&stuck=true&limit=100")["items"]
        if moved.is_error or case in {each["task"]["case"] for each in stuck}:
            break
    return case


def tasks(here: Installation) -> dict[str, str]:
    """The stuck task of each case."""
    found = here.get("coordinator", "/board?practice=true&stuck=true&limit=100")["items"]
    return {each["task"]["case"]: each["task"]["id"] for each in found}


def test_the_pair_that_is_stuck_longest_is_seen_at_once(here: Installation, new_tab: Tabs, cases: list[str]) -> None:
    """Usability task 11: no press; the first row is what is stuck longest, and a cell leads to its pair."""
    tab = new_tab(size=DESKTOP, script=False)
    tab.be("Coordinator One")
    tab.open(BOARD)
    longest = here.get("coordinator", "/board?practice=true&stuck=true&limit=1")["items"][0]["task"]
    first = tab.page.locator("ul.items > li").first
    assert longest["code"][:4] in first.inner_text()
    assert tab.presses == 0
    tab.page.get_by_role("link", name="police > court").click()
    expect(tab.page.locator("select#pair")).to_have_value("police>court")
    tab.page.get_by_label("Show").select_option("stuck")
    tab.press("button", "Apply")
    assert "show=stuck" in tab.page.url


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_six_are_nudged_of_which_one_was_just_done(
    here: Installation, new_tab: Tabs, cases: list[str], *, script: bool
) -> None:
    """Usability task 12: three presses; what was done meanwhile is not sent, and said; a second press sends nothing."""
    more = [begun(here, days=5) for _ in range(STUCK)] if not script else cases
    stuck = tasks(here)
    tab = new_tab(script=script)
    tab.be("Coordinator One")
    tab.open(BOARD)
    for each in more[1:]:
        tab.page.locator(f"input[value='{stuck[each]}']").check()
    tab.presses += 1
    tab.page.locator(f"input[value='{stuck[more[0]]}']").check()
    tab.press("button", "Nudge")
    assert "still waiting for you" in tab.page.locator("blockquote").inner_text()
    assert tab.page.locator("main").inner_text().count("To: ") == STUCK
    done = here.get("coordinator", f"/tasks/{stuck[more[0]]}")["task"]
    owner = done["owners"][0]
    outcome = here.get(owner, f"/tasks/{done['id']}")["forms"][0]["outcome"]
    ended = here.ask(owner, "POST", f"/tasks/{done['id']}/complete", {"outcome": outcome, "data": {}})
    assert ended.status_code == 200, ended.text
    tab.press("button", "Send")
    assert tab.heading() == "5 sent. 1 not sent: done a moment ago."
    assert tab.presses == 3
    again = here.ask("coordinator", "POST", f"/handoffs/{stuck[more[1]]}/nudge")
    assert (again.status_code, again.json()["code"]) == (409, "NUDGED")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_pause_shows_its_new_due_time_before_it_is_made(here: Installation, new_tab: Tabs, *, script: bool) -> None:
    """Usability task 13: eight presses at most; the due time seen is the one it has afterwards."""
    case = begun_now(here)
    found = here.get("coordinator", "/board?practice=true&limit=100&agency=court")["items"]
    (task,) = [each["task"] for each in found if each["task"]["case"] == case]
    tab = new_tab(script=script)
    tab.be("Coordinator One")
    tab.open(BOARD)
    tab.page.locator(f"input[value='{task['id']}']").check()
    tab.press("button", "Pause")
    tab.page.get_by_label("Reason").select_option("waiting-for-others")
    until = datetime.now(ZoneInfo("America/Chicago")) + timedelta(hours=3)
    tab.page.get_by_label("Until").fill(until.strftime("%Y-%m-%dT%H:%M"))
    tab.press("button", "See the new due time")
    seen = tab.page.get_by_text("New due time:").inner_text()
    assert here.get("coordinator", f"/tasks/{task['id']}")["task"]["due_at"] == task["due_at"]
    tab.press("button", "Pause")
    assert tab.heading() == "1 paused."
    assert tab.presses + 3 <= 8
    assert seen.startswith("New due time: ")
    after = here.get("coordinator", f"/tasks/{task['id']}")["task"]
    due = datetime.fromisoformat(after["due_at"]).astimezone(ZoneInfo("America/Chicago"))
    assert seen.removeprefix("New due time: ").startswith(f"{due:%a} {due.day} {due:%b}")
    assert seen.endswith(f"{due.hour % 12 or 12}:{due:%M %p}")


def begun_now(here: Installation) -> str:
    """A practice case that began this minute; its id."""
    made = here.ask("coordinator", "POST", "/practice", {"protocol": P1, "event": "arrest-booked"})
    return str(made.json()["case"]["case"])


def test_of_a_confidential_agency_nothing_can_be_reassigned_or_paused(here: Installation, new_tab: Tabs) -> None:
    """The coordinator is told that only advocacy can; the API says that there is nothing."""
    referred(here)
    found = here.get("coordinator", "/board?agency=advocacy")["items"]
    task = found[0]["task"]["id"]
    tab = new_tab(script=False)
    tab.be("Coordinator One")
    tab.open(f"/b/pause?item={task}")
    assert "Only advocacy can pause its part." in tab.page.locator("main").inner_text()
    body = {"until": (datetime.now(ZoneInfo("UTC")) + timedelta(hours=1)).isoformat(), "reason": "other"}
    assert here.ask("coordinator", "POST", f"/tasks/{task}/pause", body).status_code == 404


def test_the_board_and_its_acts_keep_nobody_out(here: Installation, new_tab: Tabs, cases: list[str]) -> None:
    """At 320 px nothing scrolls sideways, and axe finds nothing."""
    stuck = list(tasks(here).values())
    tab = new_tab()
    tab.be("Coordinator One")
    for path in (BOARD, f"/b/nudge?item={stuck[0]}", f"/b/reassign?item={stuck[0]}", f"/b/pause?item={stuck[0]}"):
        tab.open(path)
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        report = Axe().run(tab.page, options={"runOnly": {"type": "tag", "values": TAGS}})
        assert report.response["violations"] == [], (path, report.generate_report())


def test_figures_are_drawn_said_and_downloaded_alike(here: Installation, new_tab: Tabs) -> None:
    """A month's share stands in words beside its drawing; what is hidden is hidden in the table and in the file too."""
    with closing(Database(f"sqlite:///{here.data / 'handoff.db'}")) as database, database.write() as connection:
        names = {
            "slug": P1,
            "from_agency": "police",
            "agency": "court",
            "step": "hearing-report",
            "confidential": False,
        }
        for period, n, kept, told in (("2026-09", 64, 59, "all"), ("2026-10", 3, 3, "nothing")):
            row = {
                **names,
                "confidential": False,
                "period": period,
                "n": n,
                "kept": kept,
                "usual": 50,
                "most": 110,
                "told": told,
            }
            connection.execute(insert(figure).values(row))
            connection.execute(insert(frozen_period).values(period=period, at=0))
    tab = new_tab()
    tab.be("Coordinator One")
    tab.open("/f")
    assert "Too few to show" in tab.page.locator("main").inner_text()
    tab.page.get_by_label("Month, quarter or year").select_option("2026-09")
    tab.press("button", "Apply")
    assert "92 % on time of 64" in tab.page.locator("main").inner_text()
    assert "Usual 50 min. 9 of 10 in 110 min." in tab.page.locator("main").inner_text()
    report = Axe().run(tab.page, options={"runOnly": {"type": "tag", "values": TAGS}})
    assert report.response["violations"] == [], report.generate_report()
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    rows = list(csv.DictReader(io.StringIO(here.ask("coordinator", "GET", "/figures.csv").text)))
    assert {each["period"]: each["delivered"] for each in rows} == {"2026-09": "64", "2026-10": ""}
    assert here.ask("advocate", "GET", "/figures.csv").json()["code"] == "NOT_YOURS"
