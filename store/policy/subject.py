"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant

COORDINATOR: Slug = "coordinator"
"""The role, reserved in every protocol text, that watches handoffs between agencies."""

STEWARD: Slug = "steward"
"""The role, of any agency, that looks after its people, keys, audit and what it keeps."""


class SubjectKind(StrEnum):
    """A person, or a records system that reports for one."""

    PERSON = "person"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a machine key is for: one protocol, the events it may submit, ``submit`` or ``read``."""

    protocol: Slug
    events: tuple[Slug, ...]
    may: Literal["submit", "read"]


STATEMENTS = 128
"""Statements of one kind that a process keeps, one for each who asks: making one costs more than running it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is asking: a person (or system) of one agency in its roles. ``sources``: agencies it may report for.

    ``stepped_up_at``: when the person last showed both factors; None for machines. ``scope``: of a machine key.
    ``other_hat``: one that this person may put on instead (``store.accounts.hats``).
    ``grant``: what a person got when they signed in at their agency's keyholder; it opens values, and is kept nowhere.
    """

    person_id: OpaqueId
    name: str
    agency: Slug
    roles: tuple[Slug, ...]
    kind: SubjectKind = SubjectKind.PERSON
    sources: tuple[Slug, ...] = ()
    stepped_up_at: Instant | None = None
    scope: Scope | None = None
    other_hat: Slug | None = None
    grant: str = field(default="", repr=False, compare=False)

    @property
    def asker(self) -> Subject:
        """The same with no more than lists are chosen by: what is kept by it keeps no grant."""
        return Subject(person_id=self.person_id, name="", agency=self.agency, roles=self.roles, kind=self.kind)

    @property
    def coordinates(self) -> bool:
        """Whether the subject watches handoffs between all agencies."""
        return COORDINATOR in self.roles


def unknown(what: str) -> HandoffError:
    """The one answer for what does not exist and for what may not be seen."""
    return HandoffError("NOT_FOUND", f"there is no such {what}, or it is not yours to see")
