"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.errors import HandoffError
from protocol.kernel import OpaqueId, Slug

COORDINATOR: Slug = "coordinator"
"""The role, reserved in every protocol text, that watches handoffs between agencies."""


class SubjectKind(StrEnum):
    """A person, or a records system that reports for one."""

    PERSON = "person"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is asking: a person (or system) of one agency in its roles. ``sources``: agencies it may report for."""

    person_id: OpaqueId
    name: str
    agency: Slug
    roles: tuple[Slug, ...]
    kind: SubjectKind = SubjectKind.PERSON
    sources: tuple[Slug, ...] = ()

    @property
    def coordinates(self) -> bool:
        """Whether the subject watches handoffs between all agencies."""
        return COORDINATOR in self.roles


def unknown(what: str) -> HandoffError:
    """The one answer for what does not exist and for what may not be seen."""
    return HandoffError("NOT_FOUND", f"there is no such {what}, or it is not yours to see")
