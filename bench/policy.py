"""What a decision of the policy costs, and that of a page of fifty cases with twenty fields each."""

from __future__ import annotations

import time
from itertools import product

from store.policy import Action, Class, Kind, Object, Subject, decide

WHO = Subject(person_id="p", name="Placeholder", agency="advocacy", roles=("advocate", "supervisor"))
TIMES = 200_000


def measure() -> None:
    """Print microseconds for decisions that are allowed early, late and not at all."""
    parties = frozenset(("advocacy", "police", "court"))
    asked = {
        "own task": (Object(kind=Kind.TASK, agency="advocacy", owner="advocacy", parties=parties), Class.ENGAGEMENT),
        "another's public task": (Object(kind=Kind.TASK, agency="police", parties=parties), Class.ENGAGEMENT),
        "another's secret": (Object(kind=Kind.TASK, agency="police", owner="police"), Class.ENGAGEMENT),
        "a value": (Object(kind=Kind.VALUE, keeper="advocacy", on_case=frozenset(("advocate",))), Class.VALUES),
    }
    for name, (it, of) in asked.items():
        action = Action.OPEN if of is Class.VALUES else Action.READ
        began = time.perf_counter()
        for _ in range(TIMES):
            decide(WHO, action, it, of)
        took = (time.perf_counter() - began) / TIMES * 1e6
        print(f"policy, {name}: {took:.2f} us a decision, {decide(WHO, action, it, of).ground}")
    it = asked["own task"][0]
    began = time.perf_counter()
    for _ in product(range(50), range(20)):
        decide(WHO, Action.READ, it, Class.ENGAGEMENT)
    print(f"policy, a page of 50 cases with 20 fields: {(time.perf_counter() - began) * 1e3:.2f} ms")


if __name__ == "__main__":
    measure()
