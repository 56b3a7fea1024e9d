"""How the port travels: one length-prefixed JSON message each way, over a Unix socket."""

from __future__ import annotations

import socket
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store.custodian.port import Grant, Item, KeyCard, Order, Pane, Place, Receipt, Shown, Wrap
from store.releases.document import Release, Ticket

AT_MOST = 64 * 1024 * 1024
"""The longest message, in bytes."""

LENGTH_BYTES = 4


class Message(BaseModel):
    """Base of every message: closed, frozen, bytes as base64."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class Describe(Message):
    """``Custodian.describe``."""

    method: Literal["describe"] = "describe"
    agency: Slug


class Open(Message):
    """``Custodian.open``."""

    method: Literal["open"] = "open"
    grant: Grant
    why: Slug
    items: tuple[Item, ...]


class BreakGlass(Message):
    """``Custodian.break_glass``."""

    method: Literal["break-glass"] = "break-glass"
    grant: Grant
    pane: Pane


class Share(Message):
    """``Custodian.share``."""

    method: Literal["share"] = "share"
    grant: Grant
    items: tuple[Item, ...]
    to: KeyCard


class Forget(Message):
    """``Custodian.forget``."""

    method: Literal["forget"] = "forget"
    order: Order


class EngineShare(Message):
    """``Custodian.engine_share``."""

    method: Literal["engine-share"] = "engine-share"
    agency: Slug


class Rotate(Message):
    """``Custodian.rotate``."""

    method: Literal["rotate"] = "rotate"
    agency: Slug


class Rewrap(Message):
    """``Custodian.rewrap``."""

    method: Literal["rewrap"] = "rewrap"
    agency: Slug
    records: tuple[tuple[Place, Wrap], ...]


class Identity(Message):
    """``Custodian.identity``."""

    method: Literal["identity"] = "identity"
    agency: Slug


class Sign(Message):
    """``Custodian.sign``."""

    method: Literal["sign"] = "sign"
    grant: Grant
    release: Release


class Vouch(Message):
    """``Custodian.vouch``."""

    method: Literal["vouch"] = "vouch"
    grant: Grant
    ticket: Ticket


class OpenReleased(Message):
    """``Custodian.open_released``."""

    method: Literal["open-released"] = "open-released"
    shown: Shown
    why: Slug
    items: tuple[Item, ...]


class Revoke(Message):
    """``Custodian.revoke``."""

    method: Literal["revoke"] = "revoke"
    agency: Slug
    release: OpaqueId


class SignIn(Message):
    """``Custodian.sign_in``, at a keyholder."""

    method: Literal["sign-in"] = "sign-in"
    agency: Slug
    name: str
    password: str
    code: str


class Enrol(Message):
    """An installation's certificate, against a one-time code, and the agency's seeds so far, which go home with it."""

    method: Literal["enrol"] = "enrol"
    code: str
    certificate: str
    seeds: tuple[tuple[int, bytes], ...] = ()


Releasing: TypeAlias = Identity | Sign | Vouch | OpenReleased | Revoke
Call: TypeAlias = Annotated[
    Describe | Open | BreakGlass | Share | Forget | EngineShare | Rotate | Rewrap | Releasing,
    Field(discriminator="method"),
]


class Request(Message):
    """A call, and the token that lets it in."""

    token: str
    call: Call


class Sent(Message):
    """A call to a keyholder, whose caller its certificate proves: ``at`` in seconds, ``nonce`` never used before."""

    at: float
    nonce: str
    call: Annotated[
        Describe | Open | BreakGlass | Share | Forget | EngineShare | Rotate | Rewrap | Releasing | SignIn | Enrol,
        Field(discriminator="method"),
    ]


class Answer(Message):
    """What a call gave: exactly one of these, or a refusal."""

    card: KeyCard | None = None
    values: tuple[bytes, ...] | None = None
    wraps: tuple[Wrap, ...] | None = None
    receipt: Receipt | None = None
    engine_share: bytes | None = None
    grant: str | None = None
    signature: bytes | None = None
    identity: bytes | None = None
    refused: tuple[str, str] | None = None


REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
SENT: TypeAdapter[Sent] = TypeAdapter(Sent)
ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def send(connection: socket.socket, message: Message) -> None:
    """Send one message.

    Raises:
        HandoffError: ``TOO_LONG`` beyond ``AT_MOST``.
    """
    data = message.model_dump_json().encode()
    if len(data) > AT_MOST:
        raise HandoffError("TOO_LONG", "too many values for one call to the custodian")
    connection.sendall(len(data).to_bytes(LENGTH_BYTES) + data)


def receive(connection: socket.socket) -> bytes:
    """Receive one message; empty when the other side has gone."""
    length = int.from_bytes(_exactly(connection, LENGTH_BYTES))
    return b"" if length > AT_MOST else _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts: list[bytes] = []
    missing = count
    while missing:
        part = connection.recv(min(missing, 1 << 20))
        if not part:
            return b""
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
