"""What may and what may not be read in a log."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from protocol.errors import HandoffError
from runtime import logs
from store.plain import Plain

CANARY = "Canary Placeholder +1-555-0100"
ROOT = Path(__file__).resolve().parents[2]


class Log(io.StringIO):
    """A log to look into."""

    def entries(self) -> list[dict[str, Any]]:
        assert CANARY not in self.getvalue()
        assert "Canary" not in self.getvalue()
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def entry(self) -> dict[str, Any]:
        (found,) = self.entries()
        return found


class Terminal(Log):
    """A log that somebody reads on a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def quiet() -> Iterator[None]:
    """Whatever a test does to logging is undone."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, sys.unraisablehook)
    handlers, level = root.handlers, root.level
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    for name in logs.SILENT:
        logging.getLogger(name).disabled = False


@pytest.fixture
def log(quiet: None) -> Log:
    stream = Log()
    logs.configure("info", stream)
    return stream


ours = structlog.get_logger("tests")


def test_a_listed_key_keeps_its_value(log: Log) -> None:
    """Ids, codes, routes and numbers are shown, in one line of JSON with time, level and logger."""
    ours.info(
        "request", route="/api/v1/tasks/{task}/take", method="POST", status=200, duration_ms=12.5, hash="sha256:ab"
    )
    found = log.entry()
    assert found.pop("timestamp").endswith("+00:00")
    assert found == {
        "level": "info", "logger": "tests", "event": "request", "route": "/api/v1/tasks/{task}/take",
        "method": "POST", "status": 200, "duration_ms": 12.5, "hash": "sha256:ab",
    }  # fmt: skip


@pytest.mark.parametrize(
    "value", [CANARY, CANARY.encode(), [CANARY], {"name": CANARY}, Plain(CANARY), "wren@example.org", "a b"]
)
@pytest.mark.parametrize("key", ["name", "case", "survivor", "note", "place"])
def test_a_value_without_a_listed_key_and_a_plain_shape_is_withheld(log: Log, key: str, value: object) -> None:
    """Neither an unlisted key nor a text with spaces or an address ever reaches the log."""
    ours.warning("something happened", **{key: value})
    assert log.entry()[key] == logs.WITHHELD


def test_an_unlisted_key_withholds_even_a_number(log: Log) -> None:
    """A number under a key nobody listed may be a telephone's."""
    ours.info("something happened", phone=3125550147)
    assert log.entry()["phone"] == logs.WITHHELD


def test_a_key_that_is_no_word_is_withheld_with_its_value(log: Log) -> None:
    """A dictionary spread into an event does not show its keys."""
    ours.info("something happened", **{CANARY: 1})
    assert log.entry()[logs.WITHHELD] == logs.WITHHELD


def test_a_member_of_an_enumeration_is_shown_as_its_value(log: Log) -> None:
    """A closed word is safe to read."""
    kinds = StrEnum("kinds", {"LATE": "late"})
    ours.info("something happened", status=kinds.LATE)
    assert log.entry()["status"] == "late"


@pytest.mark.parametrize("said", [CANARY, f"the call with {CANARY}", f"calling {CANARY} again"])
def test_an_event_that_is_not_in_the_code_is_cut_to_what_is(log: Log, said: str) -> None:
    """An event made up at run time is withheld."""
    ours.info(said)
    assert log.entry()["event"] == logs.WITHHELD


def test_an_event_filled_in_by_the_code_shows_its_literal_beginning(log: Log) -> None:
    """Of an f-string and of a template with arguments, the words before the first value are shown."""
    ours.info(f"the call with {CANARY}")
    ours.info("the call was with %s", CANARY)
    assert [each["event"] for each in log.entries()] == ["the call with [withheld]", "[withheld]"]


def raise_it() -> None:
    raise ValueError(CANARY)


def test_an_exception_shows_its_type_and_places_only(log: Log) -> None:
    """The message of an unexpected exception, and of what caused it, is never logged."""
    try:
        try:
            raise_it()
        except ValueError as error:
            raise RuntimeError(CANARY) from error
    except RuntimeError:
        ours.exception("unexpected failure")
    found = log.entry()["exception"]
    assert found["type"] == "builtins.RuntimeError"
    assert found["from"]["type"] == "builtins.ValueError"
    assert found["from"]["frames"][-1].startswith("tests/runtime/test_logs.py:")
    assert found["from"]["frames"][-1].endswith(" raise_it")


def test_an_exception_with_a_code_shows_the_code(log: Log) -> None:
    """Our own code, the system's number and the database's state help without telling anything."""
    database = RuntimeError(CANARY)
    database.orig = SimpleNamespace(sqlstate="23505")  # type: ignore[attr-defined]
    for error in (HandoffError("CASE_ENDED", CANARY), OSError(28, CANARY), database):
        ours.error("unexpected failure", exc_info=error)
    assert [each["exception"]["code"] for each in log.entries()] == ["CASE_ENDED", 28, "23505"]


def test_a_group_of_exceptions_shows_its_members(log: Log) -> None:
    """A task group's failures are told one by one, by the same rule."""
    ours.error("unexpected failure", exc_info=ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(CANARY)]))
    assert [each["type"] for each in log.entry()["exception"]["group"]] == ["builtins.ValueError", "builtins.KeyError"]


def test_a_librarys_template_is_shown_without_its_arguments(log: Log) -> None:
    """The library's words are shown, and where they stand; what it filled in is not."""
    logging.getLogger("temporalio.worker").warning("Completing activity %s as failed", CANARY)
    found = log.entry()
    assert found["event"] == "Completing activity %s as failed"
    assert found["logger"] == "temporalio.worker"
    assert found["place"].startswith("tests/runtime/test_logs.py:")


def test_a_librarys_finished_text_is_withheld(log: Log) -> None:
    """A message that was filled in before it was logged shows at most its literal beginning."""
    library = logging.getLogger("uvicorn.error")
    library.error("Exception in %s" % CANARY)  # noqa: UP031 - as libraries write it
    library.error(f"Trouble with {CANARY}")
    library.error(ValueError(CANARY))
    library.error(CANARY.lower())
    assert [each["event"] for each in log.entries()] == [
        "[withheld]",
        "Trouble with [withheld]",
        "[withheld]",
        "[withheld]",
    ]


def test_a_librarys_exception_and_extras_are_withheld(log: Log) -> None:
    """Temporal logs exceptions in clear and hands over its context; only type, places and the case's id remain."""
    library = logging.LoggerAdapter(
        logging.getLogger("temporalio.activity"),
        {"temporal_activity": {"workflow_id": "0190-ab", "x": CANARY}, "note": CANARY},
    )
    try:
        raise_it()
    except ValueError:
        library.warning("Completing activity as failed", exc_info=True)
    found = log.entry()
    assert found["case"] == "0190-ab"
    assert found["exception"]["type"] == "builtins.ValueError"


def test_a_whole_path_is_never_logged(log: Log) -> None:
    """The server's own access log, which holds ids and queries, is off."""
    logging.getLogger("uvicorn.access").warning('%s - "GET /cases/%s"', "127.0.0.1", CANARY)
    assert log.entries() == []


def test_a_block_says_what_it_is_about(log: Log) -> None:
    """The case's id is in every entry of the block, a library's too, and in none after it."""
    with logs.about(case="0190-ab", seq=4):
        ours.info("something happened")
        logging.getLogger("sqlalchemy").warning("something else happened")
    ours.info("something happened")
    assert [each.get("case") for each in log.entries()] == ["0190-ab", "0190-ab", None]


def test_a_warning_is_an_entry(log: Log) -> None:
    """What Python would print as a warning, with a line of source, is withheld."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(CANARY, UserWarning, stacklevel=1)
    assert log.entry()["event"] == logs.WITHHELD


async def test_a_task_nobody_waited_for_tells_its_exceptions_type(log: Log) -> None:
    """The event loop's own report of a lost exception follows the rule."""
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": CANARY, "exception": ValueError(CANARY)})
    assert log.entry()["exception"]["type"] == "builtins.ValueError"


def test_the_level_holds_for_our_events(log: Log) -> None:
    """Below the level nothing is written."""
    ours.debug("something happened")
    assert log.entries() == []


def test_a_terminal_gets_something_to_read(quiet: None) -> None:
    """On a terminal an entry is a line of words, by the same rules."""
    stream = Terminal()
    logs.configure("info", stream)
    ours.info("worker ready", address="127.0.0.1:7233", note=CANARY)
    ours.error("unexpected failure", exc_info=ValueError(CANARY))
    assert CANARY not in stream.getvalue()
    first, second, third = stream.getvalue().splitlines()
    assert first.endswith("info     tests: worker ready address=127.0.0.1:7233 note=[withheld]")
    assert second.endswith("error    tests: unexpected failure")
    assert third.strip() == "builtins.ValueError"


UNCAUGHT = """
import sys, threading
from runtime import logs
logs.configure()
def fail(): raise ValueError(sys.argv[1])
each = threading.Thread(target=fail); each.start(); each.join()
fail()
"""


def test_what_nobody_caught_is_logged_without_its_message() -> None:
    """A process that dies of an exception, or a thread that does, leaves types and places."""
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT, CANARY], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert CANARY not in done.stderr
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [each["exception"]["type"] for each in found] == ["builtins.ValueError"] * 2
