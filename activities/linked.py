"""A case that another case starts: opened once, however often this runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import activity

from activities.contracts import START_LINKED, LinkedCase, LinkedStarted

OpenLinked = Callable[[LinkedCase], Awaitable[str]]
"""Opens the linked case and gives its id, which depends only on the parent's id and fact number."""


class LinkedCases:
    """The linking activity of a worker. Activities know no workflows, so the worker hands in how to open one."""

    def __init__(self, open_linked: OpenLinked) -> None:
        self._open_linked = open_linked

    @activity.defn(name=START_LINKED)
    async def start_linked_case(self, message: LinkedCase) -> LinkedStarted:
        """Open the case, or find it open already."""
        return LinkedStarted(case_id=await self._open_linked(message))
