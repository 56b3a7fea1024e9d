"""The examples of the pages about the language: each fenced block of protocol text, made whole.

A block fenced as ``yaml protocol`` is a whole text. One fenced as ``yaml part`` is completed by the page's block fenced
as ``yaml frame``: tables are joined key by key, anything else in the part stands instead of the frame's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from protocol.text.reading import plain, read

DOCS = Path(__file__).resolve().parents[2] / "docs"
FENCE = re.compile(r"^```yaml (frame|part|protocol)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """A block of a page: the line it begins on, what it says itself, and the whole text to compile."""

    page: str
    line: int
    said: str
    whole: str
    explored: bool
    """A whole text stands for itself."""


@cache
def examples(page: str) -> tuple[Example, ...]:
    """Every block of protocol text of a page of docs."""
    text = (DOCS / page).read_text()
    blocks = list(FENCE.finditer(text))
    frame = next((each.group(2) for each in blocks if each.group(1) == "frame"), "")
    return tuple(
        Example(
            page,
            text.count("\n", 0, each.start()) + 2,
            each.group(2),
            completed(each.group(2), frame) if each.group(1) == "part" else each.group(2),
            each.group(1) != "part",
        )
        for each in blocks
    )


def completed(part: str, frame: str) -> str:
    """A part and its frame as one text."""
    whole = _joined(plain(read(frame)), plain(read(part)))
    return yaml.safe_dump(whole, sort_keys=False, width=10_000, allow_unicode=True).replace(": null\n", ":\n")


def _joined(frame: Any, part: Any) -> Any:
    if not isinstance(frame, dict) or not isinstance(part, dict):
        return part
    return {key: _joined(frame[key], part[key]) if key in frame and key in part else {**frame, **part}[key]
            for key in {**frame, **part}}  # fmt: skip
