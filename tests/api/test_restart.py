"""A stopped installation goes on where it was."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from tests.installation import installed


def test_the_next_start_continues_every_case(tmp_path: Path) -> None:
    """A case opened before a stop is open after the next start, its task can be answered, no people are made anew."""
    body = {"protocol": "post-arrest-advocacy", "event": "arrest-booked", "source": "police", "key": uuid4().hex}
    with installed(tmp_path / "data") as here:
        case = here.ask("police-records", "POST", "/incidents", body).json()["case"]
        people = (here.data / "credentials.txt").read_text()
    with installed(tmp_path / "data") as here:
        (task,) = here.get("patrol", "/tasks")["items"]
        done = here.ask(
            "patrol",
            "POST",
            f"/tasks/{task['id']}/complete",
            {"outcome": "given", "vault": {"safe-numbers": "+1-555-0100"}},
        )

        assert task["case"] == case
        assert done.json()["task"]["status"] == "ended"
        assert (here.data / "credentials.txt").read_text() == people
