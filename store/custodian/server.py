"""The custodian's side of the socket: checks who asks, opens, shares, forgets. Holds no database and writes no log."""

from __future__ import annotations

import hmac
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from protocol.errors import HandoffError
from protocol.names import Slug
from store.custodian import envelope, suite, wire
from store.custodian.keys import KeyFolder
from store.custodian.port import Grant, Item, Order, Place, Wrap
from store.custodian.releasing import Releasing
from store.releases.document import SECOND


class Keeper:
    """The port's methods on a folder of keys; ``grounds``: of the law, by which it lets something leave."""

    def __init__(self, keys: KeyFolder, clock: Callable[[], float] = time.time, grounds: Collection[str] = ()) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._releasing = Releasing(keys, lambda: int(clock() * SECOND), grounds)

    def answer(self, call: wire.Call) -> wire.Answer:  # noqa: PLR0911 - one for each call
        """Do one call.

        Raises:
            HandoffError: as ``port.Custodian`` says.
        """
        with self._lock:
            match call:
                case wire.BreakGlass():
                    return wire.Answer()
                case wire.Describe():
                    return wire.Answer(card=self._keys.card(call.agency))
                case wire.Open():
                    return wire.Answer(values=tuple(self._open(call.grant, each) for each in call.items))
                case wire.Share():
                    return wire.Answer(
                        wraps=tuple(
                            suite.wrap_value(call.to, self._value_key(call.grant, each), each.place)
                            for each in call.items
                        )
                    )
                case wire.Forget():
                    return wire.Answer(receipt=self._keys.forget(call.order))
                case wire.Rotate():
                    return wire.Answer(card=self._keys.rotate(call.agency))
                case wire.Rewrap():
                    return wire.Answer(wraps=tuple(self._rewrap(call.agency, *each) for each in call.records))
                case wire.EngineShare():
                    return wire.Answer(engine_share=self._keys.engine_share(call.agency))
                case _:
                    return self._release(call)

    def _release(self, call: wire.Releasing) -> wire.Answer:
        match call:
            case wire.Identity():
                return wire.Answer(identity=self._releasing.identity(call.agency))
            case wire.Sign():
                return wire.Answer(signature=self._releasing.sign(call.grant, call.release))
            case wire.Vouch():
                return wire.Answer(signature=self._releasing.vouch(call.grant, call.ticket))
            case wire.Revoke():
                self._releasing.revoke(call.release)
                return wire.Answer()
            case wire.OpenReleased():
                self._releasing.admit(call.shown, call.items)
                # Opened as by the owner itself: its key is what opens, and what was signed is the right to it.
                owner = Grant(person=call.shown.ticket.person, agency=call.shown.release.owner)
                return wire.Answer(values=tuple(self._open(owner, each) for each in call.items))

    def _open(self, grant: Grant, item: Item) -> bytes:
        value = suite.open_value(self._value_key(grant, item), item.place, item.sealed)
        inner = envelope.read(value)
        if inner is None:
            return value
        try:
            key = self._keys.key(item.place.owner, inner.epoch)
            return suite.text_in(key.unwrap(inner, suite.text_info(item.place.owner, item.place.field)))
        except HandoffError:
            # Sealed to another key or for another field: shown as it came, so that what is beside it still opens.
            return value

    def _rewrap(self, agency: Slug, place: Place, wrap: Wrap) -> Wrap:
        if place.owner != agency or wrap.to is not None:
            raise HandoffError("CUSTODIAN_DENIED", "this record is kept for another agency")
        if self._keys.is_forgotten(Order(site=place.site, case_id=place.case_id, owner=place.owner)):
            raise HandoffError("VALUE_FORGOTTEN", "this value was destroyed")
        info = suite.record_info(place)
        key = self._keys.key(agency, wrap.epoch).unwrap(wrap, info)
        card = self._keys.card(agency)
        new = suite.wrap_record(card, key, place)
        if not hmac.compare_digest(self._keys.key(agency, card.epoch).unwrap(new, info), key):
            raise HandoffError("VALUE_SPOILED", "the new key does not open what it sealed")
        return new

    def _value_key(self, grant: Grant, item: Item) -> bytes:
        place, wrap = item.place, item.wrap
        if grant.agency != (wrap.to or place.owner):
            raise HandoffError("CUSTODIAN_DENIED", "this value is kept for another agency")
        whole = Order(site=place.site, case_id=place.case_id, owner=place.owner)
        if self._keys.is_forgotten(whole) or self._keys.is_forgotten(replace(whole, field=place.field)):
            raise HandoffError("VALUE_FORGOTTEN", "this value was destroyed")
        key = self._keys.key(grant.agency, wrap.epoch)
        if wrap.to is not None:
            return key.unwrap(wrap, suite.share_info(place, wrap.to))
        return suite.value_key(key.unwrap(wrap, suite.record_info(place)), place)


class _Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        connection: socket.socket = self.request
        while data := wire.receive(connection):
            wire.send(connection, self._answer(data))

    def _answer(self, data: bytes) -> wire.Answer:
        try:
            request = wire.REQUEST.validate_json(data)
        except ValidationError:
            # The message itself may hold what must not be repeated.
            return wire.Answer(refused=("BAD_REQUEST", "the custodian did not understand the message"))
        if not hmac.compare_digest(request.token, self.server.token):
            return wire.Answer(refused=("CUSTODIAN_DENIED", "the custodian does not know this caller"))
        try:
            return self.server.keeper.answer(request.call)
        except HandoffError as error:
            return wire.Answer(refused=(error.code, error.message))


class Server(socketserver.ThreadingUnixStreamServer):
    """Listens on a Unix socket that only its owner may use."""

    daemon_threads = True

    def __init__(self, path: Path, token: str, keeper: Keeper) -> None:
        self.token = token
        self.keeper = keeper
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            super().__init__(str(path), _Handler)
        finally:
            os.umask(before)
