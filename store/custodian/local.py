"""The embedded custodian: a child process that alone holds the keys, and the client that speaks to it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pydantic import ValidationError

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store.custodian import wire
from store.custodian.port import Grant, Item, KeyCard, Order, Pane, Place, Receipt, Shown, Wrap
from store.custodian.safes import TokenOptions
from store.releases.document import Release, Ticket

SOCKET = "custodian.sock"
TOKEN = "custodian.token"  # noqa: S105 - a file's name
PATIENCE = 10.0
"""How long a call may take, in seconds."""

LONGEST_PATH = 100

Given = TypeVar("Given")


class LocalCustodian:
    """``port.Custodian`` over the child's socket. Safe to use from several threads and processes.

    Args:
        run: the folder in which the child put its socket and token.
    """

    def __init__(self, run: Path) -> None:
        self.run = run

    def sign_in(self, agency: Slug, name: str, password: str, code: str) -> str:  # noqa: ARG002 - the port's
        """See ``port.Custodian``: nobody signs in here, for the keys are on this machine."""
        raise HandoffError("NO_KEYHOLDER", f"{agency} has no keyholder: its keys are on this machine")

    def describe(self, agency: Slug) -> KeyCard:
        """See ``port.Custodian``."""
        return _given(self._call(wire.Describe(agency=agency)).card)

    def open(self, grant: Grant, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        """See ``port.Custodian``."""
        values = _given(self._call(wire.Open(grant=grant, why=why, items=tuple(items))).values)
        if len(values) != len(items):
            raise _down()
        return values

    def break_glass(self, grant: Grant, pane: Pane) -> None:
        """See ``port.Custodian``: who the two are is the API's word here, as everything about people is."""

    def share(self, grant: Grant, items: Sequence[Item], to: KeyCard) -> tuple[Wrap, ...]:
        """See ``port.Custodian``."""
        return _given(self._call(wire.Share(grant=grant, items=tuple(items), to=to)).wraps)

    def forget(self, order: Order) -> Receipt:
        """See ``port.Custodian``."""
        return _given(self._call(wire.Forget(order=order)).receipt)

    def engine_share(self, agency: Slug) -> bytes:
        """See ``port.Custodian``."""
        return _given(self._call(wire.EngineShare(agency=agency)).engine_share)

    def rotate(self, agency: Slug) -> KeyCard:
        """See ``port.Custodian``."""
        return _given(self._call(wire.Rotate(agency=agency)).card)

    def rewrap(self, agency: Slug, records: Sequence[tuple[Place, Wrap]]) -> tuple[Wrap, ...]:
        """See ``port.Custodian``."""
        return _given(self._call(wire.Rewrap(agency=agency, records=tuple(records))).wraps)

    def identity(self, agency: Slug) -> bytes:
        """See ``port.Custodian``."""
        return _given(self._call(wire.Identity(agency=agency)).identity)

    def sign(self, grant: Grant, release: Release) -> bytes:
        """See ``port.Custodian``."""
        return _given(self._call(wire.Sign(grant=grant, release=release)).signature)

    def vouch(self, grant: Grant, ticket: Ticket) -> bytes:
        """See ``port.Custodian``."""
        return _given(self._call(wire.Vouch(grant=grant, ticket=ticket)).signature)

    def open_released(self, shown: Shown, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        """See ``port.Custodian``."""
        values = _given(self._call(wire.OpenReleased(shown=shown, why=why, items=tuple(items))).values)
        if len(values) != len(items):
            raise _down()
        return values

    def revoke(self, owner: Slug, release: OpaqueId) -> None:
        """See ``port.Custodian``."""
        self._call(wire.Revoke(agency=owner, release=release))

    def answers(self) -> bool:
        """Whether the custodian can be reached."""
        try:
            with self._connect():
                return True
        except HandoffError:
            return False

    def _call(self, call: wire.Call) -> wire.Answer:
        with self._connect() as connection:
            try:
                # Read on every call: a custodian that was started again has a new token.
                token = (self.run / TOKEN).read_text()
                wire.send(connection, wire.Request(token=token, call=call))
                answer = wire.ANSWER.validate_json(wire.receive(connection))
            except (OSError, ValidationError):
                raise _down() from None
        if answer.refused is not None:
            raise HandoffError(*answer.refused)
        return answer

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE)
        try:
            connection.connect(str(self.run / SOCKET))
        except OSError:
            connection.close()
            raise _down() from None
        return connection


def arguments(keys: Path, run: Path, token: TokenOptions | None, grounds: Iterable[str]) -> tuple[str, ...]:
    """What ``python -m store.custodian`` is started with; as ``CustodianProcess`` takes it."""
    shut_by = () if token is None else tuple(token.arguments())
    return ("--keys", str(keys), "--run", str(run), "--grounds", ",".join(sorted(grounds)), *shut_by)


class CustodianProcess:
    """The child process, for whoever starts it; it ends with its parent, however that ends.

    Args:
        keys: the folder of private keys, made if need be; nothing but the child reads it.
        run: the folder for the socket and its token.
        token: the PKCS #11 token that shuts the keys, if one does.
        grounds: the grounds of the law that the legal profile names.
    """

    def __init__(self, keys: Path, run: Path, token: TokenOptions | None = None, grounds: Iterable[str] = ()) -> None:
        if len(str((run / SOCKET).absolute())) > LONGEST_PATH:
            raise HandoffError(
                "PATH_TOO_LONG", f"a socket cannot have so long a path: {run}; use a shorter data folder"
            )
        self.custodian = LocalCustodian(run)
        given = arguments(keys, run, token, grounds)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "store.custodian", *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        if self._process.stdout is None or self._process.stdout.readline() != b"ready\n":
            code = self._process.wait(PATIENCE)
            self._close()
            why = {3: "another custodian holds these keys", 4: "the PKCS #11 token that shuts its keys cannot be used"}
            busy = why.get(code, f"it ended with {code}")
            raise HandoffError("CUSTODIAN_DOWN", f"the custodian of protected values did not start: {busy}")

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the child lives."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the child and wait for it."""
        self._close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self.stop()


def _given(value: Given | None) -> Given:
    if value is None:
        raise _down()
    return value


def _down() -> HandoffError:
    return HandoffError("CUSTODIAN_DOWN", "the keeper of protected values does not answer; nothing was opened")
