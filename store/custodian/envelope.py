"""A value sealed before it reaches the operator: by a records system, to the public card of the agency that keeps it.

An envelope is a text. It travels and lies as any protected value does, and is sealed again on the way in; the agency's
custodian opens both. Who runs Handoff never has the value, also while it passes. It is bound to its agency and its
field, and says nothing of who sealed it: the machine key that brings it does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from protocol.errors import HandoffError
from protocol.names import Slug
from store.custodian import suite
from store.custodian.port import KeyCard, Wrap

PREFIX = b"handoff-sealed/1:"
MOST = 24 * 1024
"""The longest value, in bytes: sealed and as a text it is shorter than the longest that a case keeps."""


class Card(BaseModel):
    """An agency's public card as a file: what is sealed to it, its own keyholder alone opens."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    card: KeyCard

    @property
    def fingerprint(self) -> str:
        """What two people compare: 32 bytes as hexadecimal digits."""
        said = [self.card.agency, self.card.epoch, self.card.suite, self.card.public.hex()]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def read_card(path: Path) -> Card:
    """The card in a file.

    Raises:
        HandoffError: ``CARD_FILE``.
    """
    try:
        return Card.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise HandoffError("CARD_FILE", f"{path} is not a card as handoff keyholder card writes it") from None


def seal(card: KeyCard, values: Mapping[Slug, str]) -> dict[Slug, str]:
    """Each value in an envelope of its field.

    Raises:
        HandoffError: ``VALUE_TOO_LONG``, ``UNKNOWN_SUITE``.
    """
    return {field: _one(card, field, value.encode()) for field, value in values.items()}


def _one(card: KeyCard, field: Slug, value: bytes) -> str:
    if len(value) > MOST:
        raise HandoffError("VALUE_TOO_LONG", f"{field} is longer than {MOST // 1024} KB, the most that can be sealed")
    wrap = suite.wrap_text(card, field, value)
    said = json.dumps([wrap.epoch, wrap.suite, base64.b64encode(wrap.wrapped).decode()])
    return PREFIX.decode() + base64.urlsafe_b64encode(said.encode()).decode()


def read(value: bytes) -> Wrap | None:
    """The envelope that a value is; None for any other text, also one that only begins like an envelope."""
    if not value.startswith(PREFIX):
        return None
    try:
        epoch, name, wrapped = json.loads(base64.urlsafe_b64decode(value.removeprefix(PREFIX)))
        return Wrap(epoch=int(epoch), suite=str(name), wrapped=base64.b64decode(wrapped))
    except (binascii.Error, TypeError, ValueError):
        return None
