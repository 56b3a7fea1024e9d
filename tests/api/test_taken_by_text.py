"""A duty is taken from a telephone: an installation of its own, where nobody else's duties are texted meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from runtime.temporal_config import free_ports
from tests.certificates import Authority
from tests.cli.running import run
from tests.installation import Installation, installed
from tests.notices.receivers import http_server, mail_server
from tests.notices.town import PHONE, WITHIN, Outside, Town

OK = httpx2.codes.OK
CANARY = "+1-555-0100 canary-93d1"
P1 = "post-arrest-advocacy"
OPEN = {"openapi", "healthz", "readyz"}
SIGNING = ("/api/v1/sign-", "/api/v1/enrolment")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    """Where notices of this file's installation go: to nobody, until somebody says how to reach them."""
    folder = tmp_path_factory.mktemp("outside")
    return Outside(folder, Authority(folder, "mail-authority"), *free_ports(3))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, outside: Outside) -> Iterator[Installation]:
    """An installation for this file."""
    address = f"http://localhost:{outside.port}"
    more = {"HANDOFF_NOTICES_FILE": str(outside.file()), "HANDOFF_PUBLIC_URL": address}
    with installed(tmp_path_factory.mktemp("installation") / "data", outside.port, more=more) as found:
        yield found


@pytest.fixture(scope="module")
async def town(here: Installation, outside: Outside) -> AsyncIterator[Town]:
    """The installation with its receivers, and the patrol at a telephone."""
    async with mail_server(outside.authority, outside.mail) as box, http_server(outside.texts) as texts:
        found = Town(here, texts, box)
        said = await found.ask("patrol", "PUT", "/notifications/mine", {"phone": PHONE, "channels": ["text"]})
        assert httpx2.codes.OK == said.status_code, said.text
        yield found


async def test_a_duty_is_taken_from_the_text(town: Town) -> None:
    """One reply, no sign-in: the text comes, its code takes the task, and the answer says so; each within 10 s."""
    seen = len(town.texts.bodies)
    case = await town.report()
    said = await town.text(seen)
    begins = r"Rota: 1 item needs you\. Take it by [A-Za-z ]*[0-9:]+ [AP]M\."
    found = re.fullmatch(begins + r" Reply (\d{3}) to take it, (\d{3}) to pass it on\.", said)
    assert found is not None, said
    assert (await town.status(case))["taken_at"] is None
    assert OK == (await town.answer("999")).status_code
    assert "Rota: code not known. Open your list or call the duty line." == await town.text(seen + 1)
    assert OK == (await town.answer(f" {found[1]} ")).status_code
    assert (await town.status(case))["taken_at"] is not None
    assert (await town.text(seen + 2)).startswith("Rota: you have it. Next time mark ")
    assert OK == (await town.answer(found[1])).status_code
    assert (await town.text(seen + 3)).startswith("Rota: you have it.")
    assert {PHONE} == {each["to"] for each in town.texts.json()}


async def test_only_the_gateway_hands_on_answers_and_only_of_known_numbers(
    town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another secret is refused; a number that is nobody's changes nothing and hears nothing; STOP makes a gap."""
    seen = len(town.texts.bodies)
    case = await town.report()
    code = (await town.text(seen)).partition("Reply ")[2][:3]
    assert 401 == (await town.answer(code, key="another")).status_code
    assert OK == (await town.answer(code, number="+15550100999")).status_code
    assert (await town.status(case))["taken_at"] is None
    assert seen + 1 == len(town.texts.bodies)
    assert OK == (await town.answer("stop")).status_code
    gap = (await town.ask("patrol", "GET", "/notifications/status")).json()
    assert (["text"], 1) == ([each["channel"] for each in gap["dead"]], gap["untold"] + gap["waiting"] > 0)
    words = ("notices", "status", "--url", town.here.url, "--token", town.here.token("patrol"))
    shown = await asyncio.to_thread(run, monkeypatch, capsys, *words)
    assert (1, True, True) == (shown.code, "Ways out: text, email." in shown.out, "dead since" in shown.out)
    assert 202 == (await town.ask("patrol", "POST", "/notifications/mine/test")).status_code
    assert "Rota: this is a test. Nothing to do." == await town.text(seen + 1)
    assert [] == (await town.ask("patrol", "GET", "/notifications/mine")).json()["dead"]
    assert OK == (await town.answer(str(int(code) + 1))).status_code
    assert "Rota: passed on. Nothing to do." == await town.text(seen + 2)
    assert (await town.status(case))["taken_at"] is None


async def test_who_answers_late_hears_who_has_it_and_a_link_takes_as_well(town: Town) -> None:
    """The sergeant took it: so the text is answered. A link changes nothing until its button is pressed."""
    seen, mails = len(town.texts.bodies), len(town.box.taken)
    case = await town.report()
    code = (await town.text(seen)).partition("Reply ")[2][:3]
    task = await town.status(case)
    assert OK == (await town.ask("sergeant", "POST", f"/tasks/{task['id']}/take")).status_code
    assert OK == (await town.answer(code)).status_code
    taken = r"Rota: a colleague has this since [0-9:]+ [AP]M\. Nothing to do\."
    assert re.fullmatch(taken, await town.text(seen + 1))

    chosen = {"email": "patrol@example.org", "channels": ["email"]}
    assert OK == (await town.ask("patrol", "PUT", "/notifications/mine", chosen)).status_code
    case = await town.report()
    async with asyncio.timeout(WITHIN):
        while len(town.box.taken) <= mails:
            town.box.came.clear()
            await town.box.came.wait()
    said = bytes(town.box.taken[-1].get_payload(decode=True)).decode().strip()
    link = re.search(r"http://localhost:\d+/have-it/[\w-]{43}$", said)
    assert link is not None, said
    assert len(said) <= 160
    assert OK == (await asyncio.to_thread(httpx2.get, link[0])).status_code
    assert (await town.status(case))["taken_at"] is None
    assert OK == (await asyncio.to_thread(httpx2.post, link[0])).status_code
    assert (await town.status(case))["taken_at"] is not None


async def test_how_one_is_reached_is_one_s_own_to_say(town: Town) -> None:
    """What cannot be is refused with its code, and nothing changes."""
    before = (await town.ask("patrol", "GET", "/notifications/mine")).json()
    wrong = (
        ({"language": "fr"}, "REACH_LANGUAGE"),
        ({"email": "nobody"}, "REACH_EMAIL"),
        ({"phone": "555-0100"}, "REACH_PHONE"),
        ({"phone": PHONE, "channels": ["pigeon"]}, "REACH_CHANNEL"),
        ({"phone": None, "channels": ["text"]}, "REACH_CHANNEL"),
        ({"phone": PHONE, "quiet": {"start": 60, "end": 60}}, "REACH_QUIET"),
    )
    for body, code in wrong:
        said = await town.ask("patrol", "PUT", "/notifications/mine", body)
        assert (422, code) == (said.status_code, said.json()["code"])
    assert before == (await town.ask("patrol", "GET", "/notifications/mine")).json()
    chosen = {"language": "es", "phone": PHONE, "channels": ["text"], "quiet": {"start": 1320, "end": 420}}
    assert OK == (await town.ask("patrol", "PUT", "/notifications/mine", chosen)).status_code
    seen = len(town.texts.bodies)
    await town.ask("patrol", "POST", "/notifications/mine/test")
    assert "Rota: esto es una prueba. Nada que hacer." == await town.text(seen)
