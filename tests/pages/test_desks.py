"""The desks in a real browser, with and without scripts: three jobs, and what must never show."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from playwright.sync_api import Page, expect

from api.hints import INBOX
from tests.installation import ROOT, Installation
from tests.pages.conftest import CANARY, DESKTOP, PHONE, Tab, referred, report, task_of

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
PAGES = ROOT / "api" / "pages"
TITLE = re.compile(r'page\(\s*(?:request, |self\.request, )?"[a-z]+\.html", "([^"]+)"')
SAID = re.compile(r'say\([\w.()]+\)\(\s*"([^"]+)"')
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DENIED = ("violence", "abuse", "survivor", "victim", "arrest", "advocacy")
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
    assert CANARY in tab.page.content()
    assert CANARY not in tab.page.url + tab.page.title()
    tab.press("link", "Hide it again")
    assert CANARY not in tab.page.content()
    kept = tab.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert kept == '[{},{},""]'


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
    tab.page.get_by_role("button", name="Español").click()
    assert tab.page.locator("html").get_attribute("lang") == "es"
    assert tab.page.get_by_role("button", name="Tomarlo").is_visible()
    tab.page.get_by_role("button", name="English").click()


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


@pytest.mark.parametrize(("size", "dark"), [(PHONE, True), (DESKTOP, False)])
def test_no_page_keeps_anybody_out(here: Installation, new_tab: Tabs, size: dict[str, int], *, dark: bool) -> None:
    """Axe finds nothing by WCAG 2.0 to 2.2 A and AA, nothing scrolls sideways, and titles are neutral."""
    tab, was = new_tab(size=size, dark=dark), ""
    for name, path in pages(here):
        if name and name != was:
            tab.be(name)
        was = name or was
        tab.open(path)
        found = Axe().run(tab.page, options={"runOnly": {"type": "tag", "values": TAGS}})
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert _fits(tab.page), path
        assert not any(word in tab.page.title().lower() for word in DENIED)
        assert len(tab.page.content()) < 60_000 or path.startswith("/t/")


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


def _fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


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
