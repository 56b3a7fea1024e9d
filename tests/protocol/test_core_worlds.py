"""The label rule on the core: outsiders learn nothing of what was done inside, in any text that the checks accept."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from protocol import compiling
from protocol.kernel import Protocol
from tests.protocol.core_worlds import differ, script_of
from tests.protocol.random_texts import TODAY, accepted, leaky
from tests.protocol.texts import compiled

LEAKS = {
    "LABEL_ACT": 54,
    "LABEL_CAUSE": 28,
    "LABEL_CONDITION": 227,
    "LABEL_LINK": 616,
    "LABEL_RUNG": 766,
    "LABEL_RUNG_INNER": 2320,
    "LABEL_TIME": 45,
}
"""For each flow of the rule, the seed of a text that this flow alone refuses."""


@settings(
    max_examples=100, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, 1_000_000))
def test_outsiders_observe_the_same_whatever_happens_inside(seed: int) -> None:
    """Two runs that differ in what a confidential agency's people and survivors did are one to everybody else."""
    made = compiled("post-arrest-advocacy") if seed % 10 == 0 else accepted(seed)
    assert differ(made.protocol, script_of(seed), (2 * seed, 2 * seed + 1)) is None, made.source


@pytest.mark.parametrize("code", sorted(LEAKS))
def test_without_a_flow_of_the_rule_something_leaks(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every flow is needed: a text that it alone refuses shows outsiders what was done inside."""
    found = leaky(LEAKS[code], code)
    monkeypatch.setattr(compiling, "check_labels", lambda *_: ())
    protocol: Protocol = compiling.compile_text(found, today=TODAY, explored=False).protocol
    differences = (differ(protocol, script_of(seed), (2 * seed, 2 * seed + 1)) for seed in range(25))
    assert any(each is not None for each in differences)
