"""Tokens of a demonstration open nothing without one; what weighs more is not for machines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import httpx2
import pytest
from temporalio.client import Client

from api.app import create_app
from api.deps import Services
from api.identity import must_be_stepped_up
from protocol.errors import HandoffError
from runtime.settings import Settings
from store import demonstration, schema
from store.custodian.local import LocalCustodian
from store.policy import Subject
from store.session import Database
from tests.store import rings
from tests.store.accounts import MINUTE, NOW
from tests.store.conftest import SITE_KEY
from tests.store.streams import advocacy


@pytest.fixture
async def browsers(tmp_path: Path) -> AsyncIterator[Callable[[Settings, Database], httpx2.AsyncClient]]:
    """Makes a browser at an application that has a database and asks no other server."""
    async with AsyncExitStack() as stack:
        client = await Client.connect("127.0.0.1:1", lazy=True)

        def make(settings: Settings, database: Database) -> httpx2.AsyncClient:
            app = create_app(settings)
            app.state.services = Services(
                settings=settings,
                database=database,
                ring=rings.ring_in(tmp_path),
                custodian=LocalCustodian(tmp_path),
                client=client,
                case_key=b"c" * 32,
                page_key=b"p" * 16,
                site_key=SITE_KEY,
                account_key=b"a" * 32,
            )
            browser = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1")
            stack.push_async_callback(browser.aclose)
            return browser

        yield make


@pytest.mark.parametrize("on", [True, False])
async def test_a_demonstrations_tokens_open_nothing_without_it(
    tmp_path: Path, browsers: Callable[[Settings, Database], httpx2.AsyncClient], *, on: bool
) -> None:
    """Of people and of records systems alike: with real people, everybody signs in or has a key that ends."""
    settings = Settings(data=tmp_path, demonstration=on)
    schema.upgrade(settings.database_url)
    with closing(Database(settings.database_url)) as database:
        with database.write() as connection:
            made = demonstration.seed(connection, advocacy())
        browser = browsers(settings, database)
        said = {
            (await browser.get("/api/v1/me", headers={"Authorization": f"Bearer {each.token}"})).status_code
            for each in made
        }
    assert {200 if on else 401} == said


@pytest.mark.parametrize(
    ("shown_at", "code"),
    [(NOW, ""), (NOW - 5 * MINUTE, ""), (NOW - 5 * MINUTE - 1, "STEP_UP"), (NOW + 1, "STEP_UP"), (None, "STEP_UP")],
)
def test_both_factors_count_as_shown_for_five_minutes(shown_at: int | None, code: str) -> None:
    """To the microsecond; a machine never shows them."""
    who = Subject(person_id="p", name="Placeholder", agency="advocacy", roles=(), stepped_up_at=shown_at)
    try:
        must_be_stepped_up(who, NOW)
        found = ""
    except HandoffError as error:
        found = error.code
    assert code == found
