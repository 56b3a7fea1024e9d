"""One thing to be written down: about which chain, by whom, what, why and how it was decided; never a value."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant

SITE = "site"
"""The chain of what belongs to no case: sign-ins, keys, people."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_:./{}+-]{0,119}")
"""What a detail may hold: names of the program and of a protocol. Nothing a person typed has to fit."""

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
CHAIN = re.compile(r"[A-Za-z0-9_:-]{1,80}")
MOST_FIELDS = 200

_request: ContextVar[OpaqueId] = ContextVar("request")


class Kind(StrEnum):
    """What sort of thing happened; in clear, so that it says nothing of a survivor."""

    READ = "read"
    OPEN = "open"
    ACT = "act"
    DENIED = "denied"
    SIGN_IN = "sign-in"
    KEY = "key"
    PERSON = "person"
    POLICY = "policy"
    RELEASE = "release"
    DISCLOSURE = "disclosure"
    BREAK_GLASS = "break-glass"
    ERASURE = "erasure"
    AUDIT = "audit"


class Reader(Protocol):
    """Who reads, decides or acts: ``store.policy.Subject`` is one."""

    @property
    def person_id(self) -> OpaqueId:
        """The person."""
        ...

    @property
    def agency(self) -> Slug:
        """Whom the person acts for."""
        ...

    @property
    def roles(self) -> tuple[Slug, ...]:
        """In what roles."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row to be. Clear are ``chain``, ``kind``, ``at``, ``agency``, ``request``; the rest is sealed.

    ``about`` are the cases a page of several showed: kept as marks by which "who saw this case" finds the row. The
    detail is sealed to ``keeper``, by default the reader's own agency; what belongs to another agency is sealed to
    that one. ``ground`` says by what right (``owner``, ``release``, ``break-glass``), ``reason`` is a choice of the
    program or of a form, never a text.

    Raises:
        HandoffError: ``AUDIT_ENTRY`` when something in it is no name or id, so that no value can get in.
    """

    chain: str
    kind: Kind
    at: Instant
    agency: Slug | None
    person: OpaqueId | None
    action: str
    roles: tuple[Slug, ...] = ()
    fields: tuple[str, ...] = ()
    ground: str | None = None
    allowed: bool = True
    reason: str | None = None
    about: tuple[OpaqueId, ...] = ()
    keeper: Slug | None = None
    request: OpaqueId = field(default_factory=lambda: _request.get(None) or secrets.token_hex(16))

    def __post_init__(self) -> None:
        """Refuse what could be somebody's words."""
        names = (*self.roles, *self.fields, self.action, self.agency, self.ground, self.reason, self.keeper)
        ids = (self.person, self.request, *self.about)
        whole = all(each is None or NAME.fullmatch(each) for each in names)
        whole = whole and all(each is None or ID.fullmatch(each) for each in ids)
        if not whole or CHAIN.fullmatch(self.chain) is None or len(self.fields) > MOST_FIELDS:
            raise HandoffError("AUDIT_ENTRY", "the audit takes names and ids only; this holds something else")


def by(reader: Reader, chain: str, kind: Kind, action: str, at: Instant) -> Entry:
    """An entry about what somebody did; ``dataclasses.replace`` it for the rest."""
    return Entry(
        chain=chain, kind=kind, at=at, agency=reader.agency, person=reader.person_id, roles=reader.roles, action=action
    )


def of_agency(agency: Slug) -> str:
    """The chain of an agency's own: its lists, and what its people asked for that is not there."""
    return f"agency:{agency}"


@contextmanager
def asking(request: OpaqueId | None = None) -> Iterator[OpaqueId]:
    """Everything written down in the block says that it belongs to one request; its id."""
    chosen = request or secrets.token_hex(16)
    token = _request.set(chosen)
    try:
        yield chosen
    finally:
        _request.reset(token)
