"""A step that runs another protocol: when its linked case opens, what it is given, what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.compiling.steps import StepCompiler
from protocol.kernel import Link, Passing, Words
from protocol.names import Slug
from protocol.text.names import did_you_mean, listed

if TYPE_CHECKING:
    from protocol.compiling.compiler import Compiler
    from protocol.text.spec import StepSpec


def compile_link(compiler: Compiler, lane: Slug, name: Slug, spec: StepSpec, position: int) -> Link:
    """Compile a step that runs another protocol as a linked case."""
    made = StepCompiler(compiler, lane, name, spec)
    for key in ("must", "due", "no deadline", "tries", "ladder", "outcomes", "repeats", "shares", "decided by", "who"):
        if getattr(spec, {"decided by": "decided_by", "no deadline": "no_deadline"}.get(key, key)) is not None:
            compiler.fail("LINK_KEY", f"{key} does not go with runs.", made.at(key), "Remove it.")
    if spec.as_event is None:
        compiler.fail("MISSING_KEY", "as is missing here.", made.path, "Add as: the event that begins its case.")
    gives = listed(spec.gives)
    for each in gives:
        if each not in compiler.names.fields:
            hint = did_you_mean(each, compiler.names.fields)
            compiler.fail("UNKNOWN_FIELD", f"{each} is no field.", made.at("gives"), hint)
    compiler.words[f"link:{name}"] = Words(title=spec.because or f"{name} runs {spec.runs}")
    passes = tuple(
        Passing(event=event, refs=made.causes(("passes on", event), phrase))
        for event, phrase in (spec.passes_on or {}).items()
    )
    return Link(
        id=name,
        lane=lane,
        protocol=spec.runs or "",
        when=made.when(),
        event=spec.as_event or "",
        gives=gives,
        passes=passes,
        position=position,
    )
