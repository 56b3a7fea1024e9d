"""Small cases to show one key of the language with."""

from __future__ import annotations

from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.facts import FactBody, Told
from protocol.kernel import Protocol
from protocol.messages import Actor, Answer, EventHappened
from protocol.state import Code, Instance, Instant, Value
from tests.protocol.random_runs import Run, actor
from tests.protocol.texts import TODAY

HOUR, DAY = clocks.HOUR, 24 * clocks.HOUR

HEAD = """\
protocol: keys
timezone: America/Chicago
agencies:
 council: {lead: coordinator}
 police: {lead: sergeant, roles: {patrol: always, liaison: }}
 court: {open: mon-fri 08:00-16:30, lead: clerk, roles: {judge: , magistrate: }}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2027-01-15}
"""


def made(text: str) -> Protocol:
    """A protocol of the agencies above."""
    return compile_text(HEAD + text, today=TODAY, explored=False).protocol


def begun(text: str, event: str = "begun", **fields: Value) -> Run:
    """A case of it, from its first event on."""
    run = Run(made(text))
    report(run, event, **fields)
    return run


def report(run: Run, event: str, **fields: Value) -> None:
    """The first source of an event reports it."""
    source = run.protocol.event[event].sources[0]
    who = Actor(person="records", role=None, agency=source)
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    result = run.send(EventHappened(event=event, fields=given), who)
    assert result.refusal is None, result.refusal


def live(run: Run, step: str) -> list[Instance]:
    """The live instances of a step."""
    return [each for each in run.state.instances if each.step == step]


def end(run: Run, step: str, outcome: str = "done", which: int = 0, **fields: Value) -> Code | None:
    """The owner of an instance ends it."""
    each = live(run, step)[which]
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    result = run.send(Answer(instance=each.n, outcome=outcome, fields=given), actor(run.protocol, each.owners[0]))
    return None if result.refusal is None else result.refusal.code


def bodies(run: Run, kind: type[FactBody]) -> list[FactBody]:
    """What the facts of one kind say."""
    return [each.body for each in run.facts if isinstance(each.body, kind)]


def told(run: Run, role: str) -> list[Instant]:
    """When a role was told of anything."""
    return [each.at for each in run.facts if isinstance(each.body, Told) and role in each.body.roles]
