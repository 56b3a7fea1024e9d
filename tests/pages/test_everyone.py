"""What everybody has: ways to go, the rota, how they are reached, signing in, and an agency's people, in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
