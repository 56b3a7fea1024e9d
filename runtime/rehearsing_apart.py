"""One rehearsal in a process of its own, bounded in time: it takes no turn from those who wait for an answer.

``python -m runtime.rehearsing_apart`` is that process: it reads what is to be rehearsed and writes what came of it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys

from pydantic import TypeAdapter

from protocol.errors import HandoffError
from protocol.rehearsal.comparing import Comparison, compare
from protocol.rehearsal.habits import Habits
from protocol.rehearsal.playing import Arrival, play
from protocol.serial import dump_protocol, load_protocol
from runtime.rehearsing import Order

ARRIVALS: TypeAdapter[tuple[Arrival, ...]] = TypeAdapter(tuple[Arrival, ...])
COMPARISON: TypeAdapter[Comparison] = TypeAdapter(Comparison)


async def rehearse_apart(order: Order, found: tuple[Arrival, ...], seconds: float) -> Comparison:
    """Play both texts and put them side by side.

    Raises:
        HandoffError: ``REHEARSAL_TOO_LONG`` after so many seconds; ``REHEARSAL_BROKE`` if its process died.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "runtime.rehearsing_apart"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(_asked(order, found)), seconds)
    except TimeoutError:
        says = f"this rehearsal takes longer than {seconds:.0f} seconds: give fewer arrivals, or fewer days"
        raise HandoffError("REHEARSAL_TOO_LONG", says) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise HandoffError("REHEARSAL_BROKE", "the rehearsal broke off; nothing was kept")
    return COMPARISON.validate_json(said)


def _asked(order: Order, found: tuple[Arrival, ...]) -> bytes:
    said = {
        "texts": [dump_protocol(each).decode() for each in order.protocols],
        "habits": order.habits.model_dump(mode="json", by_alias=True),
        "seed": order.seed,
        "days": order.days,
        "arrivals": ARRIVALS.dump_python(found, mode="json"),
    }
    return json.dumps(said).encode()


def main() -> None:
    """Rehearse what stands on the input."""
    gc.disable()
    asked = json.load(sys.stdin)
    old, new = (load_protocol(each.encode()) for each in asked["texts"])
    habits = Habits.model_validate(asked["habits"], by_alias=True)
    order = Order(protocols=(old, new), habits=habits, seed=asked["seed"], days=asked["days"])
    found = ARRIVALS.validate_python(asked["arrivals"])
    before = play(old, habits, found, order.seed, days=order.days, was={})
    after = play(new, habits, found, order.seed, days=order.days, was=order.was)
    compared = compare(before, after, order.protocols, habits, seed=order.seed, days=order.days)
    sys.stdout.buffer.write(COMPARISON.dump_json(compared))


if __name__ == "__main__":
    main()
