"""Nothing that happens inside a confidential agency reaches an outsider through any read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from store.session import Database
from tests.store.streams import START, advocacy, publish, store
from tests.store.worlds import OUTSIDE_ACTS, STRIDE, Script, alike, observers, seen

STRIDES = 120

SCRIPTS = st.builds(
    Script,
    acts=st.dictionaries(st.integers(1, STRIDES - 1), st.sampled_from(sorted(OUTSIDE_ACTS)), max_size=7).map(
        lambda acts: {3: "given", **acts}
    ),
    first_acts=st.tuples(*[st.sampled_from((1, 2, 4, 11, None))] * 3),
    strides=st.just(STRIDES),
)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=SCRIPTS, seeds=st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)))
def test_two_worlds_look_alike_from_outside(
    fresh: Callable[[], Database], script: Script, seeds: tuple[int, int]
) -> None:
    """With the same outside inputs and first acts, every read of every outsider is equal at every moment."""
    protocol = advocacy()
    plays = alike(protocol, script, seeds)
    databases = [fresh(), fresh()]
    hash_ = max(publish(each) for each in databases)
    for stride in range(30, STRIDES + 1, 30):
        now = START + stride * STRIDE
        for play, database in zip(plays, databases, strict=True):
            store(database, play, hash_, [each for each in play.facts if each.recorded <= now])
        for observer in observers(protocol):
            with databases[0].read() as one, databases[1].read() as other:
                assert seen(one, observer, now) == seen(other, observer, now)
