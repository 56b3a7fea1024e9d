"""Acts that need both factors shown once more: asked for in between, and then done, with nothing typed twice."""

from __future__ import annotations

from typing import Any

from fastapi import Response

from api.pages.asking import Unanswered
from api.pages.desk import Desk
from api.pages.forms import Filled

FACTORS = ("again-password", "again-code")
"""What the page asks for; never shown again, and no part of the act."""


async def told(desk: Desk, filled: Filled, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON of the route
    """Do something, both factors shown first where the form brings them.

    Raises:
        Unanswered: as the API says; ``STEP_UP`` is answered by ``page``.
    """
    given = dict(filled)
    if given.get(FACTORS[0]) or given.get(FACTORS[1]):
        factors = {"password": given.get(FACTORS[0], ""), "code": given.get(FACTORS[1], "")}
        try:
            await desk.api.tell("/session/step-up", factors)
        except Unanswered as error:
            raise Unanswered(error.status, "STEP_UP", error.title) from error
    return await desk.api.tell(path, body, key=given.get("key") or None)


def page(desk: Desk, filled: Filled, error: Unanswered) -> Response:
    """Ask for both factors; the form's fields wait in the page."""
    kept = [(name, value) for name, value in filled if name not in FACTORS]
    wrong = error.title if any(name in FACTORS for name, _ in filled) else ""
    return desk.page("again.html", "Sign in", status=403, kept=kept, to=desk.request.url.path, wrong=wrong)
