"""A small client of an installation's HTTP interface, for the command line: answers, or errors in plain words."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import httpx2

from protocol.errors import Finding, HandoffError, Place, SpecError

BASE = "/api/v1"
PATIENCE = 40.0
"""Seconds an answer may take; the server itself gives up earlier and says so."""

PAUSE = 0.5
"""Seconds between two questions while waiting for something to appear."""


class Remote:
    """An installation as one person or records system meets it.

    Args:
        url: where the API answers, for example ``http://127.0.0.1:8080``.
        token: whose token to act with.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"}
        # The environment's proxies are for the outside world; an installation is named by its address.
        self._client = httpx2.Client(headers=self.headers, timeout=PATIENCE, trust_env=False)

    def ask(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON of the caller's route
        """What a route answers to GET.

        Raises:
            HandoffError: with the code of the problem the installation answered with, or ``UNREACHABLE``.
        """
        return self._call("GET", path, params=query)

    def tell(self, method: str, path: str, body: bytes, *, kind: str = "application/json") -> Any:  # noqa: ANN401
        """What a route answers to a request with a body. Raises as ``ask``."""
        return self._call(method, path, content=body, headers={"Content-Type": kind})

    def all_items(self, path: str, **query: str | int) -> list[Any]:
        """The rows of every page of a list. Raises as ``ask``."""
        found = self.ask(path, **query)
        rows = items_of(found)
        while found.get("next"):
            found = self.ask(path, **query, cursor=found["next"])
            rows += items_of(found)
        return rows

    def await_items(self, path: str, within: float, at_least: int = 1, **query: str | int) -> Any:  # noqa: ANN401
        """As ``ask``, for a list: asked again until it has so many rows, for so many seconds at most."""
        until = time.monotonic() + within
        while True:
            found = self.ask(path, **query)
            if len(items_of(found)) >= at_least or time.monotonic() >= until:
                return found
            time.sleep(PAUSE)

    def _call(self, method: str, path: str, **given: Any) -> Any:  # noqa: ANN401 - passed on to the library
        try:
            response = self._client.request(method, f"{self.url}{BASE}{path}", **given)
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise unreachable(self.url, error) from None
        return answer(response)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._client.close()


def items_of(found: Any) -> list[Any]:  # noqa: ANN401 - JSON of any list route
    """The rows of a list, whether it comes in pages or whole."""
    items = found.get("items") if isinstance(found, dict) else found
    return items if isinstance(items, list) else []


def answer(response: httpx2.Response) -> Any:  # noqa: ANN401 - JSON of any route
    """A response's JSON.

    Raises:
        SpecError: a protocol text was refused; with its findings.
        HandoffError: any other problem, with its code and sentence.
    """
    if response.status_code == httpx2.codes.SERVICE_UNAVAILABLE and not response.content:
        says = "What was asked for could not be written into the audit, so nothing was shown. Try again."
        raise HandoffError("AUDIT_DOWN", says)
    try:
        said = response.json()
    except ValueError:
        raise HandoffError(
            "NOT_HANDOFF", f"What answers there is not Handoff (status {response.status_code})."
        ) from None
    if response.is_success:
        return said
    found = said if isinstance(said, dict) else {}
    if found.get("findings"):
        raise SpecError(tuple(_finding(each) for each in found["findings"]))
    message = str(found.get("title", f"It was refused with status {response.status_code}."))
    raise HandoffError(str(found.get("code", "HTTP")), message)


def unreachable(url: str, error: Exception) -> HandoffError:
    """Nothing answers there."""
    says = f"Nothing answers at {url} ({type(error).__name__}). Is it running? Start it with: handoff up"
    return HandoffError("UNREACHABLE", says)


def _finding(said: dict[str, Any]) -> Finding:
    place = Place(line=int(said["line"]), column=int(said["column"]))
    return Finding(code=str(said["code"]), says=str(said["says"]), place=place, write=str(said.get("write", "")))
