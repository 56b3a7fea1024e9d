"""How many inputs a second the pure core takes, on the stories of the bundled protocol."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from protocol.compiling.compiler import Compiled, compile_text
from protocol.engine.machine import step
from protocol.messages import Input
from protocol.scenarios.judge import Judge
from protocol.scenarios.scenario import advance, read_scenarios
from protocol.serial import STATE
from protocol.state import CaseState, Instant

BUNDLED = Path(__file__).resolve().parents[1] / "protocol_specs"
SPECS = BUNDLED / "post-arrest-advocacy"
ROUNDS = 20
CHECKS = 15
HEAD = """\
protocol: chain
timezone: America/Chicago
holidays: US-MN
agencies:
 council: {open: mon-fri 09:00-17:00, lead: coordinator, roles: [worker]}
events:
 begun: {from: council, then: start a case}
"""


def measure() -> None:
    """Print compiling time, steps per second, the size of a case's state, and what checking costs."""
    _inputs()
    _checks()


def _checks() -> None:
    """How long a whole check takes, and how it grows with the size of a protocol."""
    for path in sorted(BUNDLED.glob("*/1.yaml")):
        took, compiled = _check(path.read_bytes())
        states = compiled.proof.states
        print(f"check {path.parent.name}: {took:.0f} ms, {states:,} states, {len(compiled.findings)} findings")
    # 400 of these steps are about as many entries as a text may have.
    for size in (10, 50, 100, 250, 400):
        took, compiled = _check(_chain(size).encode(), checks=3)
        print(f"check a protocol of {size} steps: {took:.0f} ms, {compiled.proof.states:,} states")


def _check(text: bytes, checks: int = CHECKS) -> tuple[float, Compiled]:
    """The median of several checks of a text, in milliseconds."""
    today, took = datetime.now(UTC).date(), []
    compiled = compile_text(text, today=today)
    for _ in range(checks):
        began = time.perf_counter()
        compile_text(text, today=today)
        took.append((time.perf_counter() - began) * 1000)
    return median(took), compiled


def _chain(size: int) -> str:
    """A protocol of so many steps: each opens the next, every fifth waits for two before it, in lanes of ten."""
    lines = [HEAD]
    for number in range(size):
        if number % 10 == 0:
            lines.append(f"steps in lane-{number // 10}:\n")
        before = [f"step-{each} done" for each in (number - 2, number - 1) if each >= 0]
        joins = number % 5 == 4
        when = f"when all of: [{', '.join(before)}]" if joins else f"when: {(before or ['begun'])[-1]}"
        lines.append(f" step-{number}:\n  {when}\n  who: worker\n  must: do it\n  due: within 1 day\n")
    return "".join(lines)


def _inputs() -> None:
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
