"""The board in a real browser, with and without scripts: filter, nudge, reassign, and pause with its due time first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.installation import Installation
from tests.pages.conftest import DESKTOP, P1, Tab, referred
from tests.pages.looking import LIGHT_PHONE, Walk

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
    tab.follow(tab.page.get_by_role("link", name="police > court"))
    expect(tab.page.locator("select#pair")).to_have_value("police>court")
    tab.page.get_by_label("Show").select_option("stuck")
    tab.press("button", "Apply")
    assert "show=stuck" in tab.page.url


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_six_are_nudged_of_which_one_was_just_done(
    here: Installation, new_tab: Tabs, cases: list[str], *, script: bool
) -> None:
    """Usability task 12: three presses; what was done meanwhile is left out, and said; a second press does nothing.

    Practice rings nobody, nor does an installation without mail and texts: it says so, and the item says it was asked.
    """
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
    assert "no mail or text is set up here" in tab.page.locator("main").inner_text()
    assert tab.page.locator("main").inner_text().count("To: ") == STUCK
    done = here.get("coordinator", f"/tasks/{stuck[more[0]]}")["task"]
    owner = done["owners"][0]
    outcome = here.get(owner, f"/tasks/{done['id']}")["forms"][0]["outcome"]
    ended = here.ask(owner, "POST", f"/tasks/{done['id']}/complete", {"outcome": outcome, "data": {}})
    assert ended.status_code == 200, ended.text
    tab.press("button", "Write it down")
    assert tab.heading() == "5 written down. 1 not done: done a moment ago."
    assert tab.presses == 3
    again = here.ask("coordinator", "POST", f"/handoffs/{stuck[more[1]]}/nudge")
    assert (again.status_code, again.json()["code"]) == (409, "NUDGED")
    asked = new_tab(script=script)
    asked.be(f"{owner.replace('-', ' ').capitalize()} One")
    asked.open(f"/i/{stuck[more[1]]}")
    assert "You were asked for this once more:" in asked.page.locator("main").inner_text()
    asked.open(f"/i/{done['id']}")
    assert "asked for this once more" not in asked.page.locator("main").inner_text()


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


WALKED = {"/b", "/b/{act}", "POST /b/{act}"}


def test_the_board_and_its_acts_keep_nobody_out(here: Installation, new_tab: Tabs, cases: list[str]) -> None:
    """Axe finds nothing, and nothing scrolls sideways: also where nothing was chosen, and where all was done."""
    stuck = list(tasks(here).values())
    walk = Walk(new_tab(), LIGHT_PHONE)
    for path in (BOARD, "/b?told=1", "/b/nudge", *(f"/b/{act}?item={stuck[0]}" for act in ("reassign", "pause"))):
        walk.go("Coordinator One", path)
    until = datetime.now(ZoneInfo("America/Chicago")) + timedelta(hours=3)
    walk.go("", f"/b/pause?item={stuck[0]}&reason=other&until={until:%Y-%m-%dT%H:%M}")
    walk.go("", f"/b/nudge?item={stuck[0]}")
    if not walk.tab.page.get_by_role("button", name="Write it down", exact=True).count():
        more = begun(here, days=5)
        walk.go("", f"/b/nudge?item={tasks(here)[more]}")
    walk.send("Write it down")
    assert walk.seen == WALKED
