"""Logs that cannot hold a survivor's words.

Three rules, for our own events and for every library's: a text is shown only if it stands in the code that logged
it; a value is shown only if its key is listed and it has the shape of an id, a code or a number; of an exception the
type and the places are shown, never its message. JSON lines, or something readable on a terminal.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TextIO

import structlog

from protocol.errors import HandoffError

SHOWN = frozenset({
    "address", "attempt", "case", "code", "command", "count", "duration_ms", "hash", "level", "logger",
    "method", "name", "pid", "port", "request", "route", "seq", "service", "signal", "slug", "status", "step",
    "timestamp", "version",
})  # fmt: skip
WITHHELD = "[withheld]"
SHAPE = re.compile(r"[A-Za-z0-9_./:{}\[\]+-]{1,200}")
KEY = re.compile(r"[a-z][a-z0-9_]{0,30}")
SQLSTATE = re.compile(r"[0-9A-Z]{5}")
SHORTEST = 8
"""Characters of a literal that a library's message must begin with for that much of it to be shown."""

DEEPEST = 6
FRAMES = 12
OURS = {__file__, logging.__file__}
LIBRARIES = ("alembic", "asyncio", "httpx2", "sqlalchemy", "temporalio", "uvicorn", "uvicorn.error")
SILENT = ("uvicorn.access",)
"""Loggers whose lines hold whole paths; the API logs each request by its route instead."""

Entry = MutableMapping[str, Any]


class Named:
    """What structlog writes to: a stream and the logger's name."""

    def __init__(self, stream: TextIO | None, name: str) -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write one entry; a closed or full stream loses it rather than stopping what was being logged."""
        stream = self._stream or sys.stderr
        try:
            with _WRITING:
                stream.write(line + "\n")
                stream.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = log = msg


_WRITING = threading.Lock()


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Set logging up for this process: our events, every library's, and what nobody caught.

    Args:
        level: the least of our own events that is logged; libraries are heard from ``warning`` on.
        stream: where to; standard error if left out.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    terminal = (stream or sys.stderr).isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            withhold,
            _readable if terminal else _json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *name: Named(stream, str(name[0]) if name else "handoff"),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [LibraryHandler()]
    root.setLevel(max(number, logging.WARNING))
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate, library.disabled = [], True, False
    for name in SILENT:
        logging.getLogger(name).disabled = True
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _, error, __: _uncaught(error)
    threading.excepthook = lambda found: _uncaught(found.exc_value)
    sys.unraisablehook = lambda found: _uncaught(found.exc_value)


@contextmanager
def about(**what: str | int) -> Iterator[None]:
    """Everything logged in the block, libraries' messages included, says what it is about: ``about(case=...)``."""
    with structlog.contextvars.bound_contextvars(**what):
        yield


def withhold(logger: Any, _method: str, entry: Entry) -> Entry:  # noqa: ANN401 - structlog hands over any logger
    """The entry with what may be shown, in a fixed order; the last step before it is written out."""
    error = entry.pop("exc_info", None)
    event = entry.pop("event", "")
    kept: dict[str, Any] = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": entry.pop("level", "info"),
        "logger": getattr(logger, "name", "handoff"),
        "event": event.text if isinstance(event, Message) else _from_code(event),
    }
    if isinstance(event, Message):
        kept |= event.about
    for key, value in entry.items():
        name = key if KEY.fullmatch(key) else WITHHELD
        kept[name] = _shown(value) if key in SHOWN else WITHHELD
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple) and len(error) > 1:
        error = error[1]
    if isinstance(error, BaseException):
        kept["exception"] = told(error)
    return kept


def told(error: BaseException, depth: int = DEEPEST) -> dict[str, Any]:
    """An exception without its message: type, our own or the database's code, places, and what it came from."""
    # Walked, not extracted: extracting reads source files, which a workflow's sandbox forbids.
    frames = [(each.f_code, line) for each, line in traceback.walk_tb(error.__traceback__)][-FRAMES:]
    said: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{_short(code.co_filename)}:{line} {code.co_name}" for code, line in frames],
    }
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    if isinstance(error, HandoffError):
        said["code"] = error.code
    elif isinstance(error, OSError) and error.errno is not None:
        said["code"] = error.errno
    elif isinstance(state, str) and SQLSTATE.fullmatch(state):
        said["code"] = state
    came_from = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if came_from is not None and depth:
        said["from"] = told(came_from, depth - 1)
    if isinstance(error, BaseExceptionGroup) and depth:
        said["group"] = [told(each, depth - 1) for each in error.exceptions[:DEEPEST]]
    return said


class Message:
    """A library's message, brought down to what its code says."""

    def __init__(self, record: logging.LogRecord) -> None:
        self.text = _from_code(record.msg, (record.pathname, record.lineno))
        self.about: dict[str, Any] = {"place": f"{_short(record.pathname)}:{record.lineno}"}
        case = getattr(record, "temporal_workflow", None) or getattr(record, "temporal_activity", None)
        if isinstance(case, dict) and "workflow_id" in case:
            self.about["case"] = _shown(case["workflow_id"])


class LibraryHandler(logging.Handler):
    """A library's record: its logger, level, place and what its code says; never what was filled in."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record by the same rules as our own events."""
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        structlog.get_logger(record.name).log(level, Message(record), exc_info=record.exc_info)


def _from_code(said: object, place: tuple[str, int] | None = None) -> str:
    """The text if it stands in the code that logged it, or else how much of its beginning does."""
    if isinstance(said, str):
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the one way to ask who called
        while frame is not None:
            code = frame.f_code
            calls = not (code.co_filename in OURS or "structlog" in Path(code.co_filename).parts)
            if calls if place is None else (code.co_filename, frame.f_lineno) == place:
                known = max((each for each in _literals(code) if said.startswith(each)), key=len, default="")
                if known == said:
                    return said
                return f"{known}{WITHHELD}" if len(known) >= SHORTEST else WITHHELD
            frame = frame.f_back
    return WITHHELD


@lru_cache(maxsize=2000)
def _literals(code: CodeType) -> tuple[str, ...]:
    flat = (each if isinstance(each, tuple) else (each,) for each in code.co_consts)
    return tuple(each for group in flat for each in group if isinstance(each, str) and each)


def _shown(value: object) -> object:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, str) and SHAPE.fullmatch(value) else WITHHELD


def _short(filename: str) -> str:
    """A file's place without the folders above the project or the installed package."""
    for mark in ("/site-packages/", f"{Path(__file__).parents[1]}/"):
        _, found, rest = filename.rpartition(mark)
        if found:
            return rest
    return "/".join(Path(filename).parts[-2:])


def _uncaught(error: BaseException | None) -> None:
    if isinstance(error, KeyboardInterrupt | None):
        return
    structlog.get_logger("process").critical("nobody caught this", exc_info=error)


def _json(_logger: object, _method: str, entry: Entry) -> str:
    return json.dumps(dict(entry))


def _readable(_logger: object, _method: str, entry: Entry) -> str:
    clock = str(entry.pop("timestamp"))[11:19]
    error = entry.pop("exception", None)
    head = f"{clock} {entry.pop('level'):8} {entry.pop('logger')}: {entry.pop('event')}"
    lines = [" ".join([head, *(f"{key}={value}" for key, value in entry.items())])]
    while error:
        lines.append(f"  {error['type']} {error.get('code', '')}".rstrip())
        lines += [f"    {each}" for each in error["frames"]]
        error = error.get("from")
    return "\n".join(lines)
