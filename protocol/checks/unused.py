"""What a text declares and nothing uses: shown as warnings, for a forgotten line is often a misspelt one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from protocol.checks.linking import refs_in
from protocol.errors import Finding, Place
from protocol.kernel import Protocol
from protocol.origins import setters
from protocol.text.reading import Path
from protocol.text.spec import Spec

Places = Callable[[Path], Place]


def check_unused(spec: Spec, protocol: Protocol, place: Places) -> Iterator[Finding]:
    """Events that change nothing, fields and protected values that nothing sets, ladders that no step names."""
    named = refs_in(protocol) | {ref for keeping in protocol.keeping for each in keeping.classes for ref in each.once}
    for event in protocol.events:
        does = event.starts or event.acts or event.brings or event.may_bring or event.from_linked
        if not does and f"event:{event.id}" not in named:
            says = f"{event.id} changes nothing: no step waits for it, and it brings nothing."
            yield _warning(says, place(("events", event.id)), f"Add a step with when: {event.id}, or remove it.")
    for key, names in (("record", [each.id for each in protocol.fields if each.expr is None and each.counting is None]),
                       ("vault", [each.id for each in protocol.vault])):  # fmt: skip
        for name in names:
            if not setters(protocol, name):
                says = f"{name} is never set: no event brings it and no form asks it."
                yield _warning(says, place((key, name)), f"Ask it in an outcome: done: ask {name}; or remove it.")
    ladders = {step.ladder for steps in spec.lanes.values() for step in steps.values() if isinstance(step.ladder, str)}
    for name in spec.ladders:
        if name not in ladders:
            write = f"Write ladder: {name} in a step, or remove it."
            yield _warning(f"No step has the ladder {name}.", place(("ladders", name)), write)


def _warning(says: str, place: Place, write: str) -> Finding:
    return Finding(level="warning", code="UNUSED", says=says, place=place, write=write)
