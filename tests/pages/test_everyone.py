"""What everybody has: ways to go, the rota, how they are reached, signing in, and an agency's people, in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.installation import Installation
from tests.pages.conftest import DESKTOP, Tab

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
Tabs = Callable[..., Tab]


def shown(tab: Tab) -> list[str]:
    """The ways that can be seen, without what More holds."""
    return tab.page.locator(".bar nav > a:visible").all_inner_texts()


def test_a_narrow_bar_has_three_ways_and_more(here: Installation, new_tab: Tabs) -> None:
    """Whatever does not fit is behind More, which needs no script; nobody is shown a way that their role has not."""
    tab, wide = new_tab(script=False), new_tab(size=DESKTOP)
    tab.be("Coordinator One")
    assert len(shown(tab)) == 3
    tab.page.locator("nav summary").click()
    tab.press("link", "Text")
    assert tab.heading() == "What we agreed"
    wide.be("Coordinator One")
    assert {"Inbox", "Board", "Figures", "Text"} <= set(shown(wide))
    wide.be("Advocate One")
    assert not {"Board", "Figures"} & set(shown(wide))


def test_a_gap_is_filled_and_cover_is_asked_and_given(here: Installation, new_tab: Tabs) -> None:
    """Without a script: enter a shift, ask for cover and stay on, until somebody else says yes."""
    lead, one = new_tab(script=False), new_tab(script=False)
    one.be("Advocate One")
    one.open("/r")
    one.page.locator("summary", has_text="Fill gap").first.click()
    one.press("button", "Put on duty")
    expect(one.page.get_by_role("cell", name="Advocate One")).to_be_visible()
    one.page.locator("summary", has_text="Ask for cover").first.click()
    one.press("button", "Ask for cover")
    expect(one.page.get_by_text("You stay on until someone says yes.").first).to_be_visible()
    lead.be("Supervisor One")
    lead.open("/r")
    assert "Cover wanted" in lead.page.locator("main").inner_text()
    one.page.get_by_role("button", name="Keep it").click()
    assert "Cover wanted" not in one.page.locator("main").inner_text()
    lead.open("/r")
    lead.page.locator("summary", has_text="Take it out").first.click()
    lead.page.get_by_role("button", name="Yes, take it out").first.click()
    assert "Cover wanted" not in lead.page.locator("main").inner_text()


def test_others_gaps_are_shown_by_role_and_never_by_name(here: Installation, new_tab: Tabs) -> None:
    """The coordinator sees which role of another agency nobody answers for, and when; nobody's name."""
    tab = new_tab(script=False)
    tab.be("Coordinator One")
    tab.open("/r")
    shown_ = tab.page.locator("section[aria-labelledby=others]").inner_text()
    assert "advocate" in shown_
    assert "One" not in shown_
    tab.be("Advocate One")
    tab.open("/r")
    assert 0 == tab.page.locator("section[aria-labelledby=others]").count()
    tab.press("button", "Make a new address")
    assert "/calendar/" in tab.page.locator("main .code").inner_text()
