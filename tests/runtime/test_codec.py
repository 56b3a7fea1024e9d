"""What Temporal stores is sealed, padded, and bound to its case."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from protocol.errors import HandoffError
from runtime.codec import CaseCodec, DerivedCaseKeys, site_secret


class FixedKeys:
    """Keys that depend on the case only."""

    def key_for(self, case_id: str) -> tuple[str, bytes]:
        return "test", case_id.encode().ljust(32, b"x")[:32]


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
