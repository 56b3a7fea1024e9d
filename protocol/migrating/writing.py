"""Writes the document of a plan from what was chosen for each step; what else stands in it stays as it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from protocol.names import Slug
from protocol.text.reading import plain, read

PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 %./()-]*[A-Za-z0-9%.)])?")
"""Phrases that stand without quotes."""
STEPS = "steps"


def with_lines(document: str, slug: Slug, chosen: Mapping[Slug, Mapping[str, str]]) -> str:
    """A plan's document with a line for each step that was chosen for; one that was there gives way. Comments go.

    Nothing, where there was nothing and nothing is chosen.

    Raises:
        SpecError: what is there cannot be read at all.
    """
    found = plain(read(document)) if document.strip() else {"migration": slug}
    known = found if isinstance(found, dict) else {}
    if not chosen:
        return document
    lines = known.get(STEPS)
    before = lines if isinstance(lines, dict) else {}
    return _text({**known, STEPS: {**before, **chosen}})


def _text(found: Mapping[str, object]) -> str:
    return "\n".join((*_lines(found, ""), ""))


def _lines(found: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, value in found.items():
        name = _phrase(key)
        if value == {}:
            continue
        if isinstance(value, dict) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list):
            yield f"{indent}{name}: [{', '.join(_phrase(str(each)) for each in value)}]"
        else:
            yield f"{indent}{name}:{' ' if value else ''}{_phrase(str(value)) if value else ''}"


def _phrase(said: str) -> str:
    return said if PLAIN.fullmatch(said) else json.dumps(said, ensure_ascii=False)
