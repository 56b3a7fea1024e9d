"""How many inputs a second the pure core takes, on the stories of the bundled protocol."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from protocol.compiling import compile_text
from protocol.judge import Judge
from protocol.machine import step
from protocol.messages import Input
from protocol.scenario import advance, read_scenarios
from protocol.serial import STATE
from protocol.state import CaseState, Instant

SPECS = Path(__file__).resolve().parents[1] / "protocol_specs" / "post-arrest-advocacy"
ROUNDS = 20


def measure() -> None:
    """Print compiling time, steps per second, and the size of a case's state."""
    text = (SPECS / "1.yaml").read_bytes()
    began = time.perf_counter()
    protocol = compile_text(text, today=datetime.now(UTC).date()).protocol
    print(f"compile and check P1, first time: {(time.perf_counter() - began) * 1000:.0f} ms")
    inputs: list[tuple[CaseState, Input, Instant]] = []
    largest = 0
    for story in read_scenarios((SPECS / "1.scenarios.yaml").read_bytes(), protocol.zone):
        judge, state = Judge(protocol, story), CaseState()
        for entry in story.story:
            state, seen = advance(protocol, state, entry.at, inclusive=entry.when is None)
            judge.see(seen)
            command = judge.command(entry)
            if command is not None:
                inputs.append((state, command, entry.at))
                result = step(protocol, state, command, entry.at)
                state = result.state
                judge.see(result.facts)
                largest = max(largest, len(STATE.dump_json(state)))
    began = time.perf_counter()
    for _ in range(ROUNDS):
        for state, command, now in inputs:
            step(protocol, state, command, now)
    took = time.perf_counter() - began
    print(f"pure step: {ROUNDS * len(inputs) / took:,.0f} inputs/s ({took / ROUNDS / len(inputs) * 1e6:.0f} us each)")
    print(f"largest state among the stories: {largest:,} bytes of JSON")
