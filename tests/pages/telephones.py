"""A gateway of texts for page tests: it keeps what it was sent, in a thread of its own, and answers as people do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.installation import Installation

WITHIN = 10
"""Seconds in which a text comes (notes/ux.md, task 1)."""


@dataclass
class Telephones:
    """Every telephone there is, by number."""

    port: int = 0
    texts: list[dict[str, Any]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def take(self, said: dict[str, Any]) -> None:
        """A text comes."""
        with self.came:
            self.texts.append(said)
            self.came.notify_all()

    def text(self, number: str, after: int = 0) -> str:
        """The next text to a number after so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.to(number)) > after, WITHIN), self.texts
        return str(self.to(number)[after])

    def to(self, number: str) -> list[str]:
        """The texts to a number."""
        return [each["text"] for each in self.texts if each["to"] == number]


@contextmanager
def telephones(folder: Path) -> Iterator[tuple[Telephones, Path]]:
    """They ring until the end; with the file that says how notices leave."""
    found = Telephones()

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.take(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.port = server.server_port
    (folder / "gateway-key").write_text("gateway-key\n")
    (folder / "answers-key").write_text("answers-key\n")
    way = {
        "url": f"http://127.0.0.1:{found.port}/in",
        "headers": {"Authorization": "Bearer {secret}"},
        "body": {"to": "{to}", "text": "{text}", "id": "{id}"},
        "secret_file": str(folder / "gateway-key"),
    }
    file = folder / "notices.yaml"
    file.write_text(yaml.safe_dump({"text": way, "answers": {"secret_file": str(folder / "answers-key")}}))
    try:
        yield found, file
    finally:
        server.shutdown()
        server.server_close()


def answer(here: Installation, number: str, said: str) -> None:
    """Somebody answers a text."""
    done = httpx2.post(
        f"{here.url}/api/v1/notifications/answers",
        data={"from": number, "text": said},
        headers={"Authorization": "Bearer answers-key"},
    )
    assert done.status_code == httpx2.codes.OK, done.text


def reached(here: Installation, role: str, number: str) -> None:
    """Somebody says that they are texted."""
    done = here.ask(role, "PUT", "/notifications/mine", {"phone": number, "channels": ["text"]})
    assert done.status_code == httpx2.codes.OK, done.text
