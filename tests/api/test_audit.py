"""No answer with something protected in it without its row: the whole interface, in this process, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import httpx2
import pytest
from sqlalchemy import func, select, text

from api.app import create_app
from api.deps import Services
from protocol.facts import Fact, SlotFilled
from protocol.messages import TakeUp
from runtime.settings import load
from store import demonstration, vault
from store.audit.tables import audit_row
from store.custodian.local import CustodianProcess
from store.plain import Plain
from store.policy import SubjectKind
from store.session import Database
from tests.store.conftest import SITE_KEY
from tests.store.conftest import database as database  # noqa: PLC0414 - a fixture
from tests.store.rings import ring_in
from tests.store.streams import HOUR, MINUTE, START, actor, advocacy, answer, opened, publish, store

CANARY = "Canary Placeholder, +1-555-0100"
CASE = "case-1"
NO_CASE = {"/incidents", "/cases/{case}/events", "/protocols", "/protocols/{slug}", "/me", "/figures", "/audit/heads",
           "/figures.csv", "/rotas/unfilled",
           "/audit/breaches", "/audit/breaches/{breach}/answer", "/passkeys", "/people", "/session",
           "/sign-in/service", "/erasures", "/cases/{case}/notes/{note}", "/releases", "/break-glass",
           "/threats", "/words", "/protocols/{slug}/outline", "/protocols/{slug}/drawing.svg",
           "/protocols/{slug}/migrations", "/migrations/{run}", "/migrations/{run}/way-back", "/cases/{case}/scenario",
           "/council", "/revisions", "/revisions/{number}",
           "/revisions/{number}/rehearsal", "/revisions/{number}/rehearsal.svg", "/revisions/{number}/before-after",
           "/protocols/{slug}/habits",
           "/revisions/{number}/effect", "/revisions/{number}/lines", "/protocols/{slug}/table",
           "/protocols/{slug}/since/{version}", "/practice", "/practice/week",
           "/practice/protocols", "/hints/inbox", "/hints/board",
           "/reports", "/reports/forms",
           "/notifications/mine", "/notifications/status",
           "/rotas", "/rotas/gaps", "/people/roles", "/agreements"}  # fmt: skip
"""Routes whose answers show nothing protected of any case here, and two that have a test of their own below."""


class Site:
    """The application on a database, with people and one case with something in it of every class."""

    def __init__(self, database: Database, process: CustodianProcess, data: Path) -> None:
        self.database = database
        data.mkdir(exist_ok=True, parents=True)
        vault.learn_cards(database, process.custodian, advocacy())
        with database.write() as connection:
            made = demonstration.seed(connection, advocacy())
            self.tokens = {each.roles[0]: each.token for each in made if each.kind is SubjectKind.PERSON}
            self.tokens["steward"] = next(e.token for e in made if (e.agency, e.roles) == ("advocacy", ("steward",)))
        self._case()
        self.app = create_app(load({"data": data}))
        self.app.state.services = Services(
            settings=load({"data": data}), database=database, custodian=process.custodian, client=None,  # type: ignore[arg-type]
            case_key=b"c" * 32, page_key=b"p" * 32, site_key=SITE_KEY, account_key=b"a" * 32, ring=ring_in(data),
        )  # fmt: skip

    def _case(self) -> None:
        """A referral given with a number, and an advocate at work."""
        play = opened(advocacy())
        now = START + 5 * MINUTE
        play.until(now)
        play.do(actor(advocacy(), "patrol"), answer(play, play.live("referral")[0], "given", Random(0), now), now)
        check = play.live("custody-check")[0]
        play.do(actor(advocacy(), "advocate"), TakeUp(instance=check.n), now)
        play.until(now + 3 * HOUR)
        hash_ = publish(self.database)
        store(self.database, play, hash_)
        sealing = vault.Sealing(case_id=CASE, command_id="command-99", now=now)
        with self.database.write() as connection:
            refs = vault.seal(connection, advocacy(), sealing, {"notes": Plain(CANARY)})
        body = SlotFilled(slot="notes", ref=refs["notes"])
        play.facts.append(Fact(seq=len(play.facts) + 1, at=now, recorded=now, body=body))
        store(self.database, play, hash_)

    async def ask(self, role: str, path: str, method: str = "GET", body: object = None) -> httpx2.Response:
        """One request as somebody."""
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://here/api/v1") as client:
            return await client.request(
                method, path, json=body, headers={"Authorization": f"Bearer {self.tokens[role]}"}
            )

    def rows(self, **known: str) -> int:
        """How many rows the audit has with these columns."""
        with self.database.read() as connection:
            wanted = select(func.count()).select_from(audit_row)
            for name, value in known.items():
                wanted = wanted.where(audit_row.c[name] == value)
            return connection.execute(wanted).scalar_one()


@pytest.fixture(scope="module")
def process() -> Iterator[CustodianProcess]:
    """A custodian in a process of its own."""
    with TemporaryDirectory() as folder, CustodianProcess(Path(folder) / "keys", Path(folder)) as made:
        yield made


@pytest.fixture
def site(database: Database, process: CustodianProcess, tmp_path: Path) -> Site:
    """The application with a case in it."""
    return Site(database, process, tmp_path / "data")


async def paths(site: Site) -> list[str]:
    """Every GET route about cases, filled in with things of the case."""
    tasks = (await site.ask("advocate", "/tasks")).json()["items"]
    found = []
    for path, methods in site.app.openapi()["paths"].items():
        short = path.removeprefix("/api/v1")
        if "get" in methods and short != path and short not in NO_CASE:
            found.append(short.format(case=CASE, task=tasks[0]["id"], slot="notes"))
    return found


async def test_every_answer_about_a_case_has_its_row(site: Site) -> None:
    """Whatever an advocate reads of a case by any route, one row more says so, under the request's own id."""
    asked = await paths(site)
    assert len(asked) >= 8
    for path in asked:
        before = site.rows()
        by = "steward" if "readers" in path else "supervisor" if path.endswith(("shields", "passes")) else "advocate"
        answered = await site.ask(by, path)
        assert answered.status_code == httpx2.codes.OK, path
        told = site.rows(request=answered.headers["X-Request-Id"])
        assert (told, site.rows() - before) == (1, 1), path


async def test_who_looks_at_holds_and_their_notes_is_written_down(site: Site) -> None:
    """A list of holds and a note opened have one row each, like every other answer about a case."""
    review = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    wanted = {"reason": "subpoena", "review_at": review, "vault": {"note": CANARY}}
    held = await site.ask("supervisor", f"/cases/{CASE}/holds", "POST", wanted)
    assert held.status_code == httpx2.codes.CREATED, held.text
    (act,) = held.json()["acts"]
    for path in ("/erasures", f"/cases/{CASE}/notes/{act['note']}"):
        answered = await site.ask("supervisor", path)
        assert (answered.status_code, CANARY in answered.text) == (httpx2.codes.OK, "notes" in path)
        assert site.rows(request=answered.headers["X-Request-Id"]) == 1, path


async def test_what_cannot_be_written_down_is_not_shown(site: Site) -> None:
    """While the audit takes no rows every answer about a case is an empty 503, with nothing of it in the log."""
    asked = await paths(site)
    shown = {path for path in asked if (await site.ask("advocate", path)).text.count(CASE) or "protected" in path}
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE audit_row RENAME TO audit_is_gone"))
    answers = {path: await site.ask("advocate", path) for path in shown}
    denied = await site.ask("patrol", f"/cases/{CASE}/protected/notes")
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE audit_is_gone RENAME TO audit_row"))

    assert len(shown) >= 6
    assert {(503, b"")} == {(each.status_code, each.content) for each in (*answers.values(), denied)}
    assert (await site.ask("advocate", f"/cases/{CASE}/protected/notes")).json()["value"] == CANARY


async def test_a_denial_is_written_down_for_whoever_keeps_the_value(site: Site) -> None:
    """A patrol's try at a protected value is in the case's chain, and advocacy's lead reads who it was."""
    denied = await site.ask("patrol", f"/cases/{CASE}/protected/notes")
    found = await site.ask("steward", f"/cases/{CASE}/readers")

    assert denied.status_code == httpx2.codes.NOT_FOUND
    assert site.rows(kind="denied", agency="police", chain=CASE) == 1
    (row,) = [each for each in found.json()["items"] if each["kind"] == "denied"]
    assert (row["name"], row["allowed"], row["reason"]) == ("Patrol One", False, "NOT_FOUND")
    assert row["fields"] == ["slot:notes"]
    assert CANARY not in found.text


async def test_who_saw_a_case_is_told_to_its_leads_and_stewards(site: Site) -> None:
    """They read who, when, what; advocates do not; another lead sees the own agency only."""
    await site.ask("advocate", f"/cases/{CASE}")
    await site.ask("advocate", "/tasks")
    await site.ask("patrol", f"/cases/{CASE}")
    await site.ask("advocate", f"/cases/{CASE}/protected/notes?why=task")

    inside = (await site.ask("steward", f"/cases/{CASE}/readers")).json()["items"]
    outside = (await site.ask("sergeant", f"/cases/{CASE}/readers")).json()["items"]

    assert [(each["kind"], each["name"], each["action"]) for each in inside] == [
        ("audit", "Steward One", "who-saw"),
        ("open", "Advocate One", "task"),
        ("read", "Advocate One", "GET:/tasks"),
        ("read", "Advocate One", "GET:/cases/{case}"),
    ]
    assert "slot:notes" in inside[3]["fields"]
    assert {each["agency"] for each in outside} == {"police"}
    for role in ("advocate", "legal-advocate", "patrol"):
        assert (await site.ask(role, f"/cases/{CASE}/readers")).json()["code"] == "NOT_YOURS"


async def test_only_stewards_get_heads(site: Site) -> None:
    """An advocate is told that it is not theirs."""
    assert (await site.ask("steward", "/audit/heads")).json()["heads"] == []
    assert (await site.ask("advocate", "/audit/heads")).status_code == httpx2.codes.FORBIDDEN
