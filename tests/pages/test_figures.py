"""Figures in a real browser: drawn, said and downloaded alike; and what is hidden can be worked out from none of it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from contextlib import closing
from functools import partial
from random import Random

import pytest
from sqlalchemy import insert

from store.edge_tables import figure, frozen_period
from store.figures import LEAST
from store.hiding import Cell, Told
from store.session import Database
from tests.installation import Installation
from tests.pages.conftest import P1, Tab
from tests.pages.looking import DARK_PHONE, Walk
from tests.servers import until
from tests.store.test_hiding import YEAR, others, reach, told_of

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
WALKED = {"/f"}
SAID = {
    Told.ALL: r"(?P<share>\d+) % (?:on time|in hand in time) of (?P<n>\d+)",
    Told.NEARLY_ALL: r"Nearly all (?:on time|in hand in time) of (?P<n>\d+)",
    Told.NEARLY_NONE: r"Nearly none (?:on time|in hand in time) of (?P<n>\d+)",
    Told.COUNT: r"(?P<n>\d+) in all; the rest is too small to show",
    Told.NOTHING: "Too few to show",
}
"""Every sentence of a figure, and what a reader learns by it."""
STEPS = {"hearing-report": False, "bail-report": False, "referral": True}
"""Steps with a history each, and whether only others' taking up is counted in it."""
Tabs = Callable[..., Tab]
Histories = dict[str, list[tuple[int, int]]]


@pytest.fixture(scope="module")
def histories(here: Installation) -> Histories:
    """A year of small months for each step, told as each month came to its end; how it was in truth."""
    chance = Random(20)
    made: Histories = {}
    with closing(Database(f"sqlite:///{here.data / 'handoff.db'}")) as database, database.write() as connection:
        for step, confidential in STEPS.items():
            made[step] = [
                (n := chance.choice((2, 3, 5, 6, 7, 8, 9, 30)), chance.randint(max(0, n - 6), n)) for _ in YEAR
            ]
            for each in told_of(made[step]):
                names = {"slug": P1, "from_agency": "police", "agency": "court", "step": step, "period": each.period}
                numbers = {"n": each.n, "kept": each.kept, "usual": 50, "most": 110}
                told = {"confidential": confidential, "told": each.told.value}
                connection.execute(insert(figure).values({**names, **numbers, **told}))
        for each in told_of(made["referral"]):
            connection.execute(insert(frozen_period).values(period=each.period, at=0))
    return made


def read(said: str, period: str) -> Cell:
    """What a reader learns of a period by a figure's sentence; nothing is taken from anywhere else."""
    told, found = next((told, found) for told, each in SAID.items() if (found := re.search(each, said)))
    known = found.groupdict()
    n = int(known.get("n") or 0)
    return Cell(period=period, n=n, kept=round(int(known.get("share") or 0) * n / 100), told=told)


def seen(tab: Tab) -> dict[str, list[Cell]]:
    """Every figure of every period that the filter offers, by step; its sentence, drawing and table must agree."""
    found: dict[str, list[Cell]] = {}
    tab.open("/f")
    for period in [str(each.get_attribute("value")) for each in tab.page.locator("#period option").all()]:
        until(partial(applied, tab, period), f"the figures of {period}")
        for card in tab.page.locator("ul.items > li").all():
            step = card.locator("h2").inner_text().rpartition(": ")[2].replace(" ", "-")
            cell = read(card.locator(".clock").inner_text(), period)
            for drawn in card.locator("svg.bar-of desc").all():
                assert read(str(drawn.text_content()), period) == cell
            if cell.told is not Told.ALL:
                assert not card.locator("svg.bar-of .part").count()
                assert "Usual" not in card.inner_text()
            found.setdefault(step, []).append(cell)
    return found


def applied(tab: Tab, period: str) -> bool:
    """Filter by a period, as the page's form does; who looks too often is shown a page that asks them to wait."""
    tab.open(f"/f?period={period}")
    return tab.page.locator(f"#period option[value='{period}'][selected]").count() == 1


def test_20_no_hidden_figure_can_be_worked_out(here: Installation, new_tab: Tabs, histories: Histories) -> None:
    """Usability task 20: every period, drawing, table and file read; each hidden month may still be several numbers."""
    tab = new_tab(script=False)
    tab.be("Coordinator One")
    found = seen(tab)
    assert found.keys() == histories.keys()
    hidden = 0
    for step, cells in found.items():
        months = histories[step]
        by_name = {each.period: each for each in cells}
        assert len(by_name) == len(YEAR) + 5
        for quarter in range(4):
            truths = months[3 * quarter : 3 * quarter + 3]
            for number, possible in enumerate(others(cells, quarter, most=31)):
                each = by_name[YEAR[3 * quarter + number]]
                assert truths[number] in possible
                if each.told is Told.NOTHING:
                    hidden += 1
                    assert len({n for n, _ in possible}) >= LEAST, (step, each)
                elif each.told is not Told.ALL:
                    assert len({kept for _, kept in possible}) > 1, (step, each)
        for each in cells:
            low, high = reach(cells, each.period, months)
            assert each.told is not Told.NOTHING or high - low >= LEAST, (step, each)
    assert hidden > len(STEPS)


def test_the_file_and_the_lists_tell_what_the_pages_tell(
    here: Installation, new_tab: Tabs, histories: Histories
) -> None:
    """Of each period the file has the numbers that its page has, and no other; so have the columns of twelve months."""
    tab = new_tab(script=False)
    tab.be("Coordinator One")
    pages = {(step, each.period): each for step, cells in seen(tab).items() for each in cells}
    rows = list(csv.DictReader(io.StringIO(here.ask("coordinator", "GET", "/figures.csv").text)))
    assert {(each["step"], each["period"]) for each in rows} == pages.keys()
    for each in rows:
        page = pages[each["step"], each["period"]]
        whole = page.told is Told.ALL
        assert each["told"] == page.told.value
        assert each["delivered"] == ("" if page.told is Told.NOTHING else str(page.n))
        assert [bool(each[name]) for name in ("kept", "share", "usual", "most")] == [whole] * 4
        assert not whole or int(each["kept"]) == page.kept
    for each in here.get("coordinator", "/figures")["months"]:
        page = pages[each["step"], each["period"]]
        assert (each["told"], each["delivered"] or 0) == (page.told.value, page.n)
    tab.open("/f")
    for card in tab.page.locator("ul.items > li").all():
        step = card.locator("h2").inner_text().rpartition(": ")[2].replace(" ", "-")
        for line in str(card.locator("svg.columns desc").text_content()).split(". ")[:-1]:
            period, _, said = line.partition(": ")
            assert read(said, period) == pages[step, period]


def test_a_period_that_is_not_there_and_a_reader_whose_figures_are_not(
    here: Installation, histories: Histories
) -> None:
    """A month to come, a month misspelt, an advocate: each answered with its code, in the pages' lists and the file."""
    assert here.ask("coordinator", "GET", "/figures?period=2031-01").json()["code"] == "NO_PERIOD"
    assert here.ask("coordinator", "GET", "/figures?period=2026-1").status_code == 422
    assert here.ask("advocate", "GET", "/figures.csv").json()["code"] == "NOT_YOURS"


def test_figures_keep_nobody_out(here: Installation, new_tab: Tabs, histories: Histories) -> None:
    """Axe finds nothing on a month's and a year's figures, tables open, and nothing scrolls sideways."""
    walk = Walk(new_tab(), DARK_PHONE)
    for path in ("/f", "/f?period=2026", "/f?period=2031-01"):
        walk.go("Coordinator One", path)
    assert walk.seen == WALKED
