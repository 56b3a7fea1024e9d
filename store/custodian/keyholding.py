"""What an agency does at its own keyholder: run it, enrol installations and people, look at its audit."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pyotp

from protocol.errors import HandoffError
from protocol.names import Slug
from runtime.settings import Settings
from store.audit import countersigned, kept
from store.audit.countersigned import Countersigned
from store.custodian import tls
from store.custodian.book import Book
from store.custodian.envelope import Card
from store.custodian.keyholder import BOOK, CERTIFICATE, KEYS, Keyholder, KeyholderServer
from store.custodian.keys import KeyFolder
from store.custodian.remote import Code
from store.custodian.safes import options_of, safe_of


def run(settings: Settings, agency: Slug, host: str, port: int, report: Callable[[str], None]) -> None:
    """Answer installations until asked to stop.

    Raises:
        HandoffError: ``PORT_TAKEN``; ``ALREADY_RUNNING`` when another process holds these keys.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stop = threading.Event()

    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked)
    with opened(settings, agency) as book, _held(folder_of(settings, agency)):
        safe = safe_of(options_of(settings))
        keyholder = Keyholder(folder_of(settings, agency), agency, book, safe, settings.grounds)
        server = KeyholderServer(host, port, keyholder)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        report(f"The keyholder of {agency} listens on {host}, port {server.server_address[1]}.")
        stop.wait()
        server.shutdown()
        server.server_close()


def code(settings: Settings, agency: Slug, host: str, port: int) -> str:
    """A one-time code for an installation."""
    with opened(settings, agency) as book:
        print_ = tls.fingerprint(tls.certificate(folder_of(settings, agency) / CERTIFICATE))
        return Code(agency=agency, host=host, port=port, fingerprint=print_, secret=book.new_code()).text()


def person(settings: Settings, agency: Slug, name: str, password: str) -> str:
    """Enrol a person; gives the address their authenticator reads, with the secret in it."""
    with opened(settings, agency) as book:
        return pyotp.TOTP(book.add_person(name, password)).provisioning_uri(
            name=name, issuer_name=f"Keyholder {agency}"
        )


def remove(settings: Settings, agency: Slug, name: str) -> None:
    """Let a person sign in no more."""
    with opened(settings, agency) as book:
        book.remove_person(name)


def rotate(settings: Settings, agency: Slug) -> int:
    """Make the agency's next key; its epoch. The keyholder that runs uses it at once."""
    with opened(settings, agency):
        return KeyFolder(folder_of(settings, agency) / KEYS, safe_of(options_of(settings))).rotate(agency).epoch


def card(settings: Settings, agency: Slug) -> Card:
    """The agency's public card, to be given to whoever seals values to it."""
    with opened(settings, agency):
        return Card(card=KeyFolder(folder_of(settings, agency) / KEYS, safe_of(options_of(settings))).card(agency))


def countersign(settings: Settings, agency: Slug, heads: Path) -> Countersigned:
    """Sign the newest of the heads that the agency has kept with the agency's own key.

    Raises:
        HandoffError: ``NO_KEYHOLDER`` where its keys are not; ``HEADS_FILE``, ``HEADS_DIFFER``, ``NO_HEADS``.
    """
    folder = folder_of(settings, agency)
    if not (folder / BOOK).exists():
        raise HandoffError("NO_KEYHOLDER", f"the keyholder of {agency} is not on this machine: sign where its keys are")
    known = kept.read(heads)
    if known is None:
        raise HandoffError("HEADS_FILE", f"there is no file {heads}")
    key = KeyFolder(folder / KEYS, safe_of(options_of(settings))).identity(agency)
    return countersigned.sign(agency, key, known)


def audited(settings: Settings, agency: Slug) -> int:
    """How many rows the audit has, each as it was written."""
    with opened(settings, agency) as book:
        return book.verify()


@contextmanager
def opened(settings: Settings, agency: Slug) -> Iterator[Book]:
    """The keyholder's own database."""
    settings.make_folders()
    folder = folder_of(settings, agency)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    book = Book(folder / BOOK)
    try:
        yield book
    finally:
        book.close()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise HandoffError("ALREADY_RUNNING", "another process holds this keyholder's keys") from None
    finally:
        os.close(lock)


def folder_of(settings: Settings, agency: Slug) -> Path:
    """The folder of an agency's keyholder on this machine."""
    return settings.key_dir / "keyholder" / agency
