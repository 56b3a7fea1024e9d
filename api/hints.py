"""Live hints: that something changed in what somebody's own inbox or board shows them, as a number and no more.

A stream looks, now and then, at the very list that its reader's page shows, and counts the rows that are not as they
were; what its reader may not see is not in that list, so neither its content nor its time can be in a hint. Looking is
no use of a session: a page that is left open ends with its session all the same.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from api import cookies, identity
from api.deps import Here, Services, bearer, now
from api.errors import problem
from protocol.errors import HandoffError
from store import board, inbox
from store.policy import Subject
from store.session import Connection
from store.task_view import TaskView

router = APIRouter(prefix="/hints")
STREAM = "text/event-stream"
EVERY = 3.0
"""Seconds between two looks."""

BEAT = 15.0
"""Seconds after which a stream that has nothing to say says that it is there."""

LONGEST = 600.0
"""Seconds after which a stream ends; a browser whose session holds asks for another by itself."""

AGAIN = 5_000
"""Milliseconds after which a browser asks again."""

OF_A_SESSION = 4
OF_A_PROCESS = 200
"""Streams at once."""

INBOX, BOARD = 25, 25
"""Rows that the pages show."""

Seen = Annotated[str, Query(max_length=64, description="the mark of what the page shows")]
Rows = dict[str, tuple[object, ...]]
Look = Callable[[Connection, Subject], Rows]
_open: Counter[str] = Counter()


@router.get("/inbox")
async def of_inbox(request: Request, here: Here, seen: Seen = "") -> Response:
    """The mark of my inbox; asked for as an event stream, how many of its items are new or changed since ``seen``."""
    return await _hints(request, here, _inbox, seen)


@router.get("/board")
async def of_board(request: Request, here: Here, seen: Seen = "") -> Response:
    """The same of the handoffs that my board begins with."""
    return await _hints(request, here, _board, seen)


def _inbox(connection: Connection, who: Subject) -> Rows:
    return of_rows(inbox.inbox(connection, who, limit=INBOX).rows)


def _board(connection: Connection, who: Subject) -> Rows:
    return of_rows(tuple(each.task for each in board.board(connection, who, now(), counted=False, limit=BOARD).rows))


def of_rows(found: tuple[TaskView, ...]) -> Rows:
    """What a page shows of each row that may change but by time alone."""
    return {e.id: (e.status, e.person, e.taken_at, e.missed_at, e.due_at, e.paused_until) for e in found}


def mark(here: Services, who: Subject, rows: Rows) -> str:
    """One name for what a list shows, and nobody else's."""
    said = repr((who.person_id, sorted(rows.items()))).encode()
    return hmac.new(here.page_key, said, "sha256").hexdigest()[:32]


async def _hints(request: Request, here: Services, look: Look, seen: str) -> Response:
    if STREAM not in request.headers.get("accept", ""):
        credentials = await bearer(request)
        who = await identity.ask(request, here, None if credentials is None else credentials.credentials, now())
        rows = await here.read(lambda connection: look(connection, who))
        return JSONResponse({"mark": mark(here, who, rows)})
    token = cookies.session_token(request, here.settings)
    if token is None or await identity.still(here, token, now()) is None:
        raise HandoffError("BAD_TOKEN", "this session is over; sign in again")
    if _open[token] >= OF_A_SESSION or _open.total() >= OF_A_PROCESS:
        return problem(503, "STREAMS_FULL", "There are too many open pages. Refresh this one by hand.")
    return StreamingResponse(_stream(here, token, look, seen), media_type=STREAM)


@contextmanager
def _counted(token: str) -> Iterator[None]:
    _open[token] += 1
    try:
        yield
    finally:
        _open[token] -= 1
        if not _open[token]:
            del _open[token]


async def _stream(here: Services, token: str, look: Look, seen: str) -> AsyncIterator[str]:
    """Numbers, as long as the session holds."""
    with _counted(token):
        yield f"retry: {AGAIN}\n\n"
        first: Rows | None = None
        least, told = 0, 0
        began = spoke = time.monotonic()
        while (present := time.monotonic()) - began < LONGEST:
            who = await identity.still(here, token, now())
            if who is None:
                yield "event: over\ndata: 0\n\n"
                return
            reader = who
            rows = await here.read(lambda connection: look(connection, reader))  # noqa: B023 - awaited at once
            if first is None:
                first, least = rows, int(bool(seen) and seen != mark(here, who, rows))
            changed = max(least, sum(first.get(each) != rows.get(each) for each in {**first, **rows}))
            if changed != told or present - spoke >= BEAT:
                yield f"data: {changed}\n\n" if changed != told else ": \n\n"
                told, spoke = changed, present
            await asyncio.sleep(EVERY)
