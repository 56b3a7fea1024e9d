"""How protocols, states, inputs and facts travel: canonical JSON, validated on the way in.

``dump_protocol`` is canonical (sorted keys, no blanks), so a protocol's hash is the SHA-256 of its bytes.
Loading is cached process-wide by content: a thousand cases of one protocol share one value.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache

from pydantic import TypeAdapter

from protocol.facts import Fact
from protocol.kernel import Protocol
from protocol.messages import Input
from protocol.state import CaseState

PROTOCOL: TypeAdapter[Protocol] = TypeAdapter(Protocol)
STATE: TypeAdapter[CaseState] = TypeAdapter(CaseState)
INPUT: TypeAdapter[Input] = TypeAdapter(Input)
FACT: TypeAdapter[Fact] = TypeAdapter(Fact)


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no blanks: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def dump_protocol(protocol: Protocol) -> bytes:
    """The canonical bytes of a compiled protocol; what it leaves out is a default."""
    return canonical(PROTOCOL.dump_python(protocol, mode="json", exclude_defaults=True))


@lru_cache(maxsize=256)
def load_protocol(data: bytes) -> Protocol:
    """The protocol of these bytes.

    Raises:
        pydantic.ValidationError: the bytes are not a compiled protocol.
    """
    return PROTOCOL.validate_json(data)


@lru_cache(maxsize=256)
def protocol_hash(data: bytes) -> str:
    """The SHA-256, in hexadecimal, by which a compiled protocol is known."""
    return hashlib.sha256(data).hexdigest()
