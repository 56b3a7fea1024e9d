"""``python -m bench.stories``: what share of each bundled protocol's mutants the stories beside it notice.

It ends with 1 when a share is under the one that is held here. Half a minute in all; the fastest is a test as well.
"""

from __future__ import annotations

import sys
import time
from datetime import date

from protocol.compiling.compiler import compile_text
from protocol.mutating.trial import tried
from protocol.scenarios.scenario import read_scenarios
from runtime import texts

TODAY = date(2026, 3, 1)
HELD = {"post-arrest-advocacy": 97.3, "full-case-flow": 92.3, "marac": 96.2, "self-referral": 99.1}
"""The shares, in per cent, that no change of a text or of its stories may go under."""


def measure() -> bool:
    """Print a line a protocol; whether all hold."""
    holds = True
    for slug, held in HELD.items():
        path, began = texts.find(slug), time.perf_counter()
        protocol = compile_text(path.read_text(), today=TODAY).protocol
        trial = tried(protocol, read_scenarios(texts.stories_of(path).read_bytes(), protocol.zone))
        seconds = time.perf_counter() - began
        said = f"{trial.noticed} of {trial.made} mutants noticed, {trial.share:.1f} % ({held} held)"
        print(f"{slug}: {said}, {seconds:.1f} s", flush=True)
        holds = holds and trial.share >= held
    return holds


if __name__ == "__main__":
    sys.exit(not measure())
