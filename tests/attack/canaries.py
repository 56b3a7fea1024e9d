"""Canaries: texts that stand nowhere by chance, one for each place they are put into, and where to look for them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.installation import Installation

SIGN = "canary-7c41"


@dataclass
class Canaries:
    """The canaries of one run: each by the place it was put into, and every URL and answer of the run."""

    put: dict[str, str] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def new(self, place: str) -> str:
        """A text for a place: a telephone number, a name and an address, as people write them."""
        self.put[place] = f"+1-555-0100 {SIGN}-{len(self.put)} Canary Placeholder"
        return self.put[place]

    def ask(
        self, here: Installation, role: str | None, method: str, path: str, body: object = None, **headers: str
    ) -> httpx2.Response:
        """A request whose URL is looked at later; so is its answer, if it is a refusal."""
        answer = here.ask(role, method, path, body, **headers)
        self.urls.append(str(answer.request.url))
        if answer.is_error:
            self.refusals.append(answer.text + str(answer.headers))
        return answer


def places(here: Installation, canaries: Canaries) -> dict[str, bytes]:
    """Everything of an installation that may be looked at, by its name."""
    found = {
        str(each.relative_to(here.data)): each.read_bytes()
        for each in here.data.rglob("*")
        if each.is_file() and not each.is_socket()
    }
    for name in ("handoff.db", "keys.db", "temporal/temporal.db"):
        found[f"dump of {name}"] = dump(here.data / name)
    found["what it said when started"] = (here.data.parent / f"{here.data.name}-up.log").read_bytes()
    assert here.client.get(f"{here.url}/metrics").status_code == httpx2.codes.UNAUTHORIZED
    token = (here.data / "keys" / "engine" / "metrics.token").read_text()
    figures = here.client.get(f"{here.url}/metrics", headers={"Authorization": f"Bearer {token}"})
    assert b"handoff_requests" in figures.content
    found["metrics"] = figures.content
    found["URLs"] = "\n".join(canaries.urls).encode()
    found["refusals"] = "\n".join(canaries.refusals).encode()
    for role in ("coordinator", "patrol", "advocate", "supervisor", "clerk", "police-records"):
        for path in ("/escalations", "/handoffs", "/cases", "/tasks", "/audit/heads"):
            found[f"{path} of {role}"] = here.ask(role, "GET", f"{path}?limit=200").content
        for case in {str(each["case"]) for each in here.get(role, "/cases?limit=5")["items"]}:
            for path in (f"/cases/{case}", f"/cases/{case}/timeline"):
                found[f"{path} of {role}"] = repr(here.get(role, path)).encode()
    return found


def dump(path: Path) -> bytes:
    """A database as SQL."""
    with sqlite3.connect(path) as connection:
        return "\n".join(connection.iterdump()).encode(errors="replace")


def hits(found: dict[str, bytes]) -> list[str]:
    """Where a canary can be read."""
    spelt = (SIGN.encode(), SIGN.encode("utf-16-le"), SIGN.encode().hex().encode(), b"555-0100")
    return [name for name, data in found.items() if any(each in data for each in spelt)]
