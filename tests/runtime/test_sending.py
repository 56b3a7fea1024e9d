"""Reports on their way in: sent again until answered, stopped when nothing can go in, counted in any case."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import HandoffError, SpecError
from runtime.intake import Order, Outcome, take_in
from runtime.mapping import read_mapping
from runtime.remote import Remote
from runtime.sending import IN_FLIGHT
from tests.runtime.exports import HEADER, MAPPING, NOW, protocol, row


class Installation(ThreadingHTTPServer):
    """A stand-in that answers reports as a test says: each key's first answers, then 201 or 200 for a known key."""

    daemon_threads = True

    def __init__(self, first: dict[str, list[int]], always: tuple[int, str] | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.first = first
        self.always = always
        self.known: set[str] = set()
        self.got: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def decide(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        key = str(body["key"])
        with self.lock:
            self.got.append(body)
            if self.always is not None:
                status, code = self.always
                return status, {"title": "It was refused.", "code": code}
            if self.first.get(key):
                status = self.first[key].pop(0)
                return status, {"title": "It was refused.", "code": "DATABASE_BUSY" if status == 503 else "FIELD_RANGE"}
            joined = key in self.known
            self.known.add(key)
        return 200 if joined else 201, {"case": key, "code": None, "joined": joined, "visible": True}


class Handler(BaseHTTPRequestHandler):
    """Answers one report."""

    protocol_version = "HTTP/1.1"
    server: Installation

    def do_POST(self) -> None:
        self.server.tokens.add(str(self.headers["Authorization"]))
        status, answer = self.server.decide(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(
    first: dict[str, list[int]] | None = None, always: tuple[int, str] | None = None
) -> Iterator[Installation]:
    with Installation(first or {}, always) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def taken(folder: Path, url: str, rows: str, mapping: str = MAPPING) -> tuple[Outcome, list[dict[str, str]]]:
    """An intake of rows, and its report."""
    file, report = folder / "export.csv", folder / "refused.csv"
    file.write_text(HEADER + rows)
    order = Order(file=file, sheet=read_mapping(mapping), protocol=protocol(), report=report)
    with Remote(url, "a-token") as remote:
        outcome = take_in(order, remote, NOW, lambda _read: None)
    with report.open() as handle:
        return outcome, list(csv.DictReader(handle))


def test_every_row_is_accounted_for_and_a_second_run_opens_nothing(tmp_path: Path) -> None:
    """Read is passed over, opened, joined and refused; running the same file again opens no case."""
    rows = "".join(row(f"N-{number}") for number in range(50)) + row("N-50", arrest="no") + row("N-51", at="")
    with answering() as server:
        first, report = taken(tmp_path, server.url, rows)
        second, _ = taken(tmp_path, server.url, rows)

    assert (
        first.tally.read, first.tally.filtered, first.tally.opened, first.tally.joined, first.tally.refused,
    ) == (52, 1, 50, 0, 1)  # fmt: skip
    assert (second.tally.opened, second.tally.joined) == (0, 50)
    assert report == [{"line": "53", "code": "NO_TIME", "reason": "The row has no time."}]
    assert first.tally.adds_up()


def test_a_report_says_what_the_interface_asks(tmp_path: Path) -> None:
    """Times carry their offset, values their types, an old record the time it is handed over."""
    with answering() as server:
        taken(tmp_path, server.url, row(at="2022-05-01T12:00:00"))

    assert server.got == [
        {
            "protocol": "intake-test",
            "event": "arrest-booked",
            "source": "police",
            "key": "N-1",
            "occurred_at": "2022-05-01T17:00:00+00:00",
            "data": {"spoken-language": "english", "injured": False, "danger": 3},
            "vault": {"safe-numbers": "+1-555-0100"},
            "hold_until": "2026-11-24T15:00:00+00:00",
        }
    ]
    assert {"Bearer a-token"} == server.tokens


def test_a_busy_installation_gets_the_same_report_again(tmp_path: Path) -> None:
    """503 and 429 are answered by sending the same body again, until it goes in."""
    with answering(first={"N-1": [503, 429, 503]}) as server:
        outcome, _ = taken(tmp_path, server.url, row())

    assert outcome.tally.opened == 1
    assert len(server.got) == 4
    assert all(each == server.got[0] for each in server.got)


def test_what_the_installation_refuses_is_listed_and_the_rest_goes_in(tmp_path: Path) -> None:
    """A refusal of one row is that row's, with the installation's own code and sentence."""
    with answering(first={"N-1": [422]}) as server:
        outcome, report = taken(tmp_path, server.url, row("N-0") + row("N-1") + row("N-2"))

    assert (outcome.tally.opened, outcome.tally.refused) == (2, 1)
    assert report == [{"line": "3", "code": "FIELD_RANGE", "reason": "It was refused."}]


def test_a_sender_nobody_knows_stops_at_once(tmp_path: Path) -> None:
    """A token that is not known would meet every row alike: a thousand rows are not tried one by one."""
    rows = "".join(row(f"N-{number}") for number in range(1000))
    with answering(always=(401, "BAD_TOKEN")) as server:
        outcome, _ = taken(tmp_path, server.url, rows)

    assert outcome.stopped is not None
    assert outcome.stopped.code == "BAD_TOKEN"
    assert len(server.got) <= IN_FLIGHT
    assert outcome.unanswered == outcome.tally.read > 0


def test_a_mapping_that_does_not_fit_sends_nothing(tmp_path: Path) -> None:
    """A missing column is found before the first report."""
    with answering() as server, pytest.raises(SpecError):
        taken(tmp_path, server.url, row(), MAPPING.replace("hurt", "wounded"))

    assert server.got == []


def test_the_report_never_overwrites_the_export(tmp_path: Path) -> None:
    """Naming the export itself as the report is refused."""
    file = tmp_path / "export.csv"
    file.write_text(HEADER + row())
    order = Order(file=file, sheet=read_mapping(MAPPING), protocol=protocol(), report=file)

    with Remote("http://127.0.0.1:9", "a-token") as remote, pytest.raises(HandoffError, match="overwrite"):
        take_in(order, remote, NOW, lambda _read: None)

    assert HEADER + row() == file.read_text()
