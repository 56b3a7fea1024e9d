"""No answer with something protected in it without its row: what a request shows is noted, written down, then sent.

Whatever builds an answer says what of a case is in it, with ``seen``; the route's handler (``once.Once``) writes it
down, committed, before the answer leaves. When that cannot be done the answer is an empty 503.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from api.deps import Services, bearer, now, services, subject
from protocol.errors import HandoffError
from protocol.names import OpaqueId
from store import audit
from store.audit.entry import MOST_FIELDS
from store.audit.seen import behind
from store.policy import Subject

DENIALS = frozenset(
    {
        *("NOT_FOUND", "NOT_YOURS", "NOT_YOUR_EVENT", "UNKNOWN_CASE", "UNKNOWN_TASK"),
        *("RELEASE_REVOKED", "RELEASE_EXPIRED", "RELEASE_USED", "AGREEMENT_ENDED", "NOT_RECIPIENT", "SELF_APPROVAL"),
    }
)
"""Answers that say: this is not yours."""

ABOUT_ONE = frozenset({"case", "task", "notice"})
"""Parts of a path that lead to one case: what is shown there is written into that case's chain."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(slots=True)
class Shown:
    """What one request shows: the names of what is protected, by case."""

    who: Subject | None = None
    cases: dict[OpaqueId, set[str]] = field(default_factory=dict)


_shown: ContextVar[Shown | None] = ContextVar("shown", default=None)


def seen(who: Subject, case_id: OpaqueId, fields: Iterable[str] = ()) -> None:
    """Note that an answer to somebody shows a case, and what of it is protected; ``fields`` are names, never values."""
    shown = _shown.get()
    if shown is not None:
        shown.who = who
        shown.cases.setdefault(case_id, set()).update(fields)


def recorded(handle: Handler, path: str) -> Handler:
    """A route's handler whose answers leave only when what they show is written down; denials are written down too.

    Args:
        handle: the route's own handler.
        path: the route's pattern.
    """

    async def first(request: Request) -> Response:
        here, shown = services(request), Shown()
        token = _shown.set(shown)
        action = _action(request, path)
        try:
            response = await handle(request)
        except HandoffError as error:
            if error.code in DENIALS:
                await run_in_threadpool(
                    audit.write_down, here.database, [await _denial(request, here, action, error.code)]
                )
            raise
        finally:
            _shown.reset(token)
        await run_in_threadpool(audit.write_down, here.database, _entries(request, shown, action))
        return response

    return first


async def repeated(request: Request, path: str) -> None:
    """Write down that an answer given before is given again.

    Raises:
        HandoffError: ``AUDIT_DOWN``.
    """
    here = services(request)
    who = await subject(request, here, await bearer(request))
    found = await here.read(lambda connection: behind(connection, request.path_params))
    chain = audit.of_agency(who.agency) if found is None else found.case_id
    entry = audit.by(who, chain, audit.Kind.READ, _action(request, path), now())
    await run_in_threadpool(audit.write_down, here.database, [replace(entry, ground="repeat")])


def _action(request: Request, path: str) -> str:
    return f"{request.method}:{path.removeprefix('/api/v1')}"


def _entries(request: Request, shown: Shown, action: str) -> list[audit.Entry]:
    """A row for the case a page is about; of a list, one with every case of which it shows something protected."""
    who, at = shown.who, now()
    if who is None:
        return []
    if ABOUT_ONE & set(request.path_params):
        return [
            replace(audit.by(who, case_id, audit.Kind.READ, action, at), fields=_some(fields), ground="own-view")
            for case_id, fields in shown.cases.items()
        ]
    listed = {case_id: fields for case_id, fields in shown.cases.items() if fields}
    if not listed:
        return []
    entry = audit.by(who, audit.of_agency(who.agency), audit.Kind.READ, action, at)
    fields = _some(set().union(*listed.values()))
    return [replace(entry, fields=fields, ground="own-view", about=tuple(listed))]


def _some(fields: set[str]) -> tuple[str, ...]:
    names = sorted(fields)
    return tuple(names if len(names) <= MOST_FIELDS else [*names[: MOST_FIELDS - 1], "more"])


async def _denial(request: Request, here: Services, action: str, code: str) -> audit.Entry:
    """What somebody was denied: in the chain of the case it is about, sealed to whoever it belongs to."""
    who = await subject(request, here, await bearer(request))
    found = await here.read(lambda connection: behind(connection, request.path_params))
    chain = audit.of_agency(who.agency) if found is None else found.case_id
    entry = audit.by(who, chain, audit.Kind.DENIED, action, now())
    slot = "" if found is None or found.keeper is None else request.path_params.get("slot", "")
    return replace(
        entry,
        allowed=False,
        reason=code,
        fields=(f"slot:{slot}",) if slot else (),
        keeper=None if found is None else found.keeper,
    )
