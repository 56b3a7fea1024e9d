"""The council's desk in a real browser: reading a text, changing it, what becomes of open cases, and the way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.installation import Installation
from tests.pages.conftest import DESKTOP, P1, Tab, report, task_of
from tests.pages.looking import LIGHT_PHONE, Walk
from tests.servers import until

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
CASES = 12
RULES = """
council: county
timezone: America/Chicago
electors: {police: sergeant, court: clerk, jail: jail-desk, advocacy: supervisor, council: coordinator}
advocacy: advocacy
comment: 0 minutes
effective after: 0 minutes
"""
Tabs = Callable[..., Tab]


def councils(here: Installation) -> None:
    """Found the council, once."""
    if here.ask("coordinator", "GET", "/council").is_error:
        assert here.ask("coordinator", "POST", "/council", {"rules": RULES}).status_code == 201


def in_force(here: Installation) -> str:
    """The text in force."""
    return str(here.get("coordinator", f"/protocols/{P1}")["text"])


def shown(tab: Tab, section: str) -> str:
    """What a section of the page says, by the id of its heading."""
    return tab.page.locator(f"section[aria-labelledby={section}]").inner_text()


def test_a_text_is_looked_at_in_four_ways(here: Installation, new_tab: Tabs) -> None:
    """Sentences, a drawing with the same in words, a table, the lines as written: one press from each to the next."""
    tab = new_tab(script=False, size=DESKTOP)
    tab.be("Patrol One")
    tab.open(f"/t/{P1}")
    assert "in force since" in tab.page.locator("main").inner_text()
    tab.press("link", "Diagram")
    expect(tab.page.locator("img")).not_to_have_js_property("naturalWidth", 0, timeout=30_000)
    assert "It opens when referral ends as given." in tab.page.locator("main").inner_text()
    tab.press("link", "Table")
    row = tab.page.get_by_role("row").filter(has_text="First call").first.inner_text()
    assert all(said in row for said in ("within", "The supervisor is paged".lower(), "not reached"))
    tab.press("link", "Source")
    lines = in_force(here).split("\n")
    line = tab.page.get_by_role("row").nth(lines.index(" first-call:") + 1)
    assert line.inner_text().split() == [str(lines.index(" first-call:") + 1), "first-call:"]
    assert tab.presses == 3


def test_a_slip_is_shown_at_its_line(here: Installation, new_tab: Tabs) -> None:
    """What cannot be read is said beside the line it stands in, and every word of the draft is still there."""
    tab = new_tab(script=False)
    tab.be("Coordinator One")
    tab.open(f"/t/{P1}/change")
    slip = in_force(here).replace("due: within 2 hours", "due: within 2 ours", 1)
    tab.page.get_by_label("The text").fill(slip)
    tab.press("button", "Check it")
    assert "due: within 2 ours" in tab.page.locator(".problem").inner_text()
    assert tab.page.get_by_label("The text").input_value().strip() == slip.strip()


def test_cases_are_moved_by_choices_and_taken_back(here: Installation, new_tab: Tabs) -> None:
    """Usability task 16: publish, decide, move, take back, 12 presses; one case cannot go back, and it is said why."""
    cases = [report(here) for _ in range(CASES)]
    tab = new_tab(script=False, size=DESKTOP)
    tab.be("Coordinator One")
    tab.open(f"/t/{P1}/change")
    text = in_force(here).replace("due: within 2 hours", "due: within 100 minutes", 1)
    tab.page.get_by_label("The text").fill(
        text.replace("{done: cancel legal-call", "{unknown: cancel tell-wishes, done: cancel legal-call", 1)
    )
    tab.press("button", "Check it")
    assert "100 minutes" in shown(tab, "changes")
    tab.press("button", "Publish for new cases")
    assert tab.heading() == "Publish: nothing is in force yet"
    assert f"{CASES} open cases stay on the text they began with" in tab.page.locator("main").inner_text()
    assert "100 minutes" in shown(tab, "changes")
    assert "100 minutes" not in in_force(here)
    tab.press("button", "Yes, publish")
    assert f"{CASES} open cases are on an older text." in tab.page.locator("main").inner_text()
    assert not tab.page.get_by_role("radio", checked=True).count()
    referral = tab.page.get_by_role("group", name=re.compile("Referral"))
    assert f"{CASES} earlier" in referral.inner_text()
    assert len(re.findall(r"; due (?:from )?\w{3} \d", referral.inner_text())) == 4
    tab.presses += 2
    referral.get_by_label("Keep time used").check()
    tab.page.get_by_role("group", name=re.compile("Hearing report")).get_by_label("Keep time used").check()
    sent(tab, "Move them")
    ends(tab, "The first share has moved")
    sent(tab, "Go on")
    ends(tab, "Over")
    assert f"Moved\n{CASES}" in shown(tab, "totals")
    clerk = task_of(here, "clerk", cases[0], "hearing-report")
    assert here.ask("clerk", "POST", f"/tasks/{clerk}/complete", {"outcome": "unknown"}).status_code == 200
    tab.press("link", "Look again")
    assert re.search(rf"would go back now: {CASES - 1}\. That cannot: 1, answered \w+ \d+ Nov", shown(tab, "back"))
    sent(tab, "Take back")
    ends(tab, "Taken back")
    assert f"Went back\n{CASES - 1}" in shown(tab, "totals")
    assert "1: hearing-report was answered" in shown(tab, "totals")
    assert tab.presses <= 12


def sent(tab: Tab, name: str) -> None:
    """Press a button, and be on the page that it leads to."""
    with tab.page.expect_navigation():
        tab.press("button", name)


def ends(tab: Tab, said: str) -> None:
    """Look until the run stands so."""

    def there() -> bool:
        tab.page.reload()
        # Who looks too often sees a page that asks them to wait, without the line.
        return any(said in each for each in tab.page.locator(".lead").all_inner_texts())

    until(there, said)


def test_a_plan_is_written_from_choices_and_may_be_edited(here: Installation, new_tab: Tabs) -> None:
    """What is chosen becomes the document; a step left open is named, and a reason that is missing is asked for."""
    tab = new_tab(script=False, size=DESKTOP)
    tab.be("Coordinator One")
    tab.open(f"/t/{P1}/moves")
    tab.page.get_by_role("group", name=re.compile("Referral")).get_by_label("Keep due time").check()
    tab.press("button", "Write the plan from what is chosen")
    plan = tab.page.get_by_label("The plan (see")
    assert plan.input_value() == f"migration: {P1}\nsteps:\n  referral:\n    clock: keep deadline\n"
    assert "Still to be decided: hearing report." in tab.page.locator("main").inner_text()
    assert "line 3 of the plan" in tab.page.locator("main").inner_text()
    tab.press("button", "Move them")
    assert "Still to be decided: hearing report." in tab.page.locator("main").inner_text()
    plan.fill(plan.input_value() + "  hearing-report:\n    clock: no such\n")
    tab.press("button", "Write the plan from what is chosen")
    assert "Line 6" in tab.page.locator(".problem").inner_text()
    assert "no such" in plan.input_value()
    plan.fill(plan.input_value().replace("no such", "grandfather"))
    tab.press("button", "Write the plan from what is chosen")
    assert "Still to be decided" not in tab.page.locator("main").inner_text()


def test_earlier_times_are_seen_at_once(here: Installation, new_tab: Tabs) -> None:
    """Usability task 14: how many open cases get earlier times is in the first 800 px, without a press."""
    councils(here)
    text = in_force(here)
    was = re.search(r"due: within (\d+ \w+)", text)
    assert was is not None
    plan = f"migration: {P1}\nclock: keep elapsed\n"
    body = {"protocol": P1, "text": text.replace(was[0], "due: within 30 minutes", 1), "plan": plan}
    number = here.ask("coordinator", "POST", "/revisions", body).json()["number"]
    assert here.ask("coordinator", "POST", f"/revisions/{number}/submit", {}).status_code == 200
    tab = new_tab(script=False, size=DESKTOP)
    tab.be("Clerk One")
    tab.open(f"/t/{P1}/changes/{number}")
    counts = tab.page.locator(".counts")
    assert re.search(rf"Earlier\n{CASES}\b", counts.inner_text())
    box = counts.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 800
    needs = shown(tab, "decision")
    assert "Everybody has voted. Waits on: advocacy, council, court, jail, police." in needs
    assert "Done Whom it obliges agreed" not in needs.replace("\n", " ")


def test_a_change_is_rehearsed_and_what_came_of_it_kept(here: Installation, new_tab: Tabs) -> None:
    """From a file, whose slip is named by its line, or from the site's own times; after an edit it is one of before."""
    councils(here)
    number = here.get("coordinator", "/revisions")[-1]["number"]
    tab = new_tab(script=False, size=DESKTOP)
    tab.be("Coordinator One")
    tab.open(f"/t/{P1}/changes/{number}")
    tab.page.get_by_text("Rehearse it", exact=True).click()
    tab.press("radio", "At the times of a file")
    table = b"when,what\n2026-03-01 02:42,x\nslip,y\n"
    tab.page.get_by_label("The file:").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": table})
    tab.press("button", "Rehearse it now")
    assert "Line 3: This row does not begin with a time." in tab.page.locator(".problem").inner_text()
    tab.press("radio", "When this site's own began in the last year")
    tab.press("button", "Rehearse it now")
    assert "A rehearsal, not a forecast." in shown(tab, "rehearsal")
    assert "this site knows too few people or answers yet" in shown(tab, "rehearsal")
    assert tab.page.get_by_role("row").filter(has_text=re.compile("^referral")).count()
    expect(tab.page.locator("img")).not_to_have_js_property("naturalWidth", 0, timeout=30_000)
    assert "Done Rehearsed on this text." in shown(tab, "decision").replace("\n", " ")
    body = {"text": here.get("coordinator", f"/revisions/{number}")["text"], "aims": "sooner"}
    assert here.ask("coordinator", "PUT", f"/revisions/{number}", body).status_code == 200
    tab.page.reload()
    assert "this is what was rehearsed before" in shown(tab, "rehearsal")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_vote_is_void_when_the_text_is_edited(here: Installation, new_tab: Tabs, *, script: bool) -> None:
    """Usability task 15: a vote takes two presses; the text is edited, the page says so, and two presses vote again."""
    councils(here)
    chair, clerk = new_tab(script=script, size=DESKTOP), new_tab(script=script)
    chair.be("Coordinator One")
    chair.open(f"/t/{P1}/change")
    text = chair.page.get_by_label("The text").input_value()
    was = re.search(r"due: within (\d+ \w+)", text)
    assert was is not None
    proposed(chair, text.replace(was[0], f"due: within {70 + script} minutes", 1))
    clerk.be("Clerk One")
    clerk.open(chair.page.url.removeprefix(here.url))
    voted(clerk)
    assert "1 for, 0 against" in shown(clerk, "decision")
    clerk.open(clerk.page.url.removeprefix(here.url))
    chair.press("link", "Write it anew")
    proposed(chair, text.replace(was[0], f"due: within {80 + script} minutes", 1))
    voted(clerk)
    assert "changed since you read it" in clerk.page.locator(".problem").inner_text()
    assert "0 for, 0 against" in shown(clerk, "decision")
    voted(clerk)
    assert "1 for, 0 against" in shown(clerk, "decision")
    assert clerk.presses == 6


def test_a_comment_is_answered_and_a_change_withdrawn(here: Installation, new_tab: Tabs) -> None:
    """The coordinator answers beneath the comment; its sponsor gives the change up, and nothing can be voted on."""
    councils(here)
    chair, clerk = new_tab(script=False), new_tab(script=False)
    chair.be("Coordinator One")
    chair.open(f"/t/{P1}/change")
    was = re.search(r"due: within (\d+ \w+)", in_force(here))
    assert was is not None
    proposed(chair, in_force(here).replace(was[0], "due: within 65 minutes", 1))
    clerk.be("Clerk One")
    clerk.open(chair.page.url.removeprefix(here.url))
    clerk.page.get_by_label("Your comment").fill("Who covers the night?")
    clerk.press("button", "Reply")
    chair.page.reload()
    chair.page.locator("summary", has_text="Answer").click()
    chair.page.get_by_label("The answer").fill("The backup does.")
    chair.press("button", "Answer it")
    assert re.search(r"Who covers the night\?.*answers: The backup does\.", shown(chair, "said"), re.DOTALL)
    chair.page.get_by_text("Withdraw this change").click()
    chair.press("button", "Withdraw it")
    assert "Withdrawn" in chair.page.locator(".lead").inner_text()
    clerk.page.reload()
    assert not clerk.page.get_by_role("button", name="Cast vote").count()


def proposed(tab: Tab, text: str) -> None:
    """Check a draft and propose it."""
    tab.page.get_by_label("The text").fill(text)
    tab.press("button", "Check it")
    tab.press("button", "Propose it to the council")
    assert tab.heading().startswith("Change")


def voted(tab: Tab) -> None:
    """Two presses."""
    tab.press("radio", "Yes")
    tab.press("button", "Cast vote")


def pages(here: Installation) -> Iterator[tuple[str, str]]:
    """Each page of the council's desk in its states: whose, and where."""
    councils(here)
    runs = here.get("coordinator", f"/protocols/{P1}/migrations")
    numbers = [each["number"] for each in here.get("coordinator", "/revisions")]
    ways = ["?version=1", "/diagram", "/table", "/source", "/since/1", "/moves", "/change", "/changes"]
    ways += [f"/runs/{each['run']}" for each in runs[:1]]
    # The newest was withdrawn, the one before it is being voted on, the oldest was rehearsed.
    ways += [f"/changes/{each}" for each in (*numbers[:1], *numbers[-1:])] + [f"/changes/{numbers[1]}/write"]
    yield from (("Coordinator One", f"/t/{P1}{way}") for way in ways)
    yield from (("Sergeant One", f"/t/{P1}/changes/{each}") for each in numbers[1:2])


WALKED = {
    *("/t/{slug}", "/t/{slug}/diagram", "/t/{slug}/table", "/t/{slug}/source", "/t/{slug}/since/{version}"),
    *("/t/{slug}/moves", "/t/{slug}/change", "/t/{slug}/changes", "/t/{slug}/runs/{run}"),
    *("/t/{slug}/changes/{number}", "/t/{slug}/changes/{number}/write"),
    *("POST /t/{slug}/change", "POST /t/{slug}/publish"),
}


def test_no_page_keeps_anybody_out(here: Installation, new_tab: Tabs) -> None:
    """Axe finds nothing by WCAG 2.0 to 2.2 A and AA, nothing scrolls sideways, titles are neutral, links lead on."""
    walk = Walk(new_tab(), LIGHT_PHONE)
    for name, path in pages(here):
        walk.go(name, path)
        if path.endswith("/change"):
            slip = in_force(here).replace("due: within", "due: withhin", 1)
            sooner = re.sub(r"due: within \d+ minutes\n", "due: within 95 minutes\n", in_force(here), count=1)
            for text in (slip, sooner):
                walk.tab.page.get_by_label("The text").fill(text)
                walk.send("Check it")
            # Where a council decides no button leads there; the page is the same.
            publishing = "document.querySelector('main form').action = location.pathname.replace('/change', '/publish')"
            walk.tab.page.evaluate(publishing)
            walk.send("Check it")
            assert walk.tab.heading() == "Publish: nothing is in force yet"
    assert walk.seen == WALKED
