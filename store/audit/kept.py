"""Heads as an agency keeps them: a file of JSON lines, the site and its key first, added to and never rewritten."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from store.audit.heads import FIRST, Head
from store.audit.site_key import public_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Heads of a site, in order, each following from the one before and signed with the same key."""

    site: OpaqueId
    key: bytes
    heads: tuple[Head, ...] = ()


def read(path: Path) -> Kept | None:
    """What a file holds; None while there is no file.

    Raises:
        HandoffError: ``HEADS_FILE`` when it is not such a file, ``HEADS_DIFFER`` when its heads do not follow from
            one another or are not signed.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise _no_file(path) from None
    try:
        said = [json.loads(each) for each in lines]
        return followed(None, {**said[0], "heads": said[1:]})
    except (IndexError, KeyError, TypeError, ValueError):
        raise _no_file(path) from None


def followed(before: Kept | None, said: dict[str, Any]) -> Kept:
    """What was kept and what an installation now says, together.

    Args:
        before: what was kept, if anything.
        said: the answer to ``GET /audit/heads`` behind the last head kept.

    Raises:
        HandoffError: ``HEADS_DIFFER`` when it is another site or key, or a head does not follow from the one before.
        KeyError, TypeError, ValueError: it is no such answer.
    """
    site, key = str(said["site"]), public_of(str(said["key"]))
    if before is not None and (before.site, before.key) != (site, key):
        raise _differ("these heads are of another site, or signed with another key, than those kept before")
    known = () if before is None else before.heads
    new = tuple(_head(each) for each in said["heads"])
    previous = known[-1].digest(site) if known else FIRST
    number = known[-1].n if known else 0
    for each in new:
        number += 1
        if each.n != number or each.previous != previous or not each.is_signed_by(key, site):
            raise _differ(f"head {each.n} does not follow from those kept before, or is not signed by the site")
        previous = each.digest(site)
    return Kept(site=site, key=key, heads=(*known, *new))


def add(path: Path, kept: Kept, new: Sequence[Head]) -> None:
    """Write new heads behind those in a file, or begin one that only its owner can read."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as out:
        if out.tell() == 0:
            out.write(json.dumps({"site": kept.site, "key": kept.key.hex()}) + "\n")
        for each in new:
            line = {
                "n": each.n,
                "at": each.at,
                "previous": each.previous.hex(),
                "root": each.root.hex(),
                "signature": each.signature.hex(),
            }
            out.write(json.dumps(line) + "\n")
        out.flush()
        os.fsync(out.fileno())


def _head(said: dict[str, Any]) -> Head:
    return Head(
        n=int(said["n"]),
        at=int(said["at"]),
        previous=bytes.fromhex(said["previous"]),
        root=bytes.fromhex(said["root"]),
        signature=bytes.fromhex(said["signature"]),
    )


def _differ(says: str) -> HandoffError:
    return HandoffError("HEADS_DIFFER", f"{says}: keep the file as it is, and tell your agency's director")


def _no_file(path: Path) -> HandoffError:
    return HandoffError("HEADS_FILE", f"{path} is not a file of heads as handoff audit heads writes it")
