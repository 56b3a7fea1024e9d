"""Looking at pages: nothing keeps anybody out, at which widths and in which colours; and which pages were looked at."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import expect

import api.pages
from tests.pages.conftest import DESKTOP, PHONE, Tab

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
# What is well is told too, at such length that reading it takes longer than looking.
LOOKED_AT = f"axe.run({json.dumps(OPTIONS)}).then(({{ violations }}) => ({{ violations }}))"
DENIED = ("violence", "abuse", "survivor", "victim", "arrest", "advocacy")
LARGEST = 60_000
"""Characters of a page that may come over a telephone; a text agreed on is as long as it is."""
NO_PAGES = {"/", "/favicon.ico", "/static/{name}"}
"""Addresses that show nothing of their own."""
ELSEWHERE = ("/api/", "/calendar/", "/static/")
"""Where links lead that are no pages: files, drawings."""
PAIRINGS = {
    "phone-light": (PHONE, False),
    "phone-dark": (PHONE, True),
    "desktop-light": (DESKTOP, False),
    "desktop-dark": (DESKTOP, True),
}
DARK_PHONE, LIGHT_PHONE = ("phone-dark", "desktop-light"), ("phone-light", "desktop-dark")
"""What a file is looked at in each time; together the files have all four."""
ALL = "HANDOFF_TEST_PAIRINGS"
"""The variable that asks for all four pairings of every file: ``all`` (docs/desks.md)."""
PICTURES = "HANDOFF_TEST_PICTURES"
"""The variable that names a folder for a picture of everything that is looked at: ``make screenshots``."""


@cache
def routes(method: str) -> tuple[str, ...]:
    """Every route of the pages, as it is written, the plainest first: a word goes before what stands for any word."""
    rooms = [importlib.import_module(f"api.pages.{each.name}") for each in pkgutil.iter_modules(api.pages.__path__)]
    found = [each for room in rooms if hasattr(room, "router") for each in room.router.routes]
    paths = (each.path for each in found if method in each.methods)
    return tuple(sorted(paths, key=lambda path: (path.count("{"), path)))


def route(method: str, address: str) -> str | None:
    """The route of an address; None: there is no such page."""
    path = urlsplit(address).path
    shapes = {each: re.sub(r"\{\w+\}", "[^/]+", each) for each in routes(method)}
    return next((each for each, shape in shapes.items() if re.fullmatch(shape, path)), None)


@dataclass
class Walk:
    """One way through pages with a tab, each looked at in every pairing; ``seen`` are the routes of those.

    ``daily`` are the pairings of every day; where all four are asked for it is those.
    """

    tab: Tab
    daily: tuple[str, ...]
    seen: set[str] = field(default_factory=set)
    _was: str = ""
    _taken: int = 0

    def __post_init__(self) -> None:
        if os.environ.get(ALL) == "all":
            self.daily = tuple(PAIRINGS)

    def go(self, name: str, path: str) -> None:
        """Open a page as somebody (empty: as whoever it is, or nobody), and look at it."""
        if name and name != self._was:
            self.tab.be(name)
        self._was = name or self._was
        self.tab.open(path)
        self.look()

    def send(self, name: str) -> None:
        """Press a button, which can be pressed in every pairing, that leads to a page of its own; look at that."""
        for _ in self._pairings():
            self.tab.page.get_by_role("button", name=name, exact=True).first.click(trial=True)
        with self.tab.page.expect_navigation() as went:
            self.tab.press("button", name)
        self.look(went.value.request.method)

    def look(self, method: str = "GET") -> None:
        """Nothing is wrong with the page as it is shown, every fold of it open."""
        page, path = self.tab.page, urlsplit(self.tab.page.url).path
        way = route(method, path)
        assert way is not None, path
        self.seen.add(way if method == "GET" else f"{method} {way}")
        self._pictures(way)
        page.evaluate("document.querySelectorAll('main details, footer details').forEach(each => { each.open = true })")
        page.evaluate(AXE_SCRIPT)
        for each in self._pairings():
            found = AxeResults(page.evaluate(LOOKED_AT))
            assert found.violations_count == 0, f"{each}: {method} {path}: {found.generate_report()}"
            wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            assert not wide, f"{each}: {path}"
            if page.locator("header").count():
                expect(page.get_by_role("button", name="Hide", exact=True)).to_be_visible()
        assert not any(word in page.title().lower() for word in DENIED)
        assert len(page.content()) < LARGEST or path.startswith("/t/"), path
        for to in page.locator("a[href^='/']").evaluate_all("found => found.map(each => each.getAttribute('href'))"):
            assert to.startswith(ELSEWHERE) or route("GET", to), f"{path} leads to {to}, where no page is"

    def _pairings(self) -> Iterator[str]:
        """Give the page the width and the colours of each pairing, one after the other.

        The last first when it comes again, so that things are pressed now at one width and now at another.
        """
        for each in self.daily:
            size, dark = PAIRINGS[each]
            self.tab.page.set_viewport_size(size)  # type: ignore[arg-type]
            self.tab.page.emulate_media(color_scheme="dark" if dark else "light")
            yield each
        self.daily = self.daily[::-1]

    def _pictures(self, way: str) -> None:
        """Keep how it looks to whoever opens it, where pictures are wanted: by file, place in the walk, and pairing."""
        folder = os.environ.get(PICTURES)
        if folder is None:
            return
        # As pytest writes it: tests/pages/test_desks.py::test_name (call)
        found = re.search(r"test_(\w+)\.py::", os.environ["PYTEST_CURRENT_TEST"])
        assert found is not None
        self._taken += 1
        shown = re.sub("[^a-z]+", "-", way).strip("-") or "root"
        for each in self._pairings():
            path = Path(folder) / f"{found[1]}-{self._taken:02}-{shown}-{each}.png"
            self.tab.page.screenshot(path=path, full_page=True)
