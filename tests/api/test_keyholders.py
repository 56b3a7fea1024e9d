"""Signing in at one's agency's keyholder through the API, and what the API says while it is down."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from temporalio.client import Client

from api.app import create_app
from api.deps import Services
from runtime.settings import Settings
from store import demonstration, schema
from store.custodian import remote
from store.custodian.router import custodians
from store.session import Database
from tests.store import rings
from tests.store.conftest import SITE_KEY
from tests.store.keyholders import PASSWORD, running
from tests.store.streams import advocacy

pytestmark = pytest.mark.server
WHO = "Advocate One"


async def test_a_person_signs_in_at_the_keyholder(client: Client, tmp_path: Path) -> None:
    """A proof gives a grant; a wrong one 422, a keyholder that is down 503, which is told without being unready."""
    settings = Settings(data=tmp_path / "data")
    settings.make_folders()
    schema.upgrade(settings.database_url)
    with running(tmp_path / "box") as held, closing(Database(settings.database_url)) as database:
        held.enrol(WHO)
        remote.enrol(settings.keyholders, held.code())
        with database.write() as connection:
            made = demonstration.seed(connection, advocacy())
        app = create_app(settings)
        app.state.services = Services(
            settings=settings,
            database=database,
            ring=rings.ring_in(tmp_path),
            custodian=custodians(settings),
            client=client,
            case_key=b"c" * 32,
            page_key=b"p" * 16,
            site_key=SITE_KEY,
            account_key=b"a" * 32,
        )
        token = next(each.token for each in made if each.agency == "advocacy" and each.roles)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as browser:

            async def prove(password: str) -> httpx2.Response:
                proof = {"name": WHO, "password": password, "code": held.totp(WHO)}
                return await browser.post("/api/v1/keyholder", json=proof, headers=headers)

            wrong = await prove("not the password")
            assert (wrong.status_code, wrong.json()["code"]) == (422, "PROOF_WRONG")
            given = await prove(PASSWORD)
            assert held.book.holder(given.json()["grant"]) == WHO
            up = await browser.get("/readyz")
            held.stop()
            down = await prove(PASSWORD)
            assert (down.status_code, down.json()["code"]) == (503, "CUSTODIAN_DOWN")
            assert down.json()["title"].startswith("the keyholder of advocacy does not answer")
            assert PASSWORD not in down.text
            told = await browser.get("/readyz")
            assert up.json()["keyholders"] == {"advocacy": True}
            assert told.json() == {**up.json(), "keyholders": {"advocacy": False}}
            assert told.status_code == up.status_code
            held.start()
