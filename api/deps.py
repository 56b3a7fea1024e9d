"""What every route needs: the installation's services, who is asking, and how a command is sent and waited for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from fastapi import Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api import identity
from api.answered import Answered
from protocol.errors import HandoffError
from protocol.messages import Actor
from protocol.names import OpaqueId
from protocol.state import Instant
from runtime.limits import Limits
from runtime.oidc import SignInService
from runtime.posting.config import Posting
from runtime.settings import Settings
from store import cases
from store.audit.site_key import SiteKey
from store.custodian.port import Custodian
from store.keyring import Keyring
from store.paging import Cursor
from store.policy import Subject
from store.session import Connection, Database

T = TypeVar("T")
GRANT = "Handoff-Grant"
"""The header with a person's grant of their agency's keyholder."""

PROJECTED_WITHIN = 5.0
"""Seconds a command waits for the read model; after that the answer says that it was taken and is on its way."""


@dataclass(frozen=True, slots=True)
class Services:
    """One installation's services, made once at the start."""

    settings: Settings
    database: Database
    ring: Keyring
    custodian: Custodian
    client: Client
    case_key: bytes
    page_key: bytes
    site_key: SiteKey
    account_key: bytes
    metrics_token: str = ""
    limits: Limits = field(default_factory=Limits)
    services: tuple[SignInService, ...] = ()
    posting: Posting = field(default_factory=Posting)
    answered: Answered = field(default_factory=Answered)

    async def read(self, ask: Callable[[Connection], T]) -> T:
        """Ask the database without holding up other requests."""

        def run() -> T:
            with self.database.read() as connection:
                return ask(connection)

        return await run_in_threadpool(run)

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Change the database in one transaction."""

        def run() -> T:
            with self.database.write() as connection:
                return change(connection)

        return await run_in_threadpool(run)

    async def projected(self, case_id: OpaqueId, seq: int) -> bool:
        """Wait until the read model has a case's facts up to ``seq``: read your writes."""
        until = time.monotonic() + PROJECTED_WITHIN
        while time.monotonic() < until:
            if await self.read(lambda connection: cases.projected(connection, case_id)) >= seq:
                return True
            await asyncio.sleep(0.02)
        return False

    async def workers(self) -> tuple[bool, bool]:
        """Whether Temporal answers, and whether a worker polls the task queue."""
        asked = DescribeTaskQueueRequest(
            namespace=self.client.namespace,
            task_queue=TaskQueue(name=self.settings.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            found = await self.client.workflow_service.describe_task_queue(asked, timeout=timedelta(seconds=2))
        except RPCError:
            return False, False
        return True, bool(found.pollers)

    def seal_cursor(self, subject: Subject, cursor: Cursor | None) -> str | None:
        """A cursor as clients get it: nobody else's, and nothing to count from."""
        if cursor is None:
            return None
        nonce = hashlib.sha256(json.dumps([subject.person_id, *cursor]).encode()).digest()[:12]
        sealed = AESGCMSIV(self.page_key).encrypt(nonce, json.dumps(cursor).encode(), subject.person_id.encode())
        return (nonce + sealed).hex()

    def open_cursor(self, subject: Subject, sealed: str | None) -> Cursor | None:
        """A client's cursor.

        Raises:
            HandoffError: BAD_CURSOR when it was altered or belongs to somebody else.
        """
        if sealed is None:
            return None
        try:
            data = bytes.fromhex(sealed)
            plain = AESGCMSIV(self.page_key).decrypt(data[:12], data[12:], subject.person_id.encode())
        except (ValueError, InvalidTag) as error:
            raise HandoffError("BAD_CURSOR", "this page marker is not one of yours; begin again") from error
        return tuple(json.loads(plain))


def services(request: Request) -> Services:
    """The installation's services."""
    found: Services = request.app.state.services
    return found


async def _here(request: Request) -> Services:
    # Not as a plain function: for those a thread is woken, with each request.
    return services(request)


Here = Annotated[Services, Depends(_here)]
bearer = HTTPBearer(auto_error=False, description="The token of a records system, or of a placeholder person.")


async def subject(
    request: Request,
    here: Here,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    grant: Annotated[str, Header(alias=GRANT, max_length=100, description="What POST /api/v1/keyholder gave.")] = "",
) -> Subject:
    """Who is asking: by session cookie, or by a bearer token. Asked of the database anew by each request.

    Raises:
        HandoffError: BAD_TOKEN without a session that holds or a token that is known; TOO_MANY; OUT_OF_SCOPE for a
            machine key that is not for this.
    """
    known: Subject | None = getattr(request.state, "subject", None)
    if known is None:
        known = await identity.ask(request, here, None if credentials is None else credentials.credentials, now())
        request.state.subject = known
    return replace(known, grant=grant)


Who = Annotated[Subject, Depends(subject)]


async def stepped_up(who: Who) -> Subject:
    """Who is asking, having shown both factors within five minutes.

    Raises:
        HandoffError: STEP_UP.
    """
    identity.must_be_stepped_up(who, now())
    return who


StepUp = Annotated[Subject, Depends(stepped_up)]
"""For releases, disclosures, exports, break-glass and keys."""


def actors(who: Subject, owners: tuple[str, ...] = (), leads: tuple[str, ...] = ()) -> Actor:
    """The actor of a subject for a task: in the role that owns it, else in a lead's, else in its first."""
    wanted = [each for each in (*owners, *leads) if each in who.roles]
    role = wanted[0] if wanted else (who.roles[0] if who.roles else None)
    return Actor(person=who.person_id, role=role, agency=who.agency)


def command_id(*parts: str) -> OpaqueId:
    """The id of a command made of what identifies it: the same parts, the same command."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def now() -> Instant:
    """The present instant."""
    return time.time_ns() // 1_000
