"""Notices of a whole installation: from a report to a telephone, answered by text or link; how one is reached."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from runtime.temporal_config import free_ports
from tests.api.test_main_job import report
from tests.certificates import Authority
from tests.installation import Installation, installed
from tests.notices.receivers import Mailbox, Receiver, http_server, mail_server

pytestmark = [pytest.mark.server]
PHONE = "+15550100123"
OK = httpx2.codes.OK
WITHIN = 10
"""Seconds in which a text is answered (notes/ux.md, task 1)."""


@dataclass
class Town:
    """An installation with its receivers."""

    here: Installation
    texts: Receiver
    box: Mailbox

    async def ask(self, role: str | None, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        return await asyncio.to_thread(self.here.ask, role, method, path, body, **headers)

    async def answer(self, said: str, number: str = PHONE, key: str = "answers-key") -> httpx2.Response:
        """What the gateway hands on when somebody answers."""
        url = f"{self.here.url}/api/v1/notifications/answers"
        body = {"from": number, "text": said}
        sent = {"Authorization": f"Bearer {key}"}
        return await asyncio.to_thread(httpx2.post, url, data=body, headers=sent)

    async def text(self, after: int) -> str:
        """The next text after so many."""
        async with asyncio.timeout(WITHIN):
            while len(self.texts.bodies) <= after:
                self.texts.came.clear()
                await self.texts.came.wait()
        return str(self.texts.json()[after]["text"])

    async def report(self) -> str:
        said = await asyncio.to_thread(report, self.here)
        return str(said.json()["case"])

    async def status(self, case: str) -> dict[str, Any]:
        found = await asyncio.to_thread(self.here.get, "patrol", "/tasks?limit=200")
        (task,) = [each for each in found["items"] if each["case"] == case]
        return dict(task)


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """An installation that sends, with somebody of the patrol at a telephone and somebody at a mailbox."""
    folder = tmp_path_factory.mktemp("notices")
    authority = Authority(folder, "mail-authority")
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(mail_server(authority))
        texts = await stack.enter_async_context(http_server())
        file = written(folder, box, texts, authority)
        (port,) = free_ports(1)
        more = {"HANDOFF_NOTICES_FILE": str(file), "HANDOFF_PUBLIC_URL": f"http://localhost:{port}"}
        running = installed(folder / "data", port, more=more)
        here = await asyncio.to_thread(running.__enter__)
        try:
            found = Town(here, texts, box)
            chosen = {"phone": PHONE, "channels": ["text"]}
            said = await found.ask("patrol", "PUT", "/notifications/mine", chosen)
            assert OK == said.status_code, said.text
            yield found
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


def written(folder: Path, box: Mailbox, texts: Receiver, authority: Authority) -> Path:
    """The file that says how notices leave."""
    for name, secret in (("gateway", "gateway-key"), ("answers", "answers-key")):
        (folder / name).write_text(f"{secret}\n")
    file = folder / "notices.yaml"
    mail = {"host": "localhost", "port": box.port, "sender": "rota@example.org", "ca_file": str(authority.file)}
    gateway = {
        "url": texts.url,
        "headers": {"Authorization": "Bearer {secret}"},
        "body": {"to": "{to}", "text": "{text}", "id": "{id}"},
        "secret_file": str(folder / "gateway"),
    }
    answers = {"secret_file": str(folder / "answers")}
    file.write_text(yaml.safe_dump({"email": mail, "text": gateway, "answers": answers}))
    return file


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


async def test_only_the_gateway_hands_on_answers_and_only_of_known_numbers(town: Town) -> None:
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
