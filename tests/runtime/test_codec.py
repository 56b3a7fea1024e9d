"""What Temporal stores is sealed, padded, and bound to its case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from protocol.errors import HandoffError
from runtime.codec import CaseCodec, DerivedCaseKeys, site_secret
from store.keyring import CODEC, Keyring
from store.keyring.payloads import PayloadKeys
from tests.store import rings


class FixedKeys:
    """Keys that depend on the case only."""

    def begin(self, case_id: str, agencies: Sequence[str]) -> None:
        """There is nothing to make."""

    def key_for(self, case_id: str, key_id: str | None = None) -> tuple[str, bytes]:
        return key_id or "test", case_id.encode().ljust(32, b"x")[:32]

    def at_hand(self, case_id: str, key_id: str | None = None) -> bool:
        return bool(case_id or key_id)


def codec(case: str) -> CaseCodec:
    return CaseCodec(FixedKeys()).with_context(WorkflowSerializationContext(namespace="n", workflow_id=case))


@given(st.binary(max_size=5_000))
async def test_what_is_sealed_opens(data: bytes) -> None:
    """Any payload opens again to exactly what it was."""
    payload = Payload(metadata={"encoding": b"json/plain"}, data=data)

    assert await codec("a").decode(await codec("a").encode([payload])) == [payload]


async def test_another_case_does_not_open_it() -> None:
    """A payload moved to another case is refused with a stable code."""
    sealed = await codec("a").encode([Payload(data=b"x")])

    with pytest.raises(HandoffError) as caught:
        await codec("b").decode(sealed)

    assert caught.value.code == "PAYLOAD_SEALED"


@given(st.integers(0, 800))
async def test_an_altered_payload_does_not_open(at: int) -> None:
    """A payload with any byte changed is refused."""
    (sealed,) = await codec("a").encode([Payload(data=b"some state")])
    data = bytearray(sealed.data)
    data[at % len(data)] ^= 1

    with pytest.raises(HandoffError):
        await codec("a").decode([Payload(metadata=sealed.metadata, data=bytes(data))])


async def test_sizes_say_little() -> None:
    """A short payload and one several times as long have the same size when sealed."""
    short, longer = await codec("a").encode([Payload(data=b"x"), Payload(data=bytes(range(256)) * 2)])

    assert len(short.data) == len(longer.data)


async def test_the_plain_text_is_not_in_what_is_sealed() -> None:
    """No part of the payload can be read in its sealed form."""
    (sealed,) = await codec("a").encode([Payload(data=b"a-canary-of-sixteen")])

    assert b"canary" not in sealed.SerializeToString()


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """The installation's secret is 32 bytes in a file only its owner can read, the same at every start."""
    first = site_secret(tmp_path / "keys", "engine.key")

    assert site_secret(tmp_path / "keys", "engine.key") == first
    assert (tmp_path / "keys" / "engine.key").stat().st_mode & 0o777 == 0o600
    assert DerivedCaseKeys(tmp_path / "keys").key_for("a") != DerivedCaseKeys(tmp_path / "keys").key_for("b")


def test_a_secret_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key file that others may read is refused, with the command that mends it."""
    site_secret(tmp_path / "keys", "engine.key")
    (tmp_path / "keys" / "engine.key").chmod(0o644)

    with pytest.raises(HandoffError, match="chmod 600"):
        site_secret(tmp_path / "keys", "engine.key")


def cases(ring: Keyring, folder: Path, case: str) -> CaseCodec:
    """The codec of a case as an installation has it: keys from the keyring, the derived ones beside them."""
    keys = PayloadKeys(ring, DerivedCaseKeys(folder / "engine"))
    return CaseCodec(keys).with_context(WorkflowSerializationContext(namespace="n", workflow_id=case))


async def test_a_case_is_sealed_under_a_key_of_its_own(tmp_path: Path) -> None:
    """What a case sends opens in another process, by the keyring, and not with the installation's own secret."""
    ring = rings.ring_in(tmp_path)
    await cases(ring, tmp_path, "site").begin("a", ("advocacy",))
    sealed = await cases(ring, tmp_path, "a").encode([Payload(data=b"state")])

    assert sealed[0].metadata["key"] == b"case-1"
    assert await cases(rings.ring_in(tmp_path), tmp_path, "a").decode(sealed) == [Payload(data=b"state")]
    with pytest.raises(HandoffError) as caught:
        await CaseCodec(DerivedCaseKeys(tmp_path / "engine"), "n", "a").decode(sealed)
    assert caught.value.code == "PAYLOAD_SEALED"


async def test_what_was_sealed_before_the_keyring_stays_readable(tmp_path: Path) -> None:
    """A payload under ``derived-1`` opens beside new ones, and a case from before goes on until it gets its keys."""
    old = CaseCodec(DerivedCaseKeys(tmp_path / "engine"), "n", "a")
    before = await old.encode([Payload(data=b"before")])
    ring = rings.ring_in(tmp_path)
    between = await cases(ring, tmp_path, "a").encode([Payload(data=b"between")])
    await cases(ring, tmp_path, "a").begin("a", ("advocacy",))
    after = await cases(ring, tmp_path, "a").encode([Payload(data=b"after")])

    assert [each.metadata["key"] for each in (*before, *between, *after)] == [b"derived-1", b"derived-1", b"case-1"]
    opened = await cases(ring, tmp_path, "a").decode([*before, *between, *after])
    assert [each.data for each in opened] == [b"before", b"between", b"after"]


async def test_what_belongs_to_no_case_needs_no_keyring(tmp_path: Path) -> None:
    """Without a case's context payloads are sealed under the installation's own secret."""
    keys = PayloadKeys(rings.ring_in(tmp_path), DerivedCaseKeys(tmp_path / "engine"))
    (sealed,) = await CaseCodec(keys).encode([Payload(data=b"x")])

    assert sealed.metadata["key"] == b"derived-1"
    assert (await CaseCodec(keys).decode([sealed]))[0].data == b"x"


async def test_a_destroyed_key_opens_no_payload(tmp_path: Path) -> None:
    """After the case's key was destroyed nothing of it in Temporal, or in a copy of it, opens."""
    ring = rings.ring_in(tmp_path)
    ring.begin("a", ("advocacy",))
    sealed = await cases(ring, tmp_path, "a").encode([Payload(data=b"state")])
    ring.destroy("a", [CODEC])

    with pytest.raises(HandoffError) as caught:
        await cases(ring, tmp_path, "a").decode(sealed)
    assert caught.value.code == "KEY_DESTROYED"
