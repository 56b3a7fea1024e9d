"""The custodian's own files: one seed per agency and epoch, and what it was told to forget. Owner-only, all of them."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store.custodian import escrow, suite
from store.custodian.escrow import Card, Escrow
from store.custodian.port import KeyCard, Order, Receipt
from store.custodian.safes import Files, Safe, kept_as
from store.custodian.suite import SEED_BYTES, SUITE, PrivateKey

FORGOTTEN = "forgotten.jsonl"
CLOSED = "releases.jsonl"
FIRST_EPOCH = 1


class KeyFolder:
    """The folder of private keys. Only the custodian's process opens one."""

    def __init__(self, folder: Path, safe: Safe | None = None) -> None:
        self._folder = folder
        self._safe = safe or Files()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._keys: dict[tuple[Slug, int], PrivateKey] = {}
        self._forgotten = self._read_forgotten()
        self._closed = self._read_closed()

    def card(self, agency: Slug) -> KeyCard:
        """The agency's newest card; its first key is made here."""
        epoch = self._newest(agency)
        if epoch is None:
            epoch = FIRST_EPOCH
            self._keep(agency, epoch, os.urandom(SEED_BYTES))
        return KeyCard(agency=agency, epoch=epoch, suite=SUITE, public=self.key(agency, epoch).public)

    def key(self, agency: Slug, epoch: int) -> PrivateKey:
        """A private key.

        Raises:
            HandoffError: ``UNKNOWN_KEY`` when this folder does not hold it.
        """
        known = self._keys.get((agency, epoch))
        if known is None:
            path = self._path(agency, epoch)
            if not path.exists():
                raise HandoffError("UNKNOWN_KEY", f"the keys of {agency}, epoch {epoch}, are not in this folder")
            known = self._keys[agency, epoch] = PrivateKey(self._read(agency, epoch))
        return known

    def engine_share(self, agency: Slug) -> bytes:
        """The agency's engine share, made of its first seed: a later key pair wraps no case's key anew.

        Raises:
            HandoffError: ``UNKNOWN_KEY`` when this folder does not hold the first seed any more.
        """
        self.card(agency)
        path = self._path(agency, FIRST_EPOCH)
        if not path.exists():
            raise HandoffError("UNKNOWN_KEY", f"the first key of {agency} is not in this folder")
        return suite.engine_share(agency, self._read(agency, FIRST_EPOCH))

    def identity(self, agency: Slug) -> Ed25519PrivateKey:
        """The key the agency signs with, made of its first seed: rotating leaves what was signed before in force.

        Raises:
            HandoffError: ``UNKNOWN_KEY`` when this folder does not hold the first seed any more.
        """
        self.card(agency)
        path = self._path(agency, FIRST_EPOCH)
        if not path.exists():
            raise HandoffError("UNKNOWN_KEY", f"the first key of {agency} is not in this folder")
        return suite.identity(agency, self._read(agency, FIRST_EPOCH))

    def seeds(self, agency: Slug) -> tuple[tuple[int, bytes], ...]:
        """All seeds of an agency with their epochs, for taking them home to its keyholder."""
        epochs = (each for each in range(1, (self._newest(agency) or 0) + 1) if self._path(agency, each).exists())
        return tuple((each, self._read(agency, each)) for each in epochs)

    def check_home(self, agency: Slug, seeds: Sequence[tuple[int, bytes]]) -> None:
        """Look whether seeds can be taken in.

        Raises:
            HandoffError: ``OTHER_KEYS`` when another seed of that epoch is here; ``BAD_REQUEST`` for no seed.
        """
        for epoch, seed in seeds:
            if len(seed) != SEED_BYTES or epoch < FIRST_EPOCH:
                raise HandoffError("BAD_REQUEST", "this is no key of an agency")
            path = self._path(agency, epoch)
            if path.exists() and not hmac.compare_digest(self._read(agency, epoch), seed):
                raise HandoffError("OTHER_KEYS", f"this keyholder has other keys of {agency} than the installation")

    def take_home(self, agency: Slug, seeds: Sequence[tuple[int, bytes]]) -> KeyCard:
        """Take in the seeds an agency had elsewhere; what is sealed from now on goes to a key made here."""
        new = [each for each in seeds if not self._path(agency, each[0]).exists()]
        for epoch, seed in new:
            self._keep(agency, epoch, seed)
        return self.rotate(agency) if new else self.card(agency)

    def rotate(self, agency: Slug) -> KeyCard:
        """Make the agency's next key; older ones go on opening what was sealed to them."""
        self._keep(agency, (self._newest(agency) or 0) + 1, os.urandom(SEED_BYTES))
        return self.card(agency)

    def protect(self) -> int:
        """Shut every seed that lies open here in the safe; how many. Safe to run again.

        Raises:
            HandoffError: ``TOKEN_DOWN``; ``KEYS_SPOILED`` when the safe does not open what it shut, and the seed lies
                open as before.
        """
        done = 0
        for path in sorted(self._folder.glob("*.*.seed")):
            agency, epoch, _ = path.name.rsplit(".", 2)
            if kept_as(path.read_bytes()) == "token":
                continue
            seed = self._read(agency, int(epoch))
            shut = self._safe.shut(seed, _about(agency, int(epoch)))
            if self._safe.open(shut, _about(agency, int(epoch))) != seed:
                raise HandoffError("KEYS_SPOILED", "the token does not open what it shut")
            _write(path, shut)
            done += 1
        return done

    def put_back(self, agency: Slug, seeds: Sequence[tuple[int, bytes]]) -> int:
        """Put seeds from an escrow back where they are missing; how many.

        Raises:
            HandoffError: as ``check_home``.
        """
        self.check_home(agency, seeds)
        missing = [each for each in seeds if not self._path(agency, each[0]).exists()]
        for epoch, seed in missing:
            self._keep(agency, epoch, seed)
        return len(missing)

    def make_cards(self, agency: Slug, *, need: int, of: int) -> tuple[Escrow, tuple[Card, ...]]:
        """New paper cards for an agency's keys; its keys of later are added to their file by themselves.

        Raises:
            HandoffError: as ``escrow.make``.
        """
        made, cards = escrow.make(agency, self.seeds(agency), need=need, of=of)
        _write(self.escrow_file(agency), escrow.dumped(made))
        return made, cards

    def escrow_file(self, agency: Slug) -> Path:
        """Where an agency's escrow file is, if it has cards."""
        return self._folder / f"{agency}.escrow.json"

    def drop(self, agency: Slug) -> None:
        """Delete every seed of an agency here: its keyholder has them."""
        for epoch, _ in self.seeds(agency):
            self._path(agency, epoch).unlink()
        self.escrow_file(agency).unlink(missing_ok=True)

    def forget(self, order: Order) -> Receipt:
        """Write the order down for good before saying so."""
        if order not in self._forgotten:
            _append(self._folder / FORGOTTEN, json.dumps(asdict(order), sort_keys=True))
            self._forgotten.append(order)
        return Receipt(order=order, number=self._forgotten.index(order) + 1)

    def is_forgotten(self, order: Order) -> bool:
        """Whether these values may no longer be opened."""
        return order in self._forgotten

    def close_release(self, release: OpaqueId, why: str) -> None:
        """Write down for good that a release opens nothing from now on: ``revoked``, or ``used``."""
        if why not in self._closed.setdefault(release, set()):
            _append(self._folder / CLOSED, json.dumps([release, why]))
            self._closed[release].add(why)

    def closed(self) -> tuple[OpaqueId, ...]:
        """Every release that opens nothing any more, by whatever agency."""
        return tuple(self._closed)

    def is_closed(self, release: OpaqueId, why: str) -> bool:
        """Whether that was written down."""
        return why in self._closed.get(release, ())

    def _newest(self, agency: Slug) -> int | None:
        found = [int(each.suffixes[-2][1:]) for each in self._folder.glob(f"{agency}.*.seed")]
        return max(found, default=None)

    def _path(self, agency: Slug, epoch: int) -> Path:
        return self._folder / f"{agency}.{epoch}.seed"

    def _read(self, agency: Slug, epoch: int) -> bytes:
        return self._safe.open(self._path(agency, epoch).read_bytes(), _about(agency, epoch))

    def _keep(self, agency: Slug, epoch: int, seed: bytes) -> None:
        """Keep a new seed, in the escrow's file before it is used for anything."""
        file = self.escrow_file(agency)
        if file.exists():
            _write(file, escrow.dumped(escrow.with_seed(escrow.read(file), epoch, seed)))
        _write(self._path(agency, epoch), self._safe.shut(seed, _about(agency, epoch)))

    def _read_forgotten(self) -> list[Order]:
        path = self._folder / FORGOTTEN
        if not path.exists():
            return []
        return [Order(**json.loads(line)) for line in path.read_text().splitlines()]

    def _read_closed(self) -> dict[OpaqueId, set[str]]:
        path = self._folder / CLOSED
        found: dict[OpaqueId, set[str]] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            release, why = json.loads(line)
            found.setdefault(release, set()).add(why)
        return found


def _append(path: Path, line: str) -> None:
    """Add a line to a file that only its owner may read; it is on the disk when this returns."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{line}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def _about(agency: Slug, epoch: int) -> str:
    return f"key of {agency}, epoch {epoch}"


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; it appears whole, or not at all."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    part.rename(path)
