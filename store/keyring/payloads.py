"""The keyring as ``runtime.codec`` asks it: a random key for each case, beside the derived ones of before."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from runtime.codec import SITE, CaseKeys
from store.keyring.ring import CODEC, Keyring

ID = "case-1"
"""The id of keys from the keyring, as it travels with each payload."""


class PayloadKeys:
    """``runtime.codec.CaseKeys`` on a keyring.

    Args:
        ring: where cases' keys are.
        derived: the keys of what belongs to no case, and of what was sealed before the keyring was there.
    """

    def __init__(self, ring: Keyring, derived: CaseKeys) -> None:
        self._ring = ring
        self._derived = derived

    def begin(self, case_id: OpaqueId, agencies: Sequence[str]) -> None:
        """See ``Keyring.begin``."""
        self._ring.begin(case_id, agencies)

    def key_for(self, case_id: OpaqueId, key_id: str | None = None) -> tuple[str, bytes]:
        """The case's random key; a derived one for what was sealed so, and for a case that began before the keyring.

        Raises:
            HandoffError: as ``Keyring.key`` says.
        """
        if case_id == SITE or key_id not in (None, ID):
            return self._derived.key_for(case_id)
        try:
            return ID, self._ring.key(case_id, CODEC)
        except HandoffError as error:
            if error.code != "UNKNOWN_KEY" or key_id is not None:
                raise
            return self._derived.key_for(case_id)

    def at_hand(self, case_id: OpaqueId, key_id: str | None = None) -> bool:
        """See ``CaseKeys``."""
        return case_id == SITE or key_id not in (None, ID) or self._ring.cached(case_id, CODEC) is not None
