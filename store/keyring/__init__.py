"""A second database of random keys, one per case and purpose, wrapped under shares that only agencies' custodians hold.

``handoff.db`` and Temporal's database hold what is sealed, ``keys.db`` what opens it, wrapped; the wrapping keys are in
no file of the operator: see ``shares``. A key destroyed here is gone for good once the last backup of ``keys.db`` is.
"""

from store.keyring.ring import CODEC, Keyring, engagement, shred
from store.keyring.shares import Shares

__all__ = ["CODEC", "Keyring", "Shares", "engagement", "shred"]
