"""The paper itself: what an agency's own key signs, and the rules that hold before it does.

Signed and checked by the owner's custodian, so nothing here asks a database. Privacy notes §4; T1, T4, T9, T16.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LONGEST = 90 * DAY
"""A release lasts this long at most, and no release renews itself."""

THREAT_LASTS = 4 * HOUR
"""What is disclosed for an imminent threat can be looked at for so long, and once."""

ANSWER_WITHIN = 10 * MINUTE
"""How long a supervisor has to say yes or no to it; nobody's answer lets it go ahead."""

LAWFUL_LASTS = 3 * DAY
"""What is disclosed on a ground of the law can be looked at for so long, and once."""

YES_WITHIN = 3 * DAY
"""How long a yes is waited for where nothing leaves without one."""


class Ground(StrEnum):
    """By what right something leaves the house."""

    RELEASE = "release"
    THREAT_TO_LIFE = "threat-to-life"
    THREAT_TO_CHILD = "threat-to-child"
    THREAT_TO_OTHERS = "threat-to-others"
    CASE_CONFERENCE = "case-conference"
    """A case of high risk is heard by agencies together without her consent (T16)."""
    MANDATED_REPORT = "mandated-report"
    COURT_ORDER = "court-order"


LAWFUL = frozenset({Ground.CASE_CONFERENCE, Ground.MANDATED_REPORT, Ground.COURT_ORDER})
"""Grounds of the law: open only where the legal profile names them."""

WAITS = frozenset({Ground.CASE_CONFERENCE, Ground.COURT_ORDER})
"""Grounds on which nothing leaves without a second person's yes. A mandated report waits as long as a threat does."""


def must_be_lawful(ground: Ground, grounds: Collection[str]) -> None:
    """Hold a ground of the law to the legal profile.

    Args:
        ground: by what right something is to leave.
        grounds: the grounds of the law that the profile names.

    Raises:
        HandoffError: ``GROUND_NOT_ALLOWED``.
    """
    if ground in LAWFUL and ground not in grounds:
        says = f"the legal profile here does not name {ground}: without her release nothing leaves on that ground"
        raise HandoffError("GROUND_NOT_ALLOWED", says)


class Purpose(StrEnum):
    """What a release is for; the closed list, beside which she may have words of her own (sealed)."""

    COURT_DATE = "court-date"
    PROTECTION_ORDER = "protection-order"
    PROSECUTION = "prosecution"
    SAFETY_PLANNING = "safety-planning"
    HOUSING = "housing"
    HEALTH = "health"
    CHILDREN = "children"
    BENEFITS = "benefits"
    OTHER = "other"
    SAFETY_OF_LIFE = "safety-of-life"
    """Of a disclosure for an imminent threat, and of nothing else."""
    LEGAL_DUTY = "legal-duty"
    """Of a disclosure on a ground of the law, and of nothing else."""


class Form(StrEnum):
    """How it was signed."""

    PAPER = "paper"
    DEVICE = "device"


class Signer(StrEnum):
    """Who has to sign."""

    SURVIVOR = "survivor"
    MINOR = "minor"
    INCAPACITY = "incapacity"


class Mode(StrEnum):
    """How it is given: looked at, each time through the owner's custodian. Nothing is copied."""

    VIEW = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who it is for: an agency, or one role or one person of it.

    ``key``: what that agency's custodian signs with. ``never``: roles of it that face the suspect, and who holds one
    is nobody's recipient (T6).
    """

    agency: Slug
    key: bytes
    role: Slug | None = None
    person: OpaqueId | None = None
    never: tuple[Slug, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was put to paper or device, as the advocate attests it."""

    signer: Signer = Signer.SURVIVOR
    form: Form = Form.PAPER
    by_survivor: bool = False
    by_guardian: bool = False
    guardian_not_suspect: bool = False
    guardians_order: bool = False
    explained_by: OpaqueId | None = None
    language: Slug = "english"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release, or one disclosure without her signature (``ground``), whole.

    ``words`` is a reference to sealed words. ``agreed_until``: when the agreement between the two agencies is to be
    reviewed, after which nothing opens (T17). ``drafted_by``, ``approved_by``: people of the owner.
    """

    id: OpaqueId
    site: OpaqueId
    case_id: OpaqueId
    owner: Slug
    to: Recipient
    ground: Ground
    purpose: Purpose
    fields: tuple[Slug, ...]
    starts: Instant
    ends: Instant
    agreement: Slug
    agreed_until: Instant
    drafted_by: OpaqueId
    signed: Signed | None = None
    approved_by: OpaqueId | None = None
    words: OpaqueId | None = None
    mode: Mode = Mode.VIEW

    @property
    def once(self) -> bool:
        """Whether it can be looked at one time only."""
        return self.ground is not Ground.RELEASE

    def bytes(self) -> bytes:
        """What is signed."""
        said = asdict(self) | {"to": {**asdict(self.to), "key": self.to.key.hex()}}
        return b"handoff/1|release|" + json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def check(release: Release) -> None:
    """Hold a release to the rules that its owner's key signs by.

    Raises:
        HandoffError: as ``check_terms``; ``SIGNATURE_MISSING``, ``GUARDIAN_MISSING``, ``GUARDIAN_SUSPECT``,
            ``GUARDIAN_ORDER``; ``APPROVER_MISSING``.
    """
    check_terms(release)
    if not release.once:
        _check_signed(release.signed or Signed())
    if release.ground in WAITS and release.approved_by in {None, release.drafted_by}:
        raise HandoffError("APPROVER_MISSING", "on this ground nothing leaves without a second person's yes")


def check_terms(release: Release) -> None:
    """Hold a draft to the rules: what does not need a signature yet.

    Raises:
        HandoffError: ``NO_FIELDS``, ``TO_ITSELF``, ``FACES_SUSPECT``, ``UNTIL_PASSED``, ``UNTIL_TOO_FAR``,
            ``PURPOSE_WRONG``, ``PERSON_MISSING``.
    """
    if not release.fields:
        raise HandoffError("NO_FIELDS", "name each field that is shared; there is no way to share everything")
    if release.to.agency == release.owner:
        raise HandoffError("TO_ITSELF", "an agency's own people need no release")
    if release.to.role in release.to.never:
        says = f"{release.to.role} faces the suspect: nothing that came from her goes there"
        raise HandoffError("FACES_SUSPECT", says)
    if release.ends <= release.starts:
        raise HandoffError("UNTIL_PASSED", "a release ends after it begins; give a later day")
    most, says, purpose = _terms(release.ground)
    if release.ends - release.starts > most:
        raise HandoffError("UNTIL_TOO_FAR", says)
    if purpose is None and release.purpose in OWN_PURPOSES:
        raise HandoffError("PURPOSE_WRONG", f"{release.purpose} is no purpose of a release")
    if purpose is not None and release.purpose is not purpose:
        raise HandoffError("PURPOSE_WRONG", f"on this ground something leaves for {purpose}, and for nothing else")
    if release.ground is Ground.CASE_CONFERENCE and release.to.person is None:
        raise HandoffError("PERSON_MISSING", "name the one person who represents that agency at the conference")


OWN_PURPOSES = frozenset({Purpose.SAFETY_OF_LIFE, Purpose.LEGAL_DUTY})


def _terms(ground: Ground) -> tuple[Instant, str, Purpose | None]:
    """How long something may be looked at on a ground, in words as well, and the one purpose it then has."""
    if ground is Ground.RELEASE:
        return LONGEST, "a release lasts 90 days at most; ask her again then", None
    if ground in LAWFUL:
        return LAWFUL_LASTS, "what is disclosed on a ground of the law ends after 3 days", Purpose.LEGAL_DUTY
    return THREAT_LASTS, "what is disclosed for an imminent threat ends after 4 hours", Purpose.SAFETY_OF_LIFE


def _check_signed(signed: Signed) -> None:
    guarded = signed.signer is not Signer.SURVIVOR
    if signed.explained_by is None:
        raise HandoffError("SIGNATURE_MISSING", "say who explained the release to her: it is informed or it is none")
    if not signed.by_survivor and signed.signer is not Signer.INCAPACITY:
        raise HandoffError("SIGNATURE_MISSING", "she has not signed: nothing is shared without her signature")
    if guarded and not signed.by_guardian:
        raise HandoffError("GUARDIAN_MISSING", "a parent or guardian has to sign as well")
    if guarded and not signed.guardian_not_suspect:
        raise HandoffError("GUARDIAN_SUSPECT", "say that the guardian who signs is not the suspect, or find another")
    if signed.signer is Signer.INCAPACITY and not signed.guardians_order:
        raise HandoffError("GUARDIAN_ORDER", "attach the court's order that appoints the guardian")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A recipient's own agency says: this is our person, now, about this release. Good once, for a minute."""

    release: OpaqueId
    agency: Slug
    person: OpaqueId
    roles: tuple[Slug, ...]
    at: Instant
    nonce: str

    def bytes(self) -> bytes:
        """What is signed."""
        return b"handoff/1|ticket|" + json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()


def in_force(release: Release, now: Instant) -> None:
    """Whether it may be looked at by the clock.

    Raises:
        HandoffError: ``RELEASE_NOT_YET``, ``RELEASE_EXPIRED``, ``AGREEMENT_ENDED``.
    """
    if now < release.starts:
        raise HandoffError("RELEASE_NOT_YET", "this has not begun")
    if now >= release.ends:
        raise HandoffError("RELEASE_EXPIRED", "this was shared until a day that is over; it does not open any more")
    if now >= release.agreed_until:
        raise HandoffError("AGREEMENT_ENDED", "the agreement between the two agencies is over; renew it first")


def names(release: Release, agency: Slug, person: OpaqueId, roles: Sequence[Slug]) -> bool:
    """Whether somebody is who it is for."""
    to = release.to
    named = agency == to.agency and to.person in (None, person) and (to.role is None or to.role in roles)
    return named and set(roles).isdisjoint(to.never)
