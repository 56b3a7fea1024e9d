"""The desks in a real browser, with and without scripts: three jobs, and what must never show."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from playwright.sync_api import Page, expect

from api.errors import STATUSES
from api.hints import INBOX
from api.pages.refusals import refusal, sentences
from protocol.state import Code
from tests.installation import ROOT, Installation, services
from tests.pages import test_board, test_council, test_everyone, test_figures, test_practice
from tests.pages.conftest import CANARY, P1, Tab, referred, report, task_of
from tests.pages.looking import DARK_PHONE, NO_PAGES, Walk, routes

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
PAGES = ROOT / "api" / "pages"
TITLE = re.compile(r'page\(\s*(?:request, |self\.request, )?"[a-z]+\.html", "([^"]+)"')
SAID = re.compile(r'say\([\w.()]+\)\(\s*"([^"]+)"')
Tabs = Callable[..., Tab]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_an_advocate_takes_an_item_and_records_it(here: Installation, new_tab: Tabs, *, script: bool) -> None:
    """Take, choose, save: three presses on the item, and no word is typed."""
    task = referred(here)
    tab = new_tab(script=script)
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    tab.press("button", "Take it")
    expect(tab.page.get_by_text("You have this")).to_be_visible()
    tab.press("link", "Held")
    tab.press("button", "Save")
    expect(tab.page.get_by_text("This item ended. Nothing to do.")).to_be_visible()
    assert tab.presses == 3


def test_a_protected_value_is_nowhere_until_it_is_asked_for(here: Installation, new_tab: Tabs) -> None:
    """It is in no page, address, title or store of the browser before Show, and gone again after."""
    task = referred(here)
    tab = new_tab()
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    assert CANARY not in tab.page.content()
    tab.press("button", "Show safe numbers")
    expect(tab.page.locator("main")).to_contain_text(CANARY)
    assert CANARY not in tab.page.url + tab.page.title()
    tab.press("link", "Hide it again")
    expect(tab.page.locator("main")).not_to_contain_text(CANARY)
    assert CANARY not in tab.page.content()
    kept = tab.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert kept == '[{},{},""]'


def test_while_keys_do_not_answer_the_item_says_so_and_is_done_all_the_same(here: Installation, new_tab: Tabs) -> None:
    """The value is shut, the item is recorded, and afterwards the value opens where the case shows it."""
    task = referred(here)
    code = here.get("advocate", f"/tasks/{task}")["task"]["code"]
    tab = new_tab()
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    holder = services(here.process)["store.custodian"]
    os.kill(holder, signal.SIGSTOP)
    try:
        tab.press("button", "Show safe numbers")
        expect(tab.page.locator(".problem")).to_contain_text("does not answer", timeout=30_000)
        assert CANARY not in tab.page.content()
        assert all("503" in each for each in tab.wrong)
        tab.wrong.clear()
        tab.press("link", "Held")
        tab.press("button", "Save")
        expect(tab.page.locator("main")).to_contain_text("Saved", timeout=30_000)
    finally:
        os.kill(holder, signal.SIGCONT)
    tab.open(f"/c/{code}")
    tab.press("button", "Show safe numbers")
    expect(tab.page.locator("main")).to_contain_text(CANARY)


def test_before_a_call_stands_what_is_known_and_since_when(here: Installation, new_tab: Tabs) -> None:
    """How the check before it ended, and when, above the number; where nobody is called nothing warns of a call."""
    check = referred(here)
    case = here.get("advocate", f"/tasks/{check}")["task"]["case"]
    tab = new_tab(script=False)
    tab.be("Advocate One")
    tab.open(f"/i/{check}")
    assert "Before you call" not in tab.page.locator("main").inner_text()
    assert here.ask("advocate", "POST", f"/tasks/{check}/complete", {"outcome": "held"}).status_code == 200
    tab.open(f"/i/{task_of(here, 'advocate', case, 'first-call')}")
    said = tab.page.locator("main").inner_text()
    known = tab.page.locator("section[aria-labelledby=known]").inner_text()
    assert re.search(r"Custody check\nHeld\. Done on time\. .*\d:\d\d [AP]M", known)
    assert "Before you call: check again what is older than 2 hours." in known
    assert said.index("Custody check") < said.index("Show safe numbers")
    for role in ("advocate", "patrol"):
        found = here.get(role, f"/cases/{case}")
        assert found["known_at"].keys() == found["fields"].keys()
        assert None not in found["known_at"].values()


def test_outsiders_see_in_hand_and_nothing_else(here: Installation, new_tab: Tabs) -> None:
    """Of what the confidential agency did, police and coordinator see that it has it, and never how it ended."""
    task = referred(here)
    assert here.ask("advocate", "POST", f"/tasks/{task}/complete", {"outcome": "held"}).status_code == 200
    code = here.get("advocate", f"/tasks/{task}")["task"]["code"]
    for name in ("Coordinator One", "Patrol One"):
        tab = new_tab()
        tab.be(name)
        tab.open(f"/c/{code}")
        shown = tab.page.locator("main").inner_text()
        assert "In hand" in shown
        assert not {"Held", "held", "First call", "Ended\n In hand"} & set(shown.splitlines())
        assert CANARY not in tab.page.content()


def test_who_was_told_is_no_promise_of_safety(here: Installation, new_tab: Tabs) -> None:
    """Where a page says who was told, it says in the same place, in both languages, that this keeps nobody safe."""
    code = here.get("advocate", f"/tasks/{referred(here)}")["task"]["code"]
    tab = new_tab(script=False)
    tab.be("Advocate One")
    said = {"en": "A sent notice does not mean anyone is safe", "es": "Un aviso enviado no significa que"}
    for language, words in said.items():
        if language == "es":
            tab.press("button", "Español")
        tab.open(f"/c/{code}")
        assert words in tab.page.locator("section[aria-labelledby=told]").inner_text()


def test_everything_is_in_spanish_for_who_chooses_it(here: Installation, new_tab: Tabs) -> None:
    """The page stays and its language is said; the clock's sentences are in it too."""
    task = referred(here)
    tab = new_tab(script=False)
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    tab.follow(tab.page.get_by_role("button", name="Español"))
    assert tab.page.locator("html").get_attribute("lang") == "es"
    assert tab.page.get_by_role("button", name="Tomarlo").is_visible()
    tab.follow(tab.page.get_by_role("button", name="English"))


def lines_of(tab: Tab, path: str) -> set[str]:
    """The sentences that a page shows, folds opened, in parts of three words or more."""
    tab.open(path)
    tab.page.evaluate("document.querySelectorAll('main details').forEach(each => { each.open = true })")
    parts = {each.strip() for each in re.split(r"[\n\t>:,;()]", tab.page.locator("main").inner_text())}
    return {each for each in parts if len(re.findall(r"\b[a-záéíóúñü]+\b", each)) >= 3}


def test_no_sentence_of_a_spanish_page_is_in_english(here: Installation, new_tab: Tabs) -> None:
    """Page by page in both languages: what is the same in both stands so in the text that was agreed, word for word."""
    slugs = {each["protocol"] for each in here.get("coordinator", "/protocols")}
    texts = " ".join(here.get("coordinator", f"/protocols/{each}")["text"] for each in slugs)
    agreed = " ".join(texts.replace("-", " ").split()).lower()
    english, spanish = new_tab(script=False), new_tab(script=False)
    was = ""
    for name, path in pages(here):
        if path.startswith("/t") or not name:
            continue
        if name != was:
            if was:
                spanish.press("button", "English")
            for tab in (english, spanish):
                tab.be(name)
            spanish.press("button", "Español")
        was = name
        same = lines_of(english, path) & lines_of(spanish, path)
        assert {each for each in same if each.lower().rstrip(".").replace("-", " ") not in agreed} == set(), path


def test_what_is_turned_down_is_said_in_spanish(here: Installation, new_tab: Tabs) -> None:
    """By the desk, at the door and on the rota: the sentence of its code, and every code has one."""
    said = sentences("es")
    assert set(STATUSES) | {each.value for each in Code} <= set(said)
    assert refusal("es", "NO_SUCH_CODE", "In English.") == "No se hizo. Código: NO_SUCH_CODE"
    tab = new_tab(script=False)
    tab.open("/in")
    tab.press("button", "Español")
    tab.page.get_by_label("Nombre", exact=True).fill("nobody@example.org")
    tab.page.get_by_label("Contraseña").fill("heron lantern gravel ninety")
    tab.page.get_by_label(re.compile("Número")).fill("000000")
    tab.follow(tab.page.get_by_role("button", name="Entrar", exact=True).first)
    assert said["SIGN_IN"] in tab.page.locator(".problem").inner_text()
    tab.page.get_by_label("Ser", exact=True).select_option(label="Advocate One")
    tab.follow(tab.page.get_by_role("button", name="Entrar", exact=True).last)
    tab.open("/r")
    tab.page.locator("summary", has_text="Cubrir").first.click()
    tab.page.get_by_label("Hasta").first.fill("2020-01-01T00:00")
    tab.press("button", "Poner de turno")
    assert said["ROTA_WHEN"] in tab.page.locator(".problem").inner_text()


def pages(here: Installation) -> list[tuple[str, str]]:
    """Every page in its states: whose, and where."""
    task, case = referred(here), report(here)
    code = here.get("advocate", f"/tasks/{task}")["task"]["code"]
    given = task_of(here, "patrol", case, "referral")
    return [
        ("Advocate One", "/i"),
        ("Advocate One", f"/i/{task}"),
        ("Advocate One", f"/i/{task}/record/held"),
        ("Patrol One", f"/i/{given}/record/given"),
        ("Advocate One", f"/c/{code}"),
        ("Coordinator One", f"/c/{code}"),
        ("Coordinator One", "/c"),
        ("Coordinator One", "/b"),
        ("Coordinator One", "/t"),
        ("Coordinator One", "/t/post-arrest-advocacy"),
        ("Coordinator One", "/f"),
        ("Supervisor One", f"/c/{code}/views"),
        ("Supervisor One", f"/c/{code}/permissions"),
        ("Patrol One", "/s"),
        ("Patrol One", "/s/post-arrest-advocacy/arrest-booked"),
        ("Patrol One", "/s/post-arrest-advocacy/new-arrest"),
        ("Patrol One", "/s/log"),
        ("Coordinator One", "/i/unknown"),
        ("", "/in"),
    ]


WALKED = {
    *("/i", "/i/{task}", "/i/{task}/record/{outcome}", "POST /i/{task}/{act}", "POST /i/{task}/show/{slot}"),
    *("/c", "/c/{code}", "/c/{code}/views", "/c/{code}/permissions", "POST /c/{code}/show/{slot}"),
    *("/s", "/s/log", "/s/{protocol}/{event}", "/s/receipt/{code}", "POST /s/{protocol}/{event}"),
    *("POST /s/{protocol}/{event}/file", "POST /s/{protocol}/{event}/rows"),
    *("/b", "/t", "/t/{slug}", "/f", "/in"),
}


def test_no_page_keeps_anybody_out(here: Installation, new_tab: Tabs) -> None:
    """Axe finds nothing by WCAG 2.0 to 2.2 A and AA, nothing scrolls sideways, titles are neutral, links lead on."""
    walk = Walk(new_tab(), DARK_PHONE)
    for name, path in pages(here):
        walk.go(name, path)
    in_between(here, walk)
    assert walk.seen == WALKED


def in_between(here: Installation, walk: Walk) -> None:
    """Pages that have no address of their own: what is shown, what could not be saved, a file looked at and sent."""
    task, page = referred(here), walk.tab.page
    walk.go("Advocate One", f"/i/{task}")
    walk.send("Show safe numbers")
    walk.tab.open(f"/c/{here.get('advocate', f'/tasks/{task}')['task']['code']}")
    walk.send("Show safe numbers")
    walk.go("", f"/i/{task}/record/held")
    assert here.ask("advocate", "POST", f"/tasks/{task}/complete", {"outcome": "held"}).status_code == 200
    walk.send("Save")
    walk.go("", f"/i/{task}")
    walk.go("Patrol One", f"/s/{P1}/arrest-booked")
    page.get_by_label("Your own number for it").fill(f"walk-not-yet-{task}")
    page.get_by_label(re.compile("When did it happen")).fill("2099-01-01T00:00")
    walk.send("Send")
    walk.tab.open(f"/s/{P1}/arrest-booked")
    good = f"{datetime.now(UTC) - timedelta(hours=30):%Y-%m-%d %H:%M},2026-12-01 09:00,"
    page.get_by_text("Send a file").click()
    table = f"number,happened,first-appearance,x\n{task},{good}\n,{good}\n".encode()
    page.get_by_label("CSV file").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": table})
    walk.send("Look at it first")
    walk.send("Send 1")
    walk.tab.open(f"/s/{P1}/arrest-booked")
    page.get_by_label("Your own number for it").fill(f"walk-{task}")
    with page.expect_navigation():
        walk.tab.press("button", "Send")
    walk.look()


def test_every_page_is_looked_at_by_some_walk() -> None:
    """Each address that shows something is in a walk, and no walk names one that is not there any more."""
    walked = WALKED | test_council.WALKED | test_everyone.WALKED | test_practice.WALKED
    walked |= test_board.WALKED | test_figures.WALKED
    assert {each for each in walked if not each.startswith("POST ")} == set(routes("GET")) - NO_PAGES
    assert {each[5:] for each in walked if each.startswith("POST ")} <= set(routes("POST"))


def test_the_main_job_is_done_with_the_keyboard_alone(here: Installation, new_tab: Tabs) -> None:
    """Tab and Enter lead from the inbox to a saved answer, and what has the focus can be seen."""
    task = referred(here)
    tab = new_tab()
    tab.be("Advocate One")
    tab.open(f"/i/{task}")
    for name in ("Take it", "Held", "Save"):
        _tab_to(tab.page, name)
        with tab.page.expect_navigation():
            tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_text("This item ended. Nothing to do.")).to_be_visible()


def _tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == name:
            return
    raise AssertionError(f"{name} cannot be reached")


def test_an_inbox_goes_on_where_its_first_page_ends(here: Installation, new_tab: Tabs) -> None:
    """More than a page holds: Next page leads to the others, none of them twice, and that there are more is said."""
    for _ in range(INBOX + 1):
        report(here)
    tab = new_tab(script=False)
    tab.be("Patrol One")
    pages: list[list[str | None]] = []
    while not pages or tab.page.get_by_role("link", name="Next page").count():
        if pages:
            with tab.page.expect_navigation():
                tab.press("link", "Next page")
        pages.append([each.get_attribute("href") for each in tab.page.locator("a[href^='/i/']").all()])
        assert ("and more" in tab.heading()) == bool(tab.page.get_by_role("link", name="Next page").count())
    items = [each for page in pages for each in page]
    assert len(pages[0]) == INBOX
    assert len(set(items)) == len(items) > INBOX


def test_every_sentence_of_the_pages_is_in_every_language() -> None:
    """What stands in a template or is said by a page has its Spanish, and no Spanish is left over."""
    said: set[str] = set()
    for path in sorted(PAGES.rglob("*")):
        if path.suffix in {".html", ".py"}:
            method = "jinja2.ext.babel_extract" if path.suffix == ".html" else "python"
            with path.open("rb") as source:
                said |= {str(each[1]) for each in extract(method, source, options={"newstyle_gettext": "true"})}
    said |= {title for path in PAGES.glob("*.py") for title in TITLE.findall(path.read_text(encoding="utf-8"))}
    said |= {said_ for path in PAGES.glob("*.py") for said_ in SAID.findall(path.read_text(encoding="utf-8"))}
    with (PAGES / "locale" / "es.po").open("rb") as source:
        known = {str(each.id): str(each.string) for each in read_po(source, locale="es") if each.id}
    assert {each for each in said if not known.get(each)} == set()
    assert set(known) - said == set()
