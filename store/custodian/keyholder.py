"""``handoff keyholder``: the custodian as a process of its own, on an agency's box, reached over mutual TLS 1.3.

The rules of opening are the embedded custodian's (``server.Keeper``). What this adds: it believes no caller about who
is asking. A person signs in here and gets a grant; an installation's pinned certificate alone gets the engine share.
"""

from __future__ import annotations

import hashlib
import socket
import socketserver
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import structlog
from pydantic import ValidationError

from protocol.errors import HandoffError
from protocol.names import Slug
from store.custodian import tls, wire
from store.custodian.book import Act, Book
from store.custodian.keys import KeyFolder
from store.custodian.port import Item
from store.custodian.safes import Safe
from store.custodian.server import Keeper

log = structlog.get_logger("keyholder")
PATIENCE = 30.0
"""Seconds a connection may stay silent."""
MOST = 256
"""Values in one call."""
SIGNS_WITHIN = 300
"""Seconds after signing in, in which a person may have a release signed."""
BOOK, CERTIFICATE, KEYS = "keyholder.db", "keyholder.pem", "keys"


class Keyholder:
    """One agency's keyholder: what it answers to whom.

    Args:
        folder: where it keeps its keys, its database and its certificate; made if need be.
        agency: the one agency whose keys these are.
        book: its database.
        safe: what shuts its keys on the disk.
        grounds: the grounds of the law that the agency's own legal profile names, whatever the installation's does.
    """

    def __init__(
        self, folder: Path, agency: Slug, book: Book, safe: Safe | None = None, grounds: Collection[str] = ()
    ) -> None:
        self.agency = agency
        self.book = book
        self.certificate = folder / CERTIFICATE
        self._keys = KeyFolder(folder / KEYS, safe)
        self._keeper = Keeper(self._keys, grounds=grounds)

    def answer(self, client: str | None, sent: wire.Sent) -> wire.Answer:  # noqa: C901 - a case for each call
        """Do one call for the holder of a pinned certificate; for anybody else, enrol them.

        Args:
            client: the fingerprint of the caller's pinned certificate.
            sent: the call.

        Raises:
            HandoffError: as ``port.Custodian`` says; ``NOT_ENROLLED``, ``CODE_USED``.
        """
        call = sent.call
        if isinstance(call, wire.Enrol):
            return self._enrol(call)
        if client is None:
            raise HandoffError("NOT_ENROLLED", "the keyholder does not know this installation; enrol it first")
        try:
            self.book.once(sent.nonce, sent.at)
        except HandoffError as error:
            if error.code in {"CLOCK_APART", "REPLAYED"}:
                raise
            raise HandoffError("AUDIT_DOWN", "the keyholder cannot write, so it opens nothing") from error
        if _asked_of(call) != self.agency:
            raise HandoffError("CUSTODIAN_DENIED", f"this keyholder keeps the keys of {self.agency} alone")
        match call:
            case wire.SignIn():
                return wire.Answer(grant=self._sign_in(client, call))
            case wire.BreakGlass():
                self._break_glass(client, call)
                return wire.Answer()
            case wire.Open() | wire.Share():
                person = self.book.holder(call.grant.token)
                why = call.why if isinstance(call, wire.Open) else f"for {call.to.agency}"
                if call.grant.glass is not None:
                    self.book.through_glass(call.grant.glass, person, [each.place.case_id for each in call.items])
                    why = f"glass {call.grant.glass}"
                self._write_down(client, person, call.method, why, call.items)
                return self._keeper.answer(call.model_copy(update={"grant": replace(call.grant, token="")}))
            case wire.Sign():
                self._write_signing(client, call)
                return self._keeper.answer(call)
            case wire.Vouch():
                self._write_down(client, self.book.holder(call.grant.token), call.method, call.ticket.release, ())
                return self._keeper.answer(call)
            case wire.OpenReleased():
                to = call.shown.ticket
                self._write_down(client, f"{to.agency}/{to.person}", call.method, call.shown.release.id, call.items)
                return self._keeper.answer(call)
        self._of_machine(client, call)
        return self._keeper.answer(call)

    def _of_machine(
        self,
        client: str,
        call: wire.Describe | wire.Forget | wire.EngineShare | wire.Rotate | wire.Rewrap | wire.Identity | wire.Revoke,
    ) -> None:
        """Write down what an installation may ask without a person: no value leaves by it."""
        match call:
            case wire.Rotate():
                raise HandoffError("ROTATE_THERE", "the next key is made on the keyholder's own machine")
            case wire.Rewrap() if len(call.records) > MOST:
                raise HandoffError("TOO_LONG", f"a keyholder wraps at most {MOST} records at once")
            case wire.Rewrap():
                self.book.write_down(
                    Act(client=client, person="", what=call.method, why=f"{len(call.records)} records")
                )
            case wire.Forget():
                self.book.write_down(Act(client=client, person="", what=call.method, cases=(call.order.case_id,)))
            case wire.EngineShare():
                self.book.write_down(Act(client=client, person="", what=call.method))
            case wire.Revoke():
                self.book.write_down(Act(client=client, person="", what=call.method, why=call.release))
            case wire.Describe() | wire.Identity():
                pass

    def _sign_in(self, client: str, call: wire.SignIn) -> str:
        token = self.book.sign_in(call.name, call.password, call.code)
        self.book.write_down(Act(client=client, person=call.name, what=call.method))
        return token

    def _write_signing(self, client: str, call: wire.Sign) -> None:
        """A signature is given to who showed password and code just now: who took over a session cannot sign."""
        person = self.book.holder(call.grant.token, within=SIGNS_WITHIN)
        cases = (call.release.case_id,)
        self.book.write_down(Act(client=client, person=person, what=call.method, why=call.release.id, cases=cases))

    def _break_glass(self, client: str, call: wire.BreakGlass) -> None:
        """Two people have to prove themselves here: the one who asks, and another who says yes."""
        pane = call.pane
        person = self.book.holder(call.grant.token, within=SIGNS_WITHIN)
        why = f"{'yes to' if pane.yes else 'asks for'} glass {pane.glass}"
        self.book.write_down(Act(client=client, person=person, what=call.method, why=why, cases=(pane.case_id,)))
        if pane.yes:
            self.book.second(pane, person)
        else:
            self.book.ask_glass(pane, person)

    def _write_down(self, client: str, person: str, what: str, why: str, items: tuple[Item, ...]) -> None:
        if len(items) > MOST:
            raise HandoffError("TOO_LONG", f"a keyholder opens at most {MOST} values at once")
        cases = tuple(each.place.case_id for each in items)
        self.book.write_down(Act(client=client, person=person, what=what, why=why, cases=cases, records=len(items)))

    def _enrol(self, call: wire.Enrol) -> wire.Answer:
        try:
            print_ = tls.fingerprint(call.certificate)
        except ValueError:
            raise HandoffError("BAD_REQUEST", "this is no certificate") from None
        self._keys.check_home(self.agency, call.seeds)
        self.book.enrol(call.code, print_, call.certificate)
        self.book.write_down(Act(client=print_, person="", what=call.method))
        return wire.Answer(card=self._keys.take_home(self.agency, call.seeds))


def _asked_of(call: wire.Call | wire.SignIn) -> Slug:
    """The agency whose key a call needs."""
    match call:
        case wire.Open() | wire.BreakGlass() | wire.Share() | wire.Sign() | wire.Vouch():
            return call.grant.agency
        case wire.Forget():
            return call.order.owner
        case wire.OpenReleased():
            return call.shown.release.owner
        case _:
            return call.agency


class _Handler(socketserver.BaseRequestHandler):
    server: KeyholderServer

    def handle(self) -> None:
        keyholder = self.server.keyholder
        raw: socket.socket = self.request
        raw.settimeout(PATIENCE)
        try:
            context = tls.for_server(keyholder.certificate, keyholder.book.certificates())
            with context.wrap_socket(raw, server_side=True) as connection:
                shown = connection.getpeercert(binary_form=True)
                client = None if shown is None else hashlib.sha256(shown).hexdigest()
                while data := wire.receive(connection):
                    wire.send(connection, self._answer(client, data))
        except (OSError, HandoffError) as error:
            # A stranger, a port scan, a caller that went away: nothing was given to them.
            log.info("connection ended", why=type(error).__name__)

    def _answer(self, client: str | None, data: bytes) -> wire.Answer:
        try:
            sent = wire.SENT.validate_json(data)
        except ValidationError:
            return wire.Answer(refused=("BAD_REQUEST", "the keyholder did not understand the message"))
        try:
            return self.server.keyholder.answer(client, sent)
        except HandoffError as error:
            return wire.Answer(refused=(error.code, error.message))


class KeyholderServer(socketserver.ThreadingTCPServer):
    """Listens for installations."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int, keyholder: Keyholder) -> None:
        self.keyholder = keyholder
        tls.certificate(keyholder.certificate)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise HandoffError("PORT_TAKEN", f"port {port} of {host} cannot be had ({error.strerror})") from None
