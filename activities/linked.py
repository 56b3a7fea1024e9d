"""What a case says to cases linked to it: opened once, told once each, however often these run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog
from temporalio import activity

from activities.contracts import SEND_LINKED, START_LINKED, TELL_PARENT, LinkedCase, LinkedStarted, Parent
from protocol.errors import HandoffError
from protocol.messages import Refusal, StartCase
from protocol.names import Slug
from store import protocols
from store.session import Database

log = structlog.get_logger("linked")


@dataclass(frozen=True, slots=True)
class Calls:
    """How to speak to cases. Activities know no workflows, so the worker hands these in."""

    open: Callable[[LinkedCase], Awaitable[str]]
    """Opens the linked case and gives its id, which depends only on the parent's id and fact number."""
    send: Callable[[LinkedCase], Awaitable[Refusal | None]]
    """Tells a linked case of an event; why it was refused, or None."""
    tell: Callable[[Parent], Awaitable[None]]
    """Tells a parent that its linked case has ended."""


class LinkedCases:
    """The linking activities of a worker."""

    def __init__(self, calls: Calls, database: Database) -> None:
        self._calls = calls
        self._database = database

    @activity.defn(name=START_LINKED)
    async def start_linked_case(self, message: LinkedCase) -> LinkedStarted:
        """Open the case, or find it open already.

        Raises:
            HandoffError: its protocol is not published yet, or the version in force cannot begin with this event;
                Temporal tries again until one can.
        """
        start = message.link.effect
        slug = start.protocol if isinstance(start, StartCase) else None
        try:
            if slug is not None:
                message = replace(message, protocol=await asyncio.to_thread(self._published, slug))
            return LinkedStarted(case_id=await self._calls.open(message))
        except HandoffError as error:
            if _worth_saying():
                told = {"case": message.case_id, "slug": slug, "code": error.code}
                log.warning("linked case waits to be opened", **told, attempt=activity.info().attempt)
            raise

    @activity.defn(name=SEND_LINKED)
    async def send_linked_event(self, message: LinkedCase) -> None:
        """Tell a linked case of an event. What it refuses is said in the log: sent again it would be refused again."""
        refusal = await self._calls.send(message)
        if refusal is not None:
            told = {"case": message.case_id, "seq": message.link.effect.seq, "code": refusal.code.value}
            log.warning("linked case refused what it was told", **told)

    @activity.defn(name=TELL_PARENT)
    async def tell_parent(self, parent: Parent) -> None:
        """Tell the case that began this one that it has ended."""
        await self._calls.tell(parent)

    def _published(self, slug: Slug) -> str:
        with self._database.read() as connection:
            return protocols.current(connection, slug).compiled.decode()


def _worth_saying() -> bool:
    """Attempts 1, 2, 4, 8 ..: what waits for days is said often enough to be found, and no oftener."""
    attempt = activity.info().attempt
    return attempt & (attempt - 1) == 0
