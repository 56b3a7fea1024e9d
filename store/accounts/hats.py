"""One hat a session: who watches between agencies and also works inside one does either, never both at once.

A coordinator sees every agency's handoffs, and what she knows from inside her own agency must not steer what she does
there. So a session has the roles of one hat. Stewards and council members read no case by that role: it goes with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from protocol.errors import HandoffError
from protocol.names import Slug
from store.policy import COORDINATOR, STEWARD, Subject
from store.policy.deciding import COUNCIL

AGENCY: Slug = "agency"
"""The hat of one's own agency: every role but the coordinator's. A session begins with it."""

WITH_BOTH = frozenset({STEWARD, COUNCIL})


def hats(roles: Sequence[Slug]) -> tuple[Slug, ...]:
    """The hats among which somebody with these roles chooses; empty for who has but one."""
    inside = set(roles) - {COORDINATOR} - WITH_BOTH
    return (AGENCY, COORDINATOR) if COORDINATOR in roles and inside else ()


def chosen(roles: Sequence[Slug], hat: Slug) -> Slug:
    """A hat that somebody with these roles may put on.

    Raises:
        HandoffError: ``NO_HAT``.
    """
    if hat not in hats(roles):
        raise HandoffError("NO_HAT", "you have no such hat: sign in again, or ask whoever gives out roles")
    return hat


def wearing(who: Subject, hat: Slug | None) -> Subject:
    """Somebody as they are under a hat; without one under the first of theirs."""
    if not hats(who.roles):
        return who
    outside = hat == COORDINATOR
    roles = tuple(each for each in who.roles if each in WITH_BOTH or (each == COORDINATOR) is outside)
    return replace(who, roles=roles, other_hat=AGENCY if outside else COORDINATOR)
