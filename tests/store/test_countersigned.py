"""Heads that an agency signs at its own keyholder: what it was handed, for others to hold an audit against."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, update

from protocol.errors import HandoffError
from runtime.settings import load
from store import ids
from store.audit import countersigned
from store.audit.countersigned import Countersigned
from store.audit.heads import Head
from store.audit.kept import Kept, add
from store.audit.tables import audit_head, audit_leaf
from store.audit.verify import Wrong, look, verify
from store.custodian import keyholding
from store.session import Database
from tests.store.conftest import SITE_KEY
from tests.store.test_audit_tampering import changing, kept

__all__ = ["kept"]


@pytest.fixture
def signed(database: Database, kept: tuple[Head, ...], tmp_path: Path) -> Countersigned:
    """The newest head, signed with the court's key on the court's own machine, and read from the file of signatures."""
    with database.read() as connection:
        site, _ = ids.site_of(connection)
    file = tmp_path / "heads.jsonl"
    add(file, Kept(site=site, key=SITE_KEY.public), kept)
    box = load({"data": tmp_path / "box"})
    with keyholding.opened(box, "court"):
        made = keyholding.countersign(box, "court", file)
    countersigned.add(tmp_path / "signed.jsonl", made)
    (found,) = countersigned.read(tmp_path / "signed.jsonl")
    return found


def test_who_signed_what_is_told(database: Database, kept: tuple[Head, ...], signed: Countersigned) -> None:
    """While the head is as it was handed over, the verdict says who signed it, and nothing is wrong."""
    verdict = verify(database, SITE_KEY.public, (), [signed])
    assert (verdict.flaws, verdict.vouched) == ((), (("court", kept[-1].n, signed.key),))


def test_a_history_that_was_not_the_one_signed_is_found(database: Database, signed: Countersigned) -> None:
    """A head that was cut off or written anew after an agency signed it is found by that signature alone."""
    newest = audit_head.c.n == signed.n
    with changing(database) as connection:
        connection.execute(delete(audit_leaf).where(audit_leaf.c.head == signed.n))
        connection.execute(delete(audit_head).where(newest))
        alone, verdict = look(connection, SITE_KEY.public), look(connection, SITE_KEY.public, (), [signed])
    assert (alone.flaws, [each.wrong for each in verdict.flaws]) == ((), [Wrong.HEAD_MISSING])
    with changing(database) as connection:
        connection.execute(update(audit_head).where(newest).values(at=audit_head.c.at + 1))
        verdict = look(connection, SITE_KEY.public, (), [signed])
    assert Wrong.HEAD_REWRITTEN in {each.wrong for each in verdict.flaws}
    assert verdict.vouched == ()


def test_nobody_signs_for_an_agency(database: Database, signed: Countersigned, tmp_path: Path) -> None:
    """A signature with another key is told by its key, a false one is found; where the key is not, none is made."""
    other = Ed25519PrivateKey.generate()
    with database.read() as connection:
        site, _ = ids.site_of(connection)
    claimed = signed.model_copy(update={"key": other.public_key().public_bytes_raw().hex()})
    assert not claimed.is_signed(site)
    assert verify(database, SITE_KEY.public, (), [claimed]).flaws[0].wrong is Wrong.COUNTERSIGN_FALSE
    claimed = claimed.model_copy(update={"signature": other.sign(claimed.statement(site)).hex()})
    assert verify(database, SITE_KEY.public, (), [claimed]).vouched[0][2] != signed.key
    with pytest.raises(HandoffError) as caught:
        keyholding.countersign(load({"data": tmp_path / "elsewhere"}), "court", tmp_path / "heads.jsonl")
    assert caught.value.code == "NO_KEYHOLDER"
