"""What a custodian does about releases: signs them by its agency's rules, and holds every open to what was signed.

The caller is believed in nothing: not that a release is in force, not who asks by it, not which fields it names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.custodian.keys import KeyFolder
from store.custodian.port import Grant, Item, Shown
from store.releases import document
from store.releases.document import MINUTE, Release, Ticket

TICKET_LASTS = MINUTE
REVOKED, USED = "revoked", "used"


class Releasing:
    """The releases of the agencies whose keys are in a folder.

    Args:
        keys: the folder.
        clock: the present instant.
        grounds: the grounds of the law that the legal profile at this custodian names.
    """

    def __init__(self, keys: KeyFolder, clock: Callable[[], Instant], grounds: Collection[str] = ()) -> None:
        self._keys = keys
        self._grounds = grounds
        self._clock = clock
        self._since = clock()
        self._seen: dict[str, Instant] = {}

    def identity(self, agency: Slug) -> bytes:
        """See ``port.Custodian``."""
        return self._keys.identity(agency).public_key().public_bytes_raw()

    def sign(self, grant: Grant, release: Release) -> bytes:
        """See ``port.Custodian``."""
        if grant.agency != release.owner:
            raise HandoffError("CUSTODIAN_DENIED", "only the agency that keeps the values can release them")
        document.must_be_lawful(release.ground, self._grounds)
        document.check(release)
        if self._keys.is_closed(release.id, REVOKED):
            raise HandoffError("RELEASE_REVOKED", "this was taken back; draft a new one")
        return self._keys.identity(release.owner).sign(release.bytes())

    def vouch(self, grant: Grant, ticket: Ticket) -> bytes:
        """See ``port.Custodian``."""
        if grant.agency != ticket.agency:
            raise HandoffError("CUSTODIAN_DENIED", "an agency vouches for its own people alone")
        return self._keys.identity(ticket.agency).sign(ticket.bytes())

    def revoke(self, release: OpaqueId) -> None:
        """See ``port.Custodian``."""
        self._keys.close_release(release, REVOKED)

    def admit(self, shown: Shown, items: Sequence[Item]) -> None:
        """Hold an open to the release it rests on.

        Raises:
            HandoffError: as ``port.Custodian.open_released`` says.
        """
        release, now = shown.release, self._clock()
        if not _signed(self.identity(release.owner), shown.signature, release.bytes()):
            raise HandoffError("RELEASE_FORGED", f"{release.owner} never signed this release")
        if self._keys.is_closed(release.id, REVOKED):
            raise HandoffError("RELEASE_REVOKED", "this was taken back; it does not open any more")
        document.must_be_lawful(release.ground, self._grounds)
        document.in_force(release, now)
        self._admit_person(shown, now)
        for each in items:
            where = (each.place.site, each.place.case_id, each.place.owner)
            if where != (release.site, release.case_id, release.owner) or each.place.field not in release.fields:
                raise HandoffError("FIELD_NOT_RELEASED", "this release does not name that field")
        if release.once:
            if self._keys.is_closed(release.id, USED):
                raise HandoffError("RELEASE_USED", "this could be looked at once, and was")
            self._keys.close_release(release.id, USED)

    def _admit_person(self, shown: Shown, now: Instant) -> None:
        release, ticket = shown.release, shown.ticket
        named = ticket.release == release.id and document.names(release, ticket.agency, ticket.person, ticket.roles)
        if not named or not _signed(release.to.key, shown.vouched, ticket.bytes()):
            raise HandoffError("NOT_RECIPIENT", "this release is for somebody else")
        # Since this process began: what was given before it was forgotten with the process before.
        if not max(now - TICKET_LASTS, self._since) <= ticket.at <= now + TICKET_LASTS or ticket.nonce in self._seen:
            raise HandoffError("REPLAYED", "this was asked before, or too long ago; ask again")
        self._seen = {nonce: at for nonce, at in self._seen.items() if at > now - 2 * TICKET_LASTS}
        self._seen[ticket.nonce] = now


def _signed(key: bytes, signature: bytes, said: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, said)
    except (InvalidSignature, ValueError):
        return False
    return True
