"""The port: what the rest of Handoff may ask of whoever keeps an agency's keys.

Sealing needs only the public card; opening, sharing and forgetting need the custodian. Values cross this port as
bytes and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from protocol.names import OpaqueId, Slug
from store.releases.document import Release, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCard:
    """An agency's public key: anybody may seal to it."""

    agency: Slug
    epoch: int
    suite: str
    public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """On whose behalf something is opened.

    The embedded custodian takes the word of whoever holds its socket token. A keyholder looks at ``token`` alone: what
    the person got when they signed in there. ``glass``: the breaking of glass by which they look, if it is by that.
    """

    person: OpaqueId
    agency: Slug
    token: str = field(default="", repr=False)
    glass: OpaqueId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """Somebody asks to see one case that is not theirs for so many minutes, or (``yes``) another lets them."""

    glass: OpaqueId
    case_id: OpaqueId
    minutes: int
    yes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a value belongs; sealed into it, so that a moved row does not open."""

    site: OpaqueId
    case_id: OpaqueId
    owner: Slug
    record: OpaqueId
    ref: OpaqueId
    field: Slug
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A value's ciphertext under its own key, and the commitment to that key."""

    commitment: bytes
    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrap:
    """A key sealed to an agency's card: a record's key to its owner, or one value's key to ``to`` (a share)."""

    epoch: int
    suite: str
    wrapped: bytes
    to: Slug | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One value to be opened, with the wrap by which the asking agency may open it."""

    place: Place
    sealed: Sealed
    wrap: Wrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """To be forgotten: all values of a case that an agency keeps, or those of one field."""

    site: OpaqueId
    case_id: OpaqueId
    owner: Slug
    field: Slug | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """From now on the custodian opens nothing the order names, even from a restored copy of the database."""

    order: Order
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a recipient's open rests on: the release its owner's key signed, and who its own agency says is asking."""

    release: Release
    signature: bytes
    ticket: Ticket
    vouched: bytes


class Custodian(Protocol):
    """Keeps private keys. Every method raises HandoffError and then has done nothing.

    Codes: ``CUSTODIAN_DOWN`` (does not answer), ``CUSTODIAN_DENIED`` (not this agency's to open), ``VALUE_SPOILED``
    (altered, moved, or sealed to another key), ``VALUE_FORGOTTEN``, ``UNKNOWN_KEY``. A keyholder also has
    ``GRANT_NEEDED``, ``GRANT_STALE``, ``PROOF_WRONG``, ``TOO_MANY_TRIES``, ``LIMIT_REACHED``, ``AUDIT_DOWN``,
    ``CLOCK_APART`` and ``REPLAYED``.
    """

    def sign_in(self, agency: Slug, name: str, password: str, code: str) -> str:
        """The token of a new grant for a person of an agency with a keyholder; ``NO_KEYHOLDER`` without one."""
        ...

    def describe(self, agency: Slug) -> KeyCard:
        """The agency's present card; its key is made on first asking."""
        ...

    def open(self, grant: Grant, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        """The values, in order; all of them or none."""
        ...

    def break_glass(self, grant: Grant, pane: Pane) -> None:
        """Keep that somebody asked to see a case that is not theirs, or that a second person said yes.

        A keyholder believes nobody about who the two are: each shows password and code there within five minutes, and
        what ``Grant.glass`` names opens that case to that one person after that other one's yes. Codes:
        ``GRANT_STALE``, ``SELF_APPROVAL``, ``GLASS_OVER``.
        """
        ...

    def share(self, grant: Grant, items: Sequence[Item], to: KeyCard) -> tuple[Wrap, ...]:
        """Wraps by which another agency may open just these values."""
        ...

    def forget(self, order: Order) -> Receipt:
        """Never open these again."""
        ...

    def engine_share(self, agency: Slug) -> bytes:
        """The agency's 32 bytes that the engine wraps its cases' keys with; the same for as long as the agency is.

        They open outcomes and inner steps (E), never a value. Whoever asks keeps them in memory only.
        """
        ...

    def rotate(self, agency: Slug) -> KeyCard:
        """The card of a key made just now; older keys go on opening what was sealed to them.

        A keyholder makes its next key on its own box alone: ``ROTATE_THERE``.
        """
        ...

    def rewrap(self, agency: Slug, records: Sequence[tuple[Place, Wrap]]) -> tuple[Wrap, ...]:
        """The same record keys, wrapped to the agency's own newest card: each was opened once to see that it opens."""
        ...

    def identity(self, agency: Slug) -> bytes:
        """The public half of the key that the agency signs with: the same for as long as the agency is."""
        ...

    def sign(self, grant: Grant, release: Release) -> bytes:
        """The owner's signature of a release, by its own key, if it keeps the rules (``document.check``).

        A keyholder signs only for who proved themselves to it within five minutes: else ``GRANT_STALE``.
        """
        ...

    def vouch(self, grant: Grant, ticket: Ticket) -> bytes:
        """The signature of the person's own agency under what they ask of another's."""
        ...

    def open_released(self, shown: Shown, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        """Values for a release's recipient, in order; the owner's custodian itself holds the release to its word.

        Codes: ``RELEASE_FORGED``, ``RELEASE_REVOKED``, ``RELEASE_NOT_YET``, ``RELEASE_EXPIRED``, ``AGREEMENT_ENDED``,
        ``NOT_RECIPIENT``, ``REPLAYED``, ``FIELD_NOT_RELEASED``, ``RELEASE_USED``.
        """
        ...

    def revoke(self, owner: Slug, release: OpaqueId) -> None:
        """Open nothing by this release from now on. Asked for by anybody who may call, for it opens nothing."""
        ...
