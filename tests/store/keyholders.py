"""A keyholder for tests: the real server on a port of this machine, with its clock in the test's hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyotp

from store.custodian import tls
from store.custodian.book import Book
from store.custodian.keyholder import BOOK, CERTIFICATE, Keyholder, KeyholderServer
from store.custodian.remote import Code

PASSWORD = "a placeholder of length"
STEP = 30


class Running:
    """A keyholder that listens, can be killed and started again, and whose clock can be moved."""

    def __init__(self, folder: Path, agency: str = "advocacy", grounds: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.agency = agency
        self.ahead = 0.0
        self.book = Book(folder / BOOK, lambda: time.time() + self.ahead)
        self.keyholder = Keyholder(folder, agency, self.book, grounds=grounds)
        self.port = 0
        self.secrets: dict[str, str] = {}
        self.start()

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = KeyholderServer("127.0.0.1", self.port, self.keyholder)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Be down."""
        self._server.shutdown()
        self._server.server_close()

    def code(self) -> str:
        """A new enrolment code."""
        print_ = tls.fingerprint(tls.certificate(self.folder / CERTIFICATE))
        secret = self.book.new_code()
        return Code(agency=self.agency, host="127.0.0.1", port=self.port, fingerprint=print_, secret=secret).text()

    def enrol(self, name: str) -> None:
        """A person of the agency."""
        self.secrets[name] = self.book.add_person(name, PASSWORD)

    def totp(self, name: str) -> str:
        """The person's code of this moment."""
        return pyotp.TOTP(self.secrets[name]).at(int(time.time() + self.ahead))


@contextmanager
def running(folder: Path, agency: str = "advocacy", grounds: Sequence[str] = ()) -> Iterator[Running]:
    """A keyholder for the block; ``grounds``: of the law, that its agency's profile names."""
    made = Running(folder, agency, grounds)
    try:
        yield made
    finally:
        made.stop()
        made.book.close()
