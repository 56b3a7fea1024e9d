"""A whole installation and a real browser, for pages. Whatever a page does wrong unseen fails its test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Response, sync_playwright
from sqlalchemy import update

from store.accounts.tables import signed_in
from store.session import Database
from tests.installation import Installation, installed

P1 = "post-arrest-advocacy"
CANARY = "+1-555-0100 canary-71b4"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE, DESKTOP = {"width": 320, "height": 640}, {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for every page test."""
    with installed(tmp_path_factory.mktemp("desks") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The distribution's Chromium; without it these tests are passed over, but never where all must run.

    Gone with its module: while it is open its own event loop runs, and no other could.
    """
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on PATH: apt-get install chromium")
        pytest.skip("pages are tested in a browser, and no Chromium is on PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield found
        found.close()


@dataclass
class Tab:
    """A tab, what it did wrong unseen, and how often somebody pressed something."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)
    presses: int = 0
    away: bool = False
    """Whether it leaves the site, or loses it, on purpose."""

    def open(self, path: str) -> None:
        """Go to an address of the site."""
        self.page.goto(f"{self.url}{path}")

    def press(self, role: str, name: str, number: int = 0, *, leads: bool = True) -> None:
        """Press a button or a link, once, by what it is called; what ``leads`` to no page is only pressed."""
        self.presses += 1
        what = self.page.get_by_role(role, name=name, exact=True).nth(number)  # type: ignore[arg-type]
        if leads and role != "radio":
            self.follow(what)
        else:
            what.click()

    def follow(self, way: Locator) -> None:
        """Click what leads to a page, and wait for the whole of that."""
        with self.page.expect_navigation():
            way.click()

    def be(self, name: str) -> None:
        """Sign in as a placeholder."""
        self.open("/in")
        self.page.get_by_label("Be", exact=True).select_option(label=name)
        self.follow(self.page.get_by_role("button", name="Go in"))

    def heading(self) -> str:
        """The page's own heading."""
        return self.page.locator("h1").inner_text()

    def hear(self, said: ConsoleMessage) -> None:
        """Note what the browser complains of, broken rules of the page's own policy among it."""
        if said.type in {"error", "warning"} and "status of 4" not in said.text and not self.away:
            self.wrong.append(said.text)

    def watch(self, response: Response) -> None:
        """Note what goes to another host, or fails."""
        if urlsplit(response.url).netloc != urlsplit(self.url).netloc and not self.away:
            self.wrong.append(f"asked {response.url}")
        if response.status >= 500:
            self.wrong.append(f"{response.status} {response.url}")


@pytest.fixture
def new_tab(browser: Browser, here: Installation) -> Iterator[Callable[..., Tab]]:
    """Makes tabs; at the end none may have broken its rules, asked another host, or written to the console."""
    made: list[tuple[BrowserContext, Tab]] = []

    def make(*, script: bool = True, size: dict[str, int] | None = None) -> Tab:
        context = browser.new_context(
            java_script_enabled=script,
            viewport=size or PHONE,  # type: ignore[arg-type]
            locale="en-US",
        )
        tab = Tab(context.new_page(), here.url)
        tab.page.on("console", tab.hear)
        tab.page.on("pageerror", lambda error: tab.wrong.append(str(error)))
        tab.page.on("response", tab.watch)
        made.append((context, tab))
        return tab

    yield make
    wrong = [each for _, tab in made for each in tab.wrong]
    for context, _ in made:
        context.close()
    assert wrong == []


def report(here: Installation) -> str:
    """A new case of P1; its id."""
    body = {"protocol": P1, "event": "arrest-booked", "source": "police", "key": uuid4().hex}
    case: str = here.ask("police-records", "POST", "/incidents", body).json()["case"]
    return case


def task_of(here: Installation, role: str, case: str, step: str) -> str:
    """The task of a role in a case."""
    found = here.get(role, "/tasks?limit=200")["items"]
    (task,) = [each["id"] for each in found if each["case"] == case and each["step"] == step]
    return str(task)


def referred(here: Installation) -> str:
    """A case that advocacy has, with a protected number; the advocate's task."""
    case = report(here)
    body = {"outcome": "given", "vault": {"safe-numbers": CANARY}}
    done = here.ask("patrol", "POST", f"/tasks/{task_of(here, 'patrol', case, 'referral')}/complete", body)
    assert done.status_code == 200, done.text
    return task_of(here, "advocate", case, "custody-check")


def end_sessions(here: Installation) -> None:
    """Let every session run out, as time would; what is kept of it stays until it is swept."""
    database = Database(f"sqlite:///{here.data / 'handoff.db'}")
    with database.write() as connection:
        connection.execute(update(signed_in).values(seen_at=0))
    database.close()
