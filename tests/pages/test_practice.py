"""Practice on a whole installation: the week that is there at once, a trainer's pages, what a real case refuses.

Live hints are tried here too: an installation of their own would say nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import expect

from tests.installation import Installation, installed
from tests.pages.conftest import P1, Tab, referred, report, task_of
from tests.pages.looking import DARK_PHONE, Walk
from tests.servers import until

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
Tabs = Callable[..., Tab]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation as ``make run`` starts it: its week is being made behind it."""
    with installed(tmp_path_factory.mktemp("practice") / "data", more={"HANDOFF_PRACTICE_WEEK": "true"}) as found:
        yield found


def week(here: Installation) -> dict[str, int]:
    """The week, once it is made."""

    def made() -> bool:
        found = here.get("coordinator", "/practice/week")
        return bool(found["of"]) and found["made"] == found["of"]

    until(made, "the week of practice cases", 180)
    found: dict[str, int] = here.get("coordinator", "/practice/week")
    return found


def begun(here: Installation, **more: Any) -> str:
    """The code of a practice case."""
    made = here.ask("coordinator", "POST", "/practice", {"protocol": P1, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["case"]["code"])


def test_a_week_is_there_and_nothing_real_is_counted_by_it(here: Installation) -> None:
    """Cases of three protocols, late, in hand, paused and ended; boards and figures of what is real are empty."""
    of = week(here)["of"]
    cases = here.get("coordinator", "/cases?practice=true&limit=200")["items"]
    waiting = here.get("coordinator", "/handoffs?practice=true&limit=200")["items"]
    owed = here.get("advocate", "/tasks?limit=200")["items"]

    assert of > 30
    assert {each["practice"] for each in [*cases, *waiting, *owed]} == {True}
    assert len({each["protocol"] for each in cases}) >= 2
    assert any(each["late"] for each in owed)
    assert {"open", "taken-up"} <= {each["status"] for each in waiting}
    assert any("Paused" in each["clock"]["head"] for each in waiting)
    assert "ended" in {each["status"] for each in cases} or "finished" in {each["part"] for each in cases}
    assert here.get("coordinator", "/handoffs")["items"] == []
    assert here.get("coordinator", "/escalations")["items"] == []
    assert here.get("coordinator", "/figures")["items"] == []
    assert here.get("coordinator", "/figures?practice=true")["items"] != []


def test_cases_for_practice_and_real_ones_are_in_no_list_together(here: Installation, new_tab: Tabs) -> None:
    """Neither by the API nor on the page, which leads from each to the other; anything but yes or no is refused."""
    case, code = report(here), begun(here)
    real = here.get("coordinator", "/cases?limit=200")["items"]
    practised = here.get("coordinator", "/cases?practice=true&limit=200")["items"]
    assert ({each["practice"] for each in real}, {each["practice"] for each in practised}) == ({False}, {True})
    assert here.ask("coordinator", "GET", "/cases?practice=perhaps").json()["code"] == "MALFORMED"
    known = here.get("coordinator", f"/cases/{case}")["case"]["code"]
    tab = new_tab(script=False)
    tab.be("Coordinator One")
    tab.open("/c")
    shown = tab.page.locator("main").inner_text()
    assert (known[:4] in shown, code[:4] in shown) == (True, False)
    tab.press("link", "Practice cases")
    shown = tab.page.locator("main").inner_text()
    assert (known[:4] in shown, code[:4] in shown) == (False, True)
    assert "Nobody is meant by this." in shown
    tab.press("link", "Real cases")
    assert tab.page.url.endswith("/c")


def test_records_systems_are_never_told_of_practice(here: Installation) -> None:
    """Their list of cases has what is real, and nothing else."""
    begun(here)
    case = report(here)

    found = here.get("police-records", "/cases?limit=200")["items"]

    assert {each["practice"] for each in found} == {False}
    assert case in {each["case"] for each in found}


def test_what_is_real_comes_first(here: Installation) -> None:
    """However late practice is, it stands below a real task."""
    week(here)
    case = report(here)

    found = here.get("patrol", "/tasks?limit=200")["items"]

    marks = [each["practice"] for each in found]
    assert case in {each["case"] for each in found}
    assert marks == sorted(marks)


def test_a_real_case_is_not_moved(here: Installation) -> None:
    """Through the API as through its engine; and only a trainer asks at all."""
    case, code = report(here), begun(here)

    real = here.ask("coordinator", "POST", f"/practice/{case}/forward", {})
    others = here.ask("patrol", "POST", f"/practice/{code}/forward", {})

    assert (real.status_code, real.json()["code"]) == (409, "NOT_PRACTICE")
    assert (others.status_code, others.json()["code"]) == (403, "NOT_YOURS")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/practice", {"protocol": P1, "began_at": "2020-01-01T00:00:00Z"}, 422, "PRACTICE_BEGAN"),
        ("/practice", {"protocol": P1, "event": "hearing-moved"}, 422, "UNKNOWN_EVENT"),
        ("/practice", {"protocol": P1, "vault": {"safe-numbers": "+1-555-0100"}}, 422, "MALFORMED"),
        ("/practice", {"protocol": "none"}, 404, "UNKNOWN_PROTOCOL"),
        ("/practice/nowhere/forward", {}, 404, "NOT_FOUND"),
        ("/practice/nowhere/forward", {"seconds": 0}, 422, "MALFORMED"),
    ],
)
def test_what_cannot_be_practised_says_why(
    here: Installation, path: str, body: dict[str, object], status: int, code: str
) -> None:
    """Each with its code, and protected values have no place there."""
    found = here.ask("coordinator", "POST", path, body)

    assert (found.status_code, found.json()["code"]) == (status, code)


def test_a_move_is_made_once_and_says_what_happened(here: Installation) -> None:
    """To what is due next; the same request again has the same answer."""
    code = begun(here, began_at=here.get("coordinator", "/cases?practice=true&limit=1")["items"][0]["opened_at"])
    again = {"Idempotency-Key": f"move-{code}"}

    first = here.ask("coordinator", "POST", f"/practice/{code}/forward", {}, **again)
    second = here.ask("coordinator", "POST", f"/practice/{code}/forward", {}, **again)

    assert (first.status_code, second.json()) == (200, first.json())
    assert first.json()["seconds"] > 0
    assert {"window-missed", "told"} <= {each["kind"] for each in first.json()["happened"]}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_trainer_begins_a_case_and_moves_it(here: Installation, new_tab: Tabs, *, script: bool) -> None:
    """From the trainer's page; each page says in words that it is practice."""
    tab = new_tab(script=script)
    tab.be("Coordinator One")
    tab.open("/practice")
    tab.page.get_by_label("Of which text?").select_option(P1)
    tab.press("button", "Begin")
    assert "Nobody is meant by this." in tab.page.locator(".practice").first.inner_text()
    tab.press("button", "Move on to what is due next")
    expect(tab.page.get_by_text("missed window, referral").first).to_be_visible()


def test_who_practises_is_told_so_and_has_no_clock_to_move(here: Installation, new_tab: Tabs) -> None:
    """On an item and its form; a real case's page has neither band nor clock."""
    week(here)
    practised = next(e for e in here.get("advocate", "/tasks?limit=200")["items"] if e["practice"])
    case = report(here)
    tab = new_tab(script=False)
    tab.be("Advocate One")
    for path in (f"/i/{practised['id']}", f"/c/{practised['code']}"):
        tab.open(path)
        assert "Write nothing real here." in tab.page.locator("main > .practice").inner_text()
    assert tab.page.get_by_role("button", name="Move on", exact=True).count() == 0
    tab.be("Coordinator One")
    tab.open(f"/c/{case}")
    assert tab.page.locator("main > .practice").count() == 0
    assert "The clock of this case" not in tab.page.locator("main").inner_text()


TOURS = {"advocate": "Advocate One", "coordinator": "Coordinator One", "council": "Coordinator One"}


@pytest.mark.parametrize(("desk", "name"), TOURS.items())
def test_a_tour_leads_to_pages_that_are_there(here: Installation, new_tab: Tabs, desk: str, name: str) -> None:
    """Every step that names a page opens it, for who takes the tour, with a practice case where it needs one."""
    week(here)
    tab = new_tab(script=False)
    tab.be(name)
    tab.open(f"/tour/{desk}")
    found = [each.get_attribute("href") for each in tab.page.locator(".tour a.button").all()]
    assert len(found) >= 2
    for path in dict.fromkeys(found):
        assert path is not None
        tab.open(path)
        assert tab.heading()
        assert "Nothing here for you." not in tab.page.locator("main").inner_text()


WALKED = {"/practice", "/c/{code}", "POST /c/{code}/forward", "/tour/{desk_of}", "/b", "/f"}


def test_practice_keeps_nobody_out(here: Installation, new_tab: Tabs) -> None:
    """Axe finds nothing on its pages, and nothing scrolls sideways."""
    walk = Walk(new_tab(), DARK_PHONE)
    for path in ("/practice", "/b", "/f?practice=1", *(f"/tour/{each}" for each in TOURS), f"/c/{begun(here)}"):
        walk.go("Coordinator One", path)
    walk.send("Move on to what is due next")
    assert walk.seen == WALKED


FRAME = re.compile(r"(retry|data): \d+|: |event: over|")
"""All that a stream of hints may say."""


@pytest.fixture
def patrol(here: Installation) -> Iterator[httpx2.Client]:
    """A placeholder's session, outside any browser."""
    with httpx2.Client(base_url=here.url, timeout=60) as client:
        person = here.get("patrol", "/me")["person"]
        client.post("/in/practice", data={"person": person}, headers={"Sec-Fetch-Site": "same-origin"})
        yield client


def frames(client: httpx2.Client, mark: str, act: Callable[[], object], until_: str) -> list[str]:
    """What a stream says from before an act until it says something."""
    said: list[str] = []
    headers = {"Accept": "text/event-stream"}
    with client.stream("GET", f"/api/v1/hints/inbox?seen={mark}", headers=headers) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if not said:
                act()
            said.append(line)
            if line == until_:
                break
    return said


def test_a_page_says_that_something_is_new_and_moves_nothing(here: Installation, new_tab: Tabs) -> None:
    """The rows stay as they are until Show is pressed; a page without a script has a link to look again."""
    tab, plain = new_tab(), new_tab(script=False)
    for each in (tab, plain):
        each.be("Patrol One")
        each.open("/i")
    rows = tab.page.locator("main .items").all_inner_texts()
    report(here)
    expect(tab.page.get_by_text(re.compile("new or changed"))).to_be_visible(timeout=30_000)
    assert tab.page.locator("main .items").all_inner_texts() == rows
    tab.press("link", "Show")
    assert tab.page.locator("main .items").all_inner_texts() != rows
    assert plain.page.get_by_role("link", name="Refresh").is_visible()


def test_a_hint_is_a_number_and_no_more(here: Installation, patrol: httpx2.Client) -> None:
    """Nothing of a case is in a stream, and it ends with its session."""
    mark = patrol.get("/api/v1/hints/inbox").json()["mark"]

    said = frames(patrol, mark, lambda: report(here), "data: 1")
    after = frames(patrol, "", lambda: patrol.post("/hide", headers={"Sec-Fetch-Site": "same-origin"}), "event: over")

    assert [each for each in [*said, *after] if not FRAME.fullmatch(each)] == []
    gone = patrol.get("/api/v1/hints/inbox", headers={"Accept": "text/event-stream"})
    assert (gone.status_code, gone.json()["code"]) == (401, "BAD_TOKEN")


def test_what_happens_inside_an_agency_gives_outsiders_no_hint(here: Installation) -> None:
    """The coordinator's board has the same mark after what an advocate did within, and another after a taking up."""
    task = referred(here)
    sent = here.get("coordinator", "/hints/board")["mark"]
    case = here.ask("advocate", "POST", f"/tasks/{task}/take").json()["task"]["case"]
    taken = here.get("coordinator", "/hints/board")["mark"]
    here.ask("advocate", "POST", f"/tasks/{task}/complete", {"outcome": "held"})
    call = task_of(here, "advocate", case, "first-call")
    here.ask("advocate", "POST", f"/tasks/{call}/attempts")
    here.ask("advocate", "POST", f"/tasks/{call}/complete", {"outcome": "declined"})

    assert sent != taken
    assert here.get("coordinator", "/hints/board")["mark"] == taken
