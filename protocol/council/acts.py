"""What people do with a revision, in the order they did it. Nothing here is ever changed: a new act stands beside.

A vote, a consent and a signature hold for the bundle they name and for no other: draft, plan, aims and what they are
held against, one SHA-256. One changed byte voids them (council.md section 1).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.revising.changes import Tag
from protocol.revising.diff import Difference
from protocol.serial import canonical
from protocol.state import Instant


class Kind(StrEnum):
    """The acts."""

    SUBMITTED = "submitted"
    COMMENTED = "commented"
    ANSWERED = "answered"
    VOTED = "voted"
    RECUSED = "recused"
    CONSENTED = "consented"
    VETOED = "vetoed"
    SIGNED = "signed"
    PUBLISHED = "published"
    HELD = "held"
    OBSERVED = "observed"
    REVERT_SIGNED = "revert-signed"
    REVERTED = "reverted"
    WITHDRAWN = "withdrawn"


class Choice(StrEnum):
    """A vote. Abstaining counts for the quorum only."""

    FOR = "for"
    AGAINST = "against"
    ABSTAIN = "abstain"


class Verdict(StrEnum):
    """What a month's figures say of what the revision was for."""

    MET = "met"
    NOT_MET = "not-met"
    CANNOT_TELL = "cannot-tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One change as a council weighs it. ``owners``: whose duty or calendar it is; ``consent``: who must agree."""

    unit: str
    code: str
    tag: Tag
    says: str
    consent: tuple[Slug, ...]
    owners: tuple[Slug, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act. Which of the rest is used depends on its kind; ``seat`` is what a signature stands for.

    ``answers`` is the place of the comment that a secretary answers, counted from 0 among the acts.
    """

    kind: Kind
    at: Instant
    by: OpaqueId
    agency: Slug
    bundle: str
    changes: tuple[Weighed, ...] = ()
    emergency: bool = False
    effective_at: Instant | None = None
    choice: Choice | None = None
    units: tuple[str, ...] = ()
    says: str = ""
    seat: str = ""
    answers: int | None = None
    verdict: Verdict | None = None


def bundle_hash(*, base: str, text: str, plan: str | None, aims: str, emergency: bool) -> str:
    """What votes are bound to."""
    parts = {"base": base, "text": text, "plan": plan, "aims": aims, "emergency": emergency}
    return hashlib.sha256(canonical(parts)).hexdigest()


def weighed(old: Protocol, new: Protocol, found: Difference) -> tuple[Weighed, ...]:
    """The changes between two texts, each with whose duty it is."""
    return tuple(
        Weighed(
            unit=each.unit,
            code=each.code,
            tag=each.tag,
            says=each.says,
            consent=tuple(sorted(each.consent)),
            owners=tuple(sorted(_owners(old, new, each.unit))),
        )
        for each in found.changes
    )


def _owners(old: Protocol, new: Protocol, unit: str) -> set[Slug]:
    """The agency of a unit's step, in either text; an agency or a role is its own."""
    kind, _, name = unit.partition(":")
    name = name.partition("/")[0]
    if kind in {"agency", "calendar"}:
        return {name}
    found: set[Slug] = set()
    for side in (old, new):
        if kind == "role" and name in side.role:
            found.add(side.role[name].agency)
        elif name in side.step:
            step = side.step[name]
            roles = step.chosen.roles if step.chosen is not None else (step.role,)
            found |= {side.role[each].agency for each in roles if each in side.role} | {step.agency}
    return found
