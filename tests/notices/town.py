"""Where the notices of an installation go in a test, and how somebody answers them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import yaml

from tests.certificates import Authority
from tests.installation import Installation
from tests.notices.receivers import Mailbox, Receiver

PHONE = "+15550100123"
WITHIN = 10
"""Seconds in which a text is answered (notes/ux.md, task 1)."""


@dataclass(frozen=True)
class Outside:
    """A mail server and a gateway that are yet to run, and the port of the installation that is to know them."""

    folder: Path
    authority: Authority
    port: int
    mail: int
    texts: int

    def file(self) -> Path:
        """The file that says how notices leave."""
        for name, secret in (("gateway", "gateway-key"), ("answers", "answers-key")):
            (self.folder / name).write_text(f"{secret}\n")
        found = self.folder / "notices.yaml"
        mail = {"host": "localhost", "port": self.mail, "sender": "rota@example.org"}
        gateway = {
            "url": f"http://127.0.0.1:{self.texts}/in",
            "headers": {"Authorization": "Bearer {secret}"},
            "body": {"to": "{to}", "text": "{text}", "id": "{id}"},
            "secret_file": str(self.folder / "gateway"),
        }
        answers = {"secret_file": str(self.folder / "answers")}
        said = {"email": {**mail, "ca_file": str(self.authority.file)}, "text": gateway, "answers": answers}
        found.write_text(yaml.safe_dump(said))
        return found


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
        said = await asyncio.to_thread(self.here.ask, "police-records", "POST", "/incidents", arrest())
        return str(said.json()["case"])

    async def status(self, case: str) -> dict[str, Any]:
        found = await asyncio.to_thread(self.here.get, "patrol", "/tasks?limit=200")
        (task,) = [each for each in found["items"] if each["case"] == case]
        return dict(task)


def arrest() -> dict[str, str]:
    """A report of an arrest nobody has reported."""
    return {"protocol": "post-arrest-advocacy", "event": "arrest-booked", "source": "police", "key": uuid4().hex}
