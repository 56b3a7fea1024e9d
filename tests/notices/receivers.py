"""Real receivers: a mail server that speaks TLS, and an HTTP server, each on a port of this machine."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.certificates import Authority


@dataclass
class Mailbox:
    """What a mail server took; ``says`` is its answer to an address, where that is not OK."""

    port: int = 0
    taken: list[Message] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    over_tls: list[bool] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802 - the library's hook
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        _ = server, session
        if address in self.says:
            return self.says[address]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        _ = server
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content))
        self.over_tls.append(session.ssl is not None)
        self.came.set()
        return "250 OK"


@asynccontextmanager
async def mail_server(authority: Authority, port: int = 0) -> AsyncIterator[Mailbox]:
    """A mail server that takes mail only after STARTTLS."""
    cert, key = authority.sign("localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, tls_context=context, require_starttls=True, loop=loop, hostname="localhost"),
        "127.0.0.1",
        port,
    )
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box


@dataclass
class Receiver:
    """What an HTTP server was sent; ``status`` and ``body`` are its answer, which waits for ``slow`` if it is there."""

    port: int = 0
    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)
    location: str = ""
    slow: asyncio.Event | None = None
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    def json(self) -> list[dict[str, Any]]:
        """The bodies, in order."""
        return [json.loads(each) for each in self.bodies]


@asynccontextmanager
async def http_server(port: int = 0) -> AsyncIterator[Receiver]:
    """An HTTP/1.1 server that keeps what it is sent."""
    found = Receiver()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in head if each)}
        found.bodies.append(await reader.readexactly(int(headers["content-length"])))
        found.heads.append(headers)
        found.came.set()
        if found.slow is not None:
            await found.slow.wait()
        said = json.dumps(found.body).encode()
        writer.write(
            f"HTTP/1.1 {found.status} Said\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"location: {found.location}\r\ncontent-length: {len(said)}\r\n\r\n".encode()
            + said
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found
