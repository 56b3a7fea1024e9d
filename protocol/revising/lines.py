"""How many lines of a text were changed, for those who read texts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def changed_lines(old: Sequence[str], new: Sequence[str]) -> int:
    """Lines of either text that are not in the other, a line that changed counted once."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return sum(max(b - a, d - c) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal")
