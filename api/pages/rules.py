"""The council's rules, for pages that differ by whether one was founded."""

from __future__ import annotations

from typing import Any

from api.pages.asking import Unanswered
from api.pages.desk import Desk


async def council(desk: Desk) -> dict[str, Any] | None:
    """The council's rules; None where a coordinator publishes alone.

    Raises:
        Unanswered: nobody is signed in.
    """
    try:
        found: dict[str, Any] = await desk.api.get("/council")
    except Unanswered as error:
        if error.code != "NO_COUNCIL":
            raise
        return None
    return found
