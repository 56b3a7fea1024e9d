"""Heads that an agency has signed as well: what it was handed, in its own name, for others to hold an audit against.

A head says what all chains were; the agency's signature under one says that it was shown just that. An installation
that shows two agencies two histories is found as soon as one of them looks at what the other has signed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store.audit.heads import head_of
from store.audit.kept import Kept
from store.audit.site_key import is_signed
from store.audit.tables import audit_head


class Countersigned(BaseModel):
    """One head as an agency signed it; bytes as hexadecimal digits. ``key``: what the agency signs with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agency: Slug
    n: int
    digest: str
    key: str
    signature: str

    def statement(self, site: OpaqueId) -> bytes:
        """What is signed."""
        return json.dumps(["handoff/1", "audit-countersigned", site, self.agency, self.n, self.digest]).encode()

    def is_signed(self, site: OpaqueId) -> bool:
        """Whether the holder of the key said so."""
        try:
            return is_signed(bytes.fromhex(self.key), self.statement(site), bytes.fromhex(self.signature))
        except ValueError:
            return False


def sign(agency: Slug, key: Ed25519PrivateKey, kept: Kept) -> Countersigned:
    """Sign the newest head that was kept; it follows from every one before.

    Raises:
        HandoffError: ``NO_HEADS``.
    """
    if not kept.heads:
        raise HandoffError("NO_HEADS", "there is no head in the file yet: run handoff audit heads first")
    last = kept.heads[-1]
    public, digest = key.public_key().public_bytes_raw().hex(), last.digest(kept.site).hex()
    unsigned = Countersigned(agency=agency, n=last.n, digest=digest, key=public, signature="")
    return unsigned.model_copy(update={"signature": key.sign(unsigned.statement(kept.site)).hex()})


def add(path: Path, made: Countersigned) -> None:
    """Write a signature behind those in a file, which anybody may be given."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), "a", encoding="utf-8") as out:
        out.write(made.model_dump_json() + "\n")
        out.flush()
        os.fsync(out.fileno())


def read(path: Path) -> tuple[Countersigned, ...]:
    """The signatures in a file.

    Raises:
        HandoffError: ``COUNTERSIGNED_FILE``.
    """
    try:
        return tuple(Countersigned.model_validate_json(each) for each in path.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError, ValidationError):
        says = f"{path} is not a file of signatures as handoff audit countersign writes it"
        raise HandoffError("COUNTERSIGNED_FILE", says) from None


def differing(
    connection: Connection, site: OpaqueId, found: Sequence[Countersigned]
) -> Iterator[tuple[Countersigned, bool | None]]:
    """Those that do not hold: the head is missing here (None), is another (False), or nobody signed so (True)."""
    here = {row.n: head_of(row) for row in connection.execute(select(audit_head))}
    for each in found:
        known = here.get(each.n)
        if not each.is_signed(site):
            yield each, True
        elif known is None:
            yield each, None
        elif known.digest(site).hex() != each.digest:
            yield each, False
