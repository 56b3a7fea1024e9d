"""The usability tasks by their numbers (1 to 10, 12, 17 to 19): presses counted, a second for each, words typed."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from store.session import Database
from store.tables import task as task_table
from tests.installation import Installation, installed, services
from tests.pages.conftest import CANARY, P1, Tab, end_sessions, referred, report, task_of
from tests.pages.telephones import Telephones, answer, reached, telephones
from tests.servers import until
from tests.someone import BROWSERS, PASSWORD, Someone, enrolled

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
Tabs = Callable[..., Tab]
ADVOCATE, BACKUP, CLERK = "+15550100201", "+15550100202", "+15550100203"
SCRIPTS = pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])


@pytest.fixture(scope="module")
def rings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Telephones, str]]:
    """Telephones, and the file of an installation that texts them."""
    with telephones(tmp_path_factory.mktemp("telephones")) as (found, file):
        yield found, str(file)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, rings: tuple[Telephones, str]) -> Iterator[Installation]:
    """An installation that texts its people."""
    more = {"HANDOFF_NOTICES_FILE": rings[1]}
    with installed(tmp_path_factory.mktemp("usability") / "data", more=more) as found:
        yield found


@pytest.fixture(scope="module")
def phones(here: Installation, rings: tuple[Telephones, str]) -> Telephones:
    """The advocate and the backup are texted."""
    reached(here, "advocate", ADVOCATE)
    reached(here, "backup", BACKUP)
    return rings[0]


def called(here: Installation) -> str:
    """A first call that is the advocate's to make; its task."""
    task = referred(here)
    assert here.ask("advocate", "POST", f"/tasks/{task}/complete", {"outcome": "held"}).status_code == 200
    return task_of(here, "advocate", here.get("advocate", f"/tasks/{task}")["task"]["case"], "first-call")


def test_1_a_duty_is_taken_from_the_text(here: Installation, phones: Telephones) -> None:
    """One reply, no sign-in, confirmed within ten seconds."""
    seen = len(phones.to(ADVOCATE))
    task = referred(here)
    begun = time.monotonic()
    code = re.search(r"Reply (\d{3}) to take it", phones.text(ADVOCATE, seen))
    assert code is not None
    answer(here, ADVOCATE, code[1])
    assert phones.text(ADVOCATE, seen + 1).startswith("Rota: you have it.")
    assert time.monotonic() - begun < 10
    assert here.get("advocate", f"/tasks/{task}")["task"]["yours"]


@SCRIPTS
def test_2_from_a_locked_phone_to_a_safe_number(here: Installation, new_tab: Tabs, *, script: bool) -> None:
    """Five presses at most; who looked is written down; a link calls it; it is gone when the tab is left or printed."""
    task = called(here)
    tab = new_tab(script=script)
    tab.open(f"/i/{task}")
    tab.page.get_by_label("Be", exact=True).select_option(label="Advocate One")
    tab.press("button", "Go in")
    tab.open(f"/i/{task}")
    tab.press("button", "Show safe numbers")
    assert CANARY in tab.page.locator("main").inner_text()
    assert tab.presses <= 5
    call = tab.page.get_by_role("link", name="Call +1-555-0100")
    assert call.get_attribute("href") == "tel:+15550100"
    case = here.get("advocate", f"/tasks/{task}")["task"]["case"]
    rows = here.get("supervisor", f"/cases/{case}/readers")["items"]
    assert any("slot:safe-numbers" in (each["fields"] or ()) for each in rows)
    tab.page.emulate_media(media="print")
    assert not tab.page.get_by_text(CANARY).is_visible()
    tab.page.emulate_media(media="screen")
    if script:
        tab.page.evaluate("dispatchEvent(new Event('pagehide'))")
        assert CANARY not in tab.page.content()


def test_3_a_try_is_logged_in_one_press(here: Installation, new_tab: Tabs) -> None:
    """One press, no word; the page says how many of how many."""
    tab = new_tab(script=False)
    tab.be("Advocate One")
    tab.open(f"/i/{called(here)}")
    assert "0 of 3" in tab.page.locator("main").inner_text()
    tab.press("button", "No answer: log a try")
    assert "1 of 3" in tab.page.locator("main").inner_text()
    assert tab.presses == 1


def test_4_what_happened_is_recorded_in_four_presses(here: Installation, new_tab: Tabs) -> None:
    """Talked, saved: no word is typed, what others will see is said before, and the time it was saved after."""
    task = called(here)
    tab = new_tab(script=False)
    tab.be("Advocate One")
    tab.open("/i")
    begun = time.monotonic()
    tab.open(f"/i/{task}")
    tab.press("link", "Talked")
    assert "Others see nothing of this." in tab.page.locator("main").inner_text()
    tab.press("button", "Save")
    expect(tab.page.get_by_role("status").filter(has_text="Saved ")).to_be_visible()
    assert tab.presses + time.monotonic() - begun < 15
    assert tab.presses <= 4


@SCRIPTS
def test_5_who_knows_someone_passes_it_on(
    here: Installation, new_tab: Tabs, phones: Telephones, *, script: bool
) -> None:
    """Three presses; the backup is texted at once; then there is nothing here; only the lead sees why."""
    task = called(here)
    found = here.get("advocate", f"/tasks/{task}")["task"]
    assert here.ask("advocate", "POST", f"/tasks/{task}/take").status_code == 200
    seen = len(phones.to(BACKUP))
    tab = new_tab(script=script)
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    tab.presses += 1
    tab.page.get_by_text("I cannot do this").click()
    tab.press("radio", "I know someone in this case")
    tab.press("button", "Pass on")
    assert tab.presses == 3
    expect(tab.page.get_by_text("Passed on. The next person is told now.")).to_be_visible()
    begun = time.monotonic()
    assert "1 item" in phones.text(BACKUP, seen)
    assert time.monotonic() - begun < 5
    for path in (f"/i/{task}", f"/c/{found['code']}"):
        tab.open(path)
        assert "Nothing here for you." in tab.page.locator("main").inner_text()
    assert here.ask("backup", "GET", f"/cases/{found['case']}/passes").status_code == 404
    (why,) = here.get("supervisor", f"/cases/{found['case']}/passes")
    assert (why["name"], why["reason"], why["step"]) == ("Advocate One", "knows-somebody", "first-call")
    lead = new_tab(script=script)
    lead.be("Supervisor One")
    lead.open(f"/i/{task}")
    assert "I know someone in this case" in lead.page.locator("[aria-labelledby=passes]").inner_text()


def test_what_nobody_has_is_passed_on_with_its_whole_ladder(here: Installation, phones: Telephones) -> None:
    """Who cannot take it says so; the next is told at once, and the take-up clock runs on."""
    seen = len(phones.to(BACKUP))
    task = referred(here)
    before = here.get("advocate", f"/tasks/{task}")["task"]
    done = here.ask("advocate", "POST", f"/tasks/{task}/pass-on", {"reason": "another-call"})
    assert done.json() == {"to": None, "told": True}
    assert "1 item" in phones.text(BACKUP, seen)
    after = here.get("advocate", f"/tasks/{task}")["task"]
    assert (after["taken_at"], after["due_at"]) == (None, before["due_at"])
    assert here.ask("patrol", "POST", f"/tasks/{task}/pass-on", {"reason": "not-now"}).status_code == 404
    assert here.ask("director", "POST", f"/tasks/{task}/take").status_code == 200
    late = here.ask("advocate", "POST", f"/tasks/{task}/pass-on", {"reason": "not-now"})
    assert (late.status_code, late.json()["code"]) == (403, "NOT_YOURS")


@SCRIPTS
def test_6_hide_then_back_shows_the_door(here: Installation, new_tab: Tabs, *, script: bool) -> None:
    """One press, blank at once, on to the weather; and the way back shows the door."""
    task = called(here)
    tab = new_tab(script=script)
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    tab.page.route("https://www.weather.gov/**", lambda route: route.fulfill(body="<h1>Sunny</h1>"))
    tab.away = True
    tab.press("button", "Hide")
    tab.page.wait_for_url("https://www.weather.gov/")
    tab.page.go_back()
    assert tab.page.locator("h1").inner_text() == "Sign in"
    assert tab.presses == 1


def test_shift_three_times_hides(here: Installation, new_tab: Tabs) -> None:
    """From anywhere on a page, without looking for a button."""
    tab = new_tab()
    tab.be("Advocate One")
    tab.open("/i")
    tab.page.route("https://www.weather.gov/**", lambda route: route.fulfill(body="<h1>Sunny</h1>"))
    tab.away = True
    for _ in range(3):
        tab.page.keyboard.press("Shift")
    tab.page.wait_for_url("https://www.weather.gov/")


@SCRIPTS
def test_7_a_session_that_ends_in_mid_form_loses_no_word(here: Installation, new_tab: Tabs, *, script: bool) -> None:
    """120 words come back after signing in, to their writer alone; three presses after that they are saved."""
    case = report(here)
    task = task_of(here, "patrol", case, "referral")
    words = " ".join(["after", "nine", CANARY.replace(" ", "-"), "only"] * 30)
    tab = new_tab(script=script)
    tab.be("Patrol One")
    tab.open(f"/i/{task}/record/given")
    tab.page.get_by_label("Safe numbers").fill(words)
    end_sessions(here)
    tab.press("button", "Save")
    expect(tab.page.get_by_text("You were signed out. Nothing was lost.")).to_be_visible()
    assert CANARY.replace(" ", "-") not in tab.page.content()
    tab.page.get_by_label("Be", exact=True).select_option(label="Patrol One")
    tab.presses = 0
    tab.press("button", "Go in")
    tab.press("button", "Check and save")
    assert tab.page.get_by_label("Safe numbers").input_value() == words
    tab.press("button", "Save")
    expect(tab.page.get_by_text("This item ended. Nothing to do.", exact=True)).to_be_visible()
    assert tab.presses == 3


def test_8_no_connection_loses_nothing(here: Installation, new_tab: Tabs) -> None:
    """The network is cut: a message within two seconds, the words still there; sent again, they are saved once."""
    case = report(here)
    task = task_of(here, "patrol", case, "referral")
    tab = new_tab()
    tab.be("Patrol One")
    tab.open(f"/i/{task}/record/given")
    tab.page.get_by_label("Safe numbers").fill(CANARY)
    tab.away = True
    tab.page.context.set_offline(True)
    tab.press("button", "Save", leads=False)
    expect(tab.page.get_by_text("Not sent: no connection.")).to_be_visible(timeout=2_000)
    assert tab.page.get_by_label("Safe numbers").input_value() == CANARY
    tab.page.context.set_offline(False)
    tab.press("button", "Save")
    expect(tab.page.get_by_text("This item ended. Nothing to do.", exact=True)).to_be_visible()
    ended = [each for each in here.get("patrol", f"/cases/{case}/timeline") if each["kind"] == "step-ended"]
    assert len(ended) == 1


def test_9_of_two_who_save_at_once_one_wins(here: Installation, new_tab: Tabs) -> None:
    """The other sees who was faster, when, and every word they wrote; a second press of the winner's is no loss."""
    case = report(here)
    task = task_of(here, "patrol", case, "referral")
    slow, fast = new_tab(script=False), new_tab(script=False)
    for tab, name in ((slow, "Patrol One"), (fast, "Sergeant One")):
        tab.be(name)
        tab.open(f"/i/{task}/record/given")
        tab.page.get_by_label("Safe numbers").fill(f"{CANARY} {name}")
    fast.press("button", "Save")
    expect(fast.page.get_by_text("This item ended. Nothing to do.", exact=True)).to_be_visible()
    slow.press("button", "Save")
    expect(slow.page.get_by_text("Yours was not saved.")).to_be_visible()
    said = slow.page.locator("main").inner_text()
    assert re.search(r"Sergeant One recorded this: \w+ \d+ \w+, \d+:\d\d\s[AP]M", said), said
    assert f"{CANARY} Patrol One" in said
    fast.page.go_back()
    assert "Already saved" in fast.page.locator(".problem").inner_text()


def test_10_why_then_and_who_is_told_next(here: Installation, new_tab: Tabs) -> None:
    """One press opens why; the whole clock has sixty words at most, in both languages."""
    task = called(here)
    tab = new_tab(script=False)
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    tab.presses += 1
    tab.page.locator("main summary").first.click()
    said = tab.page.locator("main .why").first.inner_text()
    assert "If" in said
    for tongue in ("en", "es"):
        clock = here.ask("advocate", "GET", f"/tasks/{task}", None, **{"Accept-Language": tongue}).json()["task"][
            "clock"
        ]
        assert 10 < len(" ".join(clock.values()).split()) <= 60
    assert tab.presses == 1


def test_all_contact_stops_with_one_press_and_a_yes(here: Installation, new_tab: Tabs) -> None:
    """No reason; every open call ends, and other agencies see what they saw before."""
    task = called(here)
    case = here.get("advocate", f"/tasks/{task}")["task"]["case"]
    before = [each["status"] for each in here.get("police-records", f"/cases/{case}")["tasks"]]
    tab = new_tab(script=False)
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    tab.page.get_by_text("Stop all contact").click()
    tab.press("button", "Yes, stop")
    expect(tab.page.get_by_text("This item ended. Nothing to do.", exact=True)).to_be_visible()
    assert not [each for each in here.get("advocate", "/tasks?limit=200")["items"] if each["case"] == case]
    assert before == [each["status"] for each in here.get("police-records", f"/cases/{case}")["tasks"]]


@pytest.fixture(scope="module")
def signer(here: Installation) -> Iterator[Someone]:
    """An advocate with a password and codes: whoever puts a permission in force shows both once more."""
    yield enrolled(here, "signer@example.org", "advocacy", "advocate")
    for each in BROWSERS:
        each.close()


def test_19_a_permission_is_taken_back_in_one_press(here: Installation, new_tab: Tabs, signer: Someone) -> None:
    """Recorded with no fact ticked before, signed, looked at; taken back by one press, the next look is denied."""
    task = referred(here)
    code = here.get("advocate", f"/tasks/{task}")["task"]["code"]
    tab = new_tab(script=False)
    tab.open("/in")
    for label, value in (("Name", signer.login), ("Password", PASSWORD), ("Number", signer.codes.pop())):
        tab.page.get_by_label(label, exact=label != "Number").fill(value)
    tab.follow(tab.page.get_by_role("button", name="Sign in"))
    tab.open(f"/c/{code}/permissions")
    assert "Nothing may be shared. That is fine." in tab.page.locator("main").inner_text()
    tab.page.get_by_text("Record a permission").click()
    form = tab.page.locator("form[action$=draft]")
    assert form.locator("input:checked").count() == 0
    form.get_by_label("Who may see it?").select_option(value="court|bail-evaluator")
    form.get_by_label("Why?").select_option(value="court-date")
    form.get_by_label("Safe numbers").check()
    form.get_by_label("Until when?").fill((datetime.now(UTC) + timedelta(days=20)).date().isoformat())
    tab.follow(form.get_by_role("button"))
    tab.page.get_by_text("It was read to her, and she signs").click()
    form = tab.page.locator("form[action$=sign]")
    form.get_by_label("She does, for herself").check()
    form.get_by_label("Paper").check()
    form.get_by_label("She signed", exact=True).check()
    form.get_by_label("password").fill("wrong wrong wrong wrong")
    form.get_by_label("Number").fill("000000")
    tab.follow(form.get_by_role("button"))
    assert "Nothing was shared." in tab.page.locator(".problem").inner_text()
    form.get_by_label("She does, for herself").check()
    form.get_by_label("Paper").check()
    form.get_by_label("She signed", exact=True).check()
    form.get_by_label("password").fill(PASSWORD)
    form.get_by_label("Number").fill(signer.codes.pop())
    tab.follow(form.get_by_role("button"))
    expect(tab.page.get_by_text("In force")).to_be_visible()
    (shared,) = here.get("bail-evaluator", "/releases")
    opened = f"/releases/{shared['release']}/open"
    assert here.ask("bail-evaluator", "POST", opened).json()["values"] == {"safe-numbers": CANARY}
    tab.follow(tab.page.get_by_role("button", name="Take back"))
    expect(tab.page.get_by_text("Taken back", exact=True)).to_be_visible()
    assert here.ask("bail-evaluator", "POST", opened).status_code == 410
    assert "Help does not depend on it." in tab.page.locator("main").inner_text()
    outsider = new_tab(script=False)
    outsider.be("Clerk One")
    outsider.open(f"/c/{code}/permissions")
    assert "Nothing here for you." in outsider.page.locator("main").inner_text()


def sends(tab: Tab, number: str) -> None:
    """Fill in an arrest with the keyboard alone, from the top of the page."""
    while tab.page.evaluate("document.activeElement.id") != "number":
        tab.page.keyboard.press("Tab")
    tab.page.keyboard.type(number)


def test_17_an_arrest_is_sent_by_keyboard_and_enter_pressed_twice_sends_it_once(
    here: Installation, new_tab: Tabs
) -> None:
    """Within a minute, by Tab and Enter alone: one case and the same receipt; there is nowhere to write notes."""
    tab = new_tab(script=False)
    tab.be("Patrol One")
    before = len(here.get("patrol", "/reports?limit=200"))
    begun = time.monotonic()
    tab.open(f"/s/{P1}/arrest-booked")
    assert tab.page.locator("textarea").count() == 0
    number = f"n-{time.time_ns()}"
    sends(tab, number)
    tab.page.evaluate("document.forms[1].requestSubmit(); document.forms[1].requestSubmit()")
    tab.page.wait_for_url("**/s/receipt/*")
    assert time.monotonic() - begun < 60
    receipt = tab.page.url
    assert tab.heading() in {"Received", "Already received. Same case."}
    tab.open(f"/s/{P1}/arrest-booked")
    sends(tab, number)
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**/s/receipt/*")
    assert tab.heading() == "Already received. Same case."
    assert tab.page.url.partition("?")[0] == receipt.partition("?")[0]
    assert len(here.get("patrol", "/reports?limit=200")) == before + 1


@SCRIPTS
def test_12_a_nudge_reaches_whoever_answers_now(
    here: Installation, new_tab: Tabs, phones: Telephones, *, script: bool
) -> None:
    """Where texts are set up it is sent in the words shown before, called sent, and stands beside the item too."""
    reached(here, "clerk", CLERK)
    seen = len(phones.to(CLERK))
    task = task_of(here, "clerk", report(here), "hearing-report")
    assert phones.text(CLERK, seen).startswith("Rota: 1 item needs you.")
    missed(here, task)
    tab = new_tab(script=script)
    tab.be("Coordinator One")
    tab.open(f"/b/nudge?item={task}")
    said = tab.page.locator("blockquote").inner_text()
    tab.press("button", "Send")
    assert tab.heading() == "1 sent."
    assert phones.text(CLERK, seen + 1).startswith(said)
    assert here.get("clerk", f"/tasks/{task}")["nudged_at"]


def missed(here: Installation, task: str) -> None:
    """Its window ran out an hour ago, as the list of what is owed has it."""
    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    with database.write() as connection:
        when = time.time_ns() // 1_000 - 3_600_000_000
        connection.execute(update(task_table).where(task_table.c.id == task).values(missed_at=when))
    database.close()


def test_cover_is_asked_of_whoever_could_give_it(
    here: Installation, new_tab: Tabs, phones: Telephones, signer: Someone
) -> None:
    """A colleague is texted when, and nothing of whose shift it is; the rota says whom it went to."""
    number, start = "+15550100210", datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
    assert signer.sign_in().status_code == 200
    assert signer.ask("PUT", "/api/v1/notifications/mine", {"phone": number, "channels": ["text"]}).status_code == 200
    body = {"starts_at": start.isoformat(), "ends_at": (start + timedelta(hours=2)).isoformat()}
    (shift,) = here.ask("advocate", "POST", "/rotas/advocate/shifts", body).json()
    tab = new_tab(script=False)
    tab.be("Advocate One")
    tab.open("/r")
    tab.page.locator("summary", has_text="Ask for cover").click()
    with tab.page.expect_navigation():
        tab.press("button", "Ask for cover")
    assert re.fullmatch(r"Rota: cover is asked for, [^.]{11,12} to [^.]{11,12}\. Open your rota\.", phones.text(number))
    until(lambda: bool(tab.page.reload()) and "Sent to: signer@example.org." in tab.page.content(), "whom it went to")
    assert here.ask("advocate", "POST", f"/rotas/shifts/{shift['id']}/keep").json()["asked"] == []
    assert here.ask("patrol", "POST", f"/rotas/shifts/{shift['id']}/cover", {}).json()["code"] == "UNKNOWN_SHIFT"


def rows(wrong: dict[int, str]) -> str:
    """A file of 20 rows, some of them as given."""
    found = ["number,happened,first-appearance,remarks"]
    happened = f"{datetime.now(UTC) - timedelta(hours=30):%Y-%m-%d %H:%M}"
    good = "f-{},{at},2026-12-01 09:00,not for anybody else"
    found += [wrong.get(line, good).replace("{}", str(line)) for line in range(2, 22)]
    return "\n".join(found).replace("{at}", happened)


@SCRIPTS
def test_18_of_a_file_of_twenty_rows_the_good_are_sent_once(
    here: Installation, new_tab: Tabs, tmp_path: Path, *, script: bool
) -> None:
    """Three bad rows are named, each with its fix; 17 are sent once; what no column is for is not sent at all."""
    wrong = {
        4: "f-{},{at},25:00,x",
        9: ",{at},2026-12-01 09:00,x",
        13: "f-{},yesterday,2026-12-01 09:00,x",
    }
    file = tmp_path / "arrests.csv"
    file.write_text(rows(wrong).replace("f-", f"f{script}-"))
    before = len(here.get("patrol", "/reports?limit=200"))
    tab = new_tab(script=script)
    tab.be("Patrol One")
    for turn in ("17 new, 0 received before.", "0 new, 17 received before."):
        tab.open(f"/s/{P1}/arrest-booked")
        tab.page.get_by_text("Send a file").click()
        tab.page.get_by_label("CSV file").set_input_files(file)
        tab.press("button", "Look at it first")
        said = tab.page.locator("main").inner_text()
        assert "17 ready. 3 need a fix:" in said
        for line, fix in (
            (4, "first-appearance is not a time: write 2026-11-30 09:00."),
            (9, "number is empty: write your own number for it."),
            (13, "happened is not a time: write 2026-11-30 09:00."),
        ):
            assert f"Row {line}: {fix}" in said
        assert "These columns are not sent: remarks." in said
        assert "not for anybody else" not in tab.page.content()
        tab.press("button", "Send 17")
        assert turn in tab.page.locator("main").inner_text()
    assert len(here.get("patrol", "/reports?limit=200")) == before + 17


def test_a_server_that_starts_again_in_mid_form_loses_no_word(here: Installation, new_tab: Tabs) -> None:
    """Killed while somebody writes: the page says so and keeps every word; once it is back, the same press saves."""
    case = report(here)
    task = task_of(here, "patrol", case, "referral")
    tab = new_tab()
    tab.be("Patrol One")
    tab.open(f"/i/{task}/record/given")
    tab.page.get_by_label("Safe numbers").fill(CANARY)
    tab.away = True
    os.kill(services(here.process)["api"], signal.SIGKILL)
    tab.press("button", "Save", leads=False)
    expect(tab.page.get_by_text("Not sent: no connection.")).to_be_visible()
    assert tab.page.get_by_label("Safe numbers").input_value() == CANARY
    until(here.ready, "the pages again")
    tab.press("button", "Save")
    expect(tab.page.get_by_text("This item ended. Nothing to do.", exact=True)).to_be_visible()
    ended = [each for each in here.get("patrol", f"/cases/{case}/timeline") if each["kind"] == "step-ended"]
    assert len(ended) == 1
