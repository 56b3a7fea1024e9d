"""Logs that cannot hold a survivor's words: only listed keys keep their value.

Whatever is logged, by us or by a library, passes one processor that withholds every value whose key is not listed;
of an unexpected exception the type and the places are logged, never its message. JSON lines, one per event.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

SHOWN = frozenset({
    "event", "level", "timestamp", "logger", "case", "seq", "step", "code", "command", "slug", "hash", "port", "pid",
    "duration_ms", "count", "status", "method", "route", "name", "attempt", "signal", "address", "version", "service",
    "exception", "frames",
})  # fmt: skip
WITHHELD = "[withheld]"
LIBRARIES = ("temporalio", "uvicorn", "uvicorn.error", "sqlalchemy", "alembic", "httpx2")
Entry = MutableMapping[str, Any]


def withhold(_: object, __: str, entry: Entry) -> Entry:
    """Keep the values of listed keys only; turn an exception into its type and places."""
    error = entry.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple) and len(error) > 1:
        error = error[1]
    kept = {key: value if key in SHOWN else WITHHELD for key, value in entry.items()}
    if isinstance(error, BaseException):
        kept["exception"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        kept["frames"] = [f"{each.filename.rpartition('/')[2]}:{each.lineno} {each.name}" for each in frames]
    entry.clear()
    entry.update(kept)
    return entry


class LibraryHandler(logging.Handler):
    """A library's record: its logger, level and unformatted message; never its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record without what was filled into it."""
        # A message that was formatted before it was logged may hold anything, so only a template is repeated.
        event = record.msg if isinstance(record.msg, str) and record.args else "library message"
        log = structlog.get_logger(record.name)
        log.log(record.levelno, event, exc_info=record.exc_info, logger=record.name)


def configure(level: str = "info") -> None:
    """Set logging up for this process: our events and every library's, to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            withhold,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [LibraryHandler()]
    root.setLevel(max(number, logging.WARNING))
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
