"""An agency's keyholder as the installation sees it: where it is, whose certificate it shows, and its last card."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store.custodian import tls, wire
from store.custodian.port import Grant, Item, KeyCard, Order, Pane, Place, Receipt, Shown, Wrap
from store.releases.document import Release, Ticket

PATIENCE = 5.0
"""Seconds a keyholder may take."""
CLIENT = "client.pem"

Given = TypeVar("Given")


class Code(BaseModel):
    """What an enrolment code says: where the keyholder is, whose it is, and what proves each to the other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agency: Slug
    host: str
    port: int
    fingerprint: str
    secret: str

    def text(self) -> str:
        """The code as people copy it."""
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()

    @staticmethod
    def read(text: str) -> Code:
        """A copied code.

        Raises:
            HandoffError: ``BAD_CODE``.
        """
        try:
            return Code.model_validate_json(base64.urlsafe_b64decode(text.strip().encode()))
        except (ValidationError, binascii.Error, UnicodeError):
            raise HandoffError("BAD_CODE", "this is no enrolment code; copy all of it") from None


class Kept(BaseModel):
    """What an installation keeps of one keyholder."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    host: str
    port: int
    certificate: str
    card: KeyCard


class RemoteCustodian:
    """``port.Custodian`` over a keyholder. A new connection for each call; safe to use from several threads.

    Args:
        folder: where this installation keeps its client certificate and what it knows of keyholders.
        agency: whose keyholder.

    Raises:
        HandoffError: ``KEYHOLDER_FILE`` when what is kept of it cannot be read.
    """

    def __init__(self, folder: Path, agency: Slug) -> None:
        self.agency = agency
        self._folder = folder
        try:
            self._kept = Kept.model_validate_json(_file(folder, agency).read_bytes())
        except (OSError, ValidationError):
            raise HandoffError(
                "KEYHOLDER_FILE", f"{_file(folder, agency)} cannot be read; enrol the keyholder of {agency} again"
            ) from None

    def sign_in(self, agency: Slug, name: str, password: str, code: str) -> str:
        """See ``port.Custodian``."""
        answer = self._call(wire.SignIn(agency=agency, name=name, password=password, code=code))
        return self._given(answer.grant)

    def describe(self, agency: Slug) -> KeyCard:
        """See ``port.Custodian``; while the keyholder is down, its last card: sealing asks nobody."""
        try:
            card = self._given(self._call(wire.Describe(agency=agency)).card)
        except HandoffError as error:
            if error.code != "CUSTODIAN_DOWN":
                raise
            return self._kept.card
        if card != self._kept.card:
            self._kept = self._kept.model_copy(update={"card": card})
            _write(self._folder, self.agency, self._kept)
        return card

    def open(self, grant: Grant, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        """See ``port.Custodian``."""
        values = self._given(self._call(wire.Open(grant=grant, why=why, items=tuple(items))).values)
        if len(values) != len(items):
            raise self._down()
        return values

    def break_glass(self, grant: Grant, pane: Pane) -> None:
        """See ``port.Custodian``."""
        self._call(wire.BreakGlass(grant=grant, pane=pane))

    def share(self, grant: Grant, items: Sequence[Item], to: KeyCard) -> tuple[Wrap, ...]:
        """See ``port.Custodian``."""
        return self._given(self._call(wire.Share(grant=grant, items=tuple(items), to=to)).wraps)

    def forget(self, order: Order) -> Receipt:
        """See ``port.Custodian``."""
        return self._given(self._call(wire.Forget(order=order)).receipt)

    def engine_share(self, agency: Slug) -> bytes:
        """See ``port.Custodian``."""
        return self._given(self._call(wire.EngineShare(agency=agency)).engine_share)

    def rotate(self, agency: Slug) -> KeyCard:
        """See ``port.Custodian``."""
        raise HandoffError(
            "ROTATE_THERE", f"the next key of {agency} is made at its keyholder: handoff keyholder rotate"
        )

    def rewrap(self, agency: Slug, records: Sequence[tuple[Place, Wrap]]) -> tuple[Wrap, ...]:
        """See ``port.Custodian``."""
        return self._given(self._call(wire.Rewrap(agency=agency, records=tuple(records))).wraps)

    def identity(self, agency: Slug) -> bytes:
        """See ``port.Custodian``."""
        return self._given(self._call(wire.Identity(agency=agency)).identity)

    def sign(self, grant: Grant, release: Release) -> bytes:
        """See ``port.Custodian``."""
        return self._given(self._call(wire.Sign(grant=grant, release=release)).signature)

    def vouch(self, grant: Grant, ticket: Ticket) -> bytes:
        """See ``port.Custodian``."""
        return self._given(self._call(wire.Vouch(grant=grant, ticket=ticket)).signature)

    def open_released(self, shown: Shown, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        """See ``port.Custodian``."""
        values = self._given(self._call(wire.OpenReleased(shown=shown, why=why, items=tuple(items))).values)
        if len(values) != len(items):
            raise self._down()
        return values

    def revoke(self, owner: Slug, release: OpaqueId) -> None:
        """See ``port.Custodian``."""
        self._call(wire.Revoke(agency=owner, release=release))

    def answers(self) -> bool:
        """Whether the keyholder can be reached and is who it was."""
        try:
            self._call(wire.Describe(agency=self.agency))
        except HandoffError as error:
            return error.code != "CUSTODIAN_DOWN"
        return True

    def _call(self, call: wire.Call | wire.SignIn) -> wire.Answer:
        kept = self._kept
        try:
            context = tls.for_client(self._folder / CLIENT, kept.certificate)
            answer = _exchange((kept.host, kept.port), context, call, tls.fingerprint(kept.certificate))
        except (OSError, ValidationError):
            raise self._down() from None
        if answer.refused is not None:
            raise HandoffError(*answer.refused)
        return answer

    def _given(self, value: Given | None) -> Given:
        if value is None:
            raise self._down()
        return value

    def _down(self) -> HandoffError:
        says = f"the keyholder of {self.agency} does not answer; nothing was opened, and everything else goes on"
        return HandoffError("CUSTODIAN_DOWN", says)


def enrol(folder: Path, text: str, seeds: Sequence[tuple[int, bytes]] = ()) -> RemoteCustodian:
    """Enrol this installation at a keyholder with its one-time code, and keep where it is.

    Args:
        folder: where installations keep what they know of keyholders.
        text: the code.
        seeds: the agency's keys so far, with their epochs: they go home over the proven connection.

    Raises:
        HandoffError: ``BAD_CODE``, ``CODE_USED``, ``CUSTODIAN_DOWN``; ``WRONG_CERTIFICATE`` when somebody else answers;
            ``OTHER_KEYS`` when the keyholder already has others of the same epochs.
    """
    code = Code.read(text)
    own = tls.certificate(folder / CLIENT)
    call = wire.Enrol(code=code.secret, certificate=own, seeds=tuple(seeds))
    try:
        shown = ssl.DER_cert_to_PEM_cert(_shown((code.host, code.port)))
        if tls.fingerprint(shown) != code.fingerprint:
            raise HandoffError("WRONG_CERTIFICATE", "another keyholder answers there than the one that gave this code")
        answer = _exchange((code.host, code.port), tls.for_client(None, shown), call, code.fingerprint)
    except (OSError, ValidationError):
        raise HandoffError("CUSTODIAN_DOWN", f"no keyholder answers at {code.host}, port {code.port}") from None
    if answer.refused is not None or answer.card is None:
        raise HandoffError(*(answer.refused or ("BAD_REQUEST", "the keyholder gave no card")))
    kept = Kept(host=code.host, port=code.port, certificate=shown, card=answer.card)
    _write(folder, code.agency, kept)
    return RemoteCustodian(folder, code.agency)


def enrolled(folder: Path) -> tuple[Slug, ...]:
    """The agencies whose keyholders this installation knows."""
    return tuple(sorted(each.stem for each in folder.glob("*.json")))


def _exchange(
    where: tuple[str, int], context: ssl.SSLContext, call: wire.Call | wire.SignIn | wire.Enrol, fingerprint: str
) -> wire.Answer:
    with (
        socket.create_connection(where, PATIENCE) as raw,
        context.wrap_socket(raw, server_hostname=None) as connection,
    ):
        shown = connection.getpeercert(binary_form=True) or b""
        if hashlib.sha256(shown).hexdigest() != fingerprint:
            raise OSError
        wire.send(connection, wire.Sent(at=time.time(), nonce=secrets.token_hex(16), call=call))
        return wire.ANSWER.validate_json(wire.receive(connection))


def _shown(where: tuple[str, int]) -> bytes:
    context = tls.for_client(None, None)
    with socket.create_connection(where, PATIENCE) as raw, context.wrap_socket(raw) as connection:
        return connection.getpeercert(binary_form=True) or b""


def _file(folder: Path, agency: Slug) -> Path:
    return folder / f"{agency}.json"


def _write(folder: Path, agency: Slug, kept: Kept) -> None:
    part = folder / f"{agency}.{secrets.token_hex(4)}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(kept.model_dump_json())
    part.rename(_file(folder, agency))
